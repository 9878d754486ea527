//! How a sink stands, as metrics.

use metrics::{Counter, Gauge};

use crate::telemetry::{Metrics, names};

/// The series of one sink.
#[derive(Clone)]
pub struct Meters {
    /// Events that the sink has taken.
    pub sent: Counter,
    /// Events that it will not take.
    pub failed: Counter,
    /// Events for which there was no room.
    pub dropped: Counter,
    /// Deliveries that were repeated.
    pub retries: Counter,
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
            dropped: events("dropped"),
            retries: metrics.counter(names::EXPORT_RETRIES, &of_sink),
            waiting: metrics.gauge(names::EXPORT_WAITING, &of_sink),
            bytes: metrics.gauge(names::EXPORT_BYTES, &of_sink),
        }
    }

    /// Shows what waits.
    #[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
    pub fn show(&self, events: usize, bytes: usize) {
        self.waiting.set(events as f64);
        self.bytes.set(bytes as f64);
    }
}
