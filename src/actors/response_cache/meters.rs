//! What became of requests in the cache, as metrics.

use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;
use metrics::{Counter, Gauge};

use crate::telemetry::{Metrics, names};

/// What became of a request, or of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered from the cache.
    Hit,
    /// Not there.
    Miss,
    /// Nobody said whether it is there.
    Error,
    /// Answered by another request's call.
    Shared,
    /// Answered with what was said to a similar question.
    Similar,
    /// The answer is kept.
    Stored,
    /// It could not be kept.
    Failed,
    /// Too much was on its way to Redis.
    Dropped,
    /// It is larger than what is kept.
    TooLarge,
}

/// The handles.
pub struct Meters {
    metrics: Metrics,
    outcomes: [(Outcome, Counter); 9],
    /// Hits and misses of each model.
    models: Mutex<HashMap<Box<str>, (Counter, Counter)>>,
    entries: Gauge,
    bytes: Gauge,
}

impl Meters {
    /// The metrics of one cache.
    pub fn new(metrics: &Metrics) -> Self {
        let lookup = |result| metrics.counter(names::CACHE_LOOKUPS, &[("result", result)]);
        let store = |result| metrics.counter(names::CACHE_STORES, &[("result", result)]);
        let outcomes = [
            (Outcome::Hit, lookup("hit")),
            (Outcome::Miss, lookup("miss")),
            (Outcome::Error, lookup("error")),
            (Outcome::Shared, lookup("shared")),
            (Outcome::Similar, lookup("similar")),
            (Outcome::Stored, store("stored")),
            (Outcome::Failed, store("failed")),
            (Outcome::Dropped, store("dropped")),
            (Outcome::TooLarge, store("too_large")),
        ];
        let (entries, bytes) =
            (metrics.gauge(names::CACHE_ENTRIES, &[]), metrics.gauge(names::CACHE_BYTES, &[]));
        Meters { metrics: metrics.clone(), outcomes, models: Mutex::default(), entries, bytes }
    }

    /// One more.
    pub fn count(&self, outcome: Outcome) {
        let counter = self.outcomes.iter().find(|(known, _)| *known == outcome);
        if let Some((_, counter)) = counter {
            counter.increment(1);
        }
    }

    /// LiteLLM's counters, by group.
    pub fn count_model(&self, hit: bool, model: &str) {
        // Nothing that is done under the lock can be left half done.
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if !models.contains_key(model) {
            let counter = |name| self.metrics.counter(name, &[("model", model)]);
            models.insert(model.into(), (counter(names::CACHE_HITS), counter(names::CACHE_MISSES)));
        }
        let Some((hits, misses)) = models.get(model) else { return };
        if hit { hits.increment(1) } else { misses.increment(1) }
    }

    /// What the local cache holds.
    #[allow(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
    pub fn show(&self, entries: u64, bytes: u64) {
        self.entries.set(entries as f64);
        self.bytes.set(bytes as f64);
    }
}
