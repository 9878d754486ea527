//! One series of latency samples that forgets: by time, after a pause, and its very first sample.

use std::time::{Duration, Instant};

use crate::base::ewma::Ewma;

/// After this long without a sample a deployment is worth another look.
pub const STALE: Duration = Duration::from_secs(5);

/// The half-life of a sample while others keep coming.
const HALF_LIFE: Duration = Duration::from_secs(10);

/// A time-decayed average of seconds.
///
/// The first sample after the start pays for connections and caches, so the second one replaces it. A
/// sample after a pause of [`STALE`] replaces what was known before: it comes from an exploration, and a
/// deployment that healed must not be judged by its past.
#[derive(Debug, Clone, Copy)]
pub struct Series {
    average: Ewma,
    samples: u32,
}

impl Default for Series {
    fn default() -> Self {
        Series { average: Ewma::new(HALF_LIFE), samples: 0 }
    }
}

impl Series {
    /// Adds a sample of `seconds` seen at `now`.
    pub fn add(&mut self, seconds: f64, now: Instant) {
        self.add_all(seconds, 1, now);
    }

    /// Adds so many samples, of which `seconds` is the average.
    pub fn add_all(&mut self, seconds: f64, count: u32, now: Instant) {
        if !seconds.is_finite() || seconds < 0.0 || count == 0 {
            return;
        }
        let paused = self.last().is_some_and(|last| now.saturating_duration_since(last) >= STALE);
        if self.samples == 1 || paused {
            self.average = Ewma::new(HALF_LIFE);
        }
        self.average.add_all(seconds, f64::from(count), now);
        self.samples = self.samples.saturating_add(count);
    }

    /// The average, seconds; `None` before the first sample.
    pub fn value(&self) -> Option<f64> {
        self.average.value()
    }

    /// How many samples' worth of weight is left at `now`.
    pub fn weight(&self, now: Instant) -> f64 {
        self.average.weight(now)
    }

    /// When the latest sample was added.
    pub fn last(&self) -> Option<Instant> {
        self.average.last()
    }

    /// Whether it has more than its warm-up sample.
    pub fn warm(&self) -> bool {
        self.samples > 1
    }

    /// The average if it is warm and its latest sample is at most `ttl` old.
    pub fn known(&self, ttl: Duration, now: Instant) -> Option<f64> {
        let fresh = self.last().is_some_and(|last| now.saturating_duration_since(last) <= ttl);
        self.value().filter(|_| fresh && self.warm())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_first_sample_is_forgotten_with_the_second() {
        let now = Instant::now();
        let mut series = Series::default();
        series.add(9.0, now);
        assert!(!series.warm());
        series.add(0.5, now);
        assert_eq!(series.known(Duration::from_secs(60), now), Some(0.5));
        assert_eq!(series.known(Duration::from_secs(60), now + Duration::from_secs(61)), None);
    }

    #[test]
    fn a_sample_after_a_pause_replaces_the_past() {
        let mut now = Instant::now();
        let mut series = Series::default();
        for _ in 0..100 {
            series.add(5.0, now);
            now += Duration::from_millis(100);
        }
        now += STALE;
        series.add(0.5, now);
        assert_eq!(series.value(), Some(0.5));
    }
}
