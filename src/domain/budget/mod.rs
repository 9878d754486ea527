//! Budgets: what may be spent, held while a request is under way, and settled when its price is known.
//!
//! # What an account knows
//!
//! `spent = stored + unstored`: what the store says of the current period, and what requests of this process
//! have cost whose ledger rows the store does not have yet. A row counts as spent from the moment its request
//! is settled, wherever the row is by then, and once. Four calls keep the sum exact:
//!
//! - [`Budgets::load`] brings what the store says. It wants a [`Mark`] that was taken before the store was
//!   asked and does nothing if rows were stored meanwhile, so an old answer never overwrites a newer one; for an
//!   account that is new here, too.
//! - [`Charge::settle`] adds to `unstored`. The row names the accounts that counted it ([`Charge::accounts`]).
//! - [`Budgets::storing`] says that rows are given to the store. Until it is known what became of them (a
//!   connection may be lost with the answer) no answer of the store is taken: it may count them or not.
//! - [`Budgets::confirm`] moves what the store has from `unstored` to `stored`: only rows that were counted here,
//!   and these once, even if the store had them since an attempt whose end nobody heard of.
//!
//! Rows that a former process has left count as soon as they are stored; whoever loads accounts waits for that
//! ([`Budgets::expects_rows`]).
//!
//! A row belongs to the period in which its request was admitted ([`Charge::admitted_at`]): whoever adds up
//! rows (the store's totals, an audit) has to use that moment, and the sums agree.
//!
//! # Who is admitted
//!
//! | the request | is admitted while | so |
//! |---|---|---|
//! | is free (its price is explicitly 0) | always | an empty budget does not stop it |
//! | has a cap on its output | `spent + reserved + estimate <= max` | it can never push an account over |
//! | has none | `spent + reserved < max` | the overshoot is at most what is in flight |
//!
//! A priced request counts at least one nano-dollar, so `max_budget: 0` blocks it, and so does a budget that
//! is used up exactly. All accounts of a request admit it, or nothing is reserved anywhere. A refusal says
//! whether the money is spent, or this call alone could cost more than is left, or only other requests'
//! reservations are in the way ([`Why`]): the last passes by itself.
//!
//! A request that moves on to another model reserves anew, for that model's price and accounts, and drops the
//! charge that it had: no route leads around a budget.
//!
//! # Resets
//!
//! They happen at the first admission at or after `resets_at`; nothing has to wake up for them. Where periods
//! begin says [`crate::domain::keys::reset::Calendar`], the one that the store uses. Requests admitted before a
//! reset that end after it still have their rows, and count into the period that is over.

mod budgets;
mod charge;
mod crossing;
mod exceeded;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod races;

pub use crate::base::money::Nanos;
pub use budgets::{Account, Budgets, Committed, Known, Loaded, Mark, Standing};
pub use charge::{Charge, Settlement};
pub use crossing::{Crossing, Line};
pub use exceeded::{Exceeded, Refused, Why};

/// Milliseconds since 1970, UTC.
pub type UnixMs = i64;

/// What a request may cost, as far as it is known before the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Nothing: the model's price is explicitly 0.
    Free,
    /// No more than this: the request caps its output.
    AtMost(Nanos),
    /// Probably this; nothing caps it.
    Open(Nanos),
}

impl Cost {
    /// What is held for it.
    pub fn reserved(self) -> Nanos {
        match self {
            Cost::Free => Nanos::ZERO,
            Cost::AtMost(nanos) | Cost::Open(nanos) => nanos.max(Nanos::new(1)),
        }
    }
}
