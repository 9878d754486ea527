//! Counters that all replicas have in common: what a request claims of them, and what becomes of the claim.
//!
//! A replica asks for many claims at once ([`Batch`]) and states with them, as a whole and not as a change, what it holds
//! at this moment: its slots, its money. So an answer that was lost, a batch that was counted twice, or counters that
//! were wiped leave nothing to repair but windows. Of these each replica says again what it has counted itself, once it
//! is not known any more ([`Book::retell`]).
//!
//! What somebody has spent is `stored` (by the rows that the database has; the highest that any replica has seen in the
//! period) and each replica's `unstored` (its rows that are still on their way). A row that has just arrived may be in
//! both for a moment, never in neither: so the sum is never too small, and a claim that only the sum stands in the way
//! of is told to wait instead of being refused.

mod again;
mod book;
mod end;
mod unasked;

pub use book::{Book, Outcome};
pub use end::End;

use std::sync::Arc;

use smallvec::SmallVec;

use super::budget::{Cost, Nanos, UnixMs, Why};
use super::ledger::AccountId;
use super::limits::{Kind, Limits, Past, Reset, Used};
use super::scope::ScopeId;

/// What one request wants, all of it or nothing.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Tokens that it may use, estimated.
    pub tokens: u64,
    /// Scopes, each once, and their limits, none of them empty.
    pub rates: SmallVec<[(ScopeId, Limits); 4]>,
    /// Money that it may cost.
    pub cost: Cost,
    /// Who has to have it.
    pub payers: SmallVec<[Payer; 2]>,
    /// It only looks, and takes nothing.
    pub looks: bool,
    /// It must not go on without an answer, however far from its limits it is.
    pub strict: bool,
}

impl Claim {
    /// Whether there is nothing to ask for.
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty() && self.payers.is_empty()
    }

    /// The scopes that count requests under way.
    fn slots(&self) -> impl Iterator<Item = u128> {
        self.rates.iter().filter(|(_, limits)| limits.parallel.is_some()).map(|(scope, _)| scope.key())
    }
}

/// A budget that a request comes out of.
#[derive(Debug, Clone)]
pub struct Payer {
    /// Whose counter.
    pub scope: ScopeId,
    /// Whose account in the database.
    pub id: Arc<AccountId>,
    /// No more than this in a period.
    pub max: Nanos,
}

/// The tick of each window in which something was counted; 0 where nothing was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Ticks {
    /// Of the minute's window.
    pub minute: u64,
    /// Of the day's.
    pub day: u64,
}

/// What comes back to a window, or is added to it where it is not negative (then at this moment).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Requests.
    pub requests: i64,
    /// Tokens of the minute's window.
    pub tokens: i64,
    /// Tokens of the day's window.
    pub day_tokens: i64,
}

impl Change {
    /// What the window of one scope counts of a request that begins although nobody could be asked.
    pub fn of_begun(limits: &Limits) -> Self {
        Change { requests: i64::from(limits.has_window()), ..Change::default() }
    }

    fn add(&mut self, other: Change) {
        self.requests += other.requests;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.day_tokens = self.day_tokens.saturating_add(other.day_tokens);
    }
}

/// What a replica says of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// Whose: [`ScopeId::key`].
    pub key: u128,
    /// When its period began.
    pub began_at: UnixMs,
    /// Which of the sums that somebody has set by hand it goes on from.
    pub generation: u64,
    /// Spent in the period, by the rows that the database has.
    pub stored: Nanos,
    /// Spent by this replica's rows that the database does not have yet.
    pub unstored: Nanos,
    /// Held by this replica's requests.
    pub held: Nanos,
    /// Somebody has set the sum by hand: it replaces what is known, and need not be higher.
    pub replaces: bool,
    /// Only what rows of a replica that is gone have made of `stored` is told; `began_at` is when they were admitted.
    pub inherited: bool,
}

/// What one call carries.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Grows with each batch of a replica, from 1: one that comes after a later one is left aside.
    pub number: u64,
    /// Replicas that are gone and whose rows are all stored: they hold nothing.
    pub departed: Vec<String>,
    /// Parallel requests of this replica, by scope.
    pub slots: Vec<(u128, u64)>,
    /// Its accounts.
    pub accounts: Vec<Statement>,
    /// What comes back, by scope and tick.
    pub changes: Vec<(u128, Ticks, Change)>,
    /// What was counted before the counters were wiped.
    pub past: Vec<Past>,
    /// What requests want.
    pub claims: Vec<Claim>,
}

#[cfg(test)]
impl Batch {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        let Batch { number: _, departed, slots, accounts, changes, past, claims } = self;
        departed.is_empty()
            && slots.is_empty()
            && accounts.is_empty()
            && changes.is_empty()
            && past.is_empty()
            && claims.is_empty()
    }
}

/// What the counters answer to a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// When the counters began, by their own clock. Another moment than before says that they were wiped meanwhile.
    pub born: u64,
    /// This replica was unknown, or silent for so long that others have deleted what it holds.
    pub was_silent: bool,
    /// Replicas that are alive, this one included.
    pub replicas: u64,
    /// What is known of the accounts, in the batch's order.
    pub accounts: Vec<Sum>,
    /// What became of the claims, in the batch's order.
    pub answers: Vec<Answer>,
}

/// What is known of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// When its period began.
    pub began_at: UnixMs,
    /// Counts the sums that somebody has set by hand.
    pub generation: u64,
    /// Spent, by the rows that the database has.
    pub stored: Nanos,
    /// What requests hold, and rows that are on their way to the database.
    pub open: Nanos,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Everything was taken.
    Granted(Vec<Counted>),
    /// It only looked: how its scopes stand, and the accounts of its payers, by their places.
    Seen(Vec<Counted>, Vec<(usize, Sum)>),
    /// Rates are in the way; nothing was taken.
    Limited(Vec<Obstacle>),
    /// A budget is in the way; nothing was taken.
    Exceeded(Shortage),
}

/// One scope of a granted claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Where it was counted.
    pub ticks: Ticks,
    /// What all replicas have used now.
    pub used: Used,
}

/// A limit without room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obstacle {
    /// Which of the claim's rates.
    pub place: usize,
    /// Which limit.
    pub kind: Kind,
    /// What is used of it.
    pub used: u64,
    /// When there would be room.
    pub reset: Reset,
}

/// A budget without money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// Which of the claim's payers.
    pub place: usize,
    /// Why.
    pub why: Why,
    /// What is spent.
    pub spent: Nanos,
    /// What requests hold, and rows that are on their way.
    pub held: Nanos,
}
