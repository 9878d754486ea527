//! What was measured, and how it is told.

use std::time::Duration;

/// What one answer was like.
pub struct Answered {
    /// From sending to the whole answer; of streams, to the first chunk.
    pub first: Duration,
    /// Microseconds between chunks.
    pub gaps: Vec<u64>,
}

/// What one or all connections measured; times in microseconds.
#[derive(Default)]
pub struct Measured {
    pub total: Vec<u64>,
    pub errors: u64,
    pub last_error: Option<String>,
    first: Vec<u64>,
    gaps: Vec<u64>,
}

impl Measured {
    pub fn answered(&mut self, answered: Answered) {
        self.first.push(micros(answered.first));
        self.gaps.extend(answered.gaps);
    }

    pub fn fail(&mut self, error: String) {
        self.errors += 1;
        self.last_error = Some(error);
    }

    pub fn add(&mut self, other: Self) {
        self.total.extend(other.total);
        self.first.extend(other.first);
        self.gaps.extend(other.gaps);
        self.errors += other.errors;
        self.last_error = other.last_error.or(self.last_error.take());
    }

    /// One line of JSON.
    pub fn report(mut self, took: Duration) -> String {
        for list in [&mut self.total, &mut self.first, &mut self.gaps] {
            list.sort_unstable();
        }
        let requests = self.total.len();
        serde_json::json!({
            "requests": requests,
            "errors": self.errors,
            "last_error": self.last_error,
            "seconds": took.as_secs_f64(),
            "per_second": requests as f64 / took.as_secs_f64(),
            "p50_us": percentile(&self.total, 50),
            "p99_us": percentile(&self.total, 99),
            "first_p50_us": percentile(&self.first, 50),
            "first_p99_us": percentile(&self.first, 99),
            "gap_p50_us": percentile(&self.gaps, 50),
            "gap_p99_us": percentile(&self.gaps, 99),
        })
        .to_string()
    }
}

pub fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or(0)
}
