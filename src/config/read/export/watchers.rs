//! Datadog and Sentry.

use super::inputs::Inputs;
use crate::base::secret::Secret;
use crate::domain::export::{Datadog, Sentry};

/// Datadog's intake of logs, or an agent that passes them on.
pub fn datadog_logs(inputs: &Inputs<'_>) -> Option<Datadog> {
    let environment = &inputs.context.environment;
    if let Some(agent) = environment.get("LITELLM_DD_AGENT_HOST") {
        let port = environment.get("LITELLM_DD_AGENT_PORT").unwrap_or_else(|| "10518".to_owned());
        let url = inputs.address(format!("http://{agent}:{port}/api/v2/logs"))?;
        return Some(datadog(inputs, url, environment.get("DD_API_KEY").map(Secret::new)));
    }
    let key = inputs.secret(&["datadog_api_key", "api_key"], &["DD_API_KEY"])?;
    let url = intake(inputs, "http-intake.logs", "/api/v2/logs")?;
    Some(datadog(inputs, url, Some(key)))
}

/// Datadog's intake of metrics.
pub fn datadog_metrics(inputs: &Inputs<'_>) -> Option<Datadog> {
    let key = inputs.secret(&["datadog_api_key", "api_key"], &["DD_API_KEY"])?;
    let url = intake(inputs, "api", "/api/v2/series")?;
    Some(datadog(inputs, url, Some(key)))
}

fn intake(inputs: &Inputs<'_>, host: &str, path: &str) -> Option<String> {
    let base = match inputs.text(&["base_url"], &["DD_BASE_URL", "_DATADOG_BASE_URL", "DATADOG_BASE_URL"]) {
        Some(base) => base,
        None => {
            let site = inputs.text(&["datadog_site", "site"], &["DD_SITE"]);
            format!("https://{host}.{}", site.as_deref().unwrap_or("datadoghq.com"))
        }
    };
    let base = inputs.address(base)?;
    Some(if base.ends_with(path) { base } else { format!("{base}{path}") })
}

fn datadog(inputs: &Inputs<'_>, url: String, api_key: Option<Secret>) -> Datadog {
    let text = |keys: &[&str], variable: &str, usual: &str| {
        inputs.text(keys, &[variable]).unwrap_or_else(|| usual.to_owned())
    };
    let service = text(&["service"], "DD_SERVICE", "litellm-server");
    let host = text(&[], "HOSTNAME", "");
    let tags = [
        ("env", text(&["env"], "DD_ENV", "unknown")),
        ("service", service.clone()),
        ("version", text(&["version"], "DD_VERSION", "unknown")),
        ("HOSTNAME", host.clone()),
        ("POD_NAME", text(&[], "POD_NAME", "unknown")),
    ];
    let tags = tags.into_iter().filter(|(_, value)| !value.is_empty());
    let tags = tags.map(|(name, value)| format!("{name}:{value}")).collect();
    Datadog { url, api_key, source: text(&[], "DD_SOURCE", "litellm"), service, host, tags }
}

/// Sentry; its DSN is `https://KEY@host/PROJECT`, with a path before the project where it has one.
pub fn sentry(inputs: &Inputs<'_>) -> Option<Sentry> {
    let dsn = inputs.required(&["dsn"], &["SENTRY_DSN"])?;
    let parts = || {
        let (scheme, rest) =
            dsn.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
        let (login, place) = rest.split_once('@')?;
        // Older ones have a secret behind the key, which nobody asks for any more.
        let key = login.split(':').next().filter(|key| !key.is_empty())?;
        let (host, project) = place.trim_end_matches('/').rsplit_once('/')?;
        let good =
            !host.is_empty() && !project.is_empty() && project.bytes().all(|byte| byte.is_ascii_digit());
        good.then_some((scheme, key, host, project))
    };
    let Some((scheme, key, host, project)) = parts() else {
        inputs.warn("has no effect: the DSN must look like https://KEY@host/PROJECT");
        return None;
    };
    let (host, path) = host.split_at(host.find('/').unwrap_or(host.len()));
    Some(Sentry {
        url: inputs.address(format!("{scheme}://{host}{path}/api/{project}/envelope"))? + "/",
        key: key.into(),
        environment: inputs
            .text(&["environment"], &["SENTRY_ENVIRONMENT"])
            .unwrap_or_else(|| "production".to_owned()),
        share: inputs.share("sample_rate", "SENTRY_API_SAMPLE_RATE", 1.0),
        traced: inputs.share("trace_rate", "SENTRY_API_TRACE_RATE", 0.0),
    })
}
