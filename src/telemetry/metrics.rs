//! The registry as everybody uses it: handles are made once per series and then only touched.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::{Counter, Gauge, Histogram};

use super::bound::{Bound, Lease, Room};
use super::names::{self, Share};
use super::registry::Registry;
use super::text;
use super::values::{Count, Dollars, Level, Samples, Value};

/// The bytes that a scrape may have without the process' own numbers and those of budgets and limits, which have bounds
/// of their own.
const ROOM: usize = 780_000;
/// What is left for deployments before somebody has scraped: beside the registry, and in it, bytes.
const FIRST: [usize; 2] = [200_000, 80_000];

/// All metrics of one gateway. Cloning shares them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    latency: Arc<[f64]>,
    short: Arc<[f64]>,
    near: Arc<[f64]>,
    batch: Arc<[f64]>,
    models: Bound,
    callers: Bound,
    /// What deployments come to beside the registry, and at least in it, bytes.
    expected: [AtomicUsize; 2],
}

/// Histograms cannot be made of buckets like these.
#[derive(Debug, thiserror::Error)]
#[error("the buckets of latencies (prometheus_latency_buckets) must be one or more numbers")]
pub struct NoBuckets;

impl Metrics {
    /// An empty registry; `buckets` (seconds) are those of all histograms about requests, else they are
    /// [`names::LATENCY_BUCKETS`] and [`names::SHORT_BUCKETS`].
    ///
    /// # Errors
    /// When `buckets` has no numbers.
    pub fn new(buckets: Option<&[f64]>) -> Result<Self, NoBuckets> {
        let own = buckets.map(ascending);
        if own.as_ref().is_some_and(Vec::is_empty) {
            return Err(NoBuckets);
        }
        let or = |usual: &[f64]| own.as_deref().unwrap_or(usual).into();
        Ok(Metrics(Arc::new(Inner {
            registry: Registry::new(),
            latency: or(names::LATENCY_BUCKETS),
            short: or(names::SHORT_BUCKETS),
            near: names::NEAR_BUCKETS.into(),
            batch: names::BATCH_BUCKETS.into(),
            models: Bound::default(),
            callers: Bound::default(),
            expected: FIRST.map(AtomicUsize::new),
        })))
    }

