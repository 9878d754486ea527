//! What waits for one sink. It outlives the exporter, so a panic there costs the batch that was under way only.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::facts::Told;
use super::gate::Gate;
use super::meters::Meters;
use crate::domain::export::Batching;

/// The most events that wait for a sink, those on their way included.
const MOST: usize = 50_000;
/// The most that they take in memory, bytes.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// A queue with less room than this is full: what is larger than usual must not keep it open.
const LITTLE: usize = MOST_BYTES / 64;
/// What an entry of the queue takes beside what waits, its share of what the queue may grow to included, bytes.
const ENTRY: usize = 2 * size_of::<Waiting>();
/// The most of one batch, bytes: sinks take 3 to 5 MB, JSON inside JSON grows, and of what waits less than half is told.
const MOST_BATCH: usize = 2 * 1024 * 1024;

/// The queue of one sink.
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
    meters: Meters,
    gate: Arc<Gate>,
    /// Whether its sink is told of answered and of failed requests.
    wants: (bool, bool),
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
    /// Whether there is no room.
    full: bool,
    /// Whether that has been said, until there is much room again.
    said: bool,
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
        self.queue.judge(&mut state);
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
    /// An empty one for a sink that `wants` to be told of answered and of failed requests.
    pub fn new(sink: &str, wants: (bool, bool), meters: Meters, gate: Arc<Gate>) -> Arc<Self> {
        Self::bounded(sink, wants, meters, gate, (MOST, MOST_BYTES))
    }

    fn bounded(
        sink: &str,
        wants: (bool, bool),
        meters: Meters,
        gate: Arc<Gate>,
        most: (usize, usize),
    ) -> Arc<Self> {
        meters.show(0, 0);
        gate.join(wants);
        Arc::new(Queue {
            gate,
            wants,
            state: Mutex::default(),
            changed: Notify::new(),
            meters,
            sink: sink.to_owned(),
            most,
        })
    }

    /// Adds requests with their sizes, the oldest first; what finds no room is dropped.
    pub fn push<'t>(&self, new: impl Iterator<Item = (&'t Arc<Told>, usize)>, now: Instant) {
        let (most, most_bytes) = self.most;
        let (mut state, mut dropped) = (self.lock(), 0_u64);
        let before = state.waiting.len();
        for (told, size) in new {
            let size = size + ENTRY;
            if state.full || state.events >= most || state.bytes.saturating_add(size) > most_bytes {
                dropped += 1;
                continue;
            }
            state.waiting.push_back(Waiting { told: Arc::clone(told), size, since: now });
            state.events += 1;
            state.bytes += size;
            self.judge(&mut state);
        }
        let newly_full = dropped > 0 && !std::mem::replace(&mut state.said, true);
        self.meters.show(state.events, state.bytes);
        let more = state.waiting.len() > before;
        drop(state);
        if dropped > 0 {
            self.meters.dropped.increment(dropped);
        }
        if newly_full {
            tracing::warn!(
                sink = self.sink,
                "too much waits for a sink of finished requests; what comes is dropped until there is room"
            );
        }
        if more {
            self.changed.notify_one();
        }
    }

    /// Notes whether there is room, here and for the workers.
    fn judge(&self, state: &mut State) {
        let (most, most_bytes) = self.most;
        let little = LITTLE.min(most_bytes / 64);
        let full = state.events >= most || state.bytes > most_bytes.saturating_sub(little);
        if full != std::mem::replace(&mut state.full, full) {
            if full { self.gate.close(self.wants) } else { self.gate.open(self.wants) }
        }
        state.said &= state.events > most / 2 || state.bytes > most_bytes / 2;
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

    /// As many bytes of each event as are said, beside what the queue itself takes.
    fn queue(most: usize, bytes: usize) -> (Arc<Queue>, Metrics, Arc<Gate>) {
        let (metrics, gate) = (Metrics::new(None).unwrap(), Arc::new(Gate::default()));
        let queue =
            Queue::bounded("s", (true, false), Meters::new(&metrics, "s"), gate.clone(), (most, bytes));
        (queue, metrics, gate)
    }

    fn event(id: usize) -> Arc<Told> {
        Arc::new(Told::new(Box::new(Facts { call_id: id.to_string().into(), ..facts() }), true))
    }

    fn push(queue: &Queue, ids: std::ops::RangeInclusive<usize>, size: usize, now: Instant) {
        let all: Vec<Arc<Told>> = ids.map(event).collect();
        queue.push(all.iter().map(|told| (told, size)), now);
    }

    fn ids(batch: &Batch) -> Vec<String> {
        batch.told.iter().map(|told| told.event(false).call_id.clone()).collect()
    }

    #[test]
    fn a_batch_is_complete_by_count_by_time_or_at_the_end() {
        let (queue, ..) = queue(10, 1_000_000);
        let start = Instant::now();
        push(&queue, 1..=1, 1, start);
        assert!(matches!(queue.look(BATCHING, start), Look::Wait(longest) if longest == BATCHING.every));
        let late = start + BATCHING.every;
        let Look::Batch(batch) = queue.look(BATCHING, late) else { panic!("it has waited long enough") };
        assert_eq!((ids(&batch), queue.waiting()), (vec!["1".to_owned()], 1));
        drop(batch);
        assert_eq!(queue.waiting(), 0);
        push(&queue, 2..=6, 1, late);
        let Look::Batch(batch) = queue.look(BATCHING, late) else { panic!("there are enough") };
        assert_eq!(ids(&batch), ["2", "3", "4"]);
        assert!(matches!(queue.look(BATCHING, late), Look::Wait(_)));
        queue.flush();
        assert!(matches!(queue.look(BATCHING, late), Look::Batch(batch) if ids(&batch) == ["5", "6"]));
        assert!(matches!(queue.look(BATCHING, late), Look::Nothing));
    }

    #[test]
    fn what_comes_is_dropped_while_there_is_no_room() {
        let now = Instant::now();
        let (by_count, metrics, gate) = queue(3, 1_000_000);
        push(&by_count, 1..=5, 1, now);
        assert!(!gate.wants(false), "workers know");
        let Look::Batch(batch) = by_count.look(BATCHING, now) else { panic!("full") };
        assert_eq!(ids(&batch), ["1", "2", "3"]);
        push(&by_count, 6..=6, 1, now);
        assert_eq!(by_count.waiting(), 3, "what is under way takes all the room");
        let text = metrics.render();
        assert!(text.contains("stagedoor_export_events_total{sink=\"s\",result=\"dropped\"} 3"), "{text}");
        drop(batch);
        assert!(gate.wants(false), "there is room again");
        push(&by_count, 7..=7, 1, now);
        assert_eq!(by_count.waiting(), 1);
    }

    #[test]
    fn what_waits_takes_no_more_memory_than_it_may() {
        let now = Instant::now();
        let (by_bytes, _, gate) = queue(10_000, 64_000);
        push(&by_bytes, 1..=1, 64_001, now);
        assert_eq!(by_bytes.waiting(), 0, "what is larger than all the room never fits");
        assert!(gate.wants(false), "others may");
        push(&by_bytes, 1..=100, 1_000, now);
        let held = by_bytes.waiting();
        assert!((50..64).contains(&held), "{held}");
        assert!(!gate.wants(false));
    }

    #[tokio::test(start_paused = true)]
    async fn an_exporter_wakes_when_a_batch_is_complete() {
        let (queue, ..) = queue(10, 1_000_000);
        let own = Arc::clone(&queue);
        let waiting = tokio::spawn(async move { own.next(BATCHING).await.told.len() });
        tokio::task::yield_now().await;
        push(&queue, 0..=2, 1, Instant::now());
        assert_eq!(waiting.await.unwrap(), 3);
    }
}
