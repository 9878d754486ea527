//! The KeyDirectory actor: who is behind a key.
//!
//! - owns: the look-ups under way, and the copies of keys that all workers read ([`Directory`])
//! - accepts: [`Find`]
//! - tells: answers a look-up; one question to the store serves everybody who asks meanwhile
//! - never: forgets a key because the store does not answer: who is known goes on
//! - on panic: restarted; those who waited get an error, the copies stay
//! - on shutdown: nothing to save

mod identity;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture};
use hashbrown::HashMap;
use tokio::sync::oneshot;

pub use identity::{Identity, MASTER, OfModel, Purse, Terms, rates};

use super::keeper::{DeathNotice, Kept};
use crate::base::clock;
use crate::base::clock::unix_ms;
use crate::store::{Store, StoreError};

/// Room for copies of unknown keys beside those of known ones, so that guessing takes little memory.
const MOST_UNKNOWN: usize = 1_000;
/// How long an unknown key is remembered as unknown, so that guessing costs the database nothing.
const UNKNOWN: Duration = Duration::from_secs(5);

/// How long a copy is used before it is looked up anew, behind the request that notices.
pub const FRESH: Duration = Duration::from_secs(60);

/// What is known of a key.
#[derive(Clone)]
pub enum Found {
    /// It is somebody's.
    Known(Arc<Identity>),
    /// There is no such key.
    Unknown,
}

/// How far a copy can be trusted.
enum Age {
    /// It is used.
    Fresh,
    /// It is used and looked up anew behind the request.
    Stale,
    /// It is used only while the store does not answer.
    Old,
}

struct Copy {
    found: Found,
    since: Instant,
    /// A change of it may have been missed.
    doubted: bool,
}

/// The copies of keys, shared by all workers.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    store: Store,
    copies: RwLock<HashMap<Arc<str>, Copy>>,
    /// Counts what was forgotten: a look-up that began before it brings an old truth.
    epoch: AtomicU64,
    terms: Terms,
    fresh: Duration,
    most: usize,
    found: AtomicU64,
    unknown: AtomicU64,
    failed: AtomicU64,
    /// Messages that wait for the actor.
    waiting: AtomicU32,
}

/// What looking keys up has come to since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lookups {
    /// The store knew them.
    pub found: u64,
    /// It did not.
    pub unknown: u64,
    /// It did not answer.
    pub failed: u64,
    /// Copies that are kept now, of unknown keys too.
    pub copies: usize,
}

