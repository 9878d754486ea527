//! What one request has taken from its limits.

use std::sync::Arc;
use std::time::Instant;

use super::standing::Used;
use super::{Limiter, Limits, Quota, Standing};
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
    /// The request itself is counted in an earlier tick.
    pub raised: bool,
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

    /// Takes out what it holds of some kinds of scope, as a ticket of its own.
    #[must_use]
    pub fn split(&mut self, wanted: impl Fn(ScopeKind) -> bool) -> Ticket {
        let (taken, left) = std::mem::take(&mut self.held).into_iter().partition(|held| wanted(held.kind));
        self.held = left;
        Ticket { limiter: Arc::clone(&self.limiter), held: taken }
    }

    /// Holds from now on what the other one, of the same limiter, has held.
    pub fn join(&mut self, mut other: Ticket) {
        self.held.append(&mut other.held);
    }

    /// Holds at least so many estimated tokens everywhere: a request has become larger while it was under way.
    ///
    /// # Errors
    /// The kind of scope and the limit that has no room; what was raised before stays so.
    pub fn raise(&mut self, now: Instant, tokens: u64) -> Result<(), (ScopeKind, u64)> {
        Arc::clone(&self.limiter).raise(&mut self.held, now, tokens)
    }

    /// Whether it is of exactly these scopes.
    pub fn is_of(&self, quotas: &[Quota<'_>]) -> bool {
        self.held.iter().map(|held| held.key).eq(quotas.iter().map(|quota| quota.scope.key()))
    }

    /// How its scopes stood just after it was taken, itself included, in the order of its quotas.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.held.iter().map(|held| {
            let Held { kind, limits, used, .. } = *held;
            Standing { kind, limits, used, resets: None }
        })
    }

    /// Takes over how the scopes stand with what others have used, by their keys.
    pub fn see(&mut self, seen: impl Fn(u128) -> Option<Used>) {
        for held in &mut self.held {
            held.used = seen(held.key).map_or(held.used, |seen| held.used.most(seen));
        }
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
