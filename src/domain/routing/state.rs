//! What a deployment's actor remembers, and what it concludes from each finished attempt.

use std::time::{Duration, Instant};

use super::samples::Samples;
use super::snapshot::{LastError, View};
use crate::base::error::Kind;
use crate::base::window::SlidingWindow;
use crate::domain::deployment::Deployment;
use crate::domain::reliability::cooldown::{self, Evidence};
use crate::domain::reliability::{Class, CooldownRules, CooldownStarted, Trigger};

/// How much worse than a quick failure a timeout is: the request has lost its time as well.
const TIMEOUT_BADNESS: f64 = 4.0;

/// The longest error text kept for operators, bytes.
const LONGEST_MESSAGE: usize = 400;

/// By how much two tellings of one cooldown may differ.
const SAME_REST: Duration = Duration::from_millis(500);

/// One finished upstream call.
///
/// Calls with a key or an address that the caller brought along say nothing about the deployment: no fact
/// is made of them.
#[derive(Debug, Clone)]
pub struct AttemptFact {
    /// When the request was sent.
    pub started: Instant,
    /// When the attempt ended.
    pub finished: Instant,
    /// From the start to the first token, of streams that got so far.
    pub first_token: Option<Duration>,
    /// From the start to the end.
    pub latency: Duration,
    /// Output tokens as the provider counts them; 0 when unknown.
    pub output_tokens: u64,
    /// Whether it was a stream.
    pub stream: bool,
    /// How it ended.
    pub outcome: Result<(), FailureFact>,
}

/// How an attempt failed.
#[derive(Debug, Clone)]
pub struct FailureFact {
    /// What went wrong.
    pub kind: Kind,
    /// The wait that the provider asks for.
    pub retry_after: Option<Duration>,
    /// Whether it ended because the time that the caller chose was over.
    pub caller_timeout: bool,
    /// What went wrong in words, already scrubbed of secrets.
    pub message: String,
}

/// The memory of one deployment; its actor is the only writer.
#[derive(Debug, Clone)]
pub struct DeploymentState {
    caller_names_model: bool,
    view: View,
    successes: SlidingWindow,
    failures: SlidingWindow,
    by_class: Vec<(Class, SlidingWindow)>,
    denials_in_row: u32,
}

impl DeploymentState {
    /// A deployment of which nothing is known yet.
    pub fn new(deployment: &Deployment, now: Instant) -> Self {
        DeploymentState {
            caller_names_model: deployment.model.contains('*'),
            view: View::default(),
            successes: SlidingWindow::new(now),
            failures: SlidingWindow::new(now),
            by_class: Vec::new(),
            denials_in_row: 0,
        }
    }

    /// Takes in a finished attempt; `group_size` counts the deployments that could serve instead of this
    /// one, itself included. Tells when the deployment begins to rest, or will rest for longer.
    pub fn observe(
        &mut self,
        fact: &AttemptFact,
        rules: &CooldownRules,
        group_size: usize,
        now: Instant,
    ) -> Option<CooldownStarted> {
        match &fact.outcome {
            Ok(()) => {
                self.succeeded(fact, now);
                None
            }
            Err(failure) => self.failed(fact, failure, rules, group_size, now),
        }
    }

    /// Rests at least until `until`, as another replica or an operator says; false when it would anyway.
    pub fn cool_until(&mut self, until: Instant, kind: Kind) -> bool {
        let longer = self.view.cooling_until.is_none_or(|known| until > known);
        if longer {
            self.view.cooling_until = Some(until);
            self.view.cooldown_cause = Some(kind);
        }
        longer
    }

    /// The same as a fact for the log: what another replica's cooldown changed here, if anything.
    pub fn hear(&mut self, until: Instant, kind: Kind, now: Instant) -> Option<CooldownStarted> {
        let duration = until.saturating_duration_since(now);
        // The same cooldown is said again and again, each time with another delay on its way.
        let known = self.view.cooling_until.is_some_and(|known| until <= known + SAME_REST);
        let news = !duration.is_zero() && !known && self.cool_until(until, kind);
        news.then_some(CooldownStarted { until, duration, kind, trigger: Trigger::Peer })
    }

