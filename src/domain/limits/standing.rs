//! How a scope stands against its limits: for headers on every reply and for `GET /v1/limits`.

use std::time::Duration;

use super::{Kind, Limits};
use crate::domain::scope::ScopeKind;

/// One limit and what is used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What is limited.
    pub kind: Kind,
    /// The limit.
    pub limit: u64,
    /// What is used now: settled amounts, and estimates of what is under way. Above the limit when a
    /// request used more than it was estimated to.
    pub used: u64,
    /// When all of it is free again if nothing more is taken. `None` for parallel requests, which end when
    /// they end, and just after a take, when it is the whole span.
    pub resets_in: Option<Duration>,
}

impl Room {
    /// What is left.
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// One scope's limits and what is used of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub kind: ScopeKind,
    /// Its limits.
    pub limits: Limits,
    pub(super) used: Used,
    pub(super) resets: Option<Resets>,
}

/// What a scope has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Requests in 60 seconds.
    pub requests: u64,
    /// Tokens in 60 seconds.
    pub tokens: u64,
    /// Tokens in 24 hours.
    pub tokens_today: u64,
    /// Requests under way.
    pub parallel: u64,
}

impl Used {
    /// The higher of each.
    #[must_use]
    pub fn most(self, other: Used) -> Used {
        Used {
            requests: self.requests.max(other.requests),
            tokens: self.tokens.max(other.tokens),
            tokens_today: self.tokens_today.max(other.tokens_today),
            parallel: self.parallel.max(other.parallel),
        }
    }
}

/// When a scope's windows would be empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Resets {
    pub requests: Duration,
    pub tokens: Duration,
    pub day: Duration,
}

impl Standing {
    /// Takes over what others have used, too. When their windows are empty is not known.
    pub fn see(&mut self, used: Used) {
        let all = self.used.most(used);
        if all != std::mem::replace(&mut self.used, all) {
            self.resets = None;
        }
    }

    /// One row for each limit that the scope has.
    pub fn rooms(&self) -> impl Iterator<Item = Room> {
        let Used { requests, tokens, tokens_today, parallel } = self.used;
        let resets = self.resets;
        [
            (Kind::Requests, self.limits.requests_per_minute, requests, resets.map(|at| at.requests)),
            (Kind::Tokens, self.limits.tokens_per_minute, tokens, resets.map(|at| at.tokens)),
            (Kind::TokensPerDay, self.limits.tokens_per_day, tokens_today, resets.map(|at| at.day)),
            (Kind::Parallel, self.limits.parallel, parallel, None),
        ]
        .into_iter()
        .filter_map(|(kind, limit, used, resets_in)| Some(Room { kind, limit: limit?, used, resets_in }))
    }

    /// The row of one limit, if the scope has it.
    pub fn room(&self, kind: Kind) -> Option<Room> {
        self.rooms().find(|room| room.kind == kind)
    }
}
