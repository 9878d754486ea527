//! A sliding 60-second window in fixed memory that never under-counts.

use std::time::{Duration, Instant};

/// The span that every window covers.
pub const SPAN: Duration = Duration::from_secs(SPAN_SECONDS);

/// The wait of an amount that is larger than the limit itself: it fits never.
pub const NEVER: Duration = Duration::MAX;

const SPAN_SECONDS: u64 = 60;

/// One more than the span has seconds: the oldest second is only partly inside and counts in full.
const BUCKETS: usize = SPAN_SECONDS as usize + 1;

/// Sums of what was taken in the last 60 seconds, one bucket a second.
///
/// The oldest bucket counts in full although part of it may be out already, so an amount is remembered
/// for 60 to 61 seconds and no 60-second span ever admits more than the limit. A `now` before the latest
/// one seen counts as the latest.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    start: Instant,
    newest: u64,
    total: u64,
    buckets: [u64; BUCKETS],
}

impl SlidingWindow {
    /// An empty window; instants before `start` count as `start`.
    pub fn new(start: Instant) -> Self {
        SlidingWindow { start, newest: 0, total: 0, buckets: [0; BUCKETS] }
    }

    /// Takes `amount` if the window then holds no more than `limit`.
    ///
    /// # Errors
    /// The wait after which it fits if nobody else takes anything; [`NEVER`] when it is larger than the
    /// limit. A refusal takes nothing.
    pub fn try_take(&mut self, amount: u64, limit: u64, now: Instant) -> Result<(), Duration> {
        self.advance(now);
        let wait = self.wait(amount, limit, now);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.add(amount, now);
        Ok(())
    }

    /// Counts `amount` whatever the limit.
    pub fn add(&mut self, amount: u64, now: Instant) {
        self.advance(now);
        let slot = slot(self.newest);
        if let Some(bucket) = self.buckets.get_mut(slot) {
            let room = u64::MAX - self.total;
            let amount = amount.min(room);
            *bucket += amount;
            self.total += amount;
        }
    }

    /// What the window holds at `now`.
    pub fn used(&self, now: Instant) -> u64 {
        let second = self.second(now).max(self.newest);
        self.total - self.expired_by(second)
    }

    /// How long until `amount` fits under `limit` if nobody else takes anything: zero when it fits
    /// now, [`NEVER`] when it is larger than the limit.
    pub fn wait(&self, amount: u64, limit: u64, now: Instant) -> Duration {
        let Some(room) = limit.checked_sub(amount) else { return NEVER };
        let second = self.second(now).max(self.newest);
        let mut held = self.total - self.expired_by(second);
        if held <= room {
            return Duration::ZERO;
        }
        for old in second.saturating_sub(SPAN_SECONDS)..=self.newest {
            held -= self.bucket(old);
            if held <= room {
                let free_at = Duration::from_secs(old + BUCKETS as u64);
                let passed = now.saturating_duration_since(self.start);
                return free_at.saturating_sub(passed);
            }
        }
        SPAN
    }

    /// Returns an `amount` that was taken at `taken_at`; what has left the window already is gone anyway.
    pub fn give_back(&mut self, amount: u64, taken_at: Instant) {
        let second = self.second(taken_at).min(self.newest);
        if self.newest - second > SPAN_SECONDS {
            return;
        }
        if let Some(bucket) = self.buckets.get_mut(slot(second)) {
            let amount = amount.min(*bucket);
            *bucket -= amount;
            self.total -= amount;
        }
    }

    /// Replaces the `reserved` amount of `taken_at` by the `actual` one: what was too much goes back to
    /// its own second, what was too little counts from `now` on.
    pub fn settle(&mut self, reserved: u64, actual: u64, taken_at: Instant, now: Instant) {
        self.advance(now);
        if actual > reserved {
            self.add(actual - reserved, now);
        } else {
            self.give_back(reserved - actual, taken_at);
        }
    }

    fn second(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_secs()
    }

    fn bucket(&self, second: u64) -> u64 {
        self.buckets.get(slot(second)).copied().unwrap_or(0)
    }