    /// What others may know, as of `now`.
    pub fn view(&self, now: Instant) -> View {
        let mut view = self.view.clone();
        view.successes = self.successes.used(now);
        view.failures = self.failures.used(now);
        view
    }

    fn succeeded(&mut self, fact: &AttemptFact, now: Instant) {
        let view = &mut self.view;
        let seconds = fact.latency.as_secs_f64();
        if fact.stream {
            measured_first_token(view, fact.first_token.unwrap_or(fact.latency).as_secs_f64(), now);
        } else {
            let per_token = (fact.output_tokens > 0).then(|| seconds / fact.output_tokens as f64);
            measured_whole(view, seconds, per_token, now);
        }
        view.trouble.add(0.0, now);
        view.last_attempt = Some(now);
        view.failures_in_row = 0;
        self.denials_in_row = 0;
        self.successes.add(1, now);
    }

    fn failed(
        &mut self,
        fact: &AttemptFact,
        failure: &FailureFact,
        rules: &CooldownRules,
        group_size: usize,
        now: Instant,
    ) -> Option<CooldownStarted> {
        let kind = failure.kind;
        let left = kind == Kind::ClientGone && fact.first_token.is_none();
        if left || Class::of(kind) == Some(Class::Timeout) {
            self.was_slow(fact, now);
        }
        if !cooldown::speaks_against(kind, failure.caller_timeout, self.caller_names_model) {
            return None;
        }
        let seen = self.count_failure(failure, group_size, now);
        let trigger = cooldown::judge(rules, &seen)?;
        let duration = rules.duration(failure.retry_after);
        let until = now.checked_add(duration).filter(|_| !duration.is_zero())?;
        let longer = self.cool_until(until, kind);
        if longer {
            self.view.own_cooling_until = Some(until);
        }
        longer.then_some(CooldownStarted { until, duration, kind, trigger })
    }

    fn count_failure(&mut self, failure: &FailureFact, group_size: usize, now: Instant) -> Evidence {
        let kind = failure.kind;
        let class = Class::of(kind);
        let view = &mut self.view;
        view.trouble.add(if class == Some(Class::Timeout) { TIMEOUT_BADNESS } else { 1.0 }, now);
        view.last_attempt = Some(now);
        view.failures_in_row = view.failures_in_row.saturating_add(1);
        view.last_error = Some(LastError { kind, message: shortened(&failure.message).into(), at: now });
        if cooldown::denies(kind) {
            self.denials_in_row = self.denials_in_row.saturating_add(1);
        }
        self.failures.add(1, now);
        let failures = self.failures.used(now);
        let of_class = class.map_or(failures, |class| self.count_class(class, now));
        let denials_in_row = self.denials_in_row;
        Evidence { kind, group_size, successes: self.successes.used(now), failures, of_class, denials_in_row }
    }

    fn count_class(&mut self, class: Class, now: Instant) -> u64 {
        if let Some((_, window)) = self.by_class.iter_mut().find(|(known, _)| *known == class) {
            window.add(1, now);
            return window.used(now);
        }
        let mut window = SlidingWindow::new(now);
        window.add(1, now);
        self.by_class.push((class, window));
        1
    }

    /// No answer for longer than usual is a latency too, whoever lost patience; for less than usual it
    /// says nothing, so nobody's short timeout makes a deployment look slow.
    fn was_slow(&mut self, fact: &AttemptFact, now: Instant) {
        let seconds = fact.latency.as_secs_f64();
        let view = &mut self.view;
        let usual = if fact.stream { view.first_token.value() } else { view.whole.value() };
        let Some(usual) = usual.filter(|usual| seconds > *usual) else { return };
        if fact.stream {
            measured_first_token(view, seconds, now);
            return;
        }
        let per_token = view.per_token.value().map(|per_token| per_token * (seconds / usual.max(0.001)));
        measured_whole(view, seconds, per_token, now);
    }

