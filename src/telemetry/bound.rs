//! How many label sets a process shows: a scrape stays small whatever callers do.
//!
//! Names that callers bring, keys above all, are as many as there are callers. The first ones are shown by name; what
//! comes when the bound is reached is counted together, under [`OTHER`].

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// The value of labels that were not shown by name.
pub const OTHER: &str = "other";

/// The most rows that name a caller's key. Such a row has up to a dozen lines of some 400 bytes.
pub const MOST_CALLERS: usize = 150;
/// The most combinations of model and deployment. Such a row has some 80 lines of 350 bytes: a deployment of the
/// configuration has one for each name it is asked for by.
pub const MOST_ROWS: usize = 500;

/// What has been let in so far.
pub struct Bound {
    most: usize,
    known: Mutex<HashSet<u64>>,
}

impl Bound {
    /// Lets so many in.
    pub fn new(most: usize) -> Self {
        Bound { most, known: Mutex::default() }
    }

    /// Whether this one is shown by name.
    pub fn admits(&self, row: &impl Hash) -> bool {
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        let hash = hasher.finish();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&hash) {
            return true;
        }
        known.len() < self.most && known.insert(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_stays_in() {
        let bound = Bound::new(2);
        assert!(bound.admits(&"a") && bound.admits(&"b") && !bound.admits(&"c"));
        assert!(bound.admits(&"a") && !bound.admits(&"c"));
    }
}
