//! OpenTelemetry, with LiteLLM's variables and the standard ones.

use super::inputs::Inputs;
use super::langs;
use crate::base::secret::Secret;
use crate::config::read::governance::variables;
use crate::domain::export::langfuse::basic;
use crate::domain::export::{Otlp, OtlpEncoding};

/// Where spans go under a base address.
const TRACES: &str = "/v1/traces";
/// Where metrics go.
const METRICS: &str = "/v1/metrics";

/// A collector, or whoever speaks its protocol.
pub fn otel(inputs: &Inputs<'_>) -> Option<Otlp> {
    let encoding = encoding(inputs)?;
    let of_traces = inputs.text(&[], &["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]);
    let variables = ["OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    let endpoint = match of_traces {
        Some(endpoint) => endpoint,
        None => inputs.required(&["endpoint"], &variables)?,
    };
    let endpoint = inputs.address(endpoint)?;
    let base = endpoint.strip_suffix(TRACES).unwrap_or(&endpoint);
    let wants_metrics = variables::flag(inputs.context, "LITELLM_OTEL_INTEGRATION_ENABLE_METRICS");
    let own = inputs.text(&[], &["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"]).and_then(|url| inputs.address(url));
    let metrics_url =
        wants_metrics.unwrap_or(false).then(|| own.unwrap_or_else(|| format!("{base}{METRICS}")));
    Some(Otlp {
        traces_url: format!("{base}{TRACES}"),
        metrics_url,
        headers: inputs.headers(&["OTEL_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]),
        encoding,
        resource: resource(inputs),
    })
}

/// Langfuse takes the same spans.
pub fn langfuse(inputs: &Inputs<'_>) -> Option<Otlp> {
    let (public_key, secret_key) = (
        inputs.required(&["public_key"], &["LANGFUSE_PUBLIC_KEY"]),
        inputs.secret(&["secret_key"], &["LANGFUSE_SECRET_KEY"]),
    );
    let (public_key, secret_key) = (public_key?, secret_key?);
    let host = inputs.text(&[], &["LANGFUSE_OTEL_HOST"]).unwrap_or_else(|| langs::host(inputs));
    let base = inputs.address(host)?;
    Some(Otlp {
        traces_url: format!("{base}/api/public/otel{TRACES}"),
        metrics_url: None,
        headers: vec![
            ("authorization".to_owned(), Secret::new(basic(&public_key, secret_key.expose()))),
            ("x-langfuse-public-key".to_owned(), Secret::new(public_key)),
            ("x-langfuse-ingestion-version".to_owned(), "4".into()),
        ],
        encoding: OtlpEncoding::Protobuf,
        resource: resource(inputs),
    })
}

/// How messages are written; `None` for ways that are not spoken.
fn encoding(inputs: &Inputs<'_>) -> Option<OtlpEncoding> {
    let said = inputs.text(&["exporter"], &["OTEL_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
    match said.as_deref() {
        None | Some("otlp_http" | "http/protobuf" | "otlp") => Some(OtlpEncoding::Protobuf),
        Some("http/json") => Some(OtlpEncoding::Json),
        Some("otlp_grpc" | "grpc") => {
            inputs.warn("has no effect: OTLP is spoken over HTTP, not gRPC; use otlp_http and port 4318");
            None
        }
        Some("console" | "in_memory") => {
            inputs.warn(
                "has no effect: spans go to an endpoint only; set OTEL_EXPORTER=otlp_http and OTEL_ENDPOINT",
            );
            None
        }
        Some(_) => {
            inputs.warn("has no effect: OTEL_EXPORTER must be otlp_http, http/protobuf or http/json");
            None
        }
    }
}

/// What describes this process.
fn resource(inputs: &Inputs<'_>) -> Vec<(String, String)> {
    let text = |keys: &[&str], variable: &str, usual: &str| {
        inputs.text(keys, &[variable]).unwrap_or_else(|| usual.to_owned())
    };
    let environment = text(&[], "OTEL_ENVIRONMENT_NAME", "production");
    let mut all = vec![
        ("service.name".to_owned(), text(&["service_name"], "OTEL_SERVICE_NAME", "litellm")),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("deployment.environment.name".to_owned(), environment),
    ];
    let more = inputs.text(&[], &["OTEL_RESOURCE_ATTRIBUTES"]).unwrap_or_default();
    for (name, value) in more.split(',').filter_map(|pair| pair.split_once('=')) {
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        all.retain(|(known, _)| *known != name);
        all.push((name, value));
    }
    all
}
