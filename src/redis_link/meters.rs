//! What Prometheus is told of Redis.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};

use super::LinkError;
use crate::telemetry::{Metrics, names};

/// Handles, made once.
pub(super) struct Meters {
    up: Gauge,
    ok: Counter,
    failed: Vec<(&'static str, Counter)>,
    seconds: Histogram,
    carried: Histogram,
    breaker: Breaker,
}

/// The same as `up`, under LiteLLM's names.
struct Breaker {
    was_up: AtomicBool,
    closed: (Gauge, Counter),
    open: (Gauge, Counter),
    failures: Counter,
}

impl Meters {
    pub fn new(metrics: &Metrics) -> Self {
        let counter = |result| metrics.counter(names::REDIS_CALLS, &[("result", result)]);
        let results = ["down", "late", "broken", "refused"];
        let meters = Meters {
            up: metrics.gauge(names::REDIS_UP, &[]),
            ok: counter("ok"),
            failed: results.into_iter().map(|result| (result, counter(result))).collect(),
            seconds: metrics.histogram(names::REDIS_SECONDS, &[]),
            carried: metrics.histogram(names::CLAIM_BATCH, &[]),
            breaker: Breaker::new(metrics),
        };
        meters.show(false);
        meters
    }

    /// Whether Redis can be used.
    pub fn show(&self, up: bool) {
        self.up.set(if up { 1.0 } else { 0.0 });
        self.breaker.show(up);
    }

    /// A call that is over.
    pub fn count(&self, error: Option<&LinkError>, took: Duration) {
        match error {
            None => self.ok.increment(1),
            Some(error) => {
                let known = self.failed.iter().find(|(label, _)| *label == error.label());
                known.iter().for_each(|(_, counter)| counter.increment(1));
            }
        }
        if matches!(error, Some(LinkError::Late | LinkError::Broken(_))) {
            self.breaker.failures.increment(1);
        }
        if error != Some(&LinkError::Down) {
            self.seconds.record(took);
        }
    }

    /// A call of the counters that carried so many claims.
    #[allow(clippy::cast_precision_loss, reason = "a batch is small")]
    pub fn carried(&self, claims: usize) {
        self.carried.record(claims as f64);
    }
}

impl Breaker {
    fn new(metrics: &Metrics) -> Self {
        let of = |state| {
            let labels = [("state", state)];
            (
                metrics.gauge(names::BREAKER_STATE, &labels),
                metrics.counter(names::BREAKER_TRANSITIONS, &labels),
            )
        };
        Breaker {
            was_up: AtomicBool::new(false),
            closed: of("closed"),
            open: of("open"),
            failures: metrics.counter(names::BREAKER_FAILURES, &[]),
        }
    }

    fn show(&self, up: bool) {
        let (now, before) = if up { (&self.closed, &self.open) } else { (&self.open, &self.closed) };
        now.0.set(1.0);
        before.0.set(0.0);
        if self.was_up.swap(up, Ordering::Relaxed) != up {
            now.1.increment(1);
        }
    }
}
