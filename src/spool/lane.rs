//! Rows of one worker that the disk did not take: in memory, bounded, in order.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::{UnixMs, locked};

/// The rows of one worker that wait for the disk. The reader may deliver them meanwhile.
pub struct Lane {
    longest: usize,
    /// How many rows wait, to be looked at without locking.
    waiting: AtomicUsize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    rows: VecDeque<Row>,
    bytes: usize,
    next: u64,
}

/// A waiting row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Counts up in its lane.
    pub number: u64,
    /// When it was appended.
    pub at: UnixMs,
    /// The row.
    pub row: Bytes,
}

impl Lane {
    /// An empty lane for at most so many bytes.
    pub fn new(longest: usize) -> Self {
        Lane { longest, waiting: AtomicUsize::new(0), kept: Mutex::default() }
    }

    /// Keeps a row; `false` when there is no room.
    pub fn keep(&self, at: UnixMs, row: &[u8]) -> bool {
        let mut kept = locked(&self.kept);
        if kept.bytes + row.len() > self.longest {
            return false;
        }
        let number = kept.next;
        kept.next += 1;
        kept.bytes += row.len();
        kept.rows.push_back(Row { number, at, row: Bytes::copy_from_slice(row) });
        self.waiting.store(kept.rows.len(), Ordering::Relaxed);
        true
    }

    /// How many rows wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many bytes wait, and since when the oldest.
    pub fn backlog(&self) -> (usize, Option<UnixMs>) {
        let kept = locked(&self.kept);
        (kept.bytes, kept.rows.front().map(|row| row.at))
    }

    /// The oldest rows, at most so many.
    pub fn oldest(&self, rows: usize) -> Vec<Row> {
        locked(&self.kept).rows.iter().take(rows).cloned().collect()
    }

    /// Forgets the rows up to this number: they are safe elsewhere.
    pub fn forget_through(&self, number: u64) {
        let mut kept = locked(&self.kept);
        while kept.rows.front().is_some_and(|row| row.number <= number) {
            let freed = kept.rows.pop_front().map_or(0, |row| row.row.len());
            kept.bytes -= freed;
        }
        self.waiting.store(kept.rows.len(), Ordering::Relaxed);
    }
}