impl Directory {
    /// No copies yet. They are used for `fresh` without looking again; beyond `most` the older half goes.
    pub fn new(store: Store, terms: Terms, fresh: Duration, most: usize) -> Self {
        let (copies, epoch) = (RwLock::default(), AtomicU64::new(0));
        let (found, unknown, failed) = Default::default();
        let waiting = AtomicU32::new(0);
        Directory(Arc::new(Inner {
            store,
            copies,
            epoch,
            terms,
            fresh,
            most,
            found,
            unknown,
            failed,
            waiting,
        }))
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Arc<str>, Copy>> {
        self.0.copies.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Arc<str>, Copy>> {
        self.0.copies.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The copy and how old it is.
    fn copy(&self, hash: &str) -> Option<(Found, Age)> {
        let copies = self.read();
        let copy = copies.get(hash)?;
        let age = clock::now().saturating_duration_since(copy.since);
        match copy.found {
            Found::Unknown if age >= UNKNOWN || copy.doubted => None,
            Found::Unknown => Some((Found::Unknown, Age::Fresh)),
            Found::Known(ref identity) => {
                let age = match age {
                    _ if identity.is_over(unix_ms()) => Age::Old,
                    // Nobody is kept waiting for a database that is known to be away.
                    _ if copy.doubted && self.0.store.is_up() == Some(false) => Age::Stale,
                    _ if copy.doubted => Age::Old,
                    age if age < self.0.fresh => Age::Fresh,
                    age if age < 2 * self.0.fresh => Age::Stale,
                    _ => Age::Old,
                };
                Some((Found::Known(Arc::clone(identity)), age))
            }
        }
    }

    /// The key with this hash: from the copies, or else from the store.
    ///
    /// # Errors
    /// When it is not known here and the store does not answer: then nobody knows whether there is such a key.
    pub async fn find(&self, actor: &Kept<KeyDirectory>, hash: &str) -> Result<Found, StoreError> {
        let copy = self.copy(hash);
        match &copy {
            Some((found, Age::Fresh)) => return Ok(found.clone()),
            Some((found, Age::Stale)) => {
                // Asked without waiting: the request is served by what is known.
                actor.with(|address| address.try_send(self.asked_for(hash)).is_ok());
                return Ok(found.clone());
            }
            Some((_, Age::Old)) | None => {}
        }
        let unavailable = || StoreError::unavailable("the directory of keys is being restarted");
        let asked = actor.with(|address| address.send(self.asked_for(hash))).ok_or_else(unavailable);
        let answered = match asked {
            Ok(asked) => asked.await.map_err(|_| unavailable()),
            Err(error) => Err(error),
        };
        let answered = answered.and_then(|answered| answered.map_err(|error| error.as_ref().clone()));
        match (answered, copy) {
            // Who is known goes on while the database is away, however old the copy.
            (Err(_), Some((found, _))) => Ok(self.as_of_now(found)),
            (answered, _) => answered,
        }
    }

    /// What is known of a key, worked out anew where that is over.
    fn as_of_now(&self, found: Found) -> Found {
        let now_ms = unix_ms();
        match &found {
            Found::Known(identity) if identity.is_over(now_ms) => match identity.grant.as_deref() {
                Some(grant) => {
                    Found::Known(Arc::new(Identity::of_grant(grant.clone(), now_ms, self.0.terms)))
                }
                None => found,
            },
            _ => found,
        }
    }

    /// Forgets the key with this hash: its next request asks the store.
    pub fn forget(&self, hash: &str) {
        self.forget_where(|copy_hash, _| copy_hash == hash);
    }

    /// Forgets copies; a look-up under way does not bring them back.
    pub fn forget_where(&self, wanted: impl Fn(&str, &Found) -> bool) {
        let mut copies = self.write();
        self.0.epoch.fetch_add(1, Ordering::AcqRel);
        copies.retain(|hash, copy| !wanted(hash, &copy.found));
    }

    /// Changes may have been missed: each copy is looked up anew before it is used again, unless the store does not
    /// answer. A look-up under way is no proof either.
    pub fn doubt(&self) {
        let mut copies = self.write();
        self.0.epoch.fetch_add(1, Ordering::AcqRel);
        copies.values_mut().for_each(|copy| copy.doubted = true);
    }

    /// Shows each key that is known.
    pub fn each(&self, mut show: impl FnMut(&Identity)) {
        for copy in self.read().values() {
            if let Found::Known(identity) = &copy.found {
                show(identity);
            }
        }
    }

    /// Messages that wait for the actor.
    pub fn waiting(&self) -> u32 {
        self.0.waiting.load(Ordering::Relaxed)
    }

    fn asked_for(&self, hash: &str) -> Find {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        Find { hash: hash.into(), _waits: Waits(self.clone()) }
    }

    /// How looking keys up goes.
    pub fn lookups(&self) -> Lookups {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Inner { found, unknown, failed, .. } = &*self.0;
        let copies = self.read().len();
        Lookups { found: count(found), unknown: count(unknown), failed: count(failed), copies }
    }

    async fn look_up(&self, hash: &str) -> Result<Found, StoreError> {
        let found = self.ask_store(hash).await;
        let counter = match &found {
            Ok(Found::Known(_)) => &self.0.found,
            Ok(Found::Unknown) => &self.0.unknown,
            Err(_) => &self.0.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    async fn ask_store(&self, hash: &str) -> Result<Found, StoreError> {
        loop {
            let epoch = self.0.epoch.load(Ordering::Acquire);
            let grant = self.0.store.grant(hash, unix_ms()).await?;
            let found = grant.map_or(Found::Unknown, |grant| {
                Found::Known(Arc::new(Identity::of_grant(grant, unix_ms(), self.0.terms)))
            });
            if self.keep(hash, &found, epoch) {
                return Ok(found);
            }
        }
    }

    /// Keeps what the store has said. False when something was changed since `epoch`, when the store was asked: the
    /// answer may be older than the change.
    fn keep(&self, hash: &str, found: &Found, epoch: u64) -> bool {
        let mut copies = self.write();
        if self.0.epoch.load(Ordering::Acquire) != epoch {
            return false;
        }
        if copies.len() >= self.0.most.saturating_add(MOST_UNKNOWN) {
            make_room(&mut copies);
        }
        copies.insert(hash.into(), Copy { found: found.clone(), since: Instant::now(), doubted: false });
        true
    }
}

/// Drops what guesses have left, or else the older half: nobody who is known goes because somebody guesses.
fn make_room(copies: &mut HashMap<Arc<str>, Copy>) {
    let before = copies.len();
    copies.retain(|_, copy| matches!(copy.found, Found::Known(_)));
    if before.saturating_sub(copies.len()) >= MOST_UNKNOWN {
        return;
    }
    let mut ages: Vec<Instant> = copies.values().map(|copy| copy.since).collect();
    let middle = ages.len() / 2;
    let (_, oldest_kept, _) = ages.select_nth_unstable(middle);
    let oldest_kept = *oldest_kept;
    copies.retain(|_, copy| copy.since > oldest_kept);
}

type Answer = Result<Found, Arc<StoreError>>;

/// Looks keys up, each once at a time.
pub struct KeyDirectory {
    directory: Directory,
    waiting: HashMap<Arc<str>, Vec<oneshot::Sender<Answer>>>,
    notice: DeathNotice<KeyDirectory>,
}

impl KeyDirectory {
    /// An incarnation over the shared copies.
    pub fn new(directory: Directory, notice: DeathNotice<Self>) -> Self {
        KeyDirectory { directory, waiting: HashMap::new(), notice }
    }
}

impl Actor for KeyDirectory {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(4096);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.notice.retire();
    }
}

/// Who is behind the key with this hash?
#[derive(Message)]
#[rtype(result = "Result<Found, Arc<StoreError>>")]
pub struct Find {
    hash: Arc<str>,
    _waits: Waits,
}

/// Counted among the messages that wait, until it is taken or dropped.
struct Waits(Directory);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Handler<Find> for KeyDirectory {
    type Result = ResponseFuture<Answer>;

    fn handle(&mut self, Find { hash, .. }: Find, ctx: &mut Self::Context) -> Self::Result {
        let (answer, answered) = oneshot::channel();
        let waiting = self.waiting.entry(Arc::clone(&hash)).or_default();
        waiting.push(answer);
        if waiting.len() == 1 {
            let (directory, asked) = (self.directory.clone(), Arc::clone(&hash));
            let looking = wrap_future::<_, Self>(async move { directory.look_up(&asked).await });
            ctx.spawn(looking.map(move |found, actor, _| {
                let found = found.map_err(Arc::new);
                for waiting in actor.waiting.remove(&hash).unwrap_or_default() {
                    // Whoever has hung up meanwhile needs no answer.
                    let _ = waiting.send(found.clone());
                }
            }));
        }
        Box::pin(async move {
            let gone = |_| Err(Arc::new(StoreError::unavailable("the directory of keys was restarted")));
            answered.await.unwrap_or_else(gone)
        })
    }
}
