//! Datadog: logs as its intake v2 takes them, and metrics as its series v2.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::event::Event;
use super::payload::payload;
use super::request::Outgoing;
use super::settings::Datadog;
use super::verdict::Answers;
use crate::base::secret::Secret;

/// Counted over the batch.
const COUNT: u8 = 1;
/// The mean of the batch.
const GAUGE: u8 = 3;

/// One request with a log entry for each event.
pub fn logs(settings: &Datadog, events: &[Arc<Event>]) -> Outgoing {
    let tags = settings.tags.join(",");
    let entries = events.iter().map(|event| {
        json!({
            "ddsource": settings.source,
            "ddtags": tags,
            "hostname": settings.host,
            "message": payload(event).to_string(),
            "service": settings.service,
            "status": if event.failure.is_some() { "error" } else { "info" },
        })
    });
    let all = Outgoing::json(&settings.url, headers(settings), &entries.collect());
    all.of(events.len()).answered(Answers::Listed).gzipped()
}

fn headers(settings: &Datadog) -> Vec<(String, Secret)> {
    settings.api_key.iter().map(|key| ("dd-api-key".to_owned(), key.clone())).collect()
}

/// What the events with the same tags came to.
#[derive(Default)]
struct Sums {
    requests: u64,
    seconds: f64,
    upstream: f64,
    called: u64,
    input: u64,
    output: u64,
    usd: f64,
    /// Seconds since 1970 of the latest.
    at: i64,
}

/// One request with the sums of the events, by model and outcome.
pub fn metrics(settings: &Datadog, events: &[Arc<Event>]) -> Outgoing {
    let mut by_tags: BTreeMap<Vec<String>, Sums> = BTreeMap::new();
    for event in events {
        by_tags.entry(tags(settings, event)).or_default().add(event);
    }
    let series: Vec<Value> = by_tags.iter().flat_map(|(tags, sums)| sums.series(settings, tags)).collect();
    let all = Outgoing::json(&settings.url, headers(settings), &json!({"series": series}));
    all.of(events.len()).answered(Answers::Listed).gzipped()
}

fn tags(settings: &Datadog, event: &Event) -> Vec<String> {
    let own = [
        ("provider", event.provider.as_str()),
        ("model_name", &event.model),
        ("model_group", &event.model_group),
        (
            "team",
            if event.owner.team_alias.is_empty() { &event.owner.team_id } else { &event.owner.team_alias },
        ),
    ];
    let mut tags = settings.tags.clone();
    tags.extend(
        own.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}:{value}")),
    );
    tags.push(format!("status_code:{}", event.status));
    tags
}

impl Sums {
    fn add(&mut self, event: &Event) {
        let usage = event.counts();
        self.requests += 1;
        self.seconds += event.seconds();
        if event.attempts > 0 {
            self.called += 1;
            self.upstream += super::event::seconds(event.upstream_us);
        }
        self.input = self.input.saturating_add(usage.prompt_tokens);
        self.output = self.output.saturating_add(usage.completion_tokens);
        self.usd += event.usd();
        self.at = self.at.max(event.ended_us.div_euclid(1_000_000));
    }

    fn series(&self, settings: &Datadog, tags: &[String]) -> Vec<Value> {
        #[allow(clippy::cast_precision_loss, reason = "a batch is small")]
        let (requests, called) = (self.requests as f64, self.called as f64);
        #[allow(clippy::cast_precision_loss, reason = "tokens of a batch")]
        let (input, output) = (self.input as f64, self.output as f64);
        let mut all = vec![
            ("litellm.llm_api.request_count", COUNT, requests),
            ("litellm.request.total_latency", GAUGE, self.seconds / requests.max(1.0)),
            ("litellm.tokens.input", COUNT, input),
            ("litellm.tokens.output", COUNT, output),
            ("litellm.spend", COUNT, self.usd),
        ];
        if self.called > 0 {
            all.push(("litellm.llm_api.latency", GAUGE, self.upstream / called));
        }
        let one = |(metric, kind, value): (&str, u8, f64)| {
            json!({
                "metric": metric,
                "type": kind,
                "points": [{"timestamp": self.at, "value": value}],
                "resources": [{"name": settings.host, "type": "host"}],
                "tags": tags,
            })
        };
        all.into_iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn settings() -> Datadog {
        Datadog {
            url: "https://http-intake.logs.datadoghq.eu/api/v2/logs".into(),
            api_key: Some("dd-canary".into()),
            source: "litellm".into(),
            service: "litellm-server".into(),
            host: "host-1".into(),
            tags: vec!["env:prod".into(), "service:litellm-server".into()],
        }
    }

    #[test]
    fn each_event_is_an_entry_of_the_log() {
        let events = [testing::answered(), testing::failed()].map(Arc::new);
        let out = logs(&settings(), &events);
        assert_eq!(out.headers[0], ("dd-api-key".to_owned(), "dd-canary".into()));
        let body: Value = serde_json::from_slice(&testing::body(&out)).unwrap();
        assert_eq!(body.as_array().unwrap().len(), 2);
        assert_eq!((&body[0]["status"], &body[1]["status"]), (&json!("info"), &json!("error")));
        assert_eq!((&body[0]["ddsource"], &body[0]["hostname"]), (&json!("litellm"), &json!("host-1")));
        assert_eq!(body[0]["ddtags"], "env:prod,service:litellm-server");
        let message: Value = serde_json::from_str(body[0]["message"].as_str().unwrap()).unwrap();
        assert_eq!(message["litellm_call_id"], "call-1");
        assert!(!String::from_utf8_lossy(&testing::body(&out)).contains("canary"));
    }

    #[test]
    fn metrics_are_summed_by_model_and_outcome() {
        let events = [testing::answered(), testing::answered(), testing::failed()].map(Arc::new);
        let body: Value = serde_json::from_slice(&testing::body(&metrics(&settings(), &events))).unwrap();
        let find = |metric: &str, tag: &str| {
            let all = body["series"].as_array().unwrap();
            let found = all.iter().find(|one| {
                one["metric"] == metric && one["tags"].as_array().unwrap().iter().any(|known| known == tag)
            });
            found.unwrap_or_else(|| panic!("{metric} {tag}"))["points"][0]["value"].clone()
        };
        assert_eq!(find("litellm.llm_api.request_count", "status_code:200"), json!(2.0));
        assert_eq!(find("litellm.tokens.input", "status_code:200"), json!(22.0));
        assert_eq!(find("litellm.spend", "status_code:200"), json!(0.0025));
        assert_eq!(find("litellm.request.total_latency", "team:Red"), json!(2.5));
        assert_eq!(find("litellm.llm_api.request_count", "status_code:429"), json!(1.0));
        assert_eq!(body["series"][0]["resources"][0]["name"], "host-1");
    }
}
