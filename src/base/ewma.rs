//! A time-decayed average: old samples fade with a half-life, whatever the request rate.

use std::time::{Duration, Instant};

/// An exponentially weighted moving average over time.
#[derive(Debug, Clone, Copy)]
pub struct Ewma {
    half_life: Duration,
    sum: f64,
    weight: f64,
    at: Option<Instant>,
}

impl Ewma {
    /// An empty average whose samples lose half their weight every `half_life`.
    pub fn new(half_life: Duration) -> Self {
        Ewma { half_life, sum: 0.0, weight: 0.0, at: None }
    }

    /// Adds a sample seen at `now`.
    pub fn add(&mut self, sample: f64, now: Instant) {
        self.add_all(sample, 1.0, now);
    }

    /// Adds so many samples seen at `now`, of which `mean` is the average.
    pub fn add_all(&mut self, mean: f64, count: f64, now: Instant) {
        let decay = self.decay(now);
        self.sum = self.sum * decay + mean * count;
        self.weight = self.weight * decay + count;
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
    }

    /// The average, or `None` before the first sample.
    pub fn value(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }

    /// How many samples' worth of weight is left at `now`; near 0 means "unknown again".
    pub fn weight(&self, now: Instant) -> f64 {
        self.weight * self.decay(now)
    }

    /// When the latest sample was added.
    pub fn last(&self) -> Option<Instant> {
        self.at
    }

    fn decay(&self, now: Instant) -> f64 {
        let age = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        0.5f64.powf(age.as_secs_f64() / self.half_life.as_secs_f64().max(f64::MIN_POSITIVE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_samples_outweigh_old_ones() {
        let start = Instant::now();
        let mut ewma = Ewma::new(Duration::from_secs(10));
        assert_eq!(ewma.value(), None);
        ewma.add(10.0, start);
        ewma.add(1.0, start + Duration::from_secs(40));
        let value = ewma.value().unwrap();
        assert!(value > 1.0 && value < 2.0, "{value}");
        assert!(ewma.weight(start + Duration::from_secs(140)) < 0.01);
    }
}
