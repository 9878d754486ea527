//! What is said to the person who starts the program. The log goes to standard error; this does too, so
//! that standard output stays for output that was asked for.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use super::boot::Master;
use super::server::Running;
use crate::base::secret::Secret;
use crate::config::{Config, Report};
use crate::telemetry::logging;

fn say(text: &str) {
    // What was logged before it comes before it.
    logging::flush();
    // Nobody may be listening (a closed terminal); that is no reason to stop.
    let _closed = writeln!(std::io::stderr(), "{text}");
}

/// Why the program does not start.
pub fn say_error(error: &str) {
    say(&format!("stagedoor: {error}"));
}

/// Every problem of a configuration.
pub fn say_report(report: &Report) {
    say(report.to_string().trim_end());
}

/// The result of `--check`, on standard output.
pub fn say_checked(report: &Report, config: Option<&Config>) {
    let mut text = report.to_string();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    if let Some(config) = config.filter(|_| !report.has_errors()) {
        let broken = config.deployments.iter().filter(|deployment| deployment.problem.is_some()).count();
        let _infallible =
            writeln!(text, "OK: {} deployments, {broken} of them cannot work", config.deployments.len());
    }
    let _closed = std::io::stdout().write_all(text.as_bytes());
}

/// The key that `--generate_key` has made, on standard output and nothing else there.
pub fn say_key(key: &Secret) {
    let _closed = writeln!(std::io::stdout(), "{}", key.expose());
}

/// Where it listens, what it serves, how to call it.
pub fn say_started(running: &Running, config: &Config, master: &Master, file: Option<&Path>) {
    let scheme = if running.https { "https" } else { "http" };
    let url = format!("{scheme}://{}", running.address);
    let mut text = format!(
        "Stagedoor {} listens on {url} ({} workers, {})\n",
        env!("CARGO_PKG_VERSION"),
        running.workers,
        file.map_or_else(
            || "built-in quickstart configuration".to_string(),
            |file| file.display().to_string()
        )
    );
    let models = models(config);
    let _infallible = writeln!(text, "Models: {}", if models.is_empty() { "none" } else { &models });
    for deployment in config.deployments.iter() {
        if let Some(problem) = &deployment.problem {
            let _infallible = writeln!(text, "  ! {} ({}): {problem}", deployment.group, deployment.id);
        }
    }
    let shown = if master.made {
        let _infallible = writeln!(
            text,
            "Master key (made for this run; set LITELLM_MASTER_KEY to choose one): {}",
            master.key.expose()
        );
        master.key.expose()
    } else {
        "$LITELLM_MASTER_KEY"
    };
    if let Some(model) = callable(config) {
        let _infallible = write!(
            text,
            "Try it:\n  curl {url}/v1/chat/completions -H 'Authorization: Bearer {shown}' \\\n    \
             -H 'Content-Type: application/json' \\\n    \
             -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'"
        );
        // A variable inside single quotes would not be replaced by the shell.
        if !master.made {
            text = text.replace(
                "'Authorization: Bearer $LITELLM_MASTER_KEY'",
                "\"Authorization: Bearer $LITELLM_MASTER_KEY\"",
            );
        }
    }
    say(&text);
}

fn models(config: &Config) -> String {
    const MOST: usize = 20;
    let mut names: Vec<&str> = Vec::new();
    for deployment in &config.deployments {
        if !names.contains(&&*deployment.group) {
            names.push(&deployment.group);
        }
    }
    let more = names.len().saturating_sub(MOST);
    let mut text = names.into_iter().take(MOST).collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _infallible = write!(text, " and {more} more");
    }
    text
}

/// A model for the example: one that can work, chats, and is no pattern.
fn callable(config: &Config) -> Option<&str> {
    let chats =
        |mode: &Option<String>| mode.as_deref().is_none_or(|mode| !matches!(mode, "embedding" | "rerank"));
    config
        .deployments
        .iter()
        .find(|one| one.problem.is_none() && !one.group.contains('*') && chats(&one.info.mode))
        .map(|one| &*one.group)
}
