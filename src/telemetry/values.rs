//! What a series holds: numbers that any thread moves without waiting for another.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{CounterFn, GaugeFn, HistogramFn};

/// Sums are kept in whole parts of this size, which one atomic addition moves: 10 ns, of which there is room for 5000
/// years.
const PARTS: f64 = 1e8;

/// A number that only grows.
#[derive(Default)]
pub struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }
}

/// A number that goes up and down, as the bits of a float.
#[derive(Default)]
pub struct Level(AtomicU64);

impl Level {
    fn change(&self, by: f64) {
        let changed = |bits| Some((f64::from_bits(bits) + by).to_bits());
        // It always changes something.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
    }
}

impl GaugeFn for Level {
    fn increment(&self, value: f64) {
        self.change(value);
    }

    fn decrement(&self, value: f64) {
        self.change(-value);
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

/// Money: whole nano-dollars inside, dollars in the scrape, exact to the last digit. Cloning shares it.
#[derive(Clone, Default)]
pub struct Dollars(Arc<AtomicU64>);

impl Dollars {
    /// Counts so many nano-dollars.
    pub fn add(&self, nanos: i64) {
        self.0.fetch_add(u64::try_from(nanos).unwrap_or(0), Ordering::Relaxed);
    }
}

/// Samples by size.
pub struct Samples {
    bounds: Arc<[f64]>,
    /// One more than bounds: the last takes what is above all of them.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Samples {
    /// No samples; `bounds` ascend.
    pub fn new(bounds: &Arc<[f64]>) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Samples { bounds: Arc::clone(bounds), counts, sum: AtomicU64::new(0) }
    }
}

impl HistogramFn for Samples {
    fn record(&self, value: f64) {
        let place = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates; times are positive"
        )]
        self.sum.fetch_add((value * PARTS).round() as u64, Ordering::Relaxed);
    }
}

/// One series, as the registry holds it.
#[derive(Clone)]
pub enum Value {
    /// [`Count`]
    Count(Arc<Count>),
    /// [`Level`]
    Level(Arc<Level>),
    /// [`Dollars`]
    Dollars(Dollars),
    /// [`Samples`]
    Samples(Arc<Samples>),
}

impl Value {
    /// Its type, as Prometheus calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Count(_) | Value::Dollars(_) => "counter",
            Value::Level(_) => "gauge",
            Value::Samples(_) => "histogram",
        }
    }

    /// Whether somebody besides the registry holds it.
    pub fn is_held(&self) -> bool {
        let holders = match self {
            Value::Count(count) => Arc::strong_count(count),
            Value::Level(level) => Arc::strong_count(level),
            Value::Dollars(Dollars(nanos)) => Arc::strong_count(nanos),
            Value::Samples(samples) => Arc::strong_count(samples),
        };
        holders > 1
    }

    /// About the bytes that it takes in a scrape, its labels being so long.
    pub fn bytes(&self, name: &str, labels: &str) -> usize {
        // Braces, a blank, the end of the line, a number of some digits.
        let line = name.len() + labels.len() + 12;
        match self {
            // `_bucket` and `le="0.005",` besides, and the sum and the count.
            Value::Samples(samples) => (samples.counts.len() + 2) * (line + 12),
            _ => line,
        }
    }

    /// Its lines.
    pub fn write(&self, out: &mut String, name: &str, labels: &str) {
        let braced = |out: &mut String| match labels {
            "" => Ok(()),
            labels => write!(out, "{{{labels}}}"),
        };
        // Writing into a string cannot fail.
        let _ = match self {
            Value::Samples(samples) => return samples.write(out, name, labels),
            _ => write!(out, "{name}").and_then(|()| braced(out)),
        };
        let _ = match self {
            Value::Count(count) => writeln!(out, " {}", count.0.load(Ordering::Relaxed)),
            Value::Level(level) => writeln!(out, " {}", f64::from_bits(level.0.load(Ordering::Relaxed))),
            Value::Dollars(Dollars(nanos)) => {
                let nanos = nanos.load(Ordering::Relaxed);
                writeln!(out, " {}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
            }
            Value::Samples(_) => Ok(()),
        };
    }
}

impl Samples {
    fn write(&self, out: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut total = 0_u64;
        for (place, count) in self.counts.iter().enumerate() {
            total = total.saturating_add(count.load(Ordering::Relaxed));
            // Writing into a string cannot fail.
            let _ = match self.bounds.get(place) {
                Some(bound) => writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {total}"),
                None => writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {total}"),
            };
        }
        #[allow(clippy::cast_precision_loss, reason = "sums are floats")]
        let sum = self.sum.load(Ordering::Relaxed) as f64 / PARTS;
        let (open, close) = if labels.is_empty() { ("", "") } else { ("{", "}") };
        let _ =
            writeln!(out, "{name}_sum{open}{labels}{close} {sum}\n{name}_count{open}{labels}{close} {total}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &Value, labels: &str) -> String {
        let mut out = String::new();
        value.write(&mut out, "m", labels);
        out
    }

    #[test]
    fn money_is_exact() {
        let dollars = Dollars::default();
        dollars.add(1_000_000_001);
        dollars.add(41);
        dollars.add(-5);
        assert_eq!(written(&Value::Dollars(dollars), "a=\"b\""), "m{a=\"b\"} 1.000000042\n");
    }

    #[test]
    fn buckets_count_what_is_below_them() {
        let samples = Samples::new(&[0.1, 1.0].into());
        for seconds in [0.05, 0.1, 0.5, 7.0] {
            samples.record(seconds);
        }
        let text = written(&Value::Samples(Arc::new(samples)), "a=\"b\"");
        let expected = "m_bucket{a=\"b\",le=\"0.1\"} 2\nm_bucket{a=\"b\",le=\"1\"} 3\n\
             m_bucket{a=\"b\",le=\"+Inf\"} 4\nm_sum{a=\"b\"} 7.65\nm_count{a=\"b\"} 4\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn levels_go_up_and_down_and_counters_only_up() {
        let level = Arc::new(Level::default());
        level.increment(2.0);
        level.decrement(0.5);
        assert_eq!(written(&Value::Level(Arc::clone(&level)), ""), "m 1.5\n");
        let count = Arc::new(Count::default());
        count.increment(3);
        count.absolute(2);
        assert_eq!(written(&Value::Count(count), ""), "m 3\n");
        let value = Value::Level(Arc::clone(&level));
        assert!(value.is_held());
        drop(level);
        assert!(!value.is_held());
    }
}
