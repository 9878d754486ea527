//! The names of callbacks: what is exported to, what is there without being asked for, and what this version lacks.

use super::COMMON;
use crate::config::scope::{Field, Scope, nearest};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Datadog's logs.
    Datadog,
    /// Datadog's metrics.
    DatadogMetrics,
    /// Sentry.
    Sentry,
    /// LangSmith.
    Langsmith,
    /// Langfuse's own ingestion.
    Langfuse,
    /// Langfuse over OpenTelemetry.
    LangfuseOtel,
    /// OpenTelemetry.
    Otel,
    /// Any HTTP server.
    Webhook,
    /// A store of objects.
    S3,
}

const KNOWN: [(&str, Known); 12] = [
    ("datadog", Known::Datadog),
    ("datadog_metrics", Known::DatadogMetrics),
    ("sentry", Known::Sentry),
    ("langsmith", Known::Langsmith),
    ("langfuse", Known::Langfuse),
    ("langfuse_otel", Known::LangfuseOtel),
    ("otel", Known::Otel),
    ("opentelemetry", Known::Otel),
    ("generic_api", Known::Webhook),
    ("webhook", Known::Webhook),
    ("s3", Known::S3),
    ("s3_v2", Known::S3),
];

/// What is always there.
const ALWAYS: [&str; 4] =
    ["prometheus", "dynamic_rate_limiter", "parallel_request_limiter", "max_budget_limiter"];

/// LiteLLM's, not there yet.
#[rustfmt::skip]
const LATER: [&str; 49] = [
    "agentops", "anthropic_cache_control_hook", "argilla", "arize", "arize_phoenix", "aws_sqs", "azure_sentinel",
    "azure_storage", "bitbucket", "braintrust", "cloudzero", "custom_callback_api", "datadog_cost_management",
    "datadog_llm_observability", "deepeval", "detect_prompt_injection", "dotprompt", "dynamodb", "email", "focus",
    "galileo", "gcs_bucket", "gcs_pubsub", "gitlab", "google_secret_manager", "greenscale", "helicone", "hide_secrets",
    "humanloop", "infinity", "lago", "levo", "literal_ai", "logfire", "lunary", "mlflow", "newrelic", "openmeter",
    "opik", "pagerduty", "posthog", "promptlayer", "resend_email", "smtp_email", "supabase", "traceloop", "vantage",
    "wandb", "weave_otel",
];

/// What a name stands for; a warning where that is nothing. `own` may say itself what kind it is.
pub fn known(name: &str, own: &Scope<'_>, field: &Field<'_>) -> Option<Known> {
    if own.text("callback_type").as_deref() == Some("generic_api") {
        own.warn_of_unknown(COMMON, &[]);
        return Some(Known::Webhook);
    }
    if let Some((_, known)) = KNOWN.iter().find(|(one, _)| *one == name) {
        return Some(*known);
    }
    if ALWAYS.contains(&name) {
        return None;
    }
    if LATER.contains(&name) {
        field.warn(format!(
            "\"{name}\" is not exported to in this version; many systems take what \"otel\" or \"generic_api\" sends"
        ));
    } else if name == "slack" {
        field.warn("\"slack\" belongs under general_settings.alerting");
    } else if let Some(near) = nearest(name, KNOWN.iter().map(|(one, _)| *one)) {
        field.warn(format!("unknown callback \"{name}\", did you mean \"{near}\"?"));
    } else if name.contains('.') {
        field.warn(format!(
            "\"{name}\" is Python, which cannot run here; \"generic_api\" posts each request to a server"
        ));
    } else {
        let all: Vec<&str> = KNOWN.iter().map(|(one, _)| *one).collect();
        field.warn(format!("unknown callback \"{name}\"; known are {}", all.join(", ")));
    }
    None
}

/// The keys that an entry of the `logging` list may have.
pub fn inline_keys(known: Known) -> &'static [&'static str] {
    match known {
        Known::Datadog | Known::DatadogMetrics => {
            &["datadog_api_key", "api_key", "datadog_site", "site", "base_url", "service", "env", "version"]
        }
        Known::Sentry => &["dsn", "environment", "sample_rate", "trace_rate"],
        Known::Langsmith => &["api_key", "project_name", "project", "base_url", "sampling_rate", "run_name"],
        Known::Langfuse | Known::LangfuseOtel => &["public_key", "secret_key", "host"],
        Known::Otel => &["endpoint", "headers", "exporter", "service_name"],
        Known::Webhook => &["url", "endpoint", "headers", "log_format"],
        Known::S3 => &[
            "s3_bucket_name",
            "s3_region_name",
            "s3_endpoint_url",
            "s3_aws_access_key_id",
            "s3_aws_secret_access_key",
            "s3_aws_session_token",
            "s3_path",
            "s3_use_team_prefix",
            "s3_use_key_prefix",
            "s3_flush_interval",
            "s3_batch_size",
        ],
    }
}
