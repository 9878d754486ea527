//! The series that one kind of request moves, as ready handles.
//!
//! Looking a series up by name and labels costs more than the rest of a request's accounting, so a
//! worker makes a bundle once per combination that occurs and keeps it.

use metrics::{Counter, Gauge, Histogram};

use super::Metrics;
use super::names::{self, *};

/// What distinguishes the series of finished requests. All values are bounded: names from the
/// configuration, known routes, statuses, error classes.
#[derive(Debug, Clone, Copy)]
pub struct RequestLabels<'a> {
    /// The name the client asked for, or `unknown` if no such group exists.
    pub requested_model: &'a str,
    /// The group that answered or failed.
    pub model_group: &'a str,
    /// `/v1/chat/completions` ...
    pub route: &'a str,
    /// HTTP status.
    pub status: &'a str,
    /// Error class, `None` for answers.
    pub class: Option<&'a str>,
    /// The deployment that answered last, `None` without one.
    pub deployment: DeploymentLabels<'a>,
    /// SHA-256 of the caller's key.
    pub hashed_api_key: &'a str,
}

/// What distinguishes a deployment's series. Absent values are the word `None`, as LiteLLM writes it.
#[derive(Debug, Clone, Copy)]
pub struct DeploymentLabels<'a> {
    /// Deployment id.
    pub model_id: &'a str,
    /// `provider/model`.
    pub litellm_model_name: &'a str,
    /// Provider prefix.
    pub api_provider: &'a str,
    /// Base URL.
    pub api_base: &'a str,
}

impl DeploymentLabels<'_> {
    /// No deployment.
    pub const NONE: DeploymentLabels<'static> = DeploymentLabels {
        model_id: "None",
        litellm_model_name: "None",
        api_provider: "None",
        api_base: "None",
    };
}

/// The series of finished requests of one kind.
pub struct RequestSeries {
    /// [`REQUESTS`]
    pub requests: Counter,
    /// [`FAILED_REQUESTS`], for failures.
    pub failed: Option<Counter>,
    /// [`PROXY_REQUESTS`]
    pub proxy_requests: Counter,
    /// [`PROXY_FAILED`], for failures.
    pub proxy_failed: Option<Counter>,
    /// [`TOTAL_LATENCY`]
    pub total_latency: Histogram,
    /// [`API_LATENCY`]
    pub api_latency: Histogram,
    /// [`TIME_TO_FIRST_TOKEN`]
    pub first_token: Histogram,
    /// [`OVERHEAD`]
    pub overhead: Histogram,
    /// [`TOTAL_TOKENS`]
    pub total_tokens: Counter,
    /// [`INPUT_TOKENS`]
    pub input_tokens: Counter,
    /// [`OUTPUT_TOKENS`]
    pub output_tokens: Counter,
    /// [`CACHED_TOKENS`]
    pub cached_tokens: Counter,
    /// [`CACHE_CREATION_TOKENS`]
    pub cache_creation_tokens: Counter,
    /// [`REASONING_TOKENS`]
    pub reasoning_tokens: Counter,
}

impl RequestSeries {
    /// The series of these labels.
    pub fn new(metrics: &Metrics, of: &RequestLabels<'_>) -> Self {
        let by_model = [
            ("end_user", "None"),
            ("hashed_api_key", of.hashed_api_key),
            ("api_key_alias", "None"),
            ("requested_model", of.requested_model),
            ("team", "None"),
            ("team_alias", "None"),
            ("user", "None"),
            ("model", of.model_group),
            ("model_id", of.deployment.model_id),
            ("api_provider", of.deployment.api_provider),
        ];
        let latency = [&[("model_group", of.model_group)], &by_model[..]].concat();
        let tokens = |name| metrics.counter(name, &by_model);
        RequestSeries {
            requests: metrics.counter(REQUESTS, &[("model_group", of.model_group), ("status", of.status)]),
            failed: of.class.map(|class| {
                let labels = [("model_group", of.model_group), ("exception_class", class)];
                metrics.counter(FAILED_REQUESTS, &labels)
            }),
            proxy_requests: metrics.counter(PROXY_REQUESTS, &proxy_labels(of, &[("status_code", of.status)])),
            proxy_failed: of.class.map(|class| {
                let class = exception_class(of.deployment.api_provider, class);
                let failure = [("exception_status", of.status), ("exception_class", class.as_str())];
                metrics.counter(PROXY_FAILED, &proxy_labels(of, &failure))
            }),
            total_latency: metrics.histogram(TOTAL_LATENCY, &latency),
            api_latency: metrics.histogram(API_LATENCY, &latency),
            first_token: metrics.histogram(TIME_TO_FIRST_TOKEN, &latency),
            overhead: metrics.histogram(OVERHEAD, &overhead_labels(of)),
            total_tokens: tokens(TOTAL_TOKENS),
            input_tokens: tokens(INPUT_TOKENS),
            output_tokens: tokens(OUTPUT_TOKENS),
            cached_tokens: tokens(CACHED_TOKENS),
            cache_creation_tokens: tokens(CACHE_CREATION_TOKENS),
            reasoning_tokens: tokens(REASONING_TOKENS),
        }
    }
}

fn proxy_labels<'a>(
    of: &RequestLabels<'a>,
    more: &[(&'static str, &'a str)],
) -> Vec<(&'static str, &'a str)> {
    let mut labels = vec![
        ("end_user", "None"),
        ("hashed_api_key", of.hashed_api_key),
        ("api_key_alias", "None"),
        ("requested_model", of.requested_model),
        ("team", "None"),
        ("team_alias", "None"),
        ("user", "None"),
        ("user_email", "None"),
        ("route", of.route),
        ("model_id", of.deployment.model_id),
        ("api_provider", of.deployment.api_provider),
    ];
    labels.extend_from_slice(more);
    labels
}

