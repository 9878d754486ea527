//! Which questions have answers in the response cache, to be found by what they mean: in this process, or in the
//! Redis that replicas share ([`remote`]).
//!
//! No actor, for the reasons of the response cache beside it. Nothing here is believed: what is found is the key of an
//! answer that must still be there.

mod meters;
mod remote;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use super::response_cache::ResponseCache;
use crate::base::clock::unix_ms;
use crate::config::model::SemanticSettings;
use crate::domain::semantic::{Bucket, Found, Index, Known, Pause, Vector, Wording};
use crate::telemetry::Metrics;
use meters::Meters;
pub use meters::Outcome;
use remote::Remote;

/// The most questions that are being written to Redis; further ones are not learnt.
const MOST_WRITES: usize = 256;

/// The known questions. Clones are the same.
#[derive(Clone)]
pub struct SemanticCache(Arc<Inner>);

struct Inner {
    place: Place,
    embedding: Mutex<Pause>,
    writes: AtomicUsize,
    meters: Meters,
}

enum Place {
    Local(RwLock<Index>),
    Remote(Box<Remote>),
}

impl SemanticCache {
    /// Beside the answers: nothing is known, or what stands in Redis already.
    pub fn beside(answers: &ResponseCache, settings: Option<&SemanticSettings>, metrics: &Metrics) -> Self {
        let index = settings.and_then(|settings| settings.index.as_deref());
        let place = match answers.link() {
            Some(link) => Place::Remote(Box::new(Remote::new(link, index))),
            None => Place::Local(RwLock::default()),
        };
        let (embedding, writes) = (Mutex::default(), AtomicUsize::new(0));
        SemanticCache(Arc::new(Inner { place, embedding, writes, meters: Meters::new(metrics) }))
    }

    /// Whether the embedding model may be asked: not while it rests after a failure.
    pub fn may_embed(&self, now: Instant) -> bool {
        self.embedding(|pause| pause.may_try(now))
    }

    /// Tells how the embedding model did. Answers whether it has failed for the first time in a row.
    pub fn embedded(&self, well: bool, now: Instant) -> bool {
        self.embedding(|pause| match well {
            true => {
                pause.succeeded();
                false
            }
            false => pause.failed(now),
        })
    }

    fn embedding<T>(&self, look: impl FnOnce(&mut Pause) -> T) -> T {
        look(&mut self.0.embedding.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The question of a bucket that is most like the asked one, if one is like enough and may share its answer. A Redis that does not answer costs
    /// a few tens of milliseconds, once.
    pub async fn nearest(&self, bucket: &Bucket, asked: (&Vector, &Wording), least: f32) -> Option<Found> {
        match &self.0.place {
            Place::Local(index) => nearest(index, bucket, asked, least),
            Place::Remote(remote) => match remote.nearest(bucket, asked, least).await {
                Ok(found) => found,
                Err(cause) => {
                    tracing::debug!(%cause, "known questions cannot be compared");
                    self.count(Outcome::Unreachable);
                    None
                }
            },
        }
    }

    /// Remembers a question whose answer is being kept. Nobody waits for it.
    pub fn learn(&self, known: Known) {
        match &self.0.place {
            Place::Local(index) => write(index, |index| index.insert(known, unix_ms())),
            Place::Remote(_) => {
                if self.0.writes.fetch_add(1, Ordering::AcqRel) >= MOST_WRITES {
                    self.0.writes.fetch_sub(1, Ordering::AcqRel);
                    return self.count(Outcome::Unlearnt);
                }
                let own = self.clone();
                actix_rt::spawn(async move { own.write(known).await });
            }
        }
    }

    async fn write(&self, known: Known) {
        let Place::Remote(remote) = &self.0.place else { return };
        let written = remote.learn(&known).await;
        self.0.writes.fetch_sub(1, Ordering::AcqRel);
        if let Err(cause) = written {
            tracing::debug!(%cause, "a question is not learnt");
            self.count(Outcome::Unlearnt);
        }
    }

    /// Forgets a question whose answer is gone.
    pub async fn forget(&self, bucket: &Bucket, key: &str, vector: &Vector) {
        match &self.0.place {
            Place::Local(index) => write(index, |index| index.forget(bucket, key)),
            Place::Remote(remote) => remote.forget(bucket, key, vector).await,
        }
    }

    /// Counts what became of a question.
    pub fn count(&self, outcome: Outcome) {
        self.0.meters.count(outcome);
    }

    /// Brings the metric of its size up to date.
    pub fn show(&self) {
        let index = match &self.0.place {
            Place::Local(index) => index,
            Place::Remote(remote) => remote.index(),
        };
        self.0.meters.show(index.read().unwrap_or_else(PoisonError::into_inner).count());
    }
}

fn nearest(index: &RwLock<Index>, bucket: &Bucket, asked: (&Vector, &Wording), least: f32) -> Option<Found> {
    index.read().unwrap_or_else(PoisonError::into_inner).nearest(bucket, asked, least, unix_ms())
}

fn write(index: &RwLock<Index>, change: impl FnOnce(&mut Index)) {
    change(&mut index.write().unwrap_or_else(PoisonError::into_inner));
}

impl std::fmt::Debug for SemanticCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self.0.place, Place::Local(_)) {
            "SemanticCache(local)"
        } else {
            "SemanticCache(redis)"
        })
    }
}
