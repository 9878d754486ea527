//! Langfuse: its ingestion of batches, a trace and a generation for each event.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::derived_uuid;
use super::event::{Event, rfc3339};
use super::payload::{metadata, object, text};
use super::request::Outgoing;
use super::settings::Langfuse;
use super::verdict::Answers;
use crate::domain::pricing::Cost;

/// One request with two entries for each event.
pub fn batch(settings: &Langfuse, events: &[Arc<Event>]) -> Outgoing {
    let entries: Vec<Value> = events.iter().flat_map(|event| entries(settings, event)).collect();
    let headers = vec![
        ("authorization".to_owned(), basic(&settings.public_key, settings.secret_key.expose()).into()),
        ("x-langfuse-public-key".to_owned(), settings.public_key.as_str().into()),
    ];
    let all = Outgoing::json(&settings.url, headers, &json!({"batch": entries}));
    all.of(events.len()).answered(Answers::Langfuse)
}

/// The value of an `Authorization` header.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn entries(settings: &Langfuse, event: &Event) -> [Value; 2] {
    let entry = |kind: &str, body: Map<String, Value>| {
        json!({
            "id": derived_uuid(event, kind),
            "type": kind,
            "timestamp": rfc3339(event.started_us),
            "body": body,
        })
    };
    [entry("trace-create", trace(settings, event)), entry("generation-create", generation(settings, event))]
}

fn trace(settings: &Langfuse, event: &Event) -> Map<String, Value> {
    let content = event.content.as_ref();
    let owner = &event.owner;
    let user = [&owner.end_user, &owner.user_id, &owner.key_alias].into_iter().find(|name| !name.is_empty());
    without_null(json!({
        "id": event.call_id,
        "timestamp": rfc3339(event.started_us),
        "name": format!("litellm-{}", event.call_type),
        "userId": user,
        "sessionId": text(&event.session),
        "input": content.map(|content| &content.question),
        "output": content.map(|content| &content.answer),
        "tags": event.tags,
        "metadata": metadata(event),
        "release": settings.release,
        "environment": settings.environment,
    }))
}

fn generation(settings: &Langfuse, event: &Event) -> Map<String, Value> {
    let content = event.content.as_ref();
    let usage = event.counts();
    let cached = usage.cached_tokens.saturating_add(usage.cache_creation_tokens);
    let parameters = content.map(|content| object(content.parameters.value())).unwrap_or_default();
    let parameters: Map<String, Value> =
        parameters.into_iter().map(|(name, value)| (name, plain(value))).collect();
    without_null(json!({
        "id": derived_uuid(event, "langfuse-generation"),
        "traceId": event.call_id,
        "name": format!("litellm-{}", event.call_type),
        "startTime": rfc3339(event.started_us),
        "endTime": rfc3339(event.ended_us),
        "completionStartTime": event.first_token_us.map(rfc3339),
        "model": text(&event.model),
        "modelParameters": parameters,
        "input": content.map(|content| &content.question),
        "output": content.map(|content| &content.answer),
        "level": if event.failure.is_some() { "ERROR" } else { "DEFAULT" },
        "statusMessage": event.failure.as_ref().map(|failure| &failure.message),
        "metadata": {
            "litellm_call_id": event.call_id,
            "model_group": text(&event.model_group),
            "model_id": text(&event.model_id),
            "api_base": text(&event.api_base),
            "provider": text(&event.provider),
            "status": event.status,
        },
        // The parts add up to the total.
        "usageDetails": event.usage.map(|_| json!({
            "input": usage.prompt_tokens.saturating_sub(cached),
            "cache_read_input_tokens": usage.cached_tokens,
            "cache_creation_input_tokens": usage.cache_creation_tokens,
            "output": usage.completion_tokens.saturating_sub(usage.reasoning_tokens),
            "output_reasoning_tokens": usage.reasoning_tokens,
            "total": usage.total(),
        })),
        "costDetails": event.cost.as_ref().map(costs),
        "environment": settings.environment,
    }))
}

/// Dollars; what discounts and margins change stands in the total only.
fn costs(cost: &Cost) -> Value {
    json!({
        "input": cost.input,
        "cache_read_input_tokens": cost.cache_read,
        "cache_creation_input_tokens": cost.cache_write,
        "output": cost.output,
        "output_reasoning_tokens": cost.reasoning,
        "total": cost.total,
    })
}

/// A parameter's value: texts, numbers, truth values; what else there is as JSON text.
fn plain(value: Value) -> Value {
    match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => value,
        other => Value::String(other.to_string()),
    }
}

fn without_null(value: Value) -> Map<String, Value> {
    object(value).into_iter().filter(|(_, value)| !value.is_null()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn settings() -> Langfuse {
        Langfuse {
            url: "https://cloud.langfuse.com/api/public/ingestion".into(),
            public_key: "pk".into(),
            secret_key: "sk-canary".into(),
            environment: Some("production".into()),
            release: None,
        }
    }

    #[test]
    fn an_event_is_a_trace_and_a_generation() {
        let out = batch(&settings(), &[Arc::new(testing::quoted())]);
        assert_eq!(out.headers[0].1.expose(), "Basic cGs6c2stY2FuYXJ5");
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        let (trace, generation) = (&body["batch"][0], &body["batch"][1]);
        assert_eq!(
            (&trace["type"], &generation["type"]),
            (&json!("trace-create"), &json!("generation-create"))
        );
        assert_ne!(trace["id"], generation["id"]);
        assert_eq!(
            (&trace["body"]["id"], &generation["body"]["traceId"]),
            (&json!("call-1"), &json!("call-1"))
        );
        assert_eq!(
            (&trace["body"]["userId"], &trace["body"]["sessionId"]),
            (&json!("customer-7"), &json!("session-1"))
        );
        let body = &generation["body"];
        assert_eq!(body["usageDetails"]["input"], 8);
        assert_eq!(
            (&body["usageDetails"]["total"], &body["costDetails"]["total"]),
            (&json!(18), &json!(0.00125))
        );
        assert_eq!(
            (&body["model"], &body["modelParameters"]["temperature"]),
            (&json!("gpt-4o"), &json!(0.5))
        );
        assert_eq!(body["completionStartTime"], "2023-11-14T22:13:20.500000Z");
        assert_eq!((&body["level"], &body["environment"]), (&json!("DEFAULT"), &json!("production")));
    }

    #[test]
    fn a_failure_is_an_error() {
        let out = batch(&settings(), &[Arc::new(testing::failed())]);
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        let generation = &body["batch"][1]["body"];
        assert_eq!(
            (&generation["level"], &generation["statusMessage"]),
            (&json!("ERROR"), &json!("too many requests"))
        );
        assert!(generation.get("usageDetails").is_none() && generation.get("input").is_none());
    }
}
