//! Whether a failed attempt is repeated within its group, and after what wait.

use std::time::{Duration, Instant};

use super::policy::RetryPolicy;
use crate::base::deadline::Deadline;
use crate::base::error::{Error, Kind, Retry};
use crate::base::rng::Rng;

/// The first wait of the exponential backoff.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest wait of the exponential backoff, jitter aside.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// The longest Retry-After that is waited for; a longer one is the caller's to wait for.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// The most that is added at random, so that waiting requests do not come back all at once.
const JITTER: f64 = 0.75;

/// What happens after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another attempt in this group.
    Again {
        /// After this wait; zero when another deployment can serve now.
        wait: Duration,
        /// Whether the deployment that failed would refuse again and must be barred.
        elsewhere: bool,
    },
    /// None; the group's fallbacks are due.
    GiveUp,
}

/// The group at the moment of the decision.
#[derive(Debug, Clone, Copy)]
pub struct GroupFacts<'a> {
    /// The group as configured.
    pub name: &'a str,
    /// Members that this request has not tried and that could serve now.
    pub untried: usize,
    /// `num_retries` of the deployment that failed.
    pub num_retries: Option<u32>,
}

/// The retry budget of one request in one group.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetryState {
    requested: Option<u32>,
    retries: u32,
}

impl RetryState {
    /// For a request that asks for `requested` retries itself (`num_retries` in body or header).
    pub fn new(requested: Option<u32>) -> Self {
        RetryState { requested, retries: 0 }
    }

    /// How many retries were granted so far.
    pub fn retries(&self) -> u32 {
        self.retries
    }

    /// Decides after each failed attempt. Nothing is granted that could not start before `deadline`.
    pub fn next(
        &mut self,
        error: &Error,
        group: &GroupFacts<'_>,
        policy: &RetryPolicy,
        deadline: Deadline,
        now: Instant,
        rng: &mut dyn Rng,
    ) -> Next {
        let rule = Rule::of(error.kind(), group.name, policy);
        let elsewhere = rule.retry == Retry::Elsewhere;
        let allowed = self.allowed(&rule, policy, group.num_retries);
        let hopeless = rule.retry == Retry::Never || (elsewhere && group.untried == 0);
        if hopeless || self.retries >= allowed {
            return Next::GiveUp;
        }
        // A wait beyond this is the caller's to make; asking again meanwhile would only add to the load.
        if group.untried == 0 && error.retry_after().is_some_and(|asked| asked > LONGEST_ASKED) {
            return Next::GiveUp;
        }
        let wait = if group.untried > 0 { Duration::ZERO } else { self.wait(error, policy, rng) };
        if deadline.left(now).is_some_and(|left| left <= wait) {
            return Next::GiveUp;
        }
        self.retries += 1;
        Next::Again { wait, elsewhere }
    }

    /// The most retries: the request's own number, else that of the error's class, else the
    /// deployment's, else the router's.
    pub fn allowed_for(&self, kind: Kind, group: &str, policy: &RetryPolicy, deployment: Option<u32>) -> u32 {
        self.allowed(&Rule::of(kind, group, policy), policy, deployment)
    }

    fn allowed(&self, rule: &Rule, policy: &RetryPolicy, deployment: Option<u32>) -> u32 {
        self.requested.or(rule.count).or(deployment).unwrap_or(policy.num_retries)
    }

    fn wait(&self, error: &Error, policy: &RetryPolicy, rng: &mut dyn Rng) -> Duration {
        let asked = error.retry_after().filter(|asked| !asked.is_zero() && *asked <= LONGEST_ASKED);
        let backoff = || {
            let doubled = FIRST_WAIT.saturating_mul(1u32.checked_shl(self.retries).unwrap_or(u32::MAX));
            doubled.min(LONGEST_WAIT).max(policy.retry_after)
        };
        asked.unwrap_or_else(backoff).saturating_add(Duration::from_secs_f64(rng.unit() * JITTER))
    }
}

/// What table and settings say about an error.
struct Rule {
    retry: Retry,
    count: Option<u32>,
}

