//! What the provider remembers per key: its script, its counts and the requests it received.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::http::Request;
use crate::received;
use crate::script::Script;

/// Requests remembered per key; older ones are forgotten.
const MAX_ENTRIES: usize = 2_000;
/// Bytes of bodies remembered per key.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Counts of one key, or of all keys together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests received completely.
    pub requests: u64,
    /// Requests that are being answered now.
    pub in_flight: u64,
    /// The most that were in flight at once.
    pub max_in_flight: u64,
    /// Answers sent to their end, as scripted (a scripted cut is one too).
    pub completed: u64,
    /// Answers that the client did not wait for.
    pub aborted: u64,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Still being answered.
    InFlight,
    /// Answered as scripted.
    Complete,
    /// The client closed the connection before the answer's end.
    ClientClosed,
}

/// One received request.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Grows with each request of the process.
    pub id: u64,
    pub key: String,
    pub method: String,
    pub path: String,
    pub query: String,
    /// Names in lower case; repeated headers are joined by ", ".
    pub headers: serde_json::Map<String, Value>,
    /// The body when it is JSON, else null.
    pub body: Value,
    /// The body when it is short text but not JSON.
    pub body_text: Option<String>,
    pub body_len: usize,
    /// The parts of a multipart body.
    pub form: Vec<received::Part>,
    /// Milliseconds since the Unix epoch.
    pub received_at_ms: f64,
    pub outcome: Outcome,
    /// Milliseconds from receipt to the answer's end, or to the client's closing.
    pub ended_after_ms: Option<f64>,
    /// Milliseconds from receipt to the moment at which the client closed early; null when it did not.
    pub closed_after_ms: Option<f64>,
    /// The same moment in milliseconds since the Unix epoch, to compare with a clock of the test.
    pub closed_at_ms: Option<f64>,
}

#[derive(Default)]
struct KeyState {
    set: Option<Arc<Script>>,
    /// Requests since the script was set: what `fail_times` counts.
    ordinal: u64,
    stats: Stats,
    log: VecDeque<Entry>,
    log_bytes: usize,
}

#[derive(Default)]
struct Inner {
    keys: HashMap<String, KeyState>,
    next_id: u64,
}

/// Shared by the server's tasks and the test that started it.
pub struct State {
    inner: Mutex<Inner>,
    changed: watch::Sender<()>,
    changed_blocking: Condvar,
}

impl Default for State {
    fn default() -> Self {
        Self { inner: Mutex::default(), changed: watch::channel(()).0, changed_blocking: Condvar::new() }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A poisoned lock means that a test's predicate panicked; the counts are still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.send_replace(());
        self.changed_blocking.notify_all();
    }

    /// Replaces what `key` does from its next request on; `fail_times` counts from here.
    pub fn set_script(&self, key: &str, script: Script) {
        let mut inner = self.lock();
        let state = inner.keys.entry(key.to_owned()).or_default();
        state.set = Some(Arc::new(script));
        state.ordinal = 0;
    }

    /// Goes back to the script that the key itself carries.
    pub fn reset_script(&self, key: &str) {
        let mut inner = self.lock();
        let state = inner.keys.entry(key.to_owned()).or_default();
        state.set = None;
        state.ordinal = 0;
    }

    /// Counts a request in and says what to do with it.
    ///
    /// # Errors
    /// The key's own script cannot be read.
    pub fn begin(self: &Arc<Self>, request: &Request) -> Result<(Flight, Script), String> {
        let key = request.key();
        let mut inner = self.lock();
        inner.next_id += 1;
        let id = inner.next_id;
        let state = inner.keys.entry(key.to_owned()).or_default();
        if state.set.is_none() {
            state.set = Some(Arc::new(Script::from_key(key)?));
        }
        state.ordinal += 1;
        let script = state.set.as_ref().map(|s| s.at(state.ordinal)).unwrap_or_default();
        state.stats.requests += 1;
        state.stats.in_flight += 1;
        state.stats.max_in_flight = state.stats.max_in_flight.max(state.stats.in_flight);
        let ordinal = state.ordinal;
        let logged = !script.bench;
        drop(inner);
        if logged {
            self.remember(id, key, request);
            self.tell();
        }
        let flight = Flight {
            state: self.clone(),
            key: key.to_owned(),
            id,
            ordinal,
            logged,
            at: Instant::now(),
            done: false,
        };
        Ok((flight, script))
    }

    fn remember(&self, id: u64, key: &str, request: &Request) {
        let entry = received::entry(id, key, request);
        let mut inner = self.lock();
        let Some(state) = inner.keys.get_mut(key) else { return };
        state.log_bytes += entry.body_len;
        state.log.push_back(entry);
        while state.log.len() > MAX_ENTRIES || (state.log_bytes > MAX_BYTES && state.log.len() > 1) {
            if let Some(old) = state.log.pop_front() {
                state.log_bytes -= old.body_len;
            }
        }
    }

