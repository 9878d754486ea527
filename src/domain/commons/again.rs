//! Windows after the counters were wiped: what this replica has counted, but for what it has just told of anyway.

use std::collections::HashMap;

use super::{Change, Claim};
use crate::domain::limits::Past;

/// What is counted in the wiped windows already, or will be when it is asked for, by scope.
#[derive(Debug, Default)]
pub struct Again(HashMap<u128, Amounts>);

#[derive(Debug, Default, Clone, Copy)]
struct Amounts {
    requests: u64,
    tokens: u64,
    day_tokens: u64,
}

impl Again {
    /// A claim that was granted, or is still to be asked for.
    pub fn claim(&mut self, claim: &Claim) {
        for (scope, limits) in &claim.rates {
            let sum = self.0.entry(scope.key()).or_default();
            sum.requests += 1;
            let tokens = |limit: Option<u64>| claim.tokens.min(limit.unwrap_or(u64::MAX));
            sum.tokens = sum.tokens.saturating_add(tokens(limits.tokens_per_minute));
            if limits.tokens_per_day.is_some() {
                sum.day_tokens = sum.day_tokens.saturating_add(tokens(limits.tokens_per_day));
            }
        }
    }

    /// What was added to a window.
    pub fn change(&mut self, key: u128, change: &Change) {
        let sum = self.0.entry(key).or_default();
        let added = |amount: i64| u64::try_from(amount).unwrap_or(0);
        sum.requests = sum.requests.saturating_add(added(change.requests));
        sum.tokens = sum.tokens.saturating_add(added(change.tokens));
        sum.day_tokens = sum.day_tokens.saturating_add(added(change.day_tokens));
    }

    /// Takes it out of what is to be told, newest first, as it is given.
    pub fn leave_out(mut self, mut past: Vec<Past>) -> Vec<Past> {
        for told in &mut past {
            let Some(known) = self.0.get_mut(&told.key) else { continue };
            let less = |amount: &mut u64, known: &mut u64| {
                let both = (*amount).min(*known);
                *amount -= both;
                *known -= both;
            };
            less(&mut told.requests, &mut known.requests);
            less(&mut told.tokens, &mut known.tokens);
            less(&mut told.day_tokens, &mut known.day_tokens);
        }
        past.retain(|told| told.requests > 0 || told.tokens > 0 || told.day_tokens > 0);
        past
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_anyway_is_left_out_from_the_newest_on() {
        let mut again = Again::default();
        again.change(1, &Change { requests: 3, tokens: -5, day_tokens: 0 });
        let past = |key, minute_ago, requests| Past { key, minute_ago, requests, ..Past::default() };
        let told = again.leave_out(vec![past(1, 0, 2), past(1, 4, 2), past(2, 0, 1)]);
        assert_eq!(told, [past(1, 4, 1), past(2, 0, 1)]);
    }
}
