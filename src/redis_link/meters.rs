//! What Prometheus is told of Redis.

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
        };
        meters.show(false);
        meters
    }

    /// Whether Redis can be used.
    pub fn show(&self, up: bool) {
        self.up.set(if up { 1.0 } else { 0.0 });
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
        if error != Some(&LinkError::Down) {
            self.seconds.record(took);
        }
    }
}
