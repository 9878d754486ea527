//! When a deployment's failures make it rest, and for how long.

use std::time::{Duration, Instant};

use super::policy::AllowedFails;
use crate::base::error::Kind;

/// The longest rest that a provider's Retry-After can cause.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// So many refusals of key or model in a row cool a deployment that is alone in its group.
const DENIALS: u32 = 5;

/// The settings that apply to one deployment.
#[derive(Debug, Clone)]
pub struct CooldownRules {
    /// `disable_cooldowns`.
    pub disabled: bool,
    /// The router's `cooldown_time`.
    pub router_time: Duration,
    /// The deployment's own `cooldown_time`; it wins over everything.
    pub deployment_time: Option<Duration>,
    /// The deployment's `allowed_fails`, else the router's; `None`: the default policy.
    pub allowed_fails: Option<AllowedFails>,
    /// The numbers of the default policy.
    pub thresholds: Thresholds,
}

impl Default for CooldownRules {
    fn default() -> Self {
        CooldownRules {
            disabled: false,
            router_time: Duration::from_secs(5),
            deployment_time: None,
            allowed_fails: None,
            thresholds: Thresholds::default(),
        }
    }
}

impl CooldownRules {
    /// How long a deployment rests: its own setting, else what the provider asks for, else the router's.
    pub fn duration(&self, retry_after: Option<Duration>) -> Duration {
        self.deployment_time.or(retry_after.map(|asked| asked.min(LONGEST_ASKED))).unwrap_or(self.router_time)
    }
}

/// The numbers of the default policy, counted over a minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// The share of failures above which a deployment cools (`DEFAULT_FAILURE_THRESHOLD_PERCENT`).
    pub share: f64,
    /// The fewest attempts that make a share (`DEFAULT_FAILURE_THRESHOLD_MINIMUM_REQUESTS`).
    pub minimum: u64,
    /// The fewest attempts, all failed, that cool a deployment alone in its group
    /// (`SINGLE_DEPLOYMENT_TRAFFIC_FAILURE_THRESHOLD`).
    pub single: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds { share: 0.5, minimum: 5, single: 1000 }
    }
}

/// Which rule started a cooldown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// 429, and the group has another deployment.
    RateLimited,
    /// No connection, and the group has another deployment.
    Unreachable,
    /// Key, account or model refused: at once beside others, else after repeats.
    Denied,
    /// Too large a share of the last minute failed.
    FailureShare,
    /// More failures than `allowed_fails` or its policy allow.
    AllowedFails,
    /// Another replica said so.
    Peer,
}

impl Trigger {
    /// The name in logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Trigger::RateLimited => "rate_limited",
            Trigger::Unreachable => "unreachable",
            Trigger::Denied => "denied",
            Trigger::FailureShare => "failure_share",
            Trigger::AllowedFails => "allowed_fails",
            Trigger::Peer => "peer",
        }
    }
}

/// A deployment begins to rest, or rests for longer than was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CooldownStarted {
    /// Until when.
    pub until: Instant,
    /// For how long from now.
    pub duration: Duration,
    /// The failure that did it.
    pub kind: Kind,
    /// The rule that did it.
    pub trigger: Trigger,
}

/// What is known when a failure is judged; counts include that failure.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// What failed.
    pub kind: Kind,
    /// Deployments of the group that could work, this one included.
    pub group_size: usize,
    /// Successes of the last minute.
    pub successes: u64,
    /// Failures of the last minute that spoke against the deployment.
    pub failures: u64,
    /// Those of them that are of this kind's class.
    pub of_class: u64,
    /// 401, 402 and 404 since the latest success.
    pub denials_in_row: u32,
}

/// Whether a failure says something about the deployment at all.
///
/// Callers' own mistakes, content-policy refusals and attempts that ended because the time that the
/// *caller* chose was over say nothing. Where the caller also names the upstream model (a `*` in the
/// deployment's), "no such model" and "not allowed" say nothing either.
pub fn speaks_against(kind: Kind, caller_timeout: bool, caller_names_model: bool) -> bool {
    let caller_named_it =
        caller_names_model && matches!(kind, Kind::UpstreamNotFound | Kind::UpstreamForbidden);
    kind.behaviour().cools && !caller_timeout && !caller_named_it
}

/// The rule that makes a deployment rest after a failure that speaks against it, if one does.
pub fn judge(rules: &CooldownRules, seen: &Evidence) -> Option<Trigger> {
    if rules.disabled {
        return None;
    }
    match &rules.allowed_fails {
        Some(AllowedFails::Count(allowed)) => over(seen.failures, *allowed),
        Some(AllowedFails::ByClass(counts)) => match counts.of(seen.kind) {
            Some(allowed) => over(seen.of_class, allowed),
            None => by_default(&rules.thresholds, seen),
        },
        None => by_default(&rules.thresholds, seen),
    }
}

fn over(failures: u64, allowed: u32) -> Option<Trigger> {
    (failures > u64::from(allowed)).then_some(Trigger::AllowedFails)
}

fn by_default(thresholds: &Thresholds, seen: &Evidence) -> Option<Trigger> {
    let others = seen.group_size > 1;
    let attempts = seen.successes.saturating_add(seen.failures);
    let share = seen.failures as f64 / attempts.max(1) as f64;
    let sick = if others {
        attempts >= thresholds.minimum && share > thresholds.share
    } else {
        attempts >= thresholds.single && seen.successes == 0
    };
    match seen.kind {
        Kind::UpstreamRateLimit if others => Some(Trigger::RateLimited),
        Kind::Connect if others => Some(Trigger::Unreachable),
        kind if denies(kind) && (others || seen.denials_in_row >= DENIALS) => Some(Trigger::Denied),
        _ => sick.then_some(Trigger::FailureShare),
    }
}

