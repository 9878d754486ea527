//! Datadog and Sentry.

use super::found::Found;
use super::inputs::Inputs;
use crate::base::secret::Secret;
use crate::domain::export::{Datadog, Sentry};

/// Datadog's intake of logs, or an agent that passes them on.
pub fn datadog_logs(inputs: &Inputs<'_>) -> Option<Datadog> {
    let environment = &inputs.context.environment;
    if let Some(agent) = inputs.find(&[], &["LITELLM_DD_AGENT_HOST"]) {
        let port = environment.get("LITELLM_DD_AGENT_PORT").unwrap_or_else(|| "10518".to_owned());
        let url = agent.map(|agent| format!("http://{agent}:{port}/api/v2/logs")).address(inputs)?;
        let key = match inputs.find(&[], &["DD_API_KEY"]) {
            Some(key) => Some(key.header(inputs)?),
            None => None,
        };
        return Some(datadog(inputs, url, key));
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
    let base = match inputs.find(&["base_url"], &["DD_BASE_URL", "_DATADOG_BASE_URL", "DATADOG_BASE_URL"]) {
        Some(base) => base.base(inputs)?,
        None => {
            let site = inputs.find(&["datadog_site", "site"], &["DD_SITE"]);
            let site = site.unwrap_or_else(|| Found::usual("datadoghq.com"));
            if site.text.contains(['/', ':']) {
                site.error(inputs, "must be the name of a Datadog site, as in datadoghq.eu");
                return None;
            }
            site.map(|site| format!("https://{host}.{site}")).base(inputs)?
        }
    };
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
    let found = inputs.required(&["dsn"], &["SENTRY_DSN"])?;
    let dsn = &found.text;
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
        if dsn.contains("://") {
            found.error(inputs, "must be a DSN that looks like https://KEY@host/PROJECT");
        } else {
            inputs.warn("has no effect: the DSN must look like https://KEY@host/PROJECT");
        }
        return None;
    };
    let (host, path) = host.split_at(host.find('/').unwrap_or(host.len()));
    Some(Sentry {
        key: Found::usual(key).header(inputs)?,
        url: Found::usual(format!("{scheme}://{host}{path}/api/{project}/envelope/")).address(inputs)?,
        environment: inputs
            .text(&["environment"], &["SENTRY_ENVIRONMENT"])
            .unwrap_or_else(|| "production".to_owned()),
        share: inputs.share("sample_rate", "SENTRY_API_SAMPLE_RATE", 1.0),
        traced: inputs.share("trace_rate", "SENTRY_API_TRACE_RATE", 0.0),
    })
}
