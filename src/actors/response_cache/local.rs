//! Answers in this process, bounded in number and bytes; what is used least goes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use super::Found;
use crate::config::model::LocalBounds;
use crate::domain::cache::{CacheKey, Stored};

/// Bytes that an entry takes beside its answer.
const OVERHEAD: usize = 256;

/// The answers of this process.
pub struct Local {
    answers: Cache<CacheKey, Entry>,
    epoch: AtomicU64,
}

#[derive(Clone)]
struct Entry {
    stored: Arc<Stored>,
    ttl: Duration,
}

/// Each answer has a time of its own.
struct Own;

impl Expiry<CacheKey, Entry> for Own {
    fn expire_after_create(&self, _: &CacheKey, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &CacheKey,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

impl Local {
    /// An empty one.
    pub fn new(bounds: &LocalBounds) -> Self {
        // One bound for both: an answer weighs its bytes, but never less than its part of all bytes.
        let least = u32::try_from(bounds.bytes / bounds.entries.max(1)).unwrap_or(u32::MAX).max(1);
        let weigh = move |_: &CacheKey, entry: &Entry| {
            u32::try_from(entry.stored.size() + OVERHEAD).unwrap_or(u32::MAX).max(least)
        };
        let answers = Cache::builder().max_capacity(bounds.bytes).weigher(weigh).expire_after(Own).build();
        Local { answers, epoch: AtomicU64::new(0) }
    }

    /// Looks an answer up.
    pub fn find(&self, key: &CacheKey) -> Found {
        let epoch = Some(self.epoch.load(Ordering::Acquire));
        Found { stored: self.answers.get(key).map(|entry| entry.stored), epoch }
    }

    /// Keeps an answer of this epoch.
    pub fn keep(&self, key: CacheKey, epoch: u64, stored: Stored, ttl: Duration) {
        let is_now = || self.epoch.load(Ordering::Acquire) == epoch;
        if !is_now() {
            return;
        }
        self.answers.insert(key, Entry { stored: Arc::new(stored), ttl });
        if !is_now() {
            // Emptied between the look and the insertion.
            self.answers.invalidate(&key);
        }
    }

    /// Forgets some.
    pub fn forget(&self, keys: &[CacheKey]) {
        keys.iter().for_each(|key| self.answers.invalidate(key));
    }

    /// Forgets all.
    pub fn flush(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.answers.invalidate_all();
    }

    /// How many answers there are, and the bytes that they take.
    pub fn size(&self) -> (u64, u64) {
        self.answers.run_pending_tasks();
        let bytes = self.answers.iter().map(|(_, entry)| entry.stored.size() + OVERHEAD).sum::<usize>();
        (self.answers.entry_count(), u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}
