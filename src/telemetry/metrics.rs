//! The registry: handles are made once per series and then only touched.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::names;

/// All metrics of one gateway. Cloning shares them.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

const METADATA: Metadata<'static> = Metadata::new("stagedoor", Level::INFO, None);

impl Metrics {
    /// An empty registry whose histograms have these buckets (seconds), LiteLLM's by default.
    ///
    /// # Errors
    /// When `buckets` is empty.
    pub fn new(buckets: Option<&[f64]>) -> Result<Self, BuildError> {
        let near = Matcher::Full(names::REDIS_SECONDS.to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets(buckets.unwrap_or(names::LATENCY_BUCKETS))?
            .set_buckets_for_metric(near, names::NEAR_BUCKETS)?
            .build_recorder();
        for (name, help) in names::HELP {
            let (name, help) = ((*name).into(), (*help).into());
            recorder.describe_counter(name, None, help);
        }
        let handle = recorder.handle();
        Ok(Metrics { recorder: Arc::new(recorder), handle })
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

    /// The text that Prometheus scrapes.
    pub fn render(&self) -> String {
        self.handle.render()
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
