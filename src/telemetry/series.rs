//! The series that one kind of request moves, as ready handles.
//!
//! Looking a series up by name and labels costs more than the rest of a request's accounting, so a
//! worker makes a bundle once per combination that occurs and keeps it.

use std::cell::{OnceCell, RefCell};
use std::time::Duration;

use metrics::{Counter, Histogram};

use super::Metrics;
use super::labels::{DeploymentLabels, RequestLabels, exception_class};
use super::late::{Labels, Late};
use super::names::*;
use super::text;

/// The series of finished requests of one kind, whoever's they are: histograms for each key would be more than a
/// scrape can carry, so they do not have the labels of LiteLLM that name callers.
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
    /// The series of these labels. Histograms know the request as `shown`, which may be one of many.
    pub fn new(of: &RequestLabels<'_>, shown: &RequestLabels<'_>) -> Self {
        let by_model = shown.by_model();
        let latency: Labels =
            text::labels([("model_group", shown.model_group)].into_iter().chain(by_model)).into();
        let overhead =
            text::labels([("model_group", shown.model_group)].into_iter().chain(shown.deployment.full()));
        let group = |other| text::labels([("model_group", of.model_group), other]);
        RequestSeries {
            requests: Late::new(REQUESTS, &group(("status", of.status)).into()),
            failed: Late::new(
                FAILED_REQUESTS,
                &group(("exception_class", of.class.unwrap_or("None"))).into(),
            ),
            total: Late::new(TOTAL_LATENCY, &latency),
            provider: Late::new(API_LATENCY, &latency),
            first_token: Late::new(TIME_TO_FIRST_TOKEN, &latency),
            overhead: Late::new(OVERHEAD, &overhead.into()),
            queued: Late::new(QUEUE_TIME, &text::labels(by_model).into()),
            gateway: Late::new(GATEWAY_SECONDS, &text::labels([("route", of.route)]).into()),
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

/// The series of one deployment, for as long as its actor lives. They are made when something happens.
pub struct DeploymentSeries {
    metrics: Metrics,
    group: Box<str>,
    id: Box<str>,
    provider: &'static str,
    own: String,
    grouped: String,
    requests: OnceCell<Counter>,
    success: OnceCell<Counter>,
    latency: OnceCell<Histogram>,
    per_token: OnceCell<Histogram>,
    /// By status and class; `None` is a cooldown. There are few.
    failures: RefCell<Vec<(u16, Option<&'static str>, Counter)>>,
}

impl DeploymentSeries {
    /// The series of this deployment.
    pub fn new(metrics: &Metrics, group: &str, of: &DeploymentLabels<'_>, provider: &'static str) -> Self {
        let own = of.full();
        DeploymentSeries {
            metrics: metrics.clone(),
            group: group.into(),
            id: of.model_id.into(),
            provider,
            own: text::labels(own),
            grouped: text::labels([("model_group", group)].into_iter().chain(own)),
            requests: OnceCell::new(),
            success: OnceCell::new(),
            latency: OnceCell::new(),
            per_token: OnceCell::new(),
            failures: RefCell::default(),
        }
    }

    /// An attempt was made.
    pub fn attempted(&self) {
        let made = || self.metrics.counter_of(DEPLOYMENT_REQUESTS, self.grouped.clone());
        self.requests.get_or_init(made).increment(1);
    }

    /// It went well, in so many seconds and so many tokens of output.
    pub fn succeeded(&self, seconds: f64, output_tokens: u64) {
        let made = || self.metrics.counter_of(DEPLOYMENT_SUCCESS, self.grouped.clone());
        self.success.get_or_init(made).increment(1);
        self.latency.get_or_init(|| self.histogram(DEPLOYMENT_LATENCY)).record(seconds);
        if output_tokens > 0 {
            #[allow(clippy::cast_precision_loss, reason = "a mean")]
            let per_token = seconds / output_tokens as f64;
            self.per_token.get_or_init(|| self.histogram(LATENCY_PER_TOKEN)).record(per_token);
        }
    }

    /// It failed.
    pub fn failed(&self, status: u16, class: &'static str) {
        self.bad(status, Some(class));
    }

    /// A cooldown began after this status.
    pub fn cooled_down(&self, status: u16) {
        self.bad(status, None);
    }

    fn bad(&self, status: u16, class: Option<&'static str>) {
        let mut failures = self.failures.borrow_mut();
        if let Some((.., counter)) = failures.iter().find(|known| (known.0, known.1) == (status, class)) {
            return counter.increment(1);
        }
        let text = status.to_string();
        let counter = match class {
            Some(class) => {
                let class = exception_class(self.provider, class);
                let failure =
                    text::labels([("exception_status", text.as_str()), ("exception_class", class.as_str())]);
                self.metrics.counter_of(DEPLOYMENT_FAILURE, format!("{},{failure}", self.grouped))
            }
            None => {
                let status = text::labels([("exception_status", text.as_str())]);
                self.metrics.counter_of(COOLED_DOWN, format!("{},{status}", self.own))
            }
        };
        counter.increment(1);
        failures.push((status, class, counter));
    }

    /// Its own one, or the one of those for which there is no room.
    fn histogram(&self, name: &'static str) -> Histogram {
        let own = self.metrics.has_room(share(name));
        let others = DeploymentLabels::OTHERS;
        let labels = match (name, own) {
            (DEPLOYMENT_LATENCY, true) => {
                text::labels([("model_group", &*self.group), ("model_id", &*self.id)])
            }
            (DEPLOYMENT_LATENCY, false) => {
                text::labels([("model_group", others.model_id), ("model_id", others.model_id)])
            }
            (_, true) => self.grouped.clone(),
            (_, false) => text::labels([("model_group", others.model_id)].into_iter().chain(others.full())),
        };
        self.metrics.histogram_of(name, labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let requests = RequestSeries::new(&labels, &labels);
        requests.count(&metrics, true, &Times::default());
        let own = DeploymentSeries::new(&metrics, "gpt-4", &deployment, "openai");
        own.succeeded(0.1, 3);
        let text = metrics.render();
        for name in [REQUESTS, FAILED_REQUESTS, "litellm_deployment_latency_seconds_bucket"] {
            assert!(text.contains(name), "{name} in\n{text}");
        }
    }
}
