//! Where events go and in which form, as the configuration says it.

use std::time::Duration;

use crate::base::secret::Secret;

/// One sink.
#[derive(Debug, Clone, PartialEq)]
pub struct Sink {
    /// Its name in metrics and the log; unique.
    pub name: String,
    /// The callback as the configuration names it; several sinks may have the same.
    pub callback: String,
    /// Whether it is told of answered requests.
    pub successes: bool,
    /// Whether it is told of failed requests.
    pub failures: bool,
    /// Whether it is told what was asked and answered.
    pub content: bool,
    /// Whether it is told whose key it was (`redact_user_api_key_info` says no).
    pub owners: bool,
    /// How events travel.
    pub batching: Batching,
    /// What it is.
    pub kind: SinkKind,
}

impl Sink {
    /// Whether it is told of requests that ended like this.
    pub fn wants(&self, failed: bool) -> bool {
        if failed { self.failures } else { self.successes }
    }

    /// Whether a name means it.
    pub fn is_called(&self, name: &str) -> bool {
        self.callback.eq_ignore_ascii_case(name) || self.name.eq_ignore_ascii_case(name)
    }
}

/// How events wait for company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// So many events go at once.
    pub most: usize,
    /// An event waits at most this long.
    pub every: Duration,
}

/// What a sink is.
#[derive(Debug, Clone, PartialEq)]
pub enum SinkKind {
    /// Datadog's intake of logs.
    DatadogLogs(Datadog),
    /// Datadog's intake of metrics.
    DatadogMetrics(Datadog),
    /// Sentry.
    Sentry(Sentry),
    /// LangSmith.
    Langsmith(Langsmith),
    /// Langfuse.
    Langfuse(Langfuse),
    /// An OpenTelemetry collector, or whoever speaks its protocol.
    Otlp(Otlp),
    /// Any HTTP server.
    Webhook(Webhook),
    /// An S3-compatible store of objects.
    S3(S3),
}

/// Datadog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datadog {
    /// The whole address of the intake.
    pub url: String,
    /// `DD-API-KEY`; an agent needs none.
    pub api_key: Option<Secret>,
    /// `ddsource`
    pub source: String,
    /// `service`
    pub service: String,
    /// `host`
    pub host: String,
    /// Tags of everything that is sent (`env:prod`).
    pub tags: Vec<String>,
}

/// Sentry.
#[derive(Debug, Clone, PartialEq)]
pub struct Sentry {
    /// The whole address of the project's envelopes.
    pub url: String,
    /// The public key of the DSN.
    pub key: Secret,
    /// `environment`
    pub environment: String,
    /// Share of failures that is sent, 0 to 1.
    pub share: f64,
    /// Share of requests of which a transaction is sent, 0 to 1.
    pub traced: f64,
}

/// LangSmith.
#[derive(Debug, Clone, PartialEq)]
pub struct Langsmith {
    /// The whole address of batches.
    pub url: String,
    /// `x-api-key`
    pub api_key: Secret,
    /// The project (`session_name`).
    pub project: String,
    /// How runs are called.
    pub run_name: String,
    /// Share of requests that is sent, 0 to 1.
    pub share: f64,
    /// The workspace (`x-tenant-id`), for keys that have several.
    pub tenant: Option<String>,
}

/// Langfuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Langfuse {
    /// The whole address of the ingestion.
    pub url: String,
    /// Public key.
    pub public_key: String,
    /// Secret key.
    pub secret_key: Secret,
    /// `environment`
    pub environment: Option<String>,
    /// `release`
    pub release: Option<String>,
}

/// OpenTelemetry over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otlp {
    /// Where spans go.
    pub traces_url: String,
    /// Where metrics go, if they are wanted.
    pub metrics_url: Option<String>,
    /// Headers of spans, keys included.
    pub headers: Vec<(String, Secret)>,
    /// Headers of metrics.
    pub metrics_headers: Vec<(String, Secret)>,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// How messages are written.
    pub encoding: OtlpEncoding,
    /// `service.name`, `deployment.environment.name` and what else describes this process.
    pub resource: Vec<(String, String)>,
}

/// The two encodings of OTLP over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpEncoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

/// Any HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The whole address.
    pub url: Secret,
    /// Headers, keys included.
    pub headers: Vec<(String, Secret)>,
    /// How bodies are written.
    pub format: Format,
}

/// How a webhook's bodies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An array of a batch.
    JsonArray,
    /// A batch, a line each.
    Ndjson,
    /// One request for each event.
    Single,
}

/// An S3-compatible store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// Scheme, host and port, and a path before the key, without a slash at the end.
    pub endpoint: String,
    /// The bucket, where the endpoint's host does not name it already.
    pub bucket: Option<String>,
    /// The region that signatures name.
    pub region: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: Secret,
    /// Of temporary credentials.
    pub session_token: Option<Secret>,
    /// Before every object's name, without slashes around it.
    pub path: String,
    /// Whether the team's name stands before the day.
    pub team_prefix: bool,
    /// Whether the key's name stands there, too.
    pub key_prefix: bool,
}
