//! Known questions in Redis: the server compares them if it can, else this replica does, in an index that it brings up
//! to date before it looks.
//!
//! Whether the server can is found out with the first vector of each connection, since the next one may lead to
//! another server.

use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use tokio::sync::Mutex as AsyncMutex;

use super::{nearest, write};
use crate::base::clock::unix_ms;
use crate::domain::semantic::{Bucket, Found, Index, Known, Vector, Wording};
use crate::redis_link::vectors::{Log, Place, Search};
use crate::redis_link::{Link, LinkError, State};

/// How long one request reads what other replicas have learnt. A replica that has just started may have much to read;
/// the next requests read on.
const LONGEST_READING: Duration = Duration::from_millis(100);

/// The questions of all replicas.
pub struct Remote {
    link: Link,
    search: Search,
    log: Log,
    /// What has been read of the log.
    index: RwLock<Index>,
    place: AsyncMutex<Place>,
    abilities: Mutex<Abilities>,
}

/// What is known of the server behind one connection.
#[derive(Default)]
struct Abilities {
    connection: u64,
    /// Whether it searches vectors of a dimension.
    searches: HashMap<usize, bool>,
}

impl Remote {
    /// The questions behind a link.
    pub fn new(link: &Link, index: Option<&str>) -> Self {
        Remote {
            link: link.clone(),
            search: Search::new(link, index),
            log: Log::new(link),
            index: RwLock::default(),
            place: AsyncMutex::default(),
            abilities: Mutex::default(),
        }
    }

    /// The index of this replica; empty where the server searches.
    pub fn index(&self) -> &RwLock<Index> {
        &self.index
    }

    /// The nearest question.
    ///
    /// # Errors
    /// When Redis does not answer in time.
    pub async fn nearest(
        &self,
        bucket: &Bucket,
        asked: (&Vector, &Wording),
        least: f32,
    ) -> Result<Option<Found>, LinkError> {
        let dimension = asked.0.dimension();
        if !self.searches(dimension).await? {
            self.read_on().await?;
            return Ok(nearest(&self.index, bucket, asked, least));
        }
        let found = self.search.nearest(bucket, asked, least).await;
        if matches!(found, Err(LinkError::Refused { .. })) {
            // Somebody has emptied Redis, the search index included: the next request makes it again.
            self.abilities(|known| known.searches.remove(&dimension));
        }
        found
    }

    /// Tells all replicas of a question.
    ///
    /// # Errors
    /// When Redis did not take it.
    pub async fn learn(&self, known: &Known) -> Result<(), LinkError> {
        if self.searches(known.vector.dimension()).await? {
            return self.search.add(known).await;
        }
        self.log.append(known).await
    }

    /// Forgets a question here; the other replicas find out by themselves that its answer is gone.
    pub async fn forget(&self, bucket: &Bucket, key: &str, vector: &Vector) {
        write(&self.index, |index| index.forget(bucket, key));
        let dimension = vector.dimension();
        if self.abilities(|known| known.searches.get(&dimension) == Some(&true))
            && let Err(cause) = self.search.forget(bucket, key, dimension).await
        {
            tracing::debug!(%cause, "a question is not forgotten");
        }
    }

    /// Whether the server compares vectors of this dimension.
    async fn searches(&self, dimension: usize) -> Result<bool, LinkError> {
        let State::Up(connection) = self.link.state() else { return Err(LinkError::Down) };
        let known = self.abilities(|known| {
            if known.connection != connection {
                *known = Abilities { connection, ..Abilities::default() };
            }
            known.searches.get(&dimension).copied()
        });
        if let Some(searches) = known {
            return Ok(searches);
        }
        let searches = self.search.prepare(dimension).await?;
        tracing::info!(dimension, searches, "whether Redis compares vectors itself");
        self.abilities(|known| {
            if known.connection == connection {
                known.searches.insert(dimension, searches);
            }
        });
        Ok(searches)
    }

    fn abilities<T>(&self, look: impl FnOnce(&mut Abilities) -> T) -> T {
        look(&mut self.abilities.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in what has been learnt since.
    async fn read_on(&self) -> Result<(), LinkError> {
        let mut place = self.place.lock().await;
        let began = Instant::now();
        loop {
            let news = self.log.read_on(&mut place).await?;
            let now = unix_ms();
            if news.anew || !news.known.is_empty() {
                write(&self.index, |index| {
                    if news.anew {
                        index.clear();
                    }
                    news.known.into_iter().for_each(|known| index.insert(known, now));
                });
            }
            if !news.more || began.elapsed() > LONGEST_READING {
                return Ok(());
            }
        }
    }
}
