//! How a sink stands, as metrics.

use metrics::{Counter, Gauge};

use crate::telemetry::{Metrics, names};

/// Why a sink does not have what it was to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It answers with a status that no other try would change.
    Refused,
    /// It takes a request and says that it has not taken all that is in it.
    Rejected,
    /// One event is too large for it.
    TooLarge,
    /// It failed as often as it is tried.
    GaveUp,
}

impl Loss {
    /// The values of the label `reason`, in the order above.
    const REASONS: [&str; 4] = ["refused", "rejected", "too_large", "gave_up"];
}

/// The series of one sink.
#[derive(Clone)]
pub struct Meters {
    /// Events that the sink has taken.
    pub sent: Counter,
    /// Events for which there was no room.
    pub dropped: Counter,
    /// Deliveries that were repeated.
    pub retries: Counter,
    failed: Counter,
    reasons: [Counter; 4],
    waiting: Gauge,
    bytes: Gauge,
}

impl Meters {
    /// The series, made once.
    pub fn new(metrics: &Metrics, sink: &str) -> Self {
        let events = |result| metrics.counter(names::EXPORTED, &[("sink", sink), ("result", result)]);
        let of_sink = [("sink", sink)];
        Meters {
            sent: events("sent"),
            failed: events("failed"),
            reasons: Loss::REASONS
                .map(|reason| metrics.counter(names::EXPORT_LOST, &[("sink", sink), ("reason", reason)])),
            dropped: events("dropped"),
            retries: metrics.counter(names::EXPORT_RETRIES, &of_sink),
            waiting: metrics.gauge(names::EXPORT_WAITING, &of_sink),
            bytes: metrics.gauge(names::EXPORT_BYTES, &of_sink),
        }
    }

    /// Counts events that the sink does not have, and how many it has not everything of.
    pub fn lost(&self, loss: Loss, events: usize, concerned: usize) {
        self.failed.increment(u64::try_from(events).unwrap_or(0));
        if let Some(counter) = self.reasons.get(loss as usize) {
            counter.increment(u64::try_from(concerned).unwrap_or(0));
        }
    }

    /// Shows what waits.
    #[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
    pub fn show(&self, events: usize, bytes: usize) {
        self.waiting.set(events as f64);
        self.bytes.set(bytes as f64);
    }
}
