//! What the windows hold, for whoever has to be told of it anew.

use std::time::Instant;

use super::limiter::{Limiter, State};

/// What was counted for a scope in one tick of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Past {
    /// Whose: `ScopeId::key`.
    pub key: u128,
    /// How many ticks of the minute's window ago the requests and tokens were counted.
    pub minute_ago: u64,
    /// Requests.
    pub requests: u64,
    /// Tokens of the minute.
    pub tokens: u64,
    /// How many ticks of the day's window ago the tokens of the day were counted.
    pub day_ago: u64,
    /// Tokens of the day.
    pub day_tokens: u64,
}

impl Limiter {
    /// All that the windows of all scopes hold, of each window the newest first.
    pub fn past(&self, now: Instant) -> Vec<Past> {
        let now = self.moment(now);
        let mut all = Vec::new();
        self.scopes.each_with_key(|key, state| {
            state.advance(now);
            of(key, state, &mut all);
        });
        all
    }
}

fn of(key: u128, state: &State, all: &mut Vec<Past>) {
    let minute = state.minute.ticks();
    all.extend(minute.map(|(minute_ago, requests, tokens)| Past {
        key,
        minute_ago,
        requests,
        tokens,
        ..Past::default()
    }));
    let day = state.day.iter().flat_map(|day| day.ticks());
    all.extend(day.map(|(day_ago, _, day_tokens)| Past { key, day_ago, day_tokens, ..Past::default() }));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::limits::{Limits, Quota};
    use crate::domain::scope::{ScopeId, ScopeKind};

    #[test]
    fn everything_is_told_with_its_age() {
        let start = Instant::now();
        let limiter = Limiter::new(start);
        let scope = ScopeId::new(ScopeKind::Key, "k");
        let limits = Limits {
            requests_per_minute: Some(10),
            tokens_per_minute: Some(1_000),
            tokens_per_day: Some(10_000),
            parallel: None,
        };
        let quota = [Quota { scope: &scope, limits }];
        let at = |ms| start + Duration::from_millis(ms);
        limiter.take(at(0), 100, &quota).unwrap().finish(at(0), 70);
        limiter.take(at(1_000), 50, &quota).unwrap().finish(at(1_000), 50);
        limiter.take(at(1_000), 50, &quota).unwrap().cancel();
        let key = scope.key();
        let minute = |minute_ago, tokens| Past { key, minute_ago, requests: 1, tokens, ..Past::default() };
        assert_eq!(
            limiter.past(at(2_000)),
            [minute(4, 50), minute(8, 70), Past { key, day_tokens: 120, ..Past::default() }]
        );
        assert_eq!(limiter.past(at(62_000)).len(), 1);
    }
}