impl Rule {
    /// A number given for the very class of an error makes it retryable, or not; `DefaultRetries` only
    /// says how often what is retryable anyway is repeated.
    fn of(kind: Kind, group: &str, policy: &RetryPolicy) -> Rule {
        let by_group = policy.by_group.get(group);
        let explicit =
            by_group.and_then(|counts| counts.explicit(kind)).or_else(|| policy.by_class.explicit(kind));
        let default = || by_group.and_then(|counts| counts.default).or(policy.by_class.default);
        let retry = if explicit.is_some() { Retry::Yes } else { kind.behaviour().retry };
        Rule { retry, count: explicit.or_else(default) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::collection::vec;
    use proptest::{prop_assert, proptest};

    use super::*;
    use crate::domain::reliability::ClassCounts;

    struct Fixed(f64);

    impl Rng for Fixed {
        fn below(&mut self, _: u64) -> u64 {
            0
        }

        fn unit(&mut self) -> f64 {
            self.0
        }
    }

    fn error(kind: Kind) -> Error {
        Error::new(kind, "failed")
    }

    fn next(state: &mut RetryState, error: &Error, untried: usize, policy: &RetryPolicy) -> Next {
        let group = GroupFacts { name: "gpt-4", untried, num_retries: None };
        state.next(error, &group, policy, Deadline::NONE, Instant::now(), &mut Fixed(0.0))
    }

    fn again(millis: u64) -> Next {
        Next::Again { wait: Duration::from_millis(millis), elsewhere: false }
    }

    #[test]
    fn what_is_retried_reads_like_the_contract() {
        use Kind::*;
        let yes = Some(false);
        let elsewhere = Some(true);
        #[rustfmt::skip]
        let table = [
            // error, another deployment is left -> retried (elsewhere only?)
            (UpstreamRequestTimeout, false, yes),
            (UpstreamConflict,       false, yes),
            (UpstreamRateLimit,      false, yes),
            (UpstreamInternal,       false, yes),
            (UpstreamOverloaded,     false, yes),
            (Connect,                false, yes),
            (Cut,                    false, yes),
            (AttemptTimeout,         false, yes),
            (UpstreamBadRequest,     true,  None),
            (UpstreamTooLarge,       true,  None),
            (UpstreamUnprocessable,  true,  None),
            (ContextWindow,          true,  None),
            (ContentPolicy,          true,  None),
            (UpstreamUnauthorized,   true,  elsewhere),
            (UpstreamUnauthorized,   false, None),
            (UpstreamForbidden,      true,  elsewhere),
            (UpstreamNotFound,       true,  elsewhere),
            (UpstreamNotFound,       false, None),
            (AllCooling,             true,  None),
            (LimitExceeded,          true,  None),
            (CallerDeadline,         true,  None),
            (ClientGone,             true,  None),
            (Draining,               true,  None),
        ];
        for (kind, other, expected) in table {
            let untried = usize::from(other);
            let found = next(&mut RetryState::new(None), &error(kind), untried, &RetryPolicy::default());
            let found = match found {
                Next::Again { elsewhere, .. } => Some(elsewhere),
                Next::GiveUp => None,
            };
            assert_eq!(found, expected, "{kind:?}, another left: {other}");
        }
    }

    #[test]
    fn the_waits_double_up_to_eight_seconds_and_none_follows_the_last_attempt() {
        let policy = RetryPolicy { num_retries: 6, ..RetryPolicy::default() };
        let mut state = RetryState::new(None);
        for millis in [500, 1_000, 2_000, 4_000, 8_000, 8_000] {
            assert_eq!(next(&mut state, &error(Kind::UpstreamInternal), 0, &policy), again(millis));
        }
        assert_eq!(next(&mut state, &error(Kind::UpstreamInternal), 0, &policy), Next::GiveUp);
    }

    #[test]
    fn retry_after_is_the_least_wait() {
        let policy = RetryPolicy { retry_after: Duration::from_secs(5), ..RetryPolicy::default() };
        assert_eq!(next(&mut RetryState::new(None), &error(Kind::Connect), 0, &policy), again(5_000));
        let policy = RetryPolicy { retry_after: Duration::from_secs(9), ..RetryPolicy::default() };
        assert_eq!(next(&mut RetryState::new(None), &error(Kind::Connect), 0, &policy), again(9_000));
    }

    #[test]
    fn no_wait_while_another_deployment_can_serve_now() {
        let asked = error(Kind::UpstreamRateLimit).with_retry_after(Some(Duration::from_secs(30)));
        assert_eq!(next(&mut RetryState::new(None), &asked, 1, &RetryPolicy::default()), again(0));
    }

    #[test]
    fn the_providers_retry_after_is_honoured_up_to_a_minute() {
        for (asked, waited) in [(250, 250), (1_000, 1_000), (60_000, 60_000), (0, 500)] {
            let asked = error(Kind::UpstreamRateLimit).with_retry_after(Some(Duration::from_millis(asked)));
            let found = next(&mut RetryState::new(None), &asked, 0, &RetryPolicy::default());
            assert_eq!(found, again(waited), "{asked:?}");
        }
        let longer = error(Kind::UpstreamRateLimit).with_retry_after(Some(Duration::from_secs(61)));
        let policy = RetryPolicy::default();
        assert_eq!(next(&mut RetryState::new(None), &longer, 0, &policy), Next::GiveUp);
        assert_eq!(next(&mut RetryState::new(None), &longer, 1, &policy), again(0));
    }

    #[test]
    fn the_request_beats_the_class_beats_the_deployment_beats_the_router() {
        let by_class = ClassCounts { rate_limit: Some(4), default: Some(5), ..ClassCounts::default() };
        let mine = ClassCounts { rate_limit: Some(6), ..ClassCounts::default() };
        let by_group = HashMap::from([("mine".into(), mine)]);
        let policy = RetryPolicy { by_class, by_group, ..RetryPolicy::default() };
        let plain = RetryPolicy::default();
        let (asked, silent) = (RetryState::new(Some(1)), RetryState::new(None));
        assert_eq!(asked.allowed_for(Kind::UpstreamRateLimit, "mine", &policy, Some(3)), 1);
        assert_eq!(silent.allowed_for(Kind::UpstreamRateLimit, "mine", &policy, Some(3)), 6);
        assert_eq!(silent.allowed_for(Kind::UpstreamRateLimit, "other", &policy, Some(3)), 4);
        assert_eq!(silent.allowed_for(Kind::UpstreamInternal, "other", &policy, Some(3)), 5);
        assert_eq!(silent.allowed_for(Kind::UpstreamInternal, "other", &plain, Some(3)), 3);
        assert_eq!(silent.allowed_for(Kind::UpstreamInternal, "other", &plain, None), 2);
    }

    #[test]
    fn a_policy_for_the_class_decides_what_is_retried() {
        let by_class = ClassCounts { bad_request: Some(2), timeout: Some(0), ..ClassCounts::default() };
        let policy = RetryPolicy { by_class, ..RetryPolicy::default() };
        let mut state = RetryState::new(None);
        for _ in 0..2 {
            assert_ne!(next(&mut state, &error(Kind::UpstreamBadRequest), 0, &policy), Next::GiveUp);
        }
        assert_eq!(next(&mut state, &error(Kind::UpstreamBadRequest), 0, &policy), Next::GiveUp);
        let mut state = RetryState::new(None);
        assert_eq!(next(&mut state, &error(Kind::AttemptTimeout), 1, &policy), Next::GiveUp);
        let default = ClassCounts { default: Some(9), ..ClassCounts::default() };
        let policy = RetryPolicy { by_class: default, ..RetryPolicy::default() };
        assert_eq!(next(&mut state, &error(Kind::UpstreamBadRequest), 1, &policy), Next::GiveUp);
        assert_eq!(next(&mut state, &error(Kind::ClientGone), 1, &policy), Next::GiveUp);
    }

    #[test]
    fn nothing_is_started_after_the_deadline() {
        let now = Instant::now();
        let policy = RetryPolicy::default();
        let decide = |left: u64, untried| {
            let deadline = Deadline::after(now, Duration::from_millis(left));
            let group = GroupFacts { name: "gpt-4", untried, num_retries: None };
            let failed = error(Kind::UpstreamInternal);
            RetryState::new(None).next(&failed, &group, &policy, deadline, now, &mut Fixed(0.0))
        };
        assert_eq!(decide(500, 0), Next::GiveUp);
        assert_eq!(decide(501, 0), again(500));
        assert_eq!(decide(1, 1), again(0));
        assert_eq!(decide(0, 1), Next::GiveUp);
    }

    proptest! {
        #[test]
        fn attempts_never_exceed_one_and_num_retries(
            num_retries in 0u32..6,
            errors in vec((0usize..Kind::ALL.len(), 0usize..3, 0.0f64..1.0), 0..40),
        ) {
            let policy = RetryPolicy { num_retries, ..RetryPolicy::default() };
            let mut state = RetryState::new(None);
            let mut granted = 0;
            for (index, untried, unit) in errors {
                let group = GroupFacts { name: "g", untried, num_retries: None };
                let failed = error(Kind::ALL[index]);
                let now = Instant::now();
                let next =
                    state.next(&failed, &group, &policy, Deadline::NONE, now, &mut Fixed(unit));
                if let Next::Again { wait, .. } = next {
                    granted += 1;
                    prop_assert!(wait <= Duration::from_millis(8_750));
                }
            }
            prop_assert!(granted <= num_retries);
        }
    }
}
