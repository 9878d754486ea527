//! Latencies that one replica has measured, as it tells them to the others.

/// Samples of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Total {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub seconds: f64,
}

/// Samples of one deployment, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Samples {
    /// Seconds per output token.
    pub per_token: Total,
    /// Seconds for a whole answer.
    pub whole: Total,
    /// Seconds to the first token of a stream.
    pub first_token: Total,
}

impl Total {
    /// One more.
    pub fn add(&mut self, seconds: f64) {
        if seconds.is_finite() && seconds >= 0.0 {
            self.count = self.count.saturating_add(1);
            self.seconds += seconds;
        }
    }

    /// Their average; `None` where there are none.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.seconds / self.count as f64)
    }

    fn since(&self, earlier: &Total) -> Total {
        let seconds = (self.seconds - earlier.seconds).max(0.0);
        Total { count: self.count.saturating_sub(earlier.count), seconds }
    }
}

impl Samples {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    fn count(&self) -> u64 {
        self.per_token.count.saturating_add(self.whole.count).saturating_add(self.first_token.count)
    }

    /// What has come since. Samples that are fewer began anew meanwhile: then it is all of them.
    pub fn since(&self, earlier: &Samples) -> Samples {
        if self.count() < earlier.count() {
            return *self;
        }
        Samples {
            per_token: self.per_token.since(&earlier.per_token),
            whole: self.whole.since(&earlier.whole),
            first_token: self.first_token.since(&earlier.first_token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_told() {
        let mut now = Samples::default();
        now.whole.add(2.0);
        let told = now;
        assert!(now.since(&told).is_empty());
        now.whole.add(4.0);
        now.first_token.add(0.5);
        let news = now.since(&told);
        assert_eq!((news.whole.mean(), news.first_token.mean()), (Some(4.0), Some(0.5)));
        let mut begun_anew = Samples::default();
        begun_anew.first_token.add(9.0);
        assert_eq!(begun_anew.since(&now), begun_anew);
    }
}
