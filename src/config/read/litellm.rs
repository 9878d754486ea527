//! `litellm_settings`, as far as it is not the router's.

use std::path::PathBuf;

use serde_json::Map;

use crate::config::context::Context;
use crate::config::keys;
use crate::config::model::Settings;
use crate::config::scope::Scope;
use crate::config::yaml::Yaml;

/// Reads the section. `later` is filled in when all sections have been read.
pub fn read(context: &Context<'_>, scope: &Scope<'_>) -> Settings {
    scope.warn_of_unknown(
        keys::LITELLM,
        &[("router_settings", keys::ROUTER), ("general_settings", keys::GENERAL)],
    );
    context.keep_later(scope, keys::LITELLM, "litellm_settings");
    let (ssl_verify, ca_file) = tls(context, scope);
    Settings {
        drop_params: scope.bool("drop_params").unwrap_or(false),
        keepalive: scope.limit("sse_keepalive_ping_interval_seconds"),
        json_logs: scope.bool("json_logs").unwrap_or(false),
        verbose: scope.bool("set_verbose").unwrap_or(false),
        metrics_need_key: scope.bool("require_auth_for_metrics_endpoint").unwrap_or(false),
        latency_buckets: buckets(scope),
        explains_to_callers: scope.bool("expose_router_debug_in_errors").unwrap_or(true),
        ssl_verify,
        ca_file,
        later: Map::new(),
    }
}

/// `ssl_verify` is a truth value or the path of a file with root certificates.
fn tls(context: &Context<'_>, scope: &Scope<'_>) -> (bool, Option<PathBuf>) {
    let from_environment = |name: &str| context.environment.get(name);
    let mut verify =
        from_environment("SSL_VERIFY").is_none_or(|word| !matches!(word.as_str(), "False" | "false" | "0"));
    let mut ca_file = scope.text("ssl_certificate").or_else(|| from_environment("SSL_CERT_FILE"));
    if let Some(field) = scope.get("ssl_verify") {
        match field.node.text() {
            Some(path) if path.contains(['/', '.']) => ca_file = Some(path.to_owned()),
            _ => verify = field.bool().unwrap_or(verify),
        }
        if !verify {
            field.warn("upstream certificates are not checked: anyone on the way can read keys and prompts");
        }
    }
    (verify, ca_file.map(PathBuf::from))
}

fn buckets(scope: &Scope<'_>) -> Option<Vec<f64>> {
    let field = scope.get("prometheus_latency_buckets")?;
    let items = field.list()?;
    let bounds: Vec<f64> = items
        .iter()
        // Prometheus adds the infinite bucket itself.
        .filter(|item| item.node.value != Yaml::Float(f64::INFINITY))
        .filter_map(|item| item.number())
        .collect();
    if bounds.is_empty() || bounds.windows(2).any(|pair| pair.first() >= pair.last()) {
        field.error("must be a list of seconds, each greater than the one before");
        return None;
    }
    Some(bounds)
}
