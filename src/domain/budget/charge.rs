//! The money one request holds, and what becomes of it.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Budgets, Nanos, UnixMs};

/// Money that one request holds in all its accounts. Dropped, it is free again and nothing is spent.
pub struct Charge {
    pub(super) budgets: Arc<Budgets>,
    pub(super) held: Vec<Held>,
    pub(super) admitted_at: UnixMs,
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

/// An account whose spend has passed its soft budget; told once for each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing {
    /// The account's place in the list that was given to `reserve`.
    pub place: usize,
    /// What is spent now.
    pub spent: Nanos,
    /// The soft budget.
    pub soft: Nanos,
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
    /// account would count money that no row tells of. The answer names soft budgets that were passed.
    pub fn settle(mut self, actual: Nanos) -> SmallVec<[Crossing; 1]> {
        self.end(Some(actual))
    }

    fn end(&mut self, actual: Option<Nanos>) -> SmallVec<[Crossing; 1]> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() { SmallVec::new() } else { self.budgets.release(&held, actual) }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.end(None);
    }
}
