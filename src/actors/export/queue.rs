//! What waits for one sink. It outlives the exporter, so a panic there costs the batch that was under way only.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::facts::Told;
use super::meters::Meters;
use crate::domain::export::Batching;

/// The most events that wait for a sink, those on their way included.
const MOST: usize = 50_000;
/// The most that they take in memory, bytes.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// The most of one batch, bytes: sinks take 3 to 5 MB, and JSON inside JSON grows.
const MOST_BATCH: usize = 1024 * 1024;

/// The queue of one sink.
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
    meters: Meters,
    sink: String,
    most: (usize, usize),
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Of all that waits or is under way.
    events: usize,
    bytes: usize,
    /// Nobody waits for company any more.
    flushing: bool,
    /// Whether the last push found no room, so that it is said once.
    full: bool,
}

struct Waiting {
    told: Arc<Told>,
    size: usize,
    since: Instant,
}

/// Events that are under way; they count as waiting until it is dropped.
pub struct Batch {
    /// What the sink is told, the oldest first.
    pub told: Vec<Arc<Told>>,
    bytes: usize,
    queue: Arc<Queue>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.events = state.events.saturating_sub(self.told.len());
        state.bytes = state.bytes.saturating_sub(self.bytes);
        self.queue.meters.show(state.events, state.bytes);
    }
}

/// What a look at the queue comes to.
enum Look {
    Batch(Batch),
    Wait(Duration),
    Nothing,
}

impl Queue {
    /// An empty one.
    pub fn new(sink: &str, meters: Meters) -> Arc<Self> {
        Self::bounded(sink, meters, (MOST, MOST_BYTES))
    }

    fn bounded(sink: &str, meters: Meters, most: (usize, usize)) -> Arc<Self> {
        meters.show(0, 0);
        Arc::new(Queue {
            state: Mutex::default(),
            changed: Notify::new(),
            meters,
            sink: sink.to_owned(),
            most,
        })
    }

    /// Adds a request of this size; what is oldest goes where there is no room.
    pub fn push(&self, told: Arc<Told>, size: usize, now: Instant) {
        let (most, most_bytes) = self.most;
        let mut state = self.lock();
        let mut dropped = 0;
        while state.events >= most || state.bytes.saturating_add(size) > most_bytes {
            let Some(oldest) = state.waiting.pop_front() else { break };
            state.events -= 1;
            state.bytes = state.bytes.saturating_sub(oldest.size);
            dropped += 1;
        }
        // Where what is under way takes all the room, the new one has to go.
        let fits = state.events < most && state.bytes.saturating_add(size) <= most_bytes;
        if fits {
            state.waiting.push_back(Waiting { told, size, since: now });
            state.events += 1;
            state.bytes += size;
        } else {
            dropped += 1;
        }
        let newly_full = dropped > 0 && !std::mem::replace(&mut state.full, dropped > 0);
        state.full = dropped > 0;
        self.meters.show(state.events, state.bytes);
        drop(state);
        if dropped > 0 {
            self.meters.dropped.increment(dropped);
        }
        if newly_full {
            tracing::warn!(
                sink = self.sink,
                "too much waits for a sink of finished requests; the oldest is dropped"
            );
        }
        self.changed.notify_one();
    }

    /// The next batch, once it is large enough or its first event has waited long enough.
    pub async fn next(self: &Arc<Self>, batching: Batching) -> Batch {
        loop {
            let changed = self.changed.notified();
            match self.look(batching, Instant::now()) {
                Look::Batch(batch) => return batch,
                Look::Nothing => changed.await,
                Look::Wait(longest) => {
                    // Either way it is looked at again.
                    let _ = tokio::time::timeout(longest, changed).await;
                }
            }
        }
    }

    fn look(self: &Arc<Self>, batching: Batching, now: Instant) -> Look {
        let mut state = self.lock();
        let Some(oldest) = state.waiting.front() else { return Look::Nothing };
        let waited = now.saturating_duration_since(oldest.since);
        let small = state.waiting.len() < batching.most && state.bytes < MOST_BATCH;
        if small && waited < batching.every && !state.flushing {
            return Look::Wait(batching.every - waited);
        }
        let (mut told, mut bytes) = (Vec::new(), 0);
        while told.len() < batching.most.max(1) {
            let room = |next: &Waiting| told.is_empty() || bytes + next.size <= MOST_BATCH;
            let Some(next) = state.waiting.front().filter(|next| room(next)) else { break };
            bytes += next.size;
            told.push(Arc::clone(&next.told));
            state.waiting.pop_front();
        }
        Look::Batch(Batch { told, bytes, queue: Arc::clone(self) })
    }

