//! A map in many small locked pieces, of which several can be held at once without deadlock.
//!
//! Counters that belong together (a key's, its team's, the whole proxy's) must be looked at and moved as
//! one. [`Shards::lock_all`] locks the pieces of all of them in one fixed order, so two callers can never
//! wait for each other; the work in between is arithmetic, so a lock is held for well under a microsecond.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use hashbrown::HashMap;
use smallvec::SmallVec;

/// How many pieces there are: enough that two workers seldom meet in one.
const SHARDS: usize = 64;

/// The least time between two sweeps, milliseconds. Each visits one piece, so every entry is looked at
/// about once a minute.
const SWEEP_EVERY_MS: u64 = 1_000;

/// Entries under keys that are hashes already, uniform in all their bits.
pub struct Shards<S> {
    shards: Box<[Shard<S>]>,
    sweep_at: AtomicU64,
    swept: AtomicU64,
}

/// On a cache line of its own, so that neighbours' locks do not disturb each other.
#[repr(align(64))]
struct Shard<S>(Mutex<Map<S>>);

type Map<S> = HashMap<u128, S, BuildHasherDefault<AsIs>>;

/// The keys' own bits as their hash.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        // The upper half chooses the piece, the lower half the place in it.
        self.0 = key as u64;
    }
}

impl<S> Default for Shards<S> {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Shard(Mutex::new(Map::default()))).collect();
        Shards { shards, sweep_at: AtomicU64::new(0), swept: AtomicU64::new(0) }
    }
}

impl<S> Shards<S> {
    /// Locks the pieces in which these keys live until the answer is dropped.
    pub fn lock_all(&self, keys: impl IntoIterator<Item = u128>) -> Locked<'_, S> {
        let mut indexes: SmallVec<[usize; 8]> = keys.into_iter().map(index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        let lock = |at: usize| self.shards.get(at).map(|shard| (at, locked(&shard.0)));
        Locked { guards: indexes.into_iter().filter_map(lock).collect() }
    }

    /// Drops the `idle` entries of one piece, at most once a second; `now_ms` is any steady clock. Cheap
    /// enough to be called with every request, and must not be called while something is locked.
    pub fn sweep(&self, now_ms: u64, idle: impl Fn(&mut S) -> bool) {
        let due = self.sweep_at.load(Ordering::Relaxed);
        let next = now_ms.saturating_add(SWEEP_EVERY_MS);
        if now_ms < due
            || self.sweep_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let turn = self.swept.fetch_add(1, Ordering::Relaxed) as usize % SHARDS;
        let Some(shard) = self.shards.get(turn) else { return };
        let mut map = match shard.0.try_lock() {
            Ok(map) => map,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        map.retain(|_, state| !idle(state));
        if map.capacity() > 4 * (map.len() + 4) {
            map.shrink_to_fit();
        }
    }

    /// Shows every entry, one piece after the other. Not for requests: it locks each piece for as long as it takes.
    pub fn each(&self, mut look: impl FnMut(&mut S)) {
        for shard in &self.shards {
            locked(&shard.0).values_mut().for_each(&mut look);
        }
    }

    /// The same with their keys.
    pub fn each_with_key(&self, mut visit: impl FnMut(u128, &mut S)) {
        for shard in &self.shards {
            locked(&shard.0).iter_mut().for_each(|(key, state)| visit(*key, state));
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| locked(&shard.0).len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The locked pieces of some keys.
pub struct Locked<'a, S> {
    guards: SmallVec<[(usize, MutexGuard<'a, Map<S>>); 8]>,
}

impl<S> Locked<'_, S> {
    /// The entry of one of the keys that were locked.
    pub fn get(&mut self, key: u128) -> Option<&mut S> {
        self.map(key)?.get_mut(&key)
    }

    /// The same, made first if it is missing; `None` only for a key that was not locked.
    pub fn get_or_insert_with(&mut self, key: u128, make: impl FnOnce() -> S) -> Option<&mut S> {
        Some(self.map(key)?.entry(key).or_insert_with(make))
    }

    fn map(&mut self, key: u128) -> Option<&mut Map<S>> {
        let wanted = index(key);
        self.guards.iter_mut().find(|(at, _)| *at == wanted).map(|(_, guard)| &mut **guard)
    }
}

fn index(key: u128) -> usize {
    (key >> 64) as usize % SHARDS
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is inside are plain numbers: a panic elsewhere while they were locked leaves them usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    fn key(n: u64) -> u128 {
        u128::from(n) << 64 | u128::from(n)
    }

    #[test]
    fn several_entries_move_together_from_many_threads() {
        let shards: Arc<Shards<i64>> = Arc::default();
        let threads: Vec<_> = (0..4u64)
            .map(|thread| {
                let shards = Arc::clone(&shards);
                thread::spawn(move || {
                    for step in 0..2_000u64 {
                        let (from, to) = (key((thread * 7 + step) % 50), key((thread + step * 3) % 50));
                        let mut locked = shards.lock_all([from, to]);
                        *locked.get_or_insert_with(from, || 0).unwrap() -= 1;
                        *locked.get_or_insert_with(to, || 0).unwrap() += 1;
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let sum: i64 = (0..50).filter_map(|n| shards.lock_all([key(n)]).get(key(n)).copied()).sum();
        assert_eq!(sum, 0);
        assert_eq!(shards.len(), 50);
    }

    #[test]
    fn idle_entries_are_gone_after_a_round_of_sweeps() {
        let shards: Shards<bool> = Shards::default();
        for n in 0..1_000 {
            shards.lock_all([key(n)]).get_or_insert_with(key(n), || n % 2 == 0);
        }
        for second in 0..SHARDS as u64 {
            shards.sweep(second * SWEEP_EVERY_MS, |idle| *idle);
            shards.sweep(second * SWEEP_EVERY_MS + 1, |_| panic!("not due yet"));
        }
        assert_eq!(shards.len(), 500);
        assert!(shards.lock_all([key(3)]).get(key(3)).is_some());
        assert!(shards.lock_all([key(3)]).get(key(4)).is_none(), "not locked, not seen");
    }
}
