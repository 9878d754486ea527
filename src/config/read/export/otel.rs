//! OpenTelemetry, with LiteLLM's variables and the standard ones.

use super::inputs::Inputs;
use super::langs;
use crate::base::secret::Secret;
use crate::config::read::governance::variables;
use crate::domain::export::langfuse::basic;
use crate::domain::export::{Otlp, OtlpEncoding};

/// Where spans go under a base address.
const TRACES: &str = "/v1/traces";
/// Where metrics go under it.
const METRICS: &str = "/v1/metrics";

/// Variables that say where paths begin.
const BASES: [&str; 2] = ["OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// A collector, or whoever speaks its protocol.
pub fn otel(inputs: &Inputs<'_>) -> Option<Otlp> {
    let encoding = encoding(inputs)?;
    let gzip = gzip(inputs)?;
    let (traces_url, base) = endpoint(inputs)?;
    let wants_metrics = variables::flag(inputs.context, "LITELLM_OTEL_INTEGRATION_ENABLE_METRICS");
    let metrics_url = match wants_metrics {
        Some(true) => Some(of_metrics(inputs, base.as_deref())?),
        _ => None,
    };
    let of_signal = |own: &str| inputs.headers(&["OTEL_HEADERS", own, "OTEL_EXPORTER_OTLP_HEADERS"]);
    let metrics_headers =
        metrics_url.as_ref().map(|_| of_signal("OTEL_EXPORTER_OTLP_METRICS_HEADERS")).unwrap_or_default();
    Some(Otlp {
        traces_url,
        metrics_url,
        headers: of_signal("OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
        metrics_headers,
        encoding,
        gzip,
        resource: resource(inputs),
    })
}

/// Where spans go, and the address that other signals' paths are added to. The variable that is about traces only says
/// the whole address; the others say where paths begin.
fn endpoint(inputs: &Inputs<'_>) -> Option<(String, Option<String>)> {
    let own = inputs.find(&["endpoint"], &[]);
    let of_traces = inputs.find(&[], &["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]).filter(|_| own.is_none());
    if let Some(of_traces) = of_traces {
        let url = of_traces.address(inputs)?;
        let base = match inputs.find(&[], &BASES) {
            Some(base) => Some(base.base(inputs)?),
            None => url.strip_suffix(TRACES).map(str::to_owned),
        };
        return Some((url, base));
    }
    let base = match own {
        Some(own) => own,
        None => inputs.required(&["endpoint"], &BASES)?,
    };
    let base = base.base(inputs)?;
    let base = base.strip_suffix(TRACES).unwrap_or(&base);
    Some((format!("{base}{TRACES}"), Some(base.to_owned())))
}

/// Where metrics go.
fn of_metrics(inputs: &Inputs<'_>, base: Option<&str>) -> Option<String> {
    if let Some(own) = inputs.find(&[], &["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"]) {
        return own.address(inputs);
    }
    if base.is_none() {
        let what = "needs OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT, beside \
                    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        variables::wrong(inputs.context, "LITELLM_OTEL_INTEGRATION_ENABLE_METRICS", what);
    }
    Some(format!("{}{METRICS}", base?))
}

/// Langfuse takes the same spans.
pub fn langfuse(inputs: &Inputs<'_>) -> Option<Otlp> {
    let (public_key, secret_key) = langs::keys(inputs)?;
    let host = inputs.find(&[], &["LANGFUSE_OTEL_HOST"]).unwrap_or_else(|| langs::host(inputs));
    let base = host.base(inputs)?;
    Some(Otlp {
        traces_url: format!("{base}/api/public/otel{TRACES}"),
        metrics_url: None,
        metrics_headers: Vec::new(),
        gzip: false,
        headers: vec![
            ("authorization".to_owned(), Secret::new(basic(&public_key, secret_key.expose()))),
            ("x-langfuse-public-key".to_owned(), Secret::new(public_key)),
            ("x-langfuse-ingestion-version".to_owned(), "4".into()),
        ],
        encoding: OtlpEncoding::Protobuf,
        resource: resource(inputs),
    })
}

/// How messages are written; `None` for ways that are not spoken. LiteLLM's own word goes before the standard
/// variables, which others of the machine may be meant by.
fn encoding(inputs: &Inputs<'_>) -> Option<OtlpEncoding> {
    let protocols = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
    let over_http = |word: &str| matches!(word, "otlp_http" | "otlp" | "http");
    let own = inputs.find(&["exporter"], &["OTEL_EXPORTER"]);
    let standard = || inputs.find(&[], &protocols);
    let said = match &own {
        Some(own) if over_http(&own.text) => standard().filter(|said| said.text == "http/json"),
        Some(_) => own,
        None => standard(),
    };
    let Some(said) = said else { return Some(OtlpEncoding::Protobuf) };
    match said.text.as_str() {
        word if over_http(word) || word == "http/protobuf" => return Some(OtlpEncoding::Protobuf),
        "http/json" => return Some(OtlpEncoding::Json),
        "console" | "in_memory" => inputs.warn(
            "has no effect: spans go to an endpoint only; set OTEL_EXPORTER=otlp_http and OTEL_ENDPOINT",
        ),
        "otlp_grpc" | "grpc" => said.error(
            inputs,
            "must be http/protobuf or http/json: OTLP is spoken over HTTP, not gRPC (collectors take it at port 4318)",
        ),
        _ => said.error(inputs, "must be http/protobuf or http/json (or otlp_http)"),
    }
    None
}

/// Whether bodies are compressed.
fn gzip(inputs: &Inputs<'_>) -> Option<bool> {
    let variables = ["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"];
    let Some(said) = inputs.find(&[], &variables) else { return Some(false) };
    match said.text.as_str() {
        "gzip" => Some(true),
        "none" => Some(false),
        _ => {
            said.error(inputs, "must be gzip or none");
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