    /// What another replica has measured.
    pub fn hear_samples(&mut self, heard: &Samples, now: Instant) {
        let view = &mut self.view;
        let pairs = [
            (&mut view.per_token, heard.per_token),
            (&mut view.whole, heard.whole),
            (&mut view.first_token, heard.first_token),
        ];
        for (series, total) in pairs {
            if let Some(mean) = total.mean() {
                series.add_all(mean, u32::try_from(total.count).unwrap_or(u32::MAX), now);
                view.last_attempt = Some(now);
            }
        }
    }
}

fn measured_first_token(view: &mut View, seconds: f64, now: Instant) {
    view.first_token.add(seconds, now);
    view.own.first_token.add(seconds);
}

fn measured_whole(view: &mut View, seconds: f64, per_token: Option<f64>, now: Instant) {
    view.whole.add(seconds, now);
    view.own.whole.add(seconds);
    if let Some(per_token) = per_token {
        view.per_token.add(per_token, now);
        view.own.per_token.add(per_token);
    }
}

fn shortened(message: &str) -> &str {
    let end = (0..=message.len().min(LONGEST_MESSAGE)).rev().find(|end| message.is_char_boundary(*end));
    message.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::routing::testing::deployment;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn fact(outcome: Result<(), FailureFact>, now: Instant) -> AttemptFact {
        AttemptFact {
            started: now,
            finished: now,
            first_token: None,
            latency: secs(2),
            output_tokens: 100,
            stream: false,
            outcome,
        }
    }

    fn failure(kind: Kind, retry_after: Option<Duration>) -> Result<(), FailureFact> {
        Err(FailureFact { kind, retry_after, caller_timeout: false, message: "broken".into() })
    }

    #[test]
    fn a_rate_limit_beside_others_cools_for_what_the_provider_asks() {
        let now = Instant::now();
        let mut state = DeploymentState::new(&deployment("a"), now);
        let seen = fact(failure(Kind::UpstreamRateLimit, Some(secs(20))), now);
        let started = state.observe(&seen, &CooldownRules::default(), 2, now).unwrap();
        assert_eq!((started.duration, started.trigger), (secs(20), Trigger::RateLimited));
        assert_eq!(state.view(now).cooling(now), Some(now + secs(20)));
        assert_eq!(state.view(now).cooling(now + secs(20)), None);
    }

    #[test]
    fn the_longer_deadline_wins() {
        let now = Instant::now();
        let mut state = DeploymentState::new(&deployment("a"), now);
        let rules = CooldownRules::default();
        let long = fact(failure(Kind::UpstreamRateLimit, Some(secs(30))), now);
        let short = fact(failure(Kind::UpstreamRateLimit, Some(secs(1))), now);
        assert!(state.observe(&long, &rules, 2, now).is_some());
        assert!(state.observe(&short, &rules, 2, now).is_none());
        assert!(state.hear(now + secs(10), Kind::Connect, now).is_none());
        assert_eq!(state.view(now).cooling_until, Some(now + secs(30)));
        assert!(state.hear(now + secs(40), Kind::Connect, now).is_some());
        assert_eq!(state.view(now).cooldown_cause, Some(Kind::Connect));
    }

    #[test]
    fn no_cooldown_when_switched_off_or_of_no_length() {
        let now = Instant::now();
        let seen = fact(failure(Kind::UpstreamRateLimit, None), now);
        for rules in [
            CooldownRules { disabled: true, ..CooldownRules::default() },
            CooldownRules { router_time: Duration::ZERO, ..CooldownRules::default() },
        ] {
            let mut state = DeploymentState::new(&deployment("a"), now);
            assert!(state.observe(&seen, &rules, 2, now).is_none());
            assert_eq!(state.view(now).cooling(now), None);
        }
    }

    #[test]
    fn old_failures_do_not_count() {
        let now = Instant::now();
        let mut state = DeploymentState::new(&deployment("a"), now);
        let rules = CooldownRules::default();
        for _ in 0..4 {
            state.observe(&fact(failure(Kind::UpstreamInternal, None), now), &rules, 2, now);
        }
        let later = now + secs(62);
        assert!(
            state.observe(&fact(failure(Kind::UpstreamInternal, None), later), &rules, 2, later).is_none()
        );
        assert_eq!(state.view(later).failures, 1);
    }

    #[test]
    fn wildcard_deployments_cool_too_but_not_for_names_that_callers_invent() {
        let now = Instant::now();
        let mut wild = deployment("a");
        wild.group = "openai/*".into();
        wild.model = "*".into();
        let mut state = DeploymentState::new(&wild, now);
        let rules = CooldownRules::default();
        assert!(state.observe(&fact(failure(Kind::UpstreamNotFound, None), now), &rules, 2, now).is_none());
        assert!(state.observe(&fact(failure(Kind::UpstreamRateLimit, None), now), &rules, 2, now).is_some());
    }

    #[test]
    fn streams_and_answers_keep_separate_series() {
        let now = Instant::now();
        let mut state = DeploymentState::new(&deployment("a"), now);
        let rules = CooldownRules::default();
        state.observe(&fact(Ok(()), now), &rules, 1, now);
        let first_token = Some(Duration::from_millis(300));
        let stream = AttemptFact { stream: true, first_token, ..fact(Ok(()), now) };
        state.observe(&stream, &rules, 1, now);
        let view = state.view(now);
        assert_eq!(view.whole.value(), Some(2.0));
        assert_eq!(view.per_token.value(), Some(0.02));
        assert_eq!(view.first_token.value(), Some(0.3));
        assert_eq!(view.successes, 2);
    }

    #[test]
    fn a_short_timeout_says_nothing_and_a_long_silence_something() {
        let now = Instant::now();
        let mut state = DeploymentState::new(&deployment("a"), now);
        let rules = CooldownRules::default();
        for _ in 0..3 {
            state.observe(&fact(Ok(()), now), &rules, 2, now);
        }
        let impatient = FailureFact {
            kind: Kind::AttemptTimeout,
            retry_after: None,
            caller_timeout: true,
            message: String::new(),
        };
        let short = AttemptFact { latency: Duration::from_millis(1), ..fact(Err(impatient.clone()), now) };
        assert!(state.observe(&short, &rules, 2, now).is_none());
        assert_eq!(state.view(now).whole.value(), Some(2.0));
        let long = AttemptFact { latency: secs(60), ..fact(Err(impatient), now) };
        assert!(state.observe(&long, &rules, 2, now).is_none());
        assert!(state.view(now).whole.value().unwrap() > 10.0);
        assert_eq!(state.view(now).failures, 0);
    }

    #[test]
    fn long_error_texts_are_cut_between_characters() {
        let text = "é".repeat(400);
        assert_eq!(shortened(&text).len(), 400);
        assert_eq!(shortened("short"), "short");
    }

    proptest! {
        #[test]
        fn nothing_that_callers_cause_ever_cools(
            steps in prop::collection::vec((0usize..Kind::ALL.len(), any::<bool>(), 0u64..3000), 1..200),
        ) {
            let mut now = Instant::now();
            let mut state = DeploymentState::new(&deployment("a"), now);
            for (index, caller_timeout, pause) in steps {
                now += Duration::from_millis(pause);
                let kind = Kind::ALL[index];
                let harmless = !kind.behaviour().cools || caller_timeout;
                let outcome = Err(FailureFact { kind, retry_after: None, caller_timeout, message: String::new() });
                let before = state.view(now).cooling_until;
                let started = state.observe(&fact(outcome, now), &CooldownRules::default(), 3, now);
                let after = state.view(now).cooling_until;
                prop_assert!(!(harmless && (started.is_some() || before != after)));
                prop_assert!(after >= before, "a deadline only ever moves later");
            }
        }
    }
}