    /// The sum of the buckets that are out of the window when `second` is the newest.
    fn expired_by(&self, second: u64) -> u64 {
        if second - self.newest >= BUCKETS as u64 {
            return self.total;
        }
        let oldest = self.newest.saturating_sub(SPAN_SECONDS);
        (oldest..second.saturating_sub(SPAN_SECONDS)).map(|old| self.bucket(old)).sum()
    }

    fn advance(&mut self, now: Instant) {
        let second = self.second(now);
        if second <= self.newest {
            return;
        }
        if second - self.newest >= BUCKETS as u64 {
            self.buckets = [0; BUCKETS];
            self.total = 0;
        } else {
            for entered in self.newest + 1..=second {
                if let Some(bucket) = self.buckets.get_mut(slot(entered)) {
                    self.total -= *bucket;
                    *bucket = 0;
                }
            }
        }
        self.newest = second;
    }
}

fn slot(second: u64) -> usize {
    (second % BUCKETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_limit_is_usable_to_the_last_unit_and_no_further() {
        let start = Instant::now();
        let mut window = SlidingWindow::new(start);
        for _ in 0..3 {
            assert_eq!(window.try_take(1, 3, start + ms(500)), Ok(()));
        }
        assert_eq!(window.try_take(1, 3, start + ms(30_000)), Err(ms(31_000)));
        assert_eq!(window.used(start + ms(30_000)), 3);
        assert_eq!(window.try_take(1, 3, start + ms(60_999)), Err(ms(1)));
        assert_eq!(window.try_take(1, 3, start + ms(61_000)), Ok(()));
    }

    #[test]
    fn what_is_larger_than_the_limit_never_fits() {
        let start = Instant::now();
        let mut window = SlidingWindow::new(start);
        assert_eq!(window.try_take(5, 4, start), Err(NEVER));
        assert_eq!(window.used(start), 0);
    }

    #[test]
    fn given_back_and_settled_amounts_are_free_again() {
        let start = Instant::now();
        let mut window = SlidingWindow::new(start);
        window.add(10, start);
        window.give_back(4, start);
        assert_eq!(window.used(start), 6);
        window.settle(6, 1, start, start + ms(10_000));
        assert_eq!(window.used(start + ms(10_000)), 1);
        window.settle(1, 8, start, start + ms(50_000));
        assert_eq!(window.used(start + ms(50_000)), 8);
        assert_eq!(window.used(start + ms(62_000)), 7, "the excess counts from when it was known");
        window.give_back(3, start);
        assert_eq!(window.used(start + ms(62_000)), 7, "what has left cannot come back twice");
    }

    #[test]
    fn a_clock_that_steps_back_opens_nothing() {
        let start = Instant::now();
        let mut window = SlidingWindow::new(start + ms(5_000));
        window.add(2, start + ms(90_000));
        assert!(window.try_take(1, 2, start).is_err());
        assert_eq!(window.used(start), 2);
    }

    proptest! {
        #[test]
        fn agrees_with_brute_force(
            limit in 1u64..20,
            steps in prop::collection::vec((0u64..25_000, 1u64..6), 1..120),
        ) {
            let start = Instant::now();
            let mut window = SlidingWindow::new(start);
            let mut taken: Vec<(u64, u64)> = Vec::new();
            let mut now = 0;
            let within = |taken: &[(u64, u64)], span: u64, now: u64| -> u64 {
                taken.iter().filter(|(at, _)| now - at <= span).map(|(_, amount)| amount).sum()
            };
            for (step, amount) in steps {
                now += step;
                let at = start + ms(now);
                match window.try_take(amount, limit, at) {
                    Ok(()) => taken.push((now, amount)),
                    Err(NEVER) => prop_assert!(amount > limit),
                    Err(wait) => {
                        prop_assert!(within(&taken, 61_000, now) + amount > limit, "refused without need");
                        prop_assert!(window.clone().try_take(amount, limit, at + wait).is_ok());
                        prop_assert!(window.clone().try_take(amount, limit, at + wait - ms(1)).is_err());
                    }
                }
                prop_assert!(within(&taken, 60_000, now) <= limit, "a 60-second span over the limit");
                let used = window.used(at);
                prop_assert!(used >= within(&taken, 60_000, now) && used <= within(&taken, 61_000, now));
            }
        }
    }
}
