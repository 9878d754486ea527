//! What a finished request leaves in metrics and log. Handles of series are made once per combination.

use std::cell::RefCell;
use std::sync::Arc;

use hashbrown::HashMap;
use metrics::Gauge;

use super::record::{Finished, Settled};
use super::request_log;
use crate::actors::deployment::DeploymentNames;
use crate::telemetry::series::{DeploymentLabels, RequestLabels, RequestSeries};
use crate::telemetry::{Metrics, names};
use crate::wire::endpoint::Endpoint;

/// The most combinations one worker keeps handles for; beyond it they are made anew each time.
const MOST_SERIES: usize = 10_000;

/// Turns finished requests into metrics and log events.
pub struct Telemetry {
    metrics: Metrics,
    in_flight: Gauge,
    series: RefCell<HashMap<Key, RequestSeries>>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    endpoint: Endpoint,
    status: u16,
    class: Option<&'static str>,
    requested: Option<Arc<str>>,
    group: Option<Arc<str>>,
    deployment: Option<Arc<str>>,
    hashed_key: Option<Arc<str>>,
}

impl Telemetry {
    /// A worker's telemetry.
    pub fn new(metrics: Metrics) -> Self {
        let in_flight = metrics.gauge(names::IN_FLIGHT, &[]);
        Telemetry { metrics, in_flight, series: RefCell::new(HashMap::new()) }
    }

    /// A request has consumed something that has no price. It is rare, or soon mended.
    pub fn unpriced(&self, finished: &Finished) {
        let group = finished.group.as_deref().unwrap_or("unknown");
        self.metrics.counter(names::UNPRICED, &[("model_group", group)]).increment(1);
    }

    /// A request has arrived.
    pub fn arrived(&self) {
        self.in_flight.increment(1.0);
    }

    /// A request is over, and this is what it came to.
    pub fn settled(&self, finished: &Finished, settled: &Settled) {
        self.in_flight.decrement(1.0);
        self.count(finished);
        request_log::tell(finished, settled);
    }

    fn count(&self, finished: &Finished) {
        let key = Key {
            endpoint: finished.endpoint,
            status: finished.status,
            class: finished.error.as_ref().map(|error| error.behaviour().class),
            requested: finished.requested_model.clone(),
            group: finished.group.clone(),
            deployment: finished.deployment.as_ref().map(|deployment| Arc::clone(&deployment.id)),
            hashed_key: finished.hashed_key.clone(),
        };
        let mut series = self.series.borrow_mut();
        if let Some(handles) = series.get(&key) {
            return record(handles, finished);
        }
        let handles = self.make(finished);
        record(&handles, finished);
        if series.len() < MOST_SERIES {
            series.insert(key, handles);
        }
    }

    fn make(&self, finished: &Finished) -> RequestSeries {
        let status = finished.status.to_string();
        let deployment = finished.deployment.as_deref();
        let names = deployment.map(DeploymentNames::of);
        let labels = RequestLabels {
            requested_model: finished.requested_model.as_deref().unwrap_or("unknown"),
            model_group: finished.group.as_deref().unwrap_or("unknown"),
            route: finished.endpoint.route(),
            status: &status,
            class: finished.error.as_ref().map(|error| error.behaviour().class),
            deployment: names.as_ref().map_or(DeploymentLabels::NONE, DeploymentNames::labels),
            hashed_api_key: finished.hashed_key.as_deref().unwrap_or("None"),
        };
        RequestSeries::new(&self.metrics, &labels)
    }
}

fn record(series: &RequestSeries, finished: &Finished) {
    series.requests.increment(1);
    series.proxy_requests.increment(1);
    for failed in [&series.failed, &series.proxy_failed].into_iter().flatten() {
        failed.increment(1);
    }
    let total = finished.duration.as_secs_f64();
    series.total_latency.record(total);
    if finished.attempts > 0 {
        let upstream = finished.upstream.as_secs_f64();
        series.api_latency.record(upstream);
        series.overhead.record((total - upstream).max(0.0));
    }
    if let Some(first) = finished.first_token {
        series.first_token.record(first.as_secs_f64());
    }
    if let Some(usage) = &finished.usage {
        series.total_tokens.increment(usage.total());
        series.input_tokens.increment(usage.prompt_tokens);
        series.output_tokens.increment(usage.completion_tokens);
        series.cached_tokens.increment(usage.cached_tokens);
        series.cache_creation_tokens.increment(usage.cache_creation_tokens);
        series.reasoning_tokens.increment(usage.reasoning_tokens);
    }
}
