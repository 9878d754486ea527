//! Answers in Redis.
//!
//! | key | value |
//! |---|---|
//! | `cache:{xx}:<key>` | an answer as [`Stored`] writes it; ends with its time |
//! | `cache:{xx}:epoch` | the epoch of that bucket, a number; absent: 0 |
//!
//! `xx` is one of [`BUCKETS`] buckets, in braces so that a Redis Cluster keeps both on one server and one command reads
//! them. Emptying the cache writes a new epoch into each bucket, which works the same on every kind of Redis and costs
//! the same whatever is in it; then what can be found of the old answers is deleted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::Found;
use crate::domain::cache::{CacheKey, Stored};
use crate::redis_link::{Cmd, Link, LinkError, Value, cmd};

/// How many buckets there are.
const BUCKETS: u8 = 64;
/// The most calls under way that keep answers.
const MOST_CALLS: usize = 1024;
/// The most bytes under way.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// How long keeping an answer may take, and what operators do; nobody's request waits for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Keys that one step of deleting looks at.
const STEP: usize = 1000;

/// The answers of all replicas.
pub struct Remote {
    link: Link,
    prefix: String,
    under_way: Arc<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    calls: AtomicUsize,
    bytes: AtomicUsize,
}

/// A call's room among those under way; dropped, it is free again.
pub struct Room {
    under_way: Arc<UnderWay>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.under_way.calls.fetch_sub(1, Ordering::AcqRel);
        self.under_way.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl Remote {
    /// The answers behind a link.
    pub fn new(link: Link) -> Self {
        let prefix = format!("{}cache:", link.prefix());
        Remote { link, prefix, under_way: Arc::default() }
    }

    /// The link.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Looks an answer up.
    pub async fn find(&self, key: &CacheKey) -> Result<Found, LinkError> {
        let mut command = cmd("MGET");
        command.arg(self.epoch_of(key.bucket(BUCKETS))).arg(self.name(key));
        let Value::Array(values) = self.link.query(&command).await? else {
            return Ok(Found { stored: None, epoch: None });
        };
        let mut values = values.into_iter();
        let epoch = number(values.next());
        let stored = match values.next() {
            Some(Value::BulkString(bytes)) => Stored::decode(Bytes::from(bytes)),
            _ => None,
        };
        let stored = stored.filter(|(_, of)| *of == epoch).map(|(stored, _)| Arc::new(stored));
        Ok(Found { stored, epoch: Some(epoch) })
    }

    /// Room for one more call of so many bytes, if there is some.
    pub fn reserve(&self, bytes: usize) -> Option<Room> {
        let under_way = &self.under_way;
        let calls = under_way.calls.fetch_add(1, Ordering::AcqRel);
        let waiting = under_way.bytes.fetch_add(bytes, Ordering::AcqRel);
        let room = Room { under_way: Arc::clone(under_way), bytes };
        (calls < MOST_CALLS && waiting.saturating_add(bytes) <= MOST_BYTES).then_some(room)
    }

    /// Keeps an answer.
    pub async fn keep(&self, key: &CacheKey, value: Bytes, ttl: Duration) -> Result<(), LinkError> {
        let mut command = cmd("SET");
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        command.arg(self.name(key)).arg(&*value).arg("PX").arg(ttl);
        self.slowly(&command).await.map(drop)
    }

    /// Forgets some.
    pub async fn forget(&self, keys: &[CacheKey]) -> Result<(), LinkError> {
        for key in keys {
            let mut command = cmd("UNLINK");
            command.arg(self.name(key));
            self.slowly(&command).await?;
        }
        Ok(())
    }

    /// Forgets all.
    pub async fn flush(&self) -> Result<(), LinkError> {
        // Random, so that an epoch that Redis itself has forgotten does not come again.
        let epoch = fastrand::u64(1..=u64::from(u32::MAX)) << 20;
        for bucket in 0..BUCKETS {
            let mut command = cmd("SET");
            command.arg(self.epoch_of(bucket)).arg(epoch.saturating_add(u64::from(bucket)));
            self.slowly(&command).await?;
        }
        // On a Cluster, where each server would have to be asked, their own time ends them.
        if !self.link.is_cluster() {
            self.sweep().await?;
        }
        Ok(())
    }

    /// Deletes the answers.
    async fn sweep(&self) -> Result<(), LinkError> {
        let mut place = b"0".to_vec();
        loop {
            let mut command = cmd("SCAN");
            command
                .arg(&place)
                .arg("MATCH")
                .arg(format!("{}*", escaped(&self.prefix)))
                .arg("COUNT")
                .arg(STEP);
            let Value::Array(reply) = self.slowly(&command).await? else { return Ok(()) };
            let mut reply = reply.into_iter();
            let (Some(Value::BulkString(next)), Some(Value::Array(keys))) = (reply.next(), reply.next())
            else {
                return Ok(());
            };
            let mut unlink = cmd("UNLINK");
            let mut some = false;
            for key in keys {
                if let Value::BulkString(key) = key
                    && !key.ends_with(b":epoch")
                {
                    some = true;
                    unlink.arg(key);
                }
            }
            if some {
                self.slowly(&unlink).await?;
            }
            if next == b"0" {
                return Ok(());
            }
            place = next;
        }
    }

    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<(), LinkError> {
        self.slowly(&cmd("PING")).await.map(drop)
    }

    async fn slowly(&self, command: &Cmd) -> Result<Value, LinkError> {
        self.link.patient(PATIENCE).query(command).await
    }

    fn name(&self, key: &CacheKey) -> String {
        format!("{}{{{:02x}}}:{}", self.prefix, key.bucket(BUCKETS), key.hex())
    }

    fn epoch_of(&self, bucket: u8) -> String {
        format!("{}{{{bucket:02x}}}:epoch", self.prefix)
    }
}

/// What a bucket's epoch is.
fn number(value: Option<Value>) -> u64 {
    match value {
        Some(Value::BulkString(bytes)) => {
            std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
        }
        _ => 0,
    }
}

/// A text that a pattern of Redis' takes literally.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}
