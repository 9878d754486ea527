//! Why a request has to wait: scope, limit, what is used, and for how long.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Kind;
use crate::base::civil;
use crate::domain::scope::ScopeId;

/// When a refused request would pass if nobody else took anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// As soon as one of the running requests ends.
    WhenOneEnds,
    /// After this time.
    In(Duration),
    /// Never: the limit is 0.
    Never,
}

impl Reset {
    /// The longest obstacle is the one worth naming: when it is gone, the others are too.
    pub fn outlasts(self, other: Reset) -> bool {
        let rank = |reset| match reset {
            Reset::WhenOneEnds => Duration::ZERO,
            Reset::In(wait) => wait,
            Reset::Never => Duration::MAX,
        };
        rank(self) > rank(other)
    }
}

/// A limit that has no room. Nothing was taken from any limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whose limit.
    pub scope: ScopeId,
    /// Which one.
    pub kind: Kind,
    /// Its value.
    pub limit: u64,
    /// What is used of it.
    pub used: u64,
    /// What the request wanted to take.
    pub wanted: u64,
    /// When it would pass.
    pub reset: Reset,
}

impl Refusal {
    /// The true wait, for a caller that would rather wait than be refused; `None` where nobody knows it.
    pub fn wait(&self) -> Option<Duration> {
        match self.reset {
            Reset::In(wait) => Some(wait),
            Reset::WhenOneEnds | Reset::Never => None,
        }
    }

    /// Whole seconds for `Retry-After`, rounded up so that a try after them passes; a second where only
    /// running requests are in the way, nothing where waiting does not help.
    pub fn retry_after(&self) -> Option<u64> {
        match self.reset {
            Reset::In(wait) => Some(whole_seconds(wait)),
            Reset::WhenOneEnds => Some(1),
            Reset::Never => None,
        }
    }

    /// The value of the `reset_at` header, in UTC; `None` where there is no such moment.
    pub fn reset_at(&self, now: SystemTime) -> Option<String> {
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.wait().map(|wait| civil::utc(whole_seconds(since_epoch.saturating_add(wait))))
    }

    /// The sentence for the caller. Its first half is LiteLLM's word for word, for those who parse logs.
    pub fn sentence(&self, now: SystemTime) -> String {
        let Refusal { scope, kind, limit, used, wanted, .. } = self;
        let reset = match self.reset {
            Reset::In(_) => format!("Limit resets at: {}.", self.reset_at(now).unwrap_or_default()),
            Reset::WhenOneEnds => "It frees up when a running request ends.".to_string(),
            Reset::Never => "It admits nothing.".to_string(),
        };
        format!(
            "Rate limit exceeded for {}: {}. Limit type: {}. Current limit: {limit}, Remaining: {}. {reset} \
             Used: {used}, this request needs {wanted}.",
            scope.kind(),
            scope.shown(),
            kind.as_str(),
            limit.saturating_sub(*used),
        )
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scope::ScopeKind;

    fn refusal(reset: Reset) -> Refusal {
        let scope = ScopeId::new(ScopeKind::Key, "88dc28d0f030c55ed4ab77ed8faf0981");
        Refusal { scope, kind: Kind::Requests, limit: 2, used: 2, wanted: 1, reset }
    }

    #[test]
    fn names_scope_limit_use_and_the_true_reset() {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_250_627_400);
        let refused = refusal(Reset::In(Duration::from_millis(19_250)));
        assert_eq!(
            refused.sentence(now),
            "Rate limit exceeded for api_key: 88dc28d0.... Limit type: requests. Current limit: 2, \
             Remaining: 0. Limit resets at: 2026-11-21 08:44:07 UTC. Used: 2, this request needs 1."
        );
        assert_eq!(refused.retry_after(), Some(20));
        assert_eq!(refusal(Reset::WhenOneEnds).retry_after(), Some(1));
        assert_eq!(refusal(Reset::Never).retry_after(), None);
    }
}
