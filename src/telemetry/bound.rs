//! How many rows of series a process shows: a scrape stays small whatever callers do.
//!
//! Names that callers bring, keys above all, are as many as there are callers. The first ones are shown by name; what
//! comes when there is no more room is counted together, under [`OTHER`]. A row lives as long as somebody holds its
//! [`Lease`]; when nobody does, its place is free for another.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The value of labels that were not shown by name.
pub const OTHER: &str = "other";

/// The rows that an owner may have when two thirds of the room are taken.
const MODEST: usize = 10;

/// Held for as long as a row is shown. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Lease(#[allow(dead_code, reason = "it is counted, not read")] Arc<()>);

struct Row {
    lease: Weak<()>,
    owner: u64,
}

/// How much room there is, bytes.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// What is taken.
    pub used: usize,
    /// What may be taken.
    pub most: usize,
}

/// The rows that are shown.
#[derive(Default)]
pub struct Bound(Mutex<HashMap<u64, Row>>);

impl Bound {
    /// A lease, if this row is shown already or there is room for it. The last third of the room is for owners who have
    /// few rows, so that none of them keeps all others out.
    pub fn admits(&self, row: &impl Hash, owner: &impl Hash, room: Room) -> Option<Lease> {
        let (row, owner) = (hash(row), hash(owner));
        let mut rows = self.rows();
        if let Some(lease) = rows.get(&row).and_then(|row| row.lease.upgrade()) {
            return Some(Lease(lease));
        }
        let owned = || rows.values().filter(|row| row.owner == owner && row.lease.strong_count() > 0).count();
        let roomy = room.used < room.most / 3 * 2;
        if !roomy && (room.used >= room.most || owned() >= MODEST) {
            return None;
        }
        let lease = Arc::new(());
        rows.insert(row, Row { lease: Arc::downgrade(&lease), owner });
        Some(Lease(lease))
    }

    /// Forgets rows that nobody holds; says whether there were some.
    pub fn forget(&self) -> bool {
        let mut rows = self.rows();
        let before = rows.len();
        rows.retain(|_, row| row.lease.strong_count() > 0);
        rows.len() < before
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<u64, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(used: usize) -> Room {
        Room { used, most: 300 }
    }

    #[test]
    fn who_is_in_stays_in_for_as_long_as_it_is_held() {
        let bound = Bound::default();
        let lease = bound.admits(&"a", &1, room(0)).unwrap();
        assert!(bound.admits(&"b", &1, room(300)).is_none());
        assert!(bound.admits(&"a", &1, room(300)).is_some() && !bound.forget());
        drop(lease);
        assert!(bound.admits(&"a", &1, room(300)).is_none() && bound.forget());
    }

    #[test]
    fn no_owner_keeps_others_out() {
        let bound = Bound::default();
        let held: Vec<_> = (0..20).map(|row| bound.admits(&row, &1, room(100)).unwrap()).collect();
        assert!(bound.admits(&20, &1, room(200)).is_none(), "the rest is for others");
        assert!(bound.admits(&21, &2, room(200)).is_some());
        assert!(bound.admits(&0, &1, room(200)).is_some(), "what it has it keeps");
        drop(held);
        assert!(bound.admits(&20, &1, room(200)).is_some());
    }
}
