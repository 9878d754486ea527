//! What waits in the spool, as metrics.

use std::sync::Arc;

use metrics::{Counter, Gauge};

use crate::base::clock::unix_ms;
use crate::spool::{Backlog, Spool};
use crate::telemetry::{Metrics, names};

/// The series of one spool.
#[derive(Clone)]
pub struct SpoolGauges {
    spool: Arc<Spool>,
    rows: Gauge,
    bytes: Gauge,
    oldest: Gauge,
    failing: Gauge,
    written: Counter,
    kept: Counter,
    lost: Counter,
}

impl SpoolGauges {
    /// The series, made once.
    pub fn new(spool: Arc<Spool>, metrics: &Metrics) -> Self {
        let counter = |result| metrics.counter(names::SPOOL_ROWS, &[("result", result)]);
        SpoolGauges {
            spool,
            rows: metrics.gauge(names::SPOOL_WAITING, &[]),
            bytes: metrics.gauge(names::SPOOL_BYTES, &[]),
            oldest: metrics.gauge(names::SPOOL_OLDEST, &[]),
            failing: metrics.gauge(names::SPOOL_FAILING, &[]),
            written: counter("written"),
            kept: counter("kept_in_memory"),
            lost: counter("lost"),
        }
    }

    /// Shows how it stands. What waits is `None` while somebody else is reading: then the last numbers stay.
    #[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
    pub fn show(&self, backlog: Option<Backlog>) {
        if let Some(Backlog { rows, bytes, oldest }) = backlog {
            self.rows.set(rows as f64);
            self.bytes.set(bytes as f64);
            let now = u64::try_from(unix_ms()).unwrap_or(0);
            let age = oldest.map_or(0, |oldest| now.saturating_sub(oldest));
            self.oldest.set(age as f64 / 1000.0);
        }
        self.failing.set(if self.spool.is_failing() { 1.0 } else { 0.0 });
        let counts = self.spool.counts();
        self.written.absolute(counts.written);
        self.kept.absolute(counts.kept);
        self.lost.absolute(counts.lost);
    }
}
