//! Set-up of the log: to standard error, as text or as one JSON object a line.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How the log looks and how much it says.
#[derive(Debug, Clone, Default)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a `tracing` filter; `info` if empty or unreadable.
    pub level: String,
    /// One JSON object a line.
    pub json: bool,
}

/// Installs the log for this process; a second call changes nothing.
pub fn install(settings: &LogSettings) {
    let level = if settings.level.is_empty() { "info" } else { settings.level.as_str() };
    // Only our own words follow the level: HTTP libraries at debug level would print request bytes.
    let filter = EnvFilter::try_new(format!("warn,stagedoor={}", level.to_ascii_lowercase()))
        .unwrap_or_else(|_| EnvFilter::new("warn,stagedoor=info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = if settings.json {
        builder.json().flatten_event(true).with_current_span(false).try_init()
    } else {
        // Colours are for people; files and collectors would keep their escape codes.
        builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    if installed.is_err() {
        tracing::debug!("the log was already set up");
    }
}
