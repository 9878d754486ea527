//! The two histograms that the conventions want of clients: how long operations took, and their tokens. Each export
//! holds what its batch came to (delta temporality).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::spans::operation;
use super::{Any, Attribute, nanos};
use crate::domain::export::event::Event;

/// Bounds of durations, seconds.
const SECONDS: &[f64] =
    &[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// Bounds of token counts.
const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// A histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub description: &'static str,
    /// In which unit.
    pub unit: &'static str,
    /// One for each set of attributes.
    pub points: Vec<Point>,
}

/// What was recorded with one set of attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The attributes.
    pub attributes: Vec<Attribute>,
    /// From when on, nanoseconds since 1970.
    pub start: u64,
    /// Until when.
    pub time: u64,
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// How many up to each bound, and above the last.
    pub buckets: Vec<u64>,
    /// The bounds.
    pub bounds: &'static [f64],
}

/// Attributes that points are told apart by.
type Labels = Vec<(&'static str, String)>;

struct Series {
    bounds: &'static [f64],
    found: BTreeMap<Labels, (Vec<u64>, u64, f64)>,
}

impl Series {
    fn new(bounds: &'static [f64]) -> Self {
        Series { bounds, found: BTreeMap::new() }
    }

    fn record(&mut self, labels: Labels, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        let (buckets, count, sum) =
            self.found.entry(labels).or_insert_with(|| (vec![0; self.bounds.len() + 1], 0, 0.0));
        if let Some(bucket) = buckets.get_mut(place) {
            *bucket += 1;
        }
        *count += 1;
        *sum += value;
    }

    fn points(self, start: u64, time: u64) -> Vec<Point> {
        let bounds = self.bounds;
        let one = |(labels, (buckets, count, sum)): (Labels, (Vec<u64>, u64, f64))| {
            let attributes = labels.into_iter().map(|(name, value)| (name.to_owned(), Any::Text(value)));
            Point { attributes: attributes.collect(), start, time, count, sum, buckets, bounds }
        };
        self.found.into_iter().map(one).collect()
    }
}

/// The histograms of a batch.
pub fn of(events: &[Arc<Event>], now_us: i64) -> Vec<Histogram> {
    let (mut durations, mut tokens) = (Series::new(SECONDS), Series::new(TOKENS));
    for event in events.iter().filter(|event| event.attempts > 0) {
        let labels = labels(event);
        let mut with_error = labels.clone();
        with_error.extend(event.failure.as_ref().map(|failure| ("error.type", failure.class.to_owned())));
        durations.record(with_error, event.seconds());
        let Some(usage) = event.usage else { continue };
        for (kind, count) in [("input", usage.prompt_tokens), ("output", usage.completion_tokens)] {
            let mut labels = labels.clone();
            labels.push(("gen_ai.token.type", kind.to_owned()));
            #[allow(clippy::cast_precision_loss, reason = "tokens of one answer")]
            tokens.record(labels, count as f64);
        }
    }
    let start = nanos(events.iter().map(|event| event.ended_us).min().unwrap_or(now_us));
    let time = nanos(now_us).max(start);
    vec![
        Histogram {
            name: "gen_ai.client.operation.duration",
            description: "GenAI operation duration",
            unit: "s",
            points: durations.points(start, time),
        },
        Histogram {
            name: "gen_ai.client.token.usage",
            description: "Number of input and output tokens used",
            unit: "{token}",
            points: tokens.points(start, time),
        },
    ]
}

fn labels(event: &Event) -> Labels {
    vec![
        ("gen_ai.operation.name", operation(event.call_type).to_owned()),
        ("gen_ai.provider.name", event.provider.clone()),
        ("gen_ai.request.model", event.model_group.clone()),
        ("gen_ai.response.model", event.model.clone()),
    ]
}
