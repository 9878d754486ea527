//! LangSmith: a batch of runs, each a trace of its own.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::event::{Event, rfc3339};
use super::payload::{metadata, object, payload, text};
use super::request::Outgoing;
use super::settings::Langsmith;
use super::verdict::Answers;
use super::{derived_uuid, sampled};

/// One request with a run for each event that is in the share; `None` where none is.
pub fn runs(settings: &Langsmith, events: &[Arc<Event>]) -> Option<Outgoing> {
    let told = events.iter().filter(|event| sampled(event, settings.share));
    let post: Vec<Value> = told.map(|event| run(settings, event)).collect();
    if post.is_empty() {
        return None;
    }
    let count = post.len();
    let mut headers = vec![("x-api-key".to_owned(), settings.api_key.clone())];
    if let Some(tenant) = &settings.tenant {
        headers.push(("x-tenant-id".to_owned(), tenant.as_str().into()));
    }
    let all = Outgoing::json(&settings.url, headers, &json!({"post": post, "patch": []}));
    Some(all.of(count).answered(Answers::Langsmith))
}

fn run(settings: &Langsmith, event: &Event) -> Value {
    let id = derived_uuid(event, "langsmith-run");
    json!({
        "id": id,
        "trace_id": id,
        "dotted_order": dotted(event, &id),
        "name": settings.run_name,
        "run_type": "llm",
        "session_name": settings.project,
        "start_time": rfc3339(event.started_us),
        "end_time": rfc3339(event.ended_us),
        "inputs": inputs(event),
        "outputs": outputs(event),
        "error": event.failure.as_ref().map(|failure| &failure.message),
        "tags": event.tags,
        "extra": {"metadata": extra(event)},
        "events": event.first_token_us.map(|us| json!([{"name": "new_token", "time": rfc3339(us)}])),
    })
}

/// The place of a run in its trace: when it began and its id, for a root nothing else.
fn dotted(event: &Event, id: &str) -> String {
    let compact: String =
        rfc3339(event.started_us).chars().filter(|c| !matches!(c, '-' | ':' | '.')).collect();
    format!("{compact}{id}")
}

fn inputs(event: &Event) -> Value {
    let mut inputs = object(payload(event));
    // The answer stands in the outputs.
    inputs.shift_remove("response");
    Value::Object(inputs)
}

fn outputs(event: &Event) -> Value {
    let mut outputs: Map<String, Value> = match event.content.as_ref().map(|content| content.answer.value()) {
        Some(Value::Object(answer)) => answer,
        Some(other) => object(json!({"output": other})),
        None => Map::new(),
    };
    let usage = event.counts();
    outputs.insert(
        "usage_metadata".to_owned(),
        json!({
            "input_tokens": usage.prompt_tokens,
            "output_tokens": usage.completion_tokens,
            "total_tokens": usage.total(),
            "input_token_details": {"cache_read": usage.cached_tokens, "cache_creation": usage.cache_creation_tokens},
            "output_token_details": {"reasoning": usage.reasoning_tokens},
            "total_cost": event.usd(),
        }),
    );
    Value::Object(outputs)
}

fn extra(event: &Event) -> Value {
    let mut all = object(metadata(event));
    all.extend(object(json!({
        "ls_provider": text(&event.provider),
        "ls_model_name": text(&event.model),
        "ls_model_type": "chat",
        "thread_id": text(&event.session),
        "litellm_call_id": event.call_id,
        "model_group": text(&event.model_group),
    })));
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn settings() -> Langsmith {
        Langsmith {
            url: "https://api.smith.langchain.com/api/v1/runs/batch".into(),
            api_key: "ls-canary".into(),
            project: "litellm-proxy".into(),
            run_name: "LLMRun".into(),
            share: 1.0,
            tenant: None,
        }
    }

    #[test]
    fn runs_are_roots_of_their_own_traces() {
        let out = runs(&settings(), &[Arc::new(testing::quoted()), Arc::new(testing::failed())]).unwrap();
        let body: Value = serde_json::from_slice(&out.body).unwrap();
        let run = &body["post"][0];
        let id = run["id"].as_str().unwrap();
        assert_eq!(id.len(), 36);
        assert_eq!((&run["trace_id"], &run["session_name"]), (&json!(id), &json!("litellm-proxy")));
        assert_eq!(run["dotted_order"], format!("20231114T221320000000Z{id}"));
        assert_eq!(run["inputs"]["messages"][0]["content"], "What is 2+2?");
        assert_eq!(run["outputs"]["choices"][0]["message"]["content"], "4");
        assert_eq!(run["outputs"]["usage_metadata"]["total_tokens"], 18);
        assert_eq!((&run["run_type"], &run["error"]), (&json!("llm"), &Value::Null));
        assert_eq!(body["post"][1]["error"], "too many requests");
        assert!(!String::from_utf8_lossy(&out.body).contains("canary"));
    }

    #[test]
    fn a_share_is_a_share() {
        let events: Vec<_> =
            (0..400).map(|n| Arc::new(Event { id: format!("id-{n}"), ..testing::answered() })).collect();
        let some = runs(&Langsmith { share: 0.25, ..settings() }, &events).unwrap();
        let body: Value = serde_json::from_slice(&some.body).unwrap();
        let count = body["post"].as_array().unwrap().len();
        assert!((60..=140).contains(&count), "{count}");
        assert_eq!(runs(&Langsmith { share: 0.0, ..settings() }, &events), None);
    }
}