    /// The counter of these labels.
    pub fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.counter_of(name, text::labels(labels.iter().copied()))
    }

    /// The gauge of these labels.
    pub fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        let labels = text::labels(labels.iter().copied());
        match self.0.registry.series(name, labels, || Value::Level(Arc::new(Level::default()))) {
            Value::Level(level) => Gauge::from_arc(level),
            _ => Gauge::noop(),
        }
    }

    /// The histogram of these labels.
    pub fn histogram(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Histogram {
        self.histogram_of(name, text::labels(labels.iter().copied()))
    }

    /// The counter of labels that are text already.
    pub fn counter_of(&self, name: &'static str, labels: String) -> Counter {
        match self.0.registry.series(name, labels, || Value::Count(Arc::new(Count::default()))) {
            Value::Count(count) => Counter::from_arc(count),
            _ => Counter::noop(),
        }
    }

    /// The histogram of labels that are text already.
    pub fn histogram_of(&self, name: &'static str, labels: String) -> Histogram {
        let made = || Value::Samples(Arc::new(Samples::new(self.buckets(name))));
        match self.0.registry.series(name, labels, made) {
            Value::Samples(samples) => Histogram::from_arc(samples),
            _ => Histogram::noop(),
        }
    }

    /// The counter of money of labels that are text already.
    pub fn dollars_of(&self, name: &'static str, labels: String) -> Dollars {
        match self.0.registry.series(name, labels, || Value::Dollars(Dollars::default())) {
            Value::Dollars(dollars) => dollars,
            _ => Dollars::default(),
        }
    }

    /// Whether there is room for one more series of this share, or one more row of them.
    pub fn has_room(&self, share: Share) -> bool {
        let Room { used, most } = self.room(share);
        used < most
    }

    /// A lease, where a combination of model and deployment has rows of its own.
    pub fn shows(&self, row: &impl Hash) -> Option<Lease> {
        self.admitted(&self.0.models, Share::Models, || {
            self.0.models.admits(row, row, self.room(Share::Models))
        })
    }

    /// A lease, where a row of this owner names it.
    pub fn shows_caller(&self, row: &impl Hash, owner: &impl Hash) -> Option<Lease> {
        self.admitted(&self.0.callers, Share::Callers, || {
            self.0.callers.admits(row, owner, self.room(Share::Callers))
        })
    }

    /// So many bytes of a scrape will be taken by deployments: by their gauges, which are not in the registry, and by
    /// their counters, which are.
    pub fn leave_room(&self, bytes: [usize; 2]) {
        for (expected, bytes) in self.0.expected.iter().zip(bytes) {
            expected.store(bytes, Ordering::Relaxed);
        }
    }

    /// The text that Prometheus scrapes.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(64 * 1024);
        self.0.registry.render(&mut text);
        text
    }

    fn admitted(&self, bound: &Bound, share: Share, admit: impl Fn() -> Option<Lease>) -> Option<Lease> {
        if let Some(lease) = admit() {
            return Some(lease);
        }
        if !bound.forget() {
            return None;
        }
        self.0.registry.purge(share);
        admit()
    }

    /// The room of a share: its part of what is left by series that belong to the configuration.
    fn room(&self, share: Share) -> Room {
        let registry = &self.0.registry;
        let [gauges, counters] = self.0.expected.each_ref().map(|bytes| bytes.load(Ordering::Relaxed));
        let taken = registry.bytes(Share::Fixed) + gauges + registry.bytes(Share::Deployments).max(counters);
        let most = ROOM.saturating_sub(taken) / 100 * share.percent();
        Room { used: registry.bytes(share), most }
    }

    fn buckets(&self, name: &str) -> &Arc<[f64]> {
        match name {
            names::REDIS_SECONDS | names::GATEWAY_SECONDS | names::CLAIM_SECONDS => &self.0.near,
            names::CLAIM_BATCH => &self.0.batch,
            names::OVERHEAD | names::QUEUE_TIME | names::LATENCY_PER_TOKEN => &self.0.short,
            _ => &self.0.latency,
        }
    }
}

/// Numbers in their order, each once.
fn ascending(buckets: &[f64]) -> Vec<f64> {
    let mut buckets: Vec<f64> = buckets.iter().copied().filter(|bound| bound.is_finite()).collect();
    buckets.sort_by(f64::total_cmp);
    buckets.dedup();
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_rendered_under_its_name() {
        let metrics = Metrics::new(None).unwrap();
        metrics.counter(names::REQUESTS, &[("model_group", "gpt-4"), ("status", "200")]).increment(2);
        let text = metrics.render();
        assert!(text.contains("litellm_request_total{model_group=\"gpt-4\",status=\"200\"} 2"), "{text}");
        assert!(text.contains("# TYPE litellm_request_total counter"), "{text}");
    }

    #[test]
    fn buckets_are_those_of_the_configuration() {
        let metrics = Metrics::new(Some(&[2.0, 0.5, 2.0])).unwrap();
        let held = metrics.histogram(names::API_LATENCY, &[]);
        held.record(1.0);
        let text = metrics.render();
        assert!(text.contains("_bucket{le=\"0.5\"} 0\n") && text.contains("_bucket{le=\"2\"} 1\n"), "{text}");
        assert!(Metrics::new(Some(&[])).is_err());
    }

    #[test]
    fn every_metric_has_help_and_a_unique_name() {
        let unique: std::collections::HashSet<_> = names::HELP.iter().map(|(name, _)| name).collect();
        assert_eq!(unique.len(), names::HELP.len());
        assert!(names::HELP.iter().all(|(_, help)| help.ends_with('.')));
    }
}