    /// From now on nothing waits for company.
    pub fn flush(&self) {
        self.lock().flushing = true;
        self.changed.notify_one();
    }

    /// Whether the program is about to end.
    pub fn is_flushing(&self) -> bool {
        self.lock().flushing
    }

    /// How many events wait or are under way.
    pub fn waiting(&self) -> usize {
        self.lock().events
    }

    /// What is counted of the sink.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Facts;
    use super::super::facts::tests::facts;
    use super::*;
    use crate::telemetry::Metrics;

    const BATCHING: Batching = Batching { most: 3, every: Duration::from_secs(5) };

    fn queue(most: usize, bytes: usize) -> (Arc<Queue>, Metrics) {
        let metrics = Metrics::new(None).unwrap();
        (Queue::bounded("s", Meters::new(&metrics, "s"), (most, bytes)), metrics)
    }

    fn event(id: usize) -> Arc<Told> {
        Arc::new(Told::new(Facts { call_id: id.to_string().into(), ..facts() }, true))
    }

    fn ids(batch: &Batch) -> Vec<String> {
        batch.told.iter().map(|told| told.event(false).call_id.clone()).collect()
    }

    #[test]
    fn a_batch_is_complete_by_count_by_time_or_at_the_end() {
        let (queue, _) = queue(10, 1000);
        let start = Instant::now();
        queue.push(event(1), 1, start);
        assert!(matches!(queue.look(BATCHING, start), Look::Wait(longest) if longest == BATCHING.every));
        let late = start + BATCHING.every;
        let Look::Batch(batch) = queue.look(BATCHING, late) else { panic!("it has waited long enough") };
        assert_eq!((ids(&batch), queue.waiting()), (vec!["1".to_owned()], 1));
        drop(batch);
        assert_eq!(queue.waiting(), 0);
        (2..7).for_each(|id| queue.push(event(id), 1, late));
        let Look::Batch(batch) = queue.look(BATCHING, late) else { panic!("there are enough") };
        assert_eq!(ids(&batch), ["2", "3", "4"]);
        assert!(matches!(queue.look(BATCHING, late), Look::Wait(_)));
        queue.flush();
        assert!(matches!(queue.look(BATCHING, late), Look::Batch(batch) if ids(&batch) == ["5", "6"]));
        assert!(matches!(queue.look(BATCHING, late), Look::Nothing));
    }

    #[test]
    fn what_is_oldest_goes_where_there_is_no_room() {
        let now = Instant::now();
        let (by_count, metrics) = queue(3, 1000);
        (1..=5).for_each(|id| by_count.push(event(id), 1, now));
        let Look::Batch(batch) = by_count.look(BATCHING, now) else { panic!("full") };
        assert_eq!(ids(&batch), ["3", "4", "5"]);
        by_count.push(event(6), 1, now);
        assert_eq!(by_count.waiting(), 3, "what is under way takes all the room");
        let text = metrics.render();
        assert!(text.contains("stagedoor_export_events_total{sink=\"s\",result=\"dropped\"} 3"), "{text}");
        let (by_bytes, _) = queue(100, 10);
        (1..=4).for_each(|id| by_bytes.push(event(id), 4, now));
        assert_eq!(by_bytes.waiting(), 2);
        by_bytes.push(event(9), 11, now);
        assert_eq!(by_bytes.waiting(), 0, "what is larger than all the room never fits");
    }

    #[tokio::test(start_paused = true)]
    async fn an_exporter_wakes_when_a_batch_is_complete() {
        let (queue, _) = queue(10, 1000);
        let own = Arc::clone(&queue);
        let waiting = tokio::spawn(async move { own.next(BATCHING).await.told.len() });
        tokio::task::yield_now().await;
        (0..3).for_each(|id| queue.push(event(id), 1, Instant::now()));
        assert_eq!(waiting.await.unwrap(), 3);
    }
}
