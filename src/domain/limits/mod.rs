//! Rate limits: requests and tokens per minute, tokens per day, requests in parallel.
//!
//! # What is promised
//!
//! - **Windows slide.** A window is a row of ticks (a quarter of a second for minutes, five minutes for
//!   days) in which amounts are summed. A tick counts in full until all of it is older than the span. So no
//!   60-second span (24-hour span) ever admits more than the limit, and room comes back at most one tick
//!   later than it ideally could. That is all there is to know to keep the same windows elsewhere: one
//!   number for each tick of each scope, `tick = floor(now / length)`, a tick leaves at
//!   `(tick + 1) * length + span`.
//! - **All or none.** A request takes one request, its estimated tokens and one parallel slot from every
//!   scope it belongs to, or nothing from any: a refused request consumes nothing.
//! - **Tokens are estimated, then settled.** What was estimated too much goes back to the tick it was taken
//!   in; what was too little counts from the moment it is known, so that a long answer is not forgotten
//!   because it began more than a minute ago.
//! - **A fresh key is never refused.** An estimate above the whole limit passes when the window is empty
//!   (it then holds the whole limit). Whatever lowers estimates artificially gains nothing: the real usage
//!   is settled in full.
//! - **A limit of 0** admits nothing, ever.
//! - **The wait that a refusal names is true**: after it the request passes if nobody else takes anything,
//!   and not a tick earlier unless a running request gives tokens back.
//!
//! # What a ticket does
//!
//! | end | requests | tokens | parallel slot |
//! |---|---|---|---|
//! | [`Ticket::finish`] | count | those used | back |
//! | dropped | count | none: nothing was used that anybody knows of | back |
//! | [`Ticket::cancel`] | back | none | back |

mod limiter;
mod past;
#[cfg(test)]
mod properties;
mod refusal;
mod standing;
mod ticket;
mod window;

pub use limiter::Limiter;
pub use past::Past;
pub use refusal::{Refusal, Reset};
pub use standing::{Room, Standing, Used};
pub use ticket::Ticket;

use super::scope::ScopeId;

/// What is limited. The text forms are those of LiteLLM's messages and its `rate_limit_type` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Requests in 60 seconds.
    Requests,
    /// Tokens in 60 seconds.
    Tokens,
    /// Tokens in 24 hours.
    TokensPerDay,
    /// Requests under way at the same time.
    Parallel,
}

impl Kind {
    /// Its name in messages and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Requests => "requests",
            Kind::Tokens => "tokens",
            Kind::TokensPerDay => "tokens_per_day",
            Kind::Parallel => "max_parallel_requests",
        }
    }

    /// Whether it counts tokens, not requests.
    pub fn counts_tokens(self) -> bool {
        matches!(self, Kind::Tokens | Kind::TokensPerDay)
    }
}

/// The limits of one scope; `None` is unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// `rpm_limit`
    pub requests_per_minute: Option<u64>,
    /// `tpm_limit`
    pub tokens_per_minute: Option<u64>,
    /// `tpd_limit`
    pub tokens_per_day: Option<u64>,
    /// `max_parallel_requests`
    pub parallel: Option<u64>,
}

impl Limits {
    /// Whether nothing is limited: such a scope costs nothing and counts nothing.
    pub fn is_empty(&self) -> bool {
        *self == Limits::default()
    }

    /// Whether something is counted over time.
    pub fn has_window(&self) -> bool {
        self.requests_per_minute.is_some()
            || self.tokens_per_minute.is_some()
            || self.tokens_per_day.is_some()
    }

    /// The limit of one kind.
    pub fn of(&self, kind: Kind) -> Option<u64> {
        match kind {
            Kind::Requests => self.requests_per_minute,
            Kind::Tokens => self.tokens_per_minute,
            Kind::TokensPerDay => self.tokens_per_day,
            Kind::Parallel => self.parallel,
        }
    }

    fn counts_minutes(&self) -> bool {
        self.requests_per_minute.is_some() || self.tokens_per_minute.is_some()
    }
}

/// One scope a request belongs to, with what it allows.
#[derive(Debug, Clone, Copy)]
pub struct Quota<'a> {
    /// Whose counters.
    pub scope: &'a ScopeId,
    /// What they may reach.
    pub limits: Limits,
}
