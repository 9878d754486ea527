//! The series that one kind of request moves, as ready handles.
//!
//! Looking a series up by name and labels costs more than the rest of a request's accounting, so a
//! worker makes a bundle once per combination that occurs and keeps it.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};

use super::Metrics;
use super::bound::OTHER;
use super::caller_series::CallerLabels;
use super::late::{Late, labels};
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
    pub const NONE: DeploymentLabels<'static> = DeploymentLabels::all("None");
    /// One of those that are not shown by name.
    pub const OTHERS: DeploymentLabels<'static> = DeploymentLabels::all(OTHER);

    const fn all(word: &'static str) -> DeploymentLabels<'static> {
        DeploymentLabels { model_id: word, litellm_model_name: word, api_provider: word, api_base: word }
    }
}

/// The series of finished requests of one kind, whoever's they are: histograms for each key would be more than a
/// scrape can carry, so the labels of LiteLLM that name callers are `None` in them.
pub struct RequestSeries {
    requests: Late<Counter>,
    failed: Late<Counter>,
    total: Late<Histogram>,
    provider: Late<Histogram>,
    first_token: Late<Histogram>,
    overhead: Late<Histogram>,
    queued: Late<Histogram>,
    gateway: Late<Histogram>,
}

/// How long a request took, and where.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// Arrival to end.
    pub total: Duration,
    /// What providers took of it; `None` where none was called.
    pub upstream: Option<Duration>,
    /// Arrival to the first token, streams only.
    pub first_token: Option<Duration>,
    /// Arrival until limits and budget had room.
    pub queued: Option<Duration>,
}

impl RequestSeries {
    /// The series of these labels.
    pub fn new(of: &RequestLabels<'_>) -> Self {
        let group = ("model_group", of.model_group);
        let deployment = [("model_id", of.deployment.model_id), ("api_provider", of.deployment.api_provider)];
        let nobody = CallerLabels::NONE;
        let by_model = [
            &nobody.common()[..],
            &[("requested_model", of.requested_model), ("model", of.model_group)],
            &deployment,
        ]
        .concat();
        let latency = labels([&[group], &by_model[..]].concat());
        let overhead = [
            group,
            ("api_base", of.deployment.api_base),
            ("litellm_model_name", of.deployment.litellm_model_name),
            ("hashed_api_key", "None"),
            ("api_key_alias", "None"),
        ];
        RequestSeries {
            requests: Late::new(REQUESTS, &labels([group, ("status", of.status)])),
            failed: Late::new(
                FAILED_REQUESTS,
                &labels([group, ("exception_class", of.class.unwrap_or("None"))]),
            ),
            total: Late::new(TOTAL_LATENCY, &latency),
            provider: Late::new(API_LATENCY, &latency),
            first_token: Late::new(TIME_TO_FIRST_TOKEN, &latency),
            overhead: Late::new(OVERHEAD, &labels([&overhead[..], &deployment].concat())),
            queued: Late::new(QUEUE_TIME, &labels(by_model)),
            gateway: Late::new(GATEWAY_SECONDS, &labels([("route", of.route)])),
        }
    }

    /// Counts a request that is over.
    pub fn count(&self, metrics: &Metrics, failed: bool, times: &Times) {
        self.requests.add(metrics, 1);
        self.failed.add(metrics, u64::from(failed));
        self.total.record(metrics, times.total.as_secs_f64());
        if let Some(upstream) = times.upstream {
            let own = times.total.saturating_sub(upstream).as_secs_f64();
            self.provider.record(metrics, upstream.as_secs_f64());
            self.overhead.record(metrics, own);
            self.gateway.record(metrics, own);
        }
        if let Some(first_token) = times.first_token {
            self.first_token.record(metrics, first_token.as_secs_f64());
        }
        if let Some(queued) = times.queued {
            self.queued.record(metrics, queued.as_secs_f64());
        }
    }
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
        };
        RequestSeries::new(&labels).count(&metrics, true, &Times::default());
        DeploymentSeries::new(&metrics, "gpt-4", &deployment, Some(5), None).latency.record(0.1);
        let text = metrics.render();
        for name in [REQUESTS, FAILED_REQUESTS, "litellm_deployment_latency_seconds_bucket", RPM_LIMIT] {
            assert!(text.contains(name), "{name} in\n{text}");
        }
    }
}
