//! What became of questions, as metrics.

use metrics::{Counter, Gauge};

use crate::telemetry::{Metrics, names};

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered with what was said to another one.
    Hit,
    /// Nobody has asked anything like it.
    Miss,
    /// Its embedding did not come, or could not be paid.
    NotEmbedded,
    /// The embedding model was resting after a failure.
    Resting,
    /// Redis did not answer.
    Unreachable,
    /// Its answer is kept, but it is not remembered.
    Unlearnt,
}

/// The handles.
pub struct Meters {
    outcomes: [(Outcome, Counter); 6],
    entries: Gauge,
}

impl Meters {
    /// The metrics of one cache.
    pub fn new(metrics: &Metrics) -> Self {
        let counter = |result| metrics.counter(names::SEMANTIC_LOOKUPS, &[("result", result)]);
        let outcomes = [
            (Outcome::Hit, counter("hit")),
            (Outcome::Miss, counter("miss")),
            (Outcome::NotEmbedded, counter("not_embedded")),
            (Outcome::Resting, counter("resting")),
            (Outcome::Unreachable, counter("unreachable")),
            (Outcome::Unlearnt, counter("unlearnt")),
        ];
        Meters { outcomes, entries: metrics.gauge(names::SEMANTIC_ENTRIES, &[]) }
    }

    /// One more.
    pub fn count(&self, outcome: Outcome) {
        let counter = self.outcomes.iter().find(|(known, _)| *known == outcome);
        if let Some((_, counter)) = counter {
            counter.increment(1);
        }
    }

    /// How many questions are known.
    #[allow(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
    pub fn show(&self, entries: usize) {
        self.entries.set(entries as f64);
    }
}
