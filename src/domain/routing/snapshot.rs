//! What a routing decision sees of a deployment at one moment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::samples::Samples;
use super::series::Series;
use crate::base::error::Kind;
use crate::domain::deployment::Deployment;

/// So many failures in a row, with no success since, make a deployment look unhealthy.
const UNHEALTHY_AFTER: u32 = 3;

/// How long a failure speaks against a deployment's health when nothing newer is known.
const MEMORY: Duration = Duration::from_secs(60);

/// What a deployment's actor knows, published after each fact; readers never ask.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Seconds per output token, of answers that are no streams and whose tokens are known.
    pub per_token: Series,
    /// Seconds for a whole answer that is no stream, tokens known or not.
    pub whole: Series,
    /// Seconds to the first token of streams.
    pub first_token: Series,
    /// What was measured here of these, since the start: other replicas tell what they measure.
    pub own: Samples,
    /// How much recent attempts failed: see [`Trouble`].
    pub trouble: Trouble,
    /// When the latest attempt ended, however it ended.
    pub last_attempt: Option<Instant>,
    /// Attempts of the last minute that succeeded.
    pub successes: u64,
    /// Attempts of the last minute that failed and spoke against the deployment.
    pub failures: u64,
    /// Failures since the latest success.
    pub failures_in_row: u32,
    /// Until when it is left out; a moment in the past means that it is back.
    pub cooling_until: Option<Instant>,
    /// The same, as far as failures that were seen here began it: what other replicas say is not said on.
    pub own_cooling_until: Option<Instant>,
    /// Why it cooled down last.
    pub cooldown_cause: Option<Kind>,
    /// The latest failure that spoke against it.
    pub last_error: Option<LastError>,
}

impl View {
    /// Until when it cools, if it does at `now`.
    pub fn cooling(&self, now: Instant) -> Option<Instant> {
        self.cooling_until.filter(|until| *until > now)
    }

    /// Whether passive knowledge says that it can serve: not cooling, and not failing again and again
    /// within the last minute. Without recent traffic the answer is yes.
    pub fn healthy(&self, now: Instant) -> bool {
        let failing = self.failures_in_row >= UNHEALTHY_AFTER
            && self.last_attempt.is_some_and(|at| now.saturating_duration_since(at) < MEMORY);
        self.cooling(now).is_none() && !failing
    }
}

/// The latest failure of a deployment, for operators.
#[derive(Debug, Clone)]
pub struct LastError {
    /// Its kind.
    pub kind: Kind,
    /// Its scrubbed, shortened text.
    pub message: Arc<str>,
    /// When it happened.
    pub at: Instant,
}

/// A fading share of failures: 0 is "all well", 1 a recent failure of each attempt, timeouts more.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trouble {
    bad: f64,
    all: f64,
    at: Option<Instant>,
}

impl Trouble {
    const HALF_LIFE: f64 = 8.0;

    /// Counts an attempt that went well (0), failed (1) or was far too slow to fail (more).
    pub fn add(&mut self, badness: f64, now: Instant) {
        let decay = self.decay(now);
        self.bad = self.bad * decay + badness;
        self.all = self.all * decay + 1.0;
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
    }

    /// The share at `now`; it fades to 0 while nothing happens.
    pub fn at(&self, now: Instant) -> f64 {
        let decay = self.decay(now);
        self.bad * decay / (self.all * decay + 1.0)
    }

    fn decay(&self, now: Instant) -> f64 {
        let age = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        0.5f64.powf(age.as_secs_f64() / Self::HALF_LIFE)
    }
}

/// A member of the requested group, with its counters read at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What the config says of it.
    pub deployment: &'a Arc<Deployment>,
    /// What its actor last said of it.
    pub view: &'a View,
    /// Attempts under way, on all workers (and replicas, as far as known).
    pub in_flight: u32,
    /// Attempts picked but not counted in `in_flight` yet.
    pub picks_pending: u32,
    /// Requests of the last 60 seconds.
    pub used_rpm: u64,
    /// Tokens of the last 60 seconds, reservations included.
    pub used_tpm: u64,
}

impl Candidate<'_> {
    /// Attempts that it has to serve already.
    pub fn load(&self) -> u32 {
        self.in_flight.saturating_add(self.picks_pending)
    }

    /// Which of its own limits leaves no room for a request of about `tokens`, if one does.
    ///
    /// A request larger than the whole `tpm` fits an empty window, or it would fit never.
    pub fn full(&self, tokens: u64, default_parallel: Option<u32>) -> Option<Full> {
        let capacity = &self.deployment.capacity;
        if capacity.rpm.is_some_and(|limit| self.used_rpm >= limit) {
            return Some(Full::Rpm);
        }
        let tokens_full = |limit: u64| self.used_tpm.saturating_add(tokens.max(1).min(limit)) > limit;
        if capacity.tpm.is_some_and(|limit| limit == 0 || tokens_full(limit)) {
            return Some(Full::Tpm);
        }
        let parallel = capacity.max_parallel_requests.or(default_parallel);
        parallel.is_some_and(|limit| self.load() >= limit).then_some(Full::Parallel)
    }
}

/// Which limit of a deployment is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// `rpm`
    Rpm,
    /// `tpm`
    Tpm,
    /// `max_parallel_requests`
    Parallel,
}

impl Full {
    /// The limit's name in config files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Full::Rpm => "rpm",
            Full::Tpm => "tpm",
            Full::Parallel => "max_parallel_requests",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_fades_when_nothing_happens() {
        let now = Instant::now();
        let mut trouble = Trouble::default();
        assert_eq!(trouble.at(now), 0.0);
        for _ in 0..20 {
            trouble.add(1.0, now);
        }
        assert!(trouble.at(now) > 0.9);
        assert!(trouble.at(now + Duration::from_secs(80)) < 0.05);
    }

    #[test]
    fn repeated_failures_are_unhealthy_until_they_are_old() {
        let now = Instant::now();
        let view = View { failures_in_row: 3, last_attempt: Some(now), ..View::default() };
        assert!(!view.healthy(now));
        assert!(view.healthy(now + MEMORY));
        let cooling = View { cooling_until: Some(now + MEMORY), ..View::default() };
        assert!(!cooling.healthy(now));
        assert!(cooling.healthy(now + MEMORY));
    }
}
