//! Notices for operators on their way to the alerter. Bounded: who is told of a thousand is told enough.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::notice::Notice;

/// The most that waits.
const MOST: usize = 1_000;

/// What happened to deployments, from whoever sees it.
pub struct Bulletin {
    waiting: Mutex<Vec<Notice>>,
    posted: Notify,
    slow_after: Duration,
}

impl Default for Bulletin {
    fn default() -> Self {
        Bulletin::new(Duration::MAX)
    }
}

impl Bulletin {
    /// An empty one; requests that take this long are slow.
    pub fn new(slow_after: Duration) -> Self {
        Bulletin { waiting: Mutex::default(), posted: Notify::new(), slow_after }
    }

    /// Whether a request that took so long is slow.
    pub fn is_slow(&self, took: Duration) -> bool {
        took >= self.slow_after
    }

    /// Leaves a notice; never waits.
    pub fn post(&self, notice: Notice) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST {
            waiting.push(notice);
        }
        drop(waiting);
        self.posted.notify_one();
    }

    /// All that was left, once there is something.
    pub async fn read(&self) -> Vec<Notice> {
        loop {
            let posted = self.posted.notified();
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if !waiting.is_empty() {
                return waiting;
            }
            posted.await;
        }
    }
}
