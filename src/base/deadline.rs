//! A request's own time budget.

use std::time::{Duration, Instant};

/// The moment by which something must be over; `None` inside means "no bound of this kind".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Never.
    pub const NONE: Deadline = Deadline(None);

    /// `after` from `now`.
    pub fn after(now: Instant, after: Duration) -> Self {
        Deadline(now.checked_add(after))
    }

    /// What is left at `now`; zero when it has passed, `None` when there is no bound.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(now))
    }

    /// Whether it has passed.
    pub fn passed(&self, now: Instant) -> bool {
        self.0.is_some_and(|at| now >= at)
    }

    /// The shorter of `wanted` and what is left.
    pub fn clip(&self, wanted: Duration, now: Instant) -> Duration {
        self.left(now).map_or(wanted, |left| wanted.min(left))
    }

    /// The earlier of two.
    pub fn sooner(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (a, b) => Deadline(a.or(b)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_and_combines() {
        let now = Instant::now();
        let soon = Deadline::after(now, Duration::from_secs(1));
        assert_eq!(soon.clip(Duration::from_secs(5), now), Duration::from_secs(1));
        assert_eq!(Deadline::NONE.clip(Duration::from_secs(5), now), Duration::from_secs(5));
        assert_eq!(Deadline::NONE.sooner(soon), soon);
        assert!(soon.passed(now + Duration::from_secs(1)));
        assert!(!Deadline::NONE.passed(now));
    }
}
