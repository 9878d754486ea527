//! When failures of a deployment are an outage that people should know of.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// From when on (`alerting_args`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutageRules {
    /// So many failures are a minor outage.
    pub minor: usize,
    /// So many are a major one.
    pub major: usize,
    /// Within this time.
    pub within: Duration,
}

impl Default for OutageRules {
    fn default() -> Self {
        OutageRules { minor: 5, major: 10, within: Duration::from_secs(60) }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// Some failures.
    Minor,
    /// Many.
    Major,
}

/// The failures of one deployment in the last while.
#[derive(Debug, Clone, Default)]
pub struct OutageWatch {
    failures: VecDeque<Instant>,
}

impl OutageWatch {
    /// Takes a failure; answers where it makes an outage, or a worse one. The statuses that count are LiteLLM's: 408
    /// and those from 500 on.
    pub fn observe(&mut self, status: u16, rules: OutageRules, now: Instant) -> Option<Outage> {
        if status != 408 && status < 500 {
            return None;
        }
        self.one_more(rules, now)
    }

    fn one_more(&mut self, rules: OutageRules, now: Instant) -> Option<Outage> {
        let old = |since: &Instant| now.saturating_duration_since(*since) >= rules.within;
        while self.failures.front().is_some_and(old) {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        let count = self.failures.len();
        if count >= rules.major.max(1) {
            // Told; the next ones count anew.
            self.failures.clear();
            return Some(Outage::Major);
        }
        (count == rules.minor.max(1)).then_some(Outage::Minor)
    }
}

/// Who waits less says nothing about a deployment: people who type cancel what they have asked a moment ago.
const PATIENT: Duration = Duration::from_secs(1);

/// The clients of one deployment that left before the first token while it answered nobody. One that hangs without a
/// word is seen by nothing else as long as clients lose their patience before the gateway does.
#[derive(Debug, Clone, Default)]
pub struct HangWatch {
    left: OutageWatch,
    answered: Option<Instant>,
}

impl HangWatch {
    /// Somebody has been answered.
    pub fn answered(&mut self, now: Instant) {
        self.answered = Some(now);
        self.left.failures.clear();
    }

    /// Takes a client that has waited from `begun` until now and got nothing; `usual` is how long others have waited on
    /// the average. Answers where it makes an outage, or a worse one.
    pub fn left(
        &mut self,
        begun: Instant,
        usual: Option<Duration>,
        rules: OutageRules,
        now: Instant,
    ) -> Option<Outage> {
        let waited = now.saturating_duration_since(begun);
        let impatient = waited < PATIENT || usual.is_some_and(|usual| waited < usual);
        if impatient || self.answered.is_some_and(|answered| answered >= begun) {
            return None;
        }
        self.left.one_more(rules, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_that_leave_a_silent_deployment_make_an_outage() {
        let (rules, start) = (OutageRules::default(), Instant::now());
        let leaves = |watch: &mut HangWatch, waited: u64, usual: Option<u64>, at: u64| {
            let now = start + Duration::from_secs(at);
            watch.left(now - Duration::from_secs(waited), usual.map(Duration::from_secs), rules, now)
        };
        let mut watch = HangWatch::default();
        let told: Vec<_> = (10..20).map(|at| leaves(&mut watch, 5, Some(2), at)).collect();
        assert_eq!((told[4], told[9]), (Some(Outage::Minor), Some(Outage::Major)));
        assert_eq!(told.iter().filter(|one| one.is_some()).count(), 2);
        let mut watch = HangWatch::default();
        for at in 10..40 {
            assert_eq!(leaves(&mut watch, 0, None, at), None, "who waits no second says nothing");
            assert_eq!(leaves(&mut watch, 5, Some(9), at), None, "others wait longer and are answered");
        }
        for at in 10..40 {
            watch.answered(start + Duration::from_secs(at - 2));
            assert_eq!(leaves(&mut watch, 5, None, at), None, "others were answered meanwhile");
        }
    }

    #[test]
    fn outages_are_told_at_their_lines() {
        let (mut watch, rules, start) = (OutageWatch::default(), OutageRules::default(), Instant::now());
        let told: Vec<_> = (0..10).map(|_| watch.observe(503, rules, start)).collect();
        assert_eq!(told.iter().filter(|one| one.is_some()).count(), 2);
        assert_eq!((told[4], told[9]), (Some(Outage::Minor), Some(Outage::Major)));
        assert_eq!(watch.observe(408, rules, start), None, "counted anew");
    }

    #[test]
    fn what_is_old_or_the_callers_own_mistake_counts_nothing() {
        let (mut watch, rules, start) = (OutageWatch::default(), OutageRules::default(), Instant::now());
        (0..20).for_each(|_| assert_eq!(watch.observe(429, rules, start), None));
        for second in 0..60 {
            assert_eq!(watch.observe(500, rules, start + Duration::from_secs(second * 20)), None);
        }
    }
}
