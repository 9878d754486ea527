//! The money one request holds, and what becomes of it.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Budgets, Crossing, Nanos, UnixMs};

/// Money that one request holds in all its accounts. Dropped, it is free again and nothing is spent.
pub struct Charge {
    pub(super) budgets: Arc<Budgets>,
    pub(super) held: Vec<Held>,
    pub(super) admitted_at: UnixMs,
}

/// What became of a charge.
#[derive(Debug, Default)]
pub struct Settlement {
    /// The lines that were passed.
    pub crossings: SmallVec<[Crossing; 1]>,
    /// What is spent now, by the account's place.
    pub(super) spent: SmallVec<[(usize, Nanos); 4]>,
}

impl Settlement {
    /// What the account at this place has spent now; `None` when a new period has begun since.
    pub fn spent(&self, place: usize) -> Option<Nanos> {
        self.spent.iter().find(|(known, _)| *known == place).map(|(_, spent)| *spent)
    }
}

/// What is held in one account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub key: u128,
    /// Its place in the list that was given to `reserve`.
    pub place: usize,
    pub period: u64,
    pub amount: Nanos,
}

impl Charge {
    /// When the request was admitted, for its ledger row: the row counts into the period of this moment.
    pub fn admitted_at(&self) -> UnixMs {
        self.admitted_at
    }

    /// The accounts ([`ScopeId::key`](crate::domain::scope::ScopeId::key)) that will count what the request costs. Its
    /// ledger row names them, so that they learn when the store has it.
    pub fn accounts(&self) -> impl Iterator<Item = u128> {
        self.held.iter().map(|held| held.key)
    }

    /// Replaces what is held by what the request has cost. Its ledger row must be on its way by then, or the
    /// account would count money that no row tells of. The answer names the lines that were passed.
    pub fn settle(mut self, actual: Nanos) -> Settlement {
        self.end(Some(actual))
    }

    fn end(&mut self, actual: Option<Nanos>) -> Settlement {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() { Settlement::default() } else { self.budgets.release(&held, actual) }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.end(None);
    }
}
