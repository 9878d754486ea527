//! `general_settings`.

use crate::base::secret::Secret;
use crate::config::context::Context;
use crate::config::keys;
use crate::config::model::GeneralSettings;
use crate::config::scope::Scope;
use crate::config::yaml::Yaml;
use crate::telemetry::logging::RequestLog;

/// Largest request body when nothing is said, MiB.
const REQUEST_MB: f64 = 100.0;
/// Largest answer when nothing is said, MiB.
const RESPONSE_MB: f64 = 200.0;
/// The words of `log_level`.
const LEVELS: &[&str] = &["trace", "debug", "info", "warn", "warning", "error", "critical", "off"];

/// Reads the section.
pub fn read(context: &Context<'_>, scope: &Scope<'_>) -> GeneralSettings {
    scope.warn_of_unknown(
        keys::GENERAL,
        &[("litellm_settings", keys::LITELLM), ("router_settings", keys::ROUTER)],
    );
    context.keep_later(scope, keys::GENERAL, "general_settings");
    let completion_model = scope.get("completion_model").and_then(|field| {
        let model = field.text()?;
        context.mention(field.at, &field.path, &model, "model");
        Some(model)
    });
    GeneralSettings {
        master_key: master_key(context, scope),
        max_request_bytes: megabytes(scope, "max_request_size_mb", REQUEST_MB),
        max_response_bytes: megabytes(scope, "max_response_size_mb", RESPONSE_MB),
        allow_client_side_credentials: scope.bool("allow_client_side_credentials").unwrap_or(false),
        completion_model,
        always_include_stream_usage: scope.bool("always_include_stream_usage"),
        forward_client_headers: scope.bool("forward_client_headers_to_llm_api").unwrap_or(false),
        log_level: log_level(scope),
        request_log: request_log(scope),
        call_id_in_errors: scope.bool("include_call_id_in_error_body").unwrap_or(false),
        allow_mock_testing: scope.bool("dangerously_allow_mock_testing_request_params").unwrap_or(false),
    }
}

/// The key of the section, or else of the environment. A key that is written but comes to nothing is an
/// error: without it the admin endpoints would stand open or use a key that nobody chose.
fn master_key(context: &Context<'_>, scope: &Scope<'_>) -> Option<Secret> {
    let (at, path) = (scope.at_of("master_key"), scope.path_of("master_key"));
    if let Some(name) = scope.unset_variable("master_key") {
        context.problems.explain(path.clone());
        let text =
            format!("the environment variable {name} is not set, and the master key must not be empty");
        context.problems.error(at, &path, text);
        return None;
    }
    let Some(field) = scope.get("master_key") else {
        return context.environment.get("LITELLM_MASTER_KEY").map(Secret::new);
    };
    let key = field.text()?;
    if key.trim().is_empty() {
        field.error("must not be empty");
        return None;
    }
    Some(Secret::new(key))
}

fn megabytes(scope: &Scope<'_>, key: &str, default: f64) -> usize {
    let found = scope.get(key).and_then(|field| {
        let size = field.number()?;
        if size > 0.0 && size <= 1_000_000.0 {
            return Some(size);
        }
        field.error("must be a number of megabytes, more than 0 and at most 1000000");
        None
    });
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let bytes = (found.unwrap_or(default) * 1024.0 * 1024.0).ceil() as usize;
    bytes
}

fn log_level(scope: &Scope<'_>) -> Option<String> {
    let field = scope.get("log_level")?;
    // YAML reads a bare `off` as a truth value.
    if let Yaml::Bool(false) = field.node.value {
        return Some("off".to_owned());
    }
    let level = field.text()?;
    if LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
        return Some(level);
    }
    field.error("must be one of trace, debug, info, warning, error, off");
    None
}

fn request_log(scope: &Scope<'_>) -> RequestLog {
    let Some(field) = scope.get("request_log") else { return RequestLog::default() };
    // YAML reads a bare `off` as a truth value.
    if let Yaml::Bool(on) = field.node.value {
        return if on { RequestLog::All } else { RequestLog::Off };
    }
    match field.text().as_deref() {
        Some("all") => RequestLog::All,
        Some("errors") => RequestLog::Errors,
        Some("off") => RequestLog::Off,
        Some(_) => {
            field.error("must be one of all, errors, off");
            RequestLog::default()
        }
        None => RequestLog::default(),
    }
}
