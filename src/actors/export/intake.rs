//! Where workers leave finished requests. A worker holds its lock for a push, the dispatcher for a swap, so nobody
//! waits for long.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::Counter;
use tokio::sync::Notify;

use super::facts::Facts;
use super::gate::Gate;

/// The most that waits for the dispatcher, which comes ten times a second.
const MOST: usize = 20_000;
/// The same in bytes, what was asked and answered included.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// The dispatcher comes at once when so much waits.
const WAKE_AT: usize = 2_000;

/// Finished requests that nobody has looked at yet.
pub struct Intake {
    waiting: Mutex<Waiting>,
    many: Notify,
    dropped: Vec<Counter>,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Waiting {
    facts: VecDeque<Box<Facts>>,
    bytes: usize,
}

impl Intake {
    /// An empty one for the sinks behind this gate; `dropped` counts for each of them.
    pub fn new(gate: Arc<Gate>, dropped: Vec<Counter>) -> Arc<Self> {
        Arc::new(Intake { waiting: Mutex::default(), many: Notify::new(), dropped, gate })
    }

    /// Whether a request that ended like this is to be left here; it is counted where nobody has room for it.
    pub fn wants(&self, failed: bool) -> bool {
        self.gate.wants(failed)
    }

    /// How many requests that ended like this nobody had room for since the last time.
    pub fn missed(&self, failed: bool) -> u64 {
        self.gate.missed(failed)
    }

    /// Leaves a request; never waits, and drops it where too much waits already.
    pub fn push(&self, facts: Box<Facts>) {
        let size = facts.size();
        let mut waiting = self.lock();
        if waiting.facts.len() >= MOST || waiting.bytes.saturating_add(size) > MOST_BYTES {
            drop(waiting);
            return self.dropped.iter().for_each(|counter| counter.increment(1));
        }
        waiting.bytes += size;
        waiting.facts.push_back(facts);
        let many = waiting.facts.len() == WAKE_AT;
        drop(waiting);
        if many {
            self.many.notify_one();
        }
    }

    /// Everything that waits.
    pub fn take(&self) -> VecDeque<Box<Facts>> {
        std::mem::take(&mut *self.lock()).facts
    }

    /// Ends when much waits.
    pub async fn many(&self) {
        self.many.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::facts;
    use super::*;
    use crate::domain::export::Raw;
    use crate::telemetry::{Metrics, names};

    #[test]
    fn what_nobody_takes_is_bounded_and_counted() {
        let metrics = Metrics::new(None).unwrap();
        let dropped = metrics.counter(names::EXPORTED, &[("sink", "s"), ("result", "dropped")]);
        let intake = Intake::new(Arc::default(), vec![dropped]);
        let quoting = || {
            let mut facts = facts();
            let question = vec![b'x'; 1024 * 1024].into();
            facts.quote(Raw { question, ..Raw::default() });
            Box::new(facts)
        };
        (0..40).for_each(|_| intake.push(quoting()));
        let taken = intake.take();
        assert!(taken.len() < 33, "{}", taken.len());
        let text = metrics.render();
        let counted = format!("result=\"dropped\"}} {}", 40 - taken.len());
        assert!(text.contains(&counted), "{text}");
        intake.push(Box::new(facts()));
        assert_eq!(intake.take().len(), 1, "there is room again");
    }
}
