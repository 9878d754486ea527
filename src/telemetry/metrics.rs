//! The registry: handles are made once per series and then only touched.

use std::hash::Hash;
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::bound::{self, Bound};
use super::dollars::{Dollars, Register};
use super::names;

/// All metrics of one gateway. Cloning shares them.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    own: Arc<Own>,
}

/// What the exporter does not have.
struct Own {
    dollars: Register,
    rows: Bound,
    callers: Bound,
}

const METADATA: Metadata<'static> = Metadata::new("stagedoor", Level::INFO, None);

impl Metrics {
    /// An empty registry whose histograms have these buckets (seconds), LiteLLM's by default.
    ///
    /// # Errors
    /// When `buckets` is empty.
    pub fn new(buckets: Option<&[f64]>) -> Result<Self, BuildError> {
        let mut builder = PrometheusBuilder::new().set_buckets(buckets.unwrap_or(names::LATENCY_BUCKETS))?;
        for name in [names::REDIS_SECONDS, names::GATEWAY_SECONDS, names::CLAIM_SECONDS] {
            builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), names::NEAR_BUCKETS)?;
        }
        let batch = Matcher::Full(names::CLAIM_BATCH.to_owned());
        let recorder = builder.set_buckets_for_metric(batch, names::BATCH_BUCKETS)?.build_recorder();
        for (name, help) in names::HELP {
            let (name, help) = ((*name).into(), (*help).into());
            recorder.describe_counter(name, None, help);
        }
        let handle = recorder.handle();
        let own = Own {
            dollars: Register::default(),
            rows: Bound::new(bound::MOST_ROWS),
            callers: Bound::new(bound::MOST_CALLERS),
        };
        Ok(Metrics { recorder: Arc::new(recorder), handle, own: Arc::new(own) })
    }

    /// The counter of these labels.
    pub fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.recorder.register_counter(&key(name, labels), &METADATA)
    }

    /// The gauge of these labels.
    pub fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    /// The histogram of these labels.
    pub fn histogram(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Histogram {
        self.recorder.register_histogram(&key(name, labels), &METADATA)
    }

    /// The counter of a row's labels.
    pub fn counter_of(&self, name: &'static str, labels: &[Label]) -> Counter {
        self.recorder.register_counter(&Key::from_parts(name, labels.to_vec()), &METADATA)
    }

    /// The histogram of a row's labels.
    pub fn histogram_of(&self, name: &'static str, labels: &[Label]) -> Histogram {
        self.recorder.register_histogram(&Key::from_parts(name, labels.to_vec()), &METADATA)
    }

    /// The counter of money of a row's labels.
    pub fn dollars_of(&self, name: &'static str, labels: &[Label]) -> Dollars {
        self.own.dollars.series(name, labels)
    }

    /// Whether a combination of model and deployment has a row of its own; at most [`bound::MOST_ROWS`] have.
    pub fn shows(&self, row: &impl Hash) -> bool {
        self.own.rows.admits(row)
    }

    /// Whether a row that names a caller is shown; at most [`bound::MOST_CALLERS`] are.
    pub fn shows_caller(&self, row: &impl Hash) -> bool {
        self.own.callers.admits(row)
    }

    /// The text that Prometheus scrapes.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        self.own.dollars.render(&mut text);
        text
    }

    /// Moves recorded samples into their buckets; to be called every few seconds so that memory stays flat.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels =
        labels.iter().map(|(name, value)| Label::new(*name, (*value).to_string())).collect::<Vec<_>>();
    Key::from_parts(name, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_rendered_under_its_name() {
        let metrics = Metrics::new(None).unwrap();
        metrics.counter(names::REQUESTS, &[("model_group", "gpt-4"), ("status", "200")]).increment(2);
        let text = metrics.render();
        assert!(text.contains("litellm_request_total{model_group=\"gpt-4\",status=\"200\"} 2"), "{text}");
        assert!(text.contains("# TYPE litellm_request_total counter"), "{text}");
    }

    #[test]
    fn every_metric_has_help_and_a_unique_name() {
        let unique: std::collections::HashSet<_> = names::HELP.iter().map(|(name, _)| name).collect();
        assert_eq!(unique.len(), names::HELP.len());
        assert!(names::HELP.iter().all(|(_, help)| help.ends_with('.')));
    }
}
