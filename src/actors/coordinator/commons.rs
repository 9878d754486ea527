//! Where claims wait for the [`Coordinator`](super::Coordinator), and what this replica holds in common with others.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::full::Full;
use super::hold::Hold;
use super::room::Room;
use crate::base::clock::{self, unix_ms};
use crate::domain::budget::{Budgets, Committed};
use crate::domain::commons::{
    Answer, Batch, Book, Change, Claim, Counted, End, Obstacle, Reply, Shortage, Sum, Ticks,
};
use crate::domain::ledger::AccountId;
use crate::domain::limits::Limiter;
use crate::domain::scope::ScopeId;

/// An account that others have changed: whose, and the generation that the database's answer will be of.
pub type Stale = (ScopeId, Arc<AccountId>, u64);

/// Who waits for an answer. Whoever was sent on before it came does not hear it.
pub struct Waiter(Option<oneshot::Sender<Told>>);

impl Waiter {
    fn tell(&mut self, told: Told) -> Result<(), Told> {
        match self.0.take() {
            Some(waiter) => waiter.send(told),
            None => Err(told),
        }
    }
}

/// What becomes of a claim.
pub enum Told {
    /// It is held, and this is how its scopes stand.
    Granted(Hold),
    /// Rates are in the way.
    Limited(Vec<Obstacle>),
    /// A budget is in the way.
    Exceeded(Shortage),
    /// It only looked.
    Seen(Vec<Counted>, Vec<(usize, Sum)>),
    /// Nobody answers, or not in time for a request that is far from its limits: this replica is on its own.
    Lost,
}

/// This replica's part of the common counters. Clones are the same.
#[derive(Clone)]
pub struct Commons(Arc<Inner>);

struct Inner {
    book: Mutex<Book<Waiter>>,
    room: Room,
    wake: Notify,
    /// Wakes whoever waits for company.
    claimed: Notify,
    full: Full,
    answers: AtomicBool,
    /// The answer under way is late.
    late: AtomicBool,
    replicas: AtomicU64,
}

impl Commons {
    /// Nothing is held yet. Until somebody has answered, nobody does.
    pub fn new(limiter: Arc<Limiter>, budgets: Arc<Budgets>) -> Self {
        Commons(Arc::new(Inner {
            book: Mutex::default(),
            room: Room::new(limiter, budgets),
            wake: Notify::new(),
            claimed: Notify::new(),
            full: Full::default(),
            answers: AtomicBool::new(false),
            late: AtomicBool::new(false),
            replicas: AtomicU64::new(1),
        }))
    }

    /// Claims, and waits for the answer: about a round trip, two at most.
    pub async fn claim(&self, claim: Claim) -> Told {
        if self.answers()
            && let Some(obstacle) = self.0.full.obstacle(&claim, clock::now())
        {
            return Told::Limited(vec![obstacle]);
        }
        self.ask(claim, None).await
    }

    /// Gives back what is held and claims anew, in one call and before everybody who waits: a request that moves on
    /// does not lose its place to others.
    pub async fn exchange(&self, held: Hold, claim: Claim) -> Told {
        self.ask(claim, Some(held)).await
    }

    async fn ask(&self, claim: Claim, instead_of: Option<Hold>) -> Told {
        let (waiter, answer) = oneshot::channel();
        {
            let first = instead_of.is_some();
            let mut book = self.book();
            if let Some((held, counted)) = instead_of.and_then(Hold::into_parts) {
                give_back(&mut book, &held, counted.as_deref(), End::Cancelled);
            }
            // Under the lock: whoever finds out that nobody answers sends all away who wait by then.
            if !self.answers() || (self.0.late.load(Ordering::Acquire) && self.is_ample(&claim)) {
                return Told::Lost;
            }
            let waiter = Waiter(Some(waiter));
            match first {
                true => book.ask_first(claim, waiter),
                false => book.ask(claim, waiter),
            }
        }
        self.0.wake.notify_one();
        self.0.claimed.notify_one();
        answer.await.unwrap_or(Told::Lost)
    }

    /// Holds what a claim is for although nobody could be asked; it is told as soon as somebody answers, not at the
    /// request's end: until then others would take its place.
    pub fn alone(&self, claim: Claim) -> Hold {
        let mut book = self.book();
        book.hold(&claim);
        for (scope, limits) in &claim.rates {
            book.change(scope.key(), Ticks::default(), Change::of_begun(limits));
        }
        drop(book);
        self.0.wake.notify_one();
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
        give_back(&mut self.book(), claim, counted, end);
        self.0.wake.notify_one();
    }

    /// A conversation begins: what is held is said again.
    pub(super) fn begin(&self) {
        self.book().remind(true);
    }

