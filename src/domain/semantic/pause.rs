//! When not to try: an embedding model or a Redis that has just failed costs the next requests nothing.

use std::time::{Duration, Instant};

/// The first pause after a failure; each further failure doubles it.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(60);

/// Counts failures in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pause {
    failures: u32,
    until: Option<Instant>,
}

impl Pause {
    /// Whether it may be tried. After a pause one caller is let through, and the others when it has come back well;
    /// should it never come back, the next one after as long a pause.
    pub fn may_try(&mut self, now: Instant) -> bool {
        match self.until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.until = Some(now + self.length());
                true
            }
        }
    }

    /// It went well.
    pub fn succeeded(&mut self) {
        *self = Pause::default();
    }

    /// It failed. Answers whether it is the first time in a row, which is worth a word in the log.
    pub fn failed(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + self.length());
        self.failures == 1
    }

    fn length(&self) -> Duration {
        let doubled = self.failures.saturating_sub(1).min(10);
        FIRST.saturating_mul(1 << doubled).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_pause_longer_and_longer_and_one_success_ends_it() {
        let start = Instant::now();
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        let mut pause = Pause::default();
        assert!(pause.may_try(start));
        assert!(pause.failed(start));
        assert!(!pause.may_try(start));
        assert!(pause.may_try(after(1)), "one is let through");
        assert!(!pause.may_try(after(1)), "and nobody else before it is back");
        assert!(!pause.failed(after(2)), "said once");
        assert!(!pause.may_try(after(3)) && pause.may_try(after(4)));
        for _ in 0..40 {
            pause.failed(after(4));
        }
        assert!(!pause.may_try(after(63)) && pause.may_try(after(64)));
        pause.succeeded();
        assert!(pause.may_try(after(64)) && pause.may_try(after(64)));
    }
}
