//! What windows count of requests that went on while nobody could be asked, until somebody can be told.

use std::collections::{HashMap, VecDeque};

use super::Change;

/// It is kept by its age: a slice is so many calls of [`Unasked::grow_older`] long.
const SLICE: u64 = 10;
/// And so many slices are a minute.
const SLICES: usize = 6;
/// Windows in one slice. More wait only while nobody answers for long.
const MOST: usize = 100_000;

/// By scope, the newest slice first.
pub struct Unasked {
    slices: VecDeque<HashMap<u128, Change>>,
    /// Calls of [`Unasked::grow_older`].
    age: u64,
}

impl Default for Unasked {
    fn default() -> Self {
        Unasked { slices: VecDeque::from([HashMap::new()]), age: 0 }
    }
}

impl Unasked {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.slices.iter().all(HashMap::is_empty)
    }

    /// A request has ended.
    pub fn add(&mut self, key: u128, change: Change) {
        if let Some(newest) = self.slices.front_mut()
            && (newest.len() < MOST || newest.contains_key(&key))
        {
            newest.entry(key).or_default().add(change);
        }
    }

    /// To be called once a second. What was counted more than a minute ago is in no minute's window any more; what days'
    /// windows count of it is handed out.
    pub fn grow_older(&mut self) -> impl Iterator<Item = (u128, Change)> + use<> {
        self.age += 1;
        let turns = self.age.is_multiple_of(SLICE) && !self.is_empty();
        if turns {
            self.slices.push_front(HashMap::new());
        }
        let old = if self.slices.len() > SLICES { self.slices.pop_back() } else { None };
        let of_day = |(key, Change { day_tokens, .. })| (key, Change { day_tokens, ..Change::default() });
        old.into_iter().flatten().map(of_day).filter(|(_, change)| *change != Change::default())
    }

    /// Hands out everything.
    pub fn take(&mut self) -> impl Iterator<Item = (u128, Change)> + use<> {
        let slices = std::mem::replace(&mut self.slices, VecDeque::from([HashMap::new()]));
        slices.into_iter().flatten()
    }
}