/// Whether the provider refused the key, the account or the model: it will refuse the next request too.
pub fn denies(kind: Kind) -> bool {
    matches!(kind, Kind::UpstreamUnauthorized | Kind::UpstreamPayment | Kind::UpstreamNotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reliability::ClassCounts;

    fn seen(kind: Kind, group_size: usize, successes: u64, failures: u64) -> Evidence {
        Evidence { kind, group_size, successes, failures, of_class: failures, denials_in_row: 1 }
    }

    #[test]
    fn the_default_policy_reads_like_the_contract() {
        use Kind::*;
        let rules = CooldownRules::default();
        #[rustfmt::skip]
        let table = [
            // failure, group, successes, failures -> cools
            (UpstreamRateLimit,    2,   50,    1, Some(Trigger::RateLimited)),
            (UpstreamRateLimit,    1,    0,    9, None),
            (Connect,              2,   50,    1, Some(Trigger::Unreachable)),
            (Connect,              1,    0,    9, None),
            (UpstreamUnauthorized, 2,   50,    1, Some(Trigger::Denied)),
            (UpstreamNotFound,     2,   50,    1, Some(Trigger::Denied)),
            (UpstreamUnauthorized, 1,    0,    1, None),
            (UpstreamNotFound,     1,    0,    1, None),
            (UpstreamInternal,     2,    0,    4, None),
            (UpstreamInternal,     2,    0,    5, Some(Trigger::FailureShare)),
            (UpstreamInternal,     2,    3,    3, None),
            (UpstreamInternal,     2,    3,    4, Some(Trigger::FailureShare)),
            (AttemptTimeout,       3,    1,    4, Some(Trigger::FailureShare)),
            (UpstreamInternal,     1,    0,  999, None),
            (UpstreamInternal,     1,    0, 1000, Some(Trigger::FailureShare)),
            (UpstreamInternal,     1,    1, 1000, None),
        ];
        for (kind, group, successes, failures, expected) in table {
            let found = judge(&rules, &seen(kind, group, successes, failures));
            assert_eq!(found, expected, "{kind:?} group {group}: {failures} failed, {successes} succeeded");
        }
    }

    #[test]
    fn a_deployment_alone_cools_after_repeated_refusals_of_its_key() {
        let repeated = Evidence { denials_in_row: 5, ..seen(Kind::UpstreamUnauthorized, 1, 0, 5) };
        assert_eq!(judge(&CooldownRules::default(), &repeated), Some(Trigger::Denied));
    }

    #[test]
    fn allowed_fails_is_obeyed_also_when_it_is_three() {
        for allowed in [0, 1, 3] {
            let allowed_fails = Some(AllowedFails::Count(allowed));
            let rules = CooldownRules { allowed_fails, ..CooldownRules::default() };
            let n = u64::from(allowed);
            // Also a 429 beside others waits for the explicit number, also alone it is enough.
            assert_eq!(judge(&rules, &seen(Kind::UpstreamRateLimit, 2, 0, n)), None);
            assert_eq!(
                judge(&rules, &seen(Kind::UpstreamInternal, 1, 99, n + 1)),
                Some(Trigger::AllowedFails)
            );
        }
    }

    #[test]
    fn allowed_fails_policy_counts_its_class_and_leaves_the_others_to_the_default() {
        let counts = ClassCounts { rate_limit: Some(2), ..ClassCounts::default() };
        let allowed_fails = Some(AllowedFails::ByClass(counts));
        let rules = CooldownRules { allowed_fails, ..CooldownRules::default() };
        let two = Evidence { of_class: 2, ..seen(Kind::UpstreamRateLimit, 2, 0, 9) };
        assert_eq!(judge(&rules, &two), None);
        let three = Evidence { of_class: 3, ..two };
        assert_eq!(judge(&rules, &three), Some(Trigger::AllowedFails));
        assert_eq!(judge(&rules, &seen(Kind::Connect, 2, 0, 1)), Some(Trigger::Unreachable));
    }

    #[test]
    fn what_callers_cause_speaks_against_nobody() {
        use Kind::*;
        for kind in [InvalidRequest, UpstreamBadRequest, UpstreamUnprocessable, UpstreamTooLarge] {
            assert!(!speaks_against(kind, false, false), "{kind:?}");
        }
        for kind in [ContextWindow, ContentPolicy, CallerDeadline, ClientGone, LimitExceeded] {
            assert!(!speaks_against(kind, false, false), "{kind:?}");
        }
        assert!(!speaks_against(AttemptTimeout, true, false));
        assert!(speaks_against(AttemptTimeout, false, false));
        for kind in [Connect, UpstreamRateLimit, UpstreamInternal, UpstreamUnavailable, UpstreamOverloaded] {
            assert!(speaks_against(kind, false, true), "{kind:?}");
        }
        assert!(!speaks_against(UpstreamNotFound, false, true), "the caller named the model");
        assert!(speaks_against(UpstreamNotFound, false, false));
        assert!(speaks_against(UpstreamUnauthorized, false, true), "the key is the deployment's");
    }

    #[test]
    fn the_deployments_time_beats_retry_after_beats_the_routers() {
        let rules = CooldownRules::default();
        let asked = Some(Duration::from_secs(20));
        assert_eq!(rules.duration(None), Duration::from_secs(5));
        assert_eq!(rules.duration(asked), Duration::from_secs(20));
        assert_eq!(rules.duration(Some(Duration::from_secs(90_000))), LONGEST_ASKED);
        let own = CooldownRules { deployment_time: Some(Duration::from_secs(2)), ..rules };
        assert_eq!(own.duration(asked), Duration::from_secs(2));
    }
}