fn overhead_labels<'a>(of: &RequestLabels<'a>) -> [(&'static str, &'a str); 7] {
    [
        ("model_group", of.model_group),
        ("api_provider", of.deployment.api_provider),
        ("api_base", of.deployment.api_base),
        ("litellm_model_name", of.deployment.litellm_model_name),
        ("hashed_api_key", of.hashed_api_key),
        ("api_key_alias", "None"),
        ("model_id", of.deployment.model_id),
    ]
}

/// `Openai.RateLimitError`: provider, capitalised, and class.
pub fn exception_class(provider: &str, class: &str) -> String {
    let mut letters = provider.chars();
    match letters.next() {
        Some(first) if provider != "None" => {
            format!("{}{}.{class}", first.to_ascii_uppercase(), letters.as_str())
        }
        _ => class.to_string(),
    }
}

/// The series of one deployment.
pub struct DeploymentSeries {
    /// [`DEPLOYMENT_STATE`]
    pub state: Gauge,
    /// [`DEPLOYMENT_REQUESTS`]
    pub requests: Counter,
    /// [`DEPLOYMENT_SUCCESS`]
    pub success: Counter,
    /// [`DEPLOYMENT_LATENCY`]
    pub latency: Histogram,
    /// [`LATENCY_PER_TOKEN`]
    pub latency_per_token: Histogram,
}

impl DeploymentSeries {
    /// The series of this deployment; its configured limits are shown at once.
    pub fn new(
        metrics: &Metrics,
        group: &str,
        of: &DeploymentLabels<'_>,
        rpm: Option<u64>,
        tpm: Option<u64>,
    ) -> Self {
        let own = deployment_labels(of);
        let grouped = [&[("model_group", group)], &own[..]].concat();
        for (name, limit) in [(names::RPM_LIMIT, rpm), (names::TPM_LIMIT, tpm)] {
            if let Some(limit) = limit {
                metrics.gauge(name, &grouped).set(limit as f64);
            }
        }
        DeploymentSeries {
            state: metrics.gauge(DEPLOYMENT_STATE, &own),
            requests: metrics.counter(DEPLOYMENT_REQUESTS, &grouped),
            success: metrics.counter(DEPLOYMENT_SUCCESS, &grouped),
            latency: metrics
                .histogram(DEPLOYMENT_LATENCY, &[("model_group", group), ("model_id", of.model_id)]),
            latency_per_token: metrics.histogram(LATENCY_PER_TOKEN, &grouped),
        }
    }

    /// Shows how many attempts are under way; a count that nobody writes but leases is read when asked.
    pub fn show_in_flight(metrics: &Metrics, group: &str, model_id: &str, count: u32) {
        let labels = [("model_group", group), ("model_id", model_id)];
        metrics.gauge(DEPLOYMENT_IN_FLIGHT, &labels).set(f64::from(count));
    }

    /// The counter of failed attempts of this class; failures are rare enough to look it up.
    pub fn failure(
        metrics: &Metrics,
        group: &str,
        of: &DeploymentLabels<'_>,
        status: u16,
        class: &str,
    ) -> Counter {
        let status = status.to_string();
        let class = exception_class(of.api_provider, class);
        let failure = [("exception_status", status.as_str()), ("exception_class", class.as_str())];
        let labels = [&[("model_group", group)], &deployment_labels(of)[..], &failure[..]].concat();
        metrics.counter(DEPLOYMENT_FAILURE, &labels)
    }

    /// The counter of cooldowns after this status.
    pub fn cooled_down(metrics: &Metrics, of: &DeploymentLabels<'_>, status: u16) -> Counter {
        let status = status.to_string();
        let labels = [&deployment_labels(of)[..], &[("exception_status", status.as_str())]].concat();
        metrics.counter(COOLED_DOWN, &labels)
    }
}

fn deployment_labels<'a>(of: &DeploymentLabels<'a>) -> [(&'static str, &'a str); 4] {
    [
        ("litellm_model_name", of.litellm_model_name),
        ("model_id", of.model_id),
        ("api_base", of.api_base),
        ("api_provider", of.api_provider),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_written_as_litellm_writes_them() {
        assert_eq!(exception_class("openai", "RateLimitError"), "Openai.RateLimitError");
        assert_eq!(exception_class("None", "ProxyException"), "ProxyException");
    }

    #[test]
    fn the_seeds_three_names_are_exported() {
        let metrics = Metrics::new(None).unwrap();
        let deployment = DeploymentLabels { model_id: "d1", ..DeploymentLabels::NONE };
        let labels = RequestLabels {
            requested_model: "gpt-4",
            model_group: "gpt-4",
            route: "/v1/chat/completions",
            status: "500",
            class: Some("InternalServerError"),
            deployment,
            hashed_api_key: "None",
        };
        let request = RequestSeries::new(&metrics, &labels);
        request.requests.increment(1);
        if let Some(failed) = &request.failed {
            failed.increment(1);
        }
        DeploymentSeries::new(&metrics, "gpt-4", &deployment, Some(5), None).latency.record(0.1);
        let text = metrics.render();
        for name in [REQUESTS, FAILED_REQUESTS, "litellm_deployment_latency_seconds_bucket", RPM_LIMIT] {
            assert!(text.contains(name), "{name} in\n{text}");
        }
    }
}