    pub(super) fn has_news(&self) -> bool {
        self.book().has_news()
    }

    /// Waits until there is something to say, or for so long.
    pub(super) async fn wait(&self, most: Duration) {
        let _ = actix_rt::time::timeout(most, self.0.wake.notified()).await;
    }

    /// Waits for company until somebody claims, or for so long.
    pub(super) async fn gather(&self, most: Duration) {
        if !self.book().is_waited_for() {
            let _ = actix_rt::time::timeout(most, self.0.claimed.notified()).await;
        }
    }

    /// What has to be done once a second, however much there is to say.
    pub(super) fn look_after(&self) {
        let now = unix_ms();
        let mut book = self.book();
        book.grow_older();
        book.remind(false);
        book.sweep(|key| self.0.room.budgets().known(key, now));
    }

    /// What to say next. While nobody answers it is nothing: what is lost on the way could not be given back.
    pub(super) fn batch(&self) -> (Batch, Vec<Waiter>) {
        if !self.answers() {
            return (self.book().greeting(), Vec::new());
        }
        let now = unix_ms();
        self.book().batch(|key| self.0.room.budgets().known(key, now))
    }

    pub(super) fn answered(&self, batch: Batch, waiters: Vec<Waiter>, reply: Reply) -> Vec<Stale> {
        self.0.replicas.store(reply.replicas, Ordering::Relaxed);
        self.0.late.store(false, Ordering::Release);
        let mut book = self.book();
        if !self.0.answers.swap(true, Ordering::AcqRel) {
            // While nobody answered, others may have deleted what is held here.
            book.remind(true);
        }
        let outcome = book.answered(batch, waiters, reply);
        if outcome.wiped {
            book.retell(self.0.room.limiter().past(clock::now()));
        }
        drop(book);
        for (key, began_at, stored) in outcome.heard {
            self.0.room.budgets().hear(key, began_at, stored);
        }
        if outcome.wiped {
            tracing::warn!("Redis has lost what it counted; this replica says again what it knows");
        }
        let now = clock::fresh();
        for (claim, mut waiter, answer) in outcome.answered {
            let told = match answer {
                Answer::Granted(counted) => {
                    self.0.room.heard().granted(&claim, &counted, now);
                    Told::Granted(Hold::new(self.clone(), claim, Some(counted)))
                }
                Answer::Limited(obstacles) => {
                    self.0.full.note(&claim, &obstacles, now);
                    self.0.room.heard().refused(&claim, &obstacles, now);
                    Told::Limited(obstacles)
                }
                Answer::Exceeded(shortage) => Told::Exceeded(shortage),
                Answer::Seen(counted, sums) => Told::Seen(counted, sums),
            };
            if let Err(Told::Granted(hold)) = waiter.tell(told) {
                // Whoever has asked does not wait any more, or went on by himself and has a hold of his own.
                hold.cancel();
            }
        }
        outcome.stale
    }

    /// The answer to a batch is late: requests that are far from their limits wait no more for it, those under way and
    /// those that wait for the next.
    pub(super) fn late(&self, batch: &Batch, waiters: &mut [Waiter]) {
        self.0.late.store(true, Ordering::Release);
        let under_way = batch.claims.iter().zip(waiters.iter_mut());
        for (_, waiter) in under_way.filter(|(claim, _)| self.is_ample(claim)) {
            let _ = waiter.tell(Told::Lost);
        }
        let dismissed = self.book().dismiss(|claim| self.is_ample(claim));
        for mut waiter in dismissed {
            let _ = waiter.tell(Told::Lost);
        }
    }

    fn is_ample(&self, claim: &Claim) -> bool {
        self.0.room.is_ample(claim, self.replicas())
    }

    pub(super) fn lost(&self, batch: Batch, waiters: Vec<Waiter>) {
        self.0.answers.store(false, Ordering::Release);
        self.0.late.store(false, Ordering::Release);
        let mut book = self.book();
        let mut all = book.lost(batch, waiters);
        all.extend(book.give_up());
        drop(book);
        for mut waiter in all {
            let _ = waiter.tell(Told::Lost);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book<Waiter>> {
        // Its numbers are told as a whole again and again: a panic elsewhere while it was locked leaves it usable.
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_back(book: &mut Book<Waiter>, claim: &Claim, counted: Option<&[Counted]>, end: End) {
    book.release(claim);
    for (place, (scope, limits)) in claim.rates.iter().enumerate() {
        let ticks = counted.and_then(|counted| counted.get(place)).map(|counted| counted.ticks);
        let change = end.change(limits, claim.tokens, ticks.is_some());
        book.change(scope.key(), ticks.unwrap_or_default(), change);
    }
}