    fn end(&self, flight: &Flight, outcome: Outcome) {
        let mut inner = self.lock();
        let Some(state) = inner.keys.get_mut(&flight.key) else { return };
        state.stats.in_flight -= 1;
        match outcome {
            Outcome::ClientClosed => state.stats.aborted += 1,
            _ => state.stats.completed += 1,
        }
        if !flight.logged {
            return;
        }
        let after = flight.at.elapsed().as_secs_f64() * 1e3;
        if let Some(entry) = state.log.iter_mut().rev().find(|e| e.id == flight.id) {
            entry.outcome = outcome;
            entry.ended_after_ms = Some(after);
            if outcome == Outcome::ClientClosed {
                entry.closed_after_ms = Some(after);
                entry.closed_at_ms = Some(now_ms());
            }
        }
        drop(inner);
        self.tell();
    }

    /// The requests of one key, or of all, oldest first.
    #[must_use]
    pub fn log(&self, key: Option<&str>) -> Vec<Entry> {
        let inner = self.lock();
        let mut all: Vec<Entry> = match key {
            Some(key) => inner.keys.get(key).map(|s| s.log.iter().cloned().collect()).unwrap_or_default(),
            None => inner.keys.values().flat_map(|s| s.log.iter().cloned()).collect(),
        };
        all.sort_by_key(|e| e.id);
        all
    }

    /// Forgets requests and counts (not what is in flight), of one key or of all; scripts stay.
    pub fn clear(&self, key: Option<&str>) {
        let mut inner = self.lock();
        for (name, state) in &mut inner.keys {
            if key.is_none_or(|k| k == name) {
                state.log.clear();
                state.log_bytes = 0;
                let in_flight = state.stats.in_flight;
                state.stats = Stats { in_flight, max_in_flight: in_flight, ..Stats::default() };
            }
        }
    }

    /// The counts of one key, or of all together.
    #[must_use]
    pub fn stats(&self, key: Option<&str>) -> Stats {
        let inner = self.lock();
        match key {
            Some(key) => inner.keys.get(key).map(|s| s.stats).unwrap_or_default(),
            None => inner.keys.values().fold(Stats::default(), |sum, s| Stats {
                requests: sum.requests + s.stats.requests,
                in_flight: sum.in_flight + s.stats.in_flight,
                max_in_flight: sum.max_in_flight.max(s.stats.max_in_flight),
                completed: sum.completed + s.stats.completed,
                aborted: sum.aborted + s.stats.aborted,
            }),
        }
    }

    /// Waits until `holds` is true of the counts; `Err` with the last counts when `within` is over.
    ///
    /// # Errors
    /// The counts that were seen last.
    pub async fn wait(
        &self,
        key: Option<&str>,
        within: Duration,
        holds: impl Fn(&Stats) -> bool,
    ) -> Result<Stats, Stats> {
        let mut changes = self.changed.subscribe();
        let wait = async {
            loop {
                changes.mark_unchanged();
                let stats = self.stats(key);
                if holds(&stats) {
                    return stats;
                }
                // The sender lives as long as `self`: this can only end by a change.
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(within, wait).await.map_err(|_| self.stats(key))
    }

    /// As [`State::wait`], for tests without a runtime.
    ///
    /// # Errors
    /// The counts that were seen last.
    pub fn wait_blocking(
        &self,
        key: Option<&str>,
        within: Duration,
        holds: impl Fn(&Stats) -> bool,
    ) -> Result<Stats, Stats> {
        let deadline = Instant::now() + within;
        loop {
            let stats = self.stats(key);
            if holds(&stats) {
                return Ok(stats);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(stats);
            }
            // A change between the look and the wait would be missed, so look again at least every 5 ms.
            let guard = self.lock();
            let pause = left.min(Duration::from_millis(5));
            let _ = self.changed_blocking.wait_timeout(guard, pause);
        }
    }
}

/// A request in flight. Dropped without [`Flight::complete`], it counts as left by the client.
pub struct Flight {
    state: Arc<State>,
    key: String,
    pub id: u64,
    /// The how-manieth request of its key this is, from 1.
    pub ordinal: u64,
    logged: bool,
    at: Instant,
    done: bool,
}

impl Flight {
    /// The answer went out as scripted.
    pub fn complete(mut self) {
        self.done = true;
        self.state.end(&self, Outcome::Complete);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.done {
            self.state.end(self, Outcome::ClientClosed);
        }
    }
}

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}
