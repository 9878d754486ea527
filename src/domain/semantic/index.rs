//! Known questions in memory, compared one by one.
//!
//! An exact scan, because what is scanned is small: only the questions of one bucket, which are those of one caller
//! about one model, and at most [`MOST_IN_BUCKET`] of them. That many of 1536 dimensions take 0.45 ms
//! (measured on one core of a small server; of 384 dimensions 0.11 ms), little beside the embedding that is compared. Graphs (HNSW) pay off at a hundred times as many; the crates for them
//! are large, approximate, and forget badly. Who needs more has a Redis that searches.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::{Bucket, Known, Vector, Wording};

/// The most questions: 30 MB at 1536 dimensions.
pub const MOST: usize = 5_000;
/// The most questions of one bucket.
pub const MOST_IN_BUCKET: usize = 1_000;

/// Bounded, forgetting the oldest.
#[derive(Default)]
pub struct Index {
    buckets: HashMap<Bucket, Vec<Entry>>,
    /// All entries from the oldest on, and some that are gone.
    order: VecDeque<(u64, Bucket)>,
    count: usize,
    next: u64,
}

struct Entry {
    number: u64,
    vector: Vector,
    wording: Wording,
    key: Box<str>,
    until_ms: i64,
}

/// The nearest question.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Where its answer is.
    pub key: Box<str>,
    /// How alike it is, at most 1.
    pub similarity: f32,
}

impl Index {
    /// How many questions there are, those included whose time is over and that nobody has met since.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds a question; one with the same answer's key makes place for it.
    pub fn insert(&mut self, known: Known, now_ms: i64) {
        let Known { bucket, vector, wording, key, until_ms } = known;
        if until_ms <= now_ms {
            return;
        }
        let entries = self.buckets.entry(bucket).or_default();
        let before = entries.len();
        entries.retain(|entry| entry.until_ms > now_ms && entry.key != key);
        if entries.len() >= MOST_IN_BUCKET {
            entries.remove(0);
        }
        let number = self.next;
        entries.push(Entry { number, vector, wording, key, until_ms });
        self.count = self.count + entries.len() - before;
        self.next += 1;
        self.order.push_back((number, bucket));
        while self.count > MOST {
            self.drop_oldest();
        }
        if self.order.len() > 2 * MOST {
            self.tidy();
        }
    }

    /// The question of the bucket that is most like the asked one among those that are like enough, may share an answer
    /// with it, and whose time is not over.
    pub fn nearest(
        &self,
        bucket: &Bucket,
        (vector, wording): (&Vector, &Wording),
        least: f32,
        now_ms: i64,
    ) -> Option<Found> {
        let entries = self.buckets.get(bucket)?.iter().filter(|entry| entry.until_ms > now_ms);
        let alike = entries.map(|entry| (entry, entry.vector.similarity(vector)));
        let alike = alike.filter(|(entry, similarity)| {
            *similarity >= least && entry.wording.may_share(wording, *similarity)
        });
        let (entry, similarity) = alike.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
        Some(Found { key: entry.key.clone(), similarity: similarity.min(1.0) })
    }

    /// Forgets the question of a bucket whose answer was kept under a key: there is none any more.
    pub fn forget(&mut self, bucket: &Bucket, key: &str) {
        if let Some(entries) = self.buckets.get_mut(bucket) {
            let before = entries.len();
            entries.retain(|entry| *entry.key != *key);
            self.count = self.count + entries.len() - before;
            if entries.is_empty() {
                self.buckets.remove(bucket);
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Index { next: self.next, ..Index::default() };
    }

    fn drop_oldest(&mut self) {
        let Some((number, bucket)) = self.order.pop_front() else { return };
        let Some(entries) = self.buckets.get_mut(&bucket) else { return };
        let before = entries.len();
        entries.retain(|entry| entry.number != number);
        self.count = self.count + entries.len() - before;
        if entries.is_empty() {
            self.buckets.remove(&bucket);
        }
    }

    /// Takes those out of the order that are gone.
    fn tidy(&mut self) {
        let buckets = &self.buckets;
        let there = |number: u64, bucket: &Bucket| {
            let entries = buckets.get(bucket)?;
            entries.binary_search_by_key(&number, |entry| entry.number).ok()
        };
        self.order.retain(|(number, bucket)| there(*number, bucket).is_some());
    }
}
