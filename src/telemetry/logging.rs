//! Set-up of the log: to standard error, as text or as one JSON object a line.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;

use super::log_writer::LogWriter;
use crate::base::error::{Error, Level};

/// How the log looks and how much it says.
#[derive(Debug, Clone, Default)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, `trace`, LiteLLM's other words, or a `tracing` filter; `info` if empty or
    /// unreadable.
    pub level: String,
    /// One JSON object a line.
    pub json: bool,
    /// Which requests leave a line.
    pub requests: RequestLog,
}

/// Which requests leave a line of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestLog {
    /// All.
    #[default]
    All,
    /// Those that failed.
    Errors,
    /// None.
    Off,
}

/// The log of this process, once it is set up.
struct Log {
    writer: LogWriter,
    json: bool,
    requests: RequestLog,
}

static LOG: OnceLock<Log> = OnceLock::new();

thread_local! {
    /// The line that is being written, so that its room is used again.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Installs the log for this process; a second call changes nothing.
pub fn install(settings: &LogSettings) {
    let Ok(writer) = LogWriter::start(std::io::stderr()) else { return };
    let own = writer.clone();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter(&settings.level)).with_writer(move || own.clone());
    let installed = if settings.json {
        builder.json().flatten_event(true).with_current_span(false).try_init()
    } else {
        // Colours are for people; files and collectors would keep their escape codes.
        builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    if installed.is_err() {
        tracing::debug!("the log was already set up");
        return;
    }
    let _first = LOG.set(Log { writer, json: settings.json, requests: settings.requests });
}

/// Only our own words follow the level: HTTP libraries at debug level would print request bytes.
fn filter(level: &str) -> EnvFilter {
    let level = match level.to_ascii_lowercase().as_str() {
        "" => "info".to_string(),
        "warning" => "warn".to_string(),
        "critical" => "error".to_string(),
        other => other.to_string(),
    };
    EnvFilter::try_new(format!("warn,stagedoor={level}"))
        .unwrap_or_else(|_| EnvFilter::new("warn,stagedoor=info"))
}

/// Whether a finished request leaves a line at this level.
pub fn wants_request(failed: bool, level: tracing::Level) -> bool {
    let Some(log) = LOG.get() else { return false };
    let kept = match log.requests {
        RequestLog::All => true,
        RequestLog::Errors => failed,
        RequestLog::Off => false,
    };
    kept && match level {
        tracing::Level::ERROR => tracing::enabled!(target: "stagedoor::request", tracing::Level::ERROR),
        tracing::Level::WARN => tracing::enabled!(target: "stagedoor::request", tracing::Level::WARN),
        _ => tracing::enabled!(target: "stagedoor::request", tracing::Level::INFO),
    }
}

/// How loud a finished request's line is.
pub fn level_of(error: Option<&Error>) -> tracing::Level {
    match error.map(|error| error.behaviour().level) {
        None | Some(Level::Debug | Level::Info) => tracing::Level::INFO,
        Some(Level::Warn) => tracing::Level::WARN,
        Some(Level::Error) => tracing::Level::ERROR,
    }
}

/// Logs a finished request by what `write` puts into the buffer, as JSON or not; the caller has asked
/// [`wants_request`].
pub fn request(write: impl FnOnce(bool, &mut Vec<u8>)) {
    let Some(log) = LOG.get() else { return };
    LINE.with_borrow_mut(|room| {
        room.clear();
        write(log.json, room);
        log.writer.put(room);
    });
}

/// Waits until what was logged is out, for at most a second.
pub fn flush() {
    if let Some(log) = LOG.get() {
        log.writer.flush();
    }
}

/// Lines that were dropped because standard error did not take them.
pub fn dropped() -> u64 {
    LOG.get().map_or(0, |log| log.writer.dropped())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn litellms_words_for_levels_mean_what_they_say() {
        for (word, filter_text) in [
            ("WARNING", "stagedoor=warn"),
            ("CRITICAL", "stagedoor=error"),
            ("DEBUG", "stagedoor=debug"),
            ("", "stagedoor=info"),
            ("what?", "stagedoor=info"),
            ("off", "stagedoor=off"),
        ] {
            let told = filter(word).to_string();
            assert!(told.contains(filter_text), "{word}: {told}");
        }
    }
}
