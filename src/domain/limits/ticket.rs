//! What one request has taken from its limits.

use std::sync::Arc;
use std::time::Instant;

use super::standing::Used;
use super::{Limiter, Limits, Standing};
use crate::domain::scope::ScopeKind;

/// What a request has taken from its limits. It gives the parallel slots back when it is gone, however it
/// goes; see the table in this module's documentation.
pub struct Ticket {
    pub(super) limiter: Arc<Limiter>,
    pub(super) held: Vec<Held>,
}

/// What was taken from one scope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub key: u128,
    pub kind: ScopeKind,
    pub limits: Limits,
    pub minute: Option<Reserved>,
    pub day: Option<Reserved>,
    pub used: Used,
}

/// Tokens that a window counts until the real number is known, and the tick that has them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reserved {
    pub tick: u32,
    pub tokens: u64,
}

/// How a ticket ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// So many tokens were used, as is known since this moment.
    Used(u64, Instant),
    /// It counts as a request that used no tokens.
    Unknown,
    /// As if it had never been.
    Cancelled,
}

impl Ticket {
    /// Replaces the estimated tokens by those that were used, and gives the parallel slots back.
    pub fn finish(mut self, now: Instant, tokens: u64) {
        self.end(End::Used(tokens, now));
    }

    /// Gives everything back, requests too: for a request that was refused elsewhere, by a budget.
    pub fn cancel(mut self) {
        self.end(End::Cancelled);
    }

    /// How its scopes stood just after it was taken, itself included, in the order of its quotas.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.held.iter().map(|held| {
            let Held { kind, limits, used, .. } = *held;
            Standing { kind, limits, used, resets: None }
        })
    }

    fn end(&mut self, end: End) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.limiter.release(&held, end);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(End::Unknown);
    }
}
