//! Where claims wait for the [`Coordinator`](super::Coordinator), and what this replica holds in common with others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::full::Full;
use super::hold::Hold;
use crate::base::clock::{self, unix_ms};
use crate::domain::budget::{Budgets, Committed};
use crate::domain::commons::{
    Answer, Batch, Book, Change, Claim, Counted, End, Obstacle, Reply, Shortage, Sum,
};
use crate::domain::ledger::AccountId;
use crate::domain::limits::Limiter;
use crate::domain::scope::ScopeId;

/// An account that others have changed: whose, and the generation that the database's answer will be of.
pub type Stale = (ScopeId, Arc<AccountId>, u64);

type Waiter = oneshot::Sender<Told>;

/// What becomes of a claim.
pub enum Told {
    /// It is held, and this is how its scopes stand.
    Granted(Hold),
    /// Rates are in the way.
    Limited(Vec<Obstacle>),
    /// A budget is in the way.
    Exceeded(Shortage),
    /// It only looked.
    Seen(Vec<Counted>, Vec<Sum>),
    /// Nobody answers: every replica is on its own.
    Lost,
}

/// This replica's part of the common counters. Clones are the same.
#[derive(Clone)]
pub struct Commons(Arc<Inner>);

struct Inner {
    book: Mutex<Book<Waiter>>,
    limiter: Arc<Limiter>,
    budgets: Arc<Budgets>,
    wake: Notify,
    full: Full,
    answers: AtomicBool,
    /// Whether the counters have ever known this replica.
    met: AtomicBool,
    replicas: AtomicU64,
}

impl Commons {
    /// Nothing is held yet. Until somebody has answered, nobody does.
    pub fn new(limiter: Arc<Limiter>, budgets: Arc<Budgets>) -> Self {
        Commons(Arc::new(Inner {
            book: Mutex::default(),
            limiter,
            budgets,
            wake: Notify::new(),
            full: Full::default(),
            answers: AtomicBool::new(false),
            met: AtomicBool::new(false),
            replicas: AtomicU64::new(1),
        }))
    }

    /// Claims, and waits for the answer: about a round trip, two at most.
    pub async fn claim(&self, claim: Claim) -> Told {
        if !self.answers() {
            return Told::Lost;
        }
        if let Some(obstacle) = self.0.full.obstacle(&claim, clock::now()) {
            return Told::Limited(vec![obstacle]);
        }
        let (waiter, answer) = oneshot::channel();
        self.book().ask(claim, waiter);
        self.0.wake.notify_one();
        answer.await.unwrap_or(Told::Lost)
    }

    /// Holds what a claim is for although nobody could be asked; it is told when somebody answers again.
    pub fn alone(&self, claim: Claim) -> Hold {
        self.book().hold(&claim);
        Hold::new(self.clone(), claim, None)
    }

    /// Whether somebody answers.
    pub fn answers(&self) -> bool {
        self.0.answers.load(Ordering::Acquire)
    }

    /// How many replicas there are, as of the last answer.
    pub fn replicas(&self) -> u64 {
        self.0.replicas.load(Ordering::Relaxed).max(1)
    }

    /// The database has rows of these accounts now.
    pub fn stored(&self, keys: impl Iterator<Item = u128>) {
        self.book().stored(keys);
        self.0.wake.notify_one();
    }

    /// Rows of replicas that are gone were stored: which accounts they charged, when they were admitted, and what is
    /// stored with them.
    pub fn inherited(&self, accounts: impl Iterator<Item = (u128, Committed)>) {
        let mut book = self.book();
        accounts.for_each(|(key, of)| book.inherited(key, of.admitted_at, of.spent));
    }

    /// These replicas are gone, and all their rows are stored.
    pub fn departed(&self, replicas: Vec<String>) {
        if !replicas.is_empty() {
            let mut book = self.book();
            replicas.into_iter().for_each(|replica| book.departed(replica));
            self.0.wake.notify_one();
        }
    }

    /// Somebody has set an account's sum by hand, and it has been read.
    pub fn replace(&self, key: u128) {
        self.book().replace(key);
        self.0.wake.notify_one();
    }

    /// A stale account has been read.
    pub fn reread(&self, key: u128, generation: u64) {
        self.book().reread(key, generation);
        self.0.wake.notify_one();
    }

    /// What a hold was for is over.
    pub(super) fn release(&self, claim: &Claim, counted: Option<&[Counted]>, end: End) {
        let mut book = self.book();
        book.release(claim);
        for (place, (scope, limits)) in claim.rates.iter().enumerate() {
            let ticks = counted.and_then(|counted| counted.get(place)).map(|counted| counted.ticks);
            let change: Change = end.change(limits, claim.tokens, ticks.is_some());
            book.change(scope.key(), ticks.unwrap_or_default(), change);
        }
        drop(book);
        self.0.wake.notify_one();
    }

    /// A conversation begins: what is held is said again.
    pub(super) fn begin(&self) {
        self.book().remind(true);
    }

    pub(super) fn is_waited_for(&self) -> bool {
        self.book().is_waited_for()
    }

    pub(super) fn has_news(&self) -> bool {
        self.book().has_news()
    }

    /// Waits until there is something to say, or for so long.
    pub(super) async fn wait(&self, most: Duration) {
        if actix_rt::time::timeout(most, self.0.wake.notified()).await.is_err() {
            let mut book = self.book();
            book.remind(false);
            book.sweep(|key| self.0.budgets.known(key, unix_ms()));
        }
    }

    pub(super) fn batch(&self) -> (Batch, Vec<Waiter>) {
        let now = unix_ms();
        self.book().batch(|key| self.0.budgets.known(key, now))
    }

    pub(super) fn answered(&self, batch: Batch, waiters: Vec<Waiter>, reply: Reply) -> Vec<Stale> {
        self.0.replicas.store(reply.replicas, Ordering::Relaxed);
        self.0.answers.store(true, Ordering::Release);
        let wiped = self.0.met.swap(true, Ordering::Relaxed) && reply.is_new;
        let mut book = self.book();
        let outcome = book.answered(batch, waiters, reply);
        if wiped {
            book.retell(self.0.limiter.past(clock::now()));
        }
        drop(book);
        if wiped {
            tracing::warn!("Redis has lost what it counted; this replica says again what it knows");
        }
        for (claim, waiter, answer) in outcome.answered {
            let told = match answer {
                Answer::Granted(counted) => Told::Granted(Hold::new(self.clone(), claim, Some(counted))),
                Answer::Limited(obstacles) => {
                    self.0.full.note(&claim, &obstacles, clock::fresh());
                    Told::Limited(obstacles)
                }
                Answer::Exceeded(shortage) => Told::Exceeded(shortage),
                Answer::Seen(counted, sums) => Told::Seen(counted, sums),
            };
            // Whoever does not wait any more drops what was granted, which gives it back.
            let _ = waiter.send(told);
        }
        outcome.stale
    }

    pub(super) fn lost(&self, batch: Batch, waiters: Vec<Waiter>) {
        self.0.answers.store(false, Ordering::Release);
        let mut book = self.book();
        let mut all = book.lost(batch, waiters);
        all.extend(book.give_up());
        drop(book);
        for waiter in all {
            let _ = waiter.send(Told::Lost);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book<Waiter>> {
        // Its numbers are told as a whole again and again: a panic elsewhere while it was locked leaves it usable.
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
