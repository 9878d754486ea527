//! Where answers are kept: in this process ([`local`]) or in the Redis that replicas share ([`remote`]).
//!
//! No actor, because a request needs the answer at once and there is nothing to decide. A look-up is bounded by the
//! link's patience, keeping is off the request's way and bounded in calls and bytes; what finds no room is dropped and
//! counted.
//!
//! Emptying the cache begins a new *epoch*. A request learns the epoch with its look-up and keeps its answer in that one,
//! so that what was asked before the cache was emptied never answers after it.

mod flights;
mod local;
mod meters;
mod remote;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::config::model::{CachePlace, CacheSettings};
use crate::domain::cache::{CacheKey, Stored};
use crate::redis_link::{Link, LinkError};
use crate::telemetry::Metrics;
pub use flights::Flight;
use flights::Flights;
use local::Local;
use meters::Meters;
pub use meters::Outcome;
use remote::Remote;

/// The most keys of which something is said in the log.
const MOST_NAMED: usize = 1000;

/// The answers. Clones are the same.
#[derive(Clone)]
pub struct ResponseCache(Arc<Inner>);

struct Inner {
    place: Place,
    flights: Arc<Flights>,
    meters: Meters,
    /// Keys of which something was said in the log.
    named: Mutex<HashSet<Box<str>>>,
}

enum Place {
    Local(Local),
    Remote(Remote),
}

/// What a look-up found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The answer.
    pub stored: Option<Arc<Stored>>,
    /// When to keep another one; `None`: nobody answered, and nothing can be kept.
    pub epoch: Option<u64>,
}

/// Why an operation on the whole cache failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct Unreachable(#[from] LinkError);

impl ResponseCache {
    /// An empty cache, or the one that is in Redis already.
    pub fn new(settings: &CacheSettings, link: Option<&Link>, metrics: &Metrics) -> Self {
        let place = match (settings.place, link) {
            (CachePlace::Redis, Some(link)) => Place::Remote(Remote::new(link.clone())),
            _ => Place::Local(Local::new(&settings.local)),
        };
        let (flights, meters) = (Arc::default(), Meters::new(metrics));
        ResponseCache(Arc::new(Inner { place, flights, meters, named: Mutex::default() }))
    }

    /// Looks an answer up; at most the link's patience long.
    pub async fn find(&self, key: &CacheKey) -> Found {
        match &self.0.place {
            Place::Local(local) => local.find(key),
            Place::Remote(remote) => remote.find(key).await.unwrap_or_else(|_| {
                self.0.meters.count(Outcome::Error);
                Found { stored: None, epoch: None }
            }),
        }
    }

    /// Keeps an answer for so long. Nobody waits for it.
    pub fn keep(&self, key: CacheKey, epoch: u64, stored: Stored, ttl: Duration) {
        if ttl.is_zero() {
            return;
        }
        match &self.0.place {
            Place::Local(local) => {
                local.keep(key, epoch, stored, ttl);
                self.0.meters.count(Outcome::Stored);
            }
            Place::Remote(remote) => match remote.reserve(stored.size()) {
                Some(room) => {
                    let own = self.clone();
                    actix_rt::spawn(async move { own.write((key, epoch), stored, ttl, room).await });
                }
                None => self.0.meters.count(Outcome::Dropped),
            },
        }
    }

    async fn write(&self, (key, epoch): (CacheKey, u64), stored: Stored, ttl: Duration, room: remote::Room) {
        let Place::Remote(remote) = &self.0.place else { return };
        let written = remote.keep(&key, stored.encode(epoch), ttl).await;
        drop(room);
        self.0.meters.count(if written.is_ok() { Outcome::Stored } else { Outcome::Failed });
    }

    /// Begins to ask a provider for everybody in this process who asks the same meanwhile.
    ///
    /// # Errors
    /// Where to wait for the answer of the one who asks already; closed without one when there is none.
    pub fn fly(&self, key: &CacheKey) -> Result<Flight, watch::Receiver<Option<Arc<Stored>>>> {
        self.0.flights.begin(key)
    }

    /// Forgets these answers.
    ///
    /// # Errors
    /// When Redis does not answer; some may be forgotten then.
    pub async fn forget(&self, keys: &[CacheKey]) -> Result<(), Unreachable> {
        match &self.0.place {
            Place::Local(local) => local.forget(keys),
            Place::Remote(remote) => remote.forget(keys).await?,
        }
        Ok(())
    }

    /// Another replica has forgotten an answer, or all (`None`): does the same where answers are this process's own.
    pub fn forgotten_elsewhere(&self, key: Option<&CacheKey>) {
        match (&self.0.place, key) {
            (Place::Local(local), Some(key)) => local.forget(&[*key]),
            (Place::Local(local), None) => local.flush(),
            (Place::Remote(_), _) => {}
        }
    }

    /// Whether nothing was said of this key in the log before. True at most a thousand times.
    pub fn is_first_word_of(&self, key: &str) -> bool {
        // Nothing that is done under the lock can be left half done.
        let mut named = self.0.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.len() < MOST_NAMED && named.insert(key.into())
    }

    /// Forgets everything, here or on all replicas, and nothing but answers.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn flush(&self) -> Result<(), Unreachable> {
        match &self.0.place {
            Place::Local(local) => local.flush(),
            Place::Remote(remote) => remote.flush().await?,
        }
        Ok(())
    }

    /// Whether answers can be found and kept.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn ping(&self) -> Result<(), Unreachable> {
        match &self.0.place {
            Place::Local(_) => Ok(()),
            Place::Remote(remote) => Ok(remote.ping().await?),
        }
    }

    /// The connection to Redis, where answers are kept there.
    pub fn link(&self) -> Option<&Link> {
        match &self.0.place {
            Place::Local(_) => None,
            Place::Remote(remote) => Some(remote.link()),
        }
    }

    /// Counts what became of a request.
    pub fn count(&self, outcome: Outcome) {
        self.0.meters.count(outcome);
    }

    /// Counts a look-up of a model's.
    pub fn count_model(&self, hit: bool, model: &str) {
        self.0.meters.count_model(hit, model);
    }

    /// Brings the metrics of its size up to date.
    pub fn show(&self) {
        if let Place::Local(local) = &self.0.place {
            let (entries, bytes) = local.size();
            self.0.meters.show(entries, bytes);
        }
    }
}

impl std::fmt::Debug for ResponseCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.link().is_some() { "ResponseCache(redis)" } else { "ResponseCache(local)" })
    }
}

#[cfg(test)]
mod tests;
