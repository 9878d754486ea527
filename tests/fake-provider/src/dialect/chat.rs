//! OpenAI chat completions, plain and streamed, also as Azure decorates them.

use serde_json::{Value, json};

use super::{Call, error, present};
use crate::answer::{Answer, Ask, Usage};
use crate::reply::{Event, Reply};
use crate::route::Dialect;

const CREATED: u64 = 1_700_000_000;

pub fn answer(call: &Call<'_>) -> Reply {
    let ask = ask(call.body);
    let answer = Answer::to(&ask, call.script, call.ordinal);
    let n = call.body.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, 16);
    let reply =
        if call.streams() { stream(call, &answer, n) } else { Reply::json(200, &whole(call, &answer, n)) };
    reply
        .with("x-request-id", &format!("req_fake_{}", call.id))
        .with("x-ratelimit-limit-requests", "10000")
        .with("x-ratelimit-remaining-requests", "9999")
}

/// What the body asks for, in the terms of an [`Answer`].
fn ask(body: &Value) -> Ask {
    let list = |name: &str| body.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut tools: Vec<(String, Value)> =
        list("tools").iter().filter_map(|t| named_schema(t.get("function")?)).collect();
    tools.extend(list("functions").iter().filter_map(named_schema));
    let forced = match body.get("tool_choice") {
        Some(Value::String(s)) if s == "required" => Some(String::new()),
        Some(choice) => choice.pointer("/function/name").and_then(Value::as_str).map(str::to_owned),
        None => None,
    };
    let last = list("messages").last().and_then(|m| m.get("role")).and_then(Value::as_str).map(str::to_owned);
    let format = body.pointer("/response_format/type").and_then(Value::as_str);
    Ask {
        tools,
        forced,
        after_tool_result: matches!(last.as_deref(), Some("tool" | "function")),
        schema: body.pointer("/response_format/json_schema/schema").cloned(),
        json_mode: format == Some("json_object"),
        thinking: false,
    }
}

fn named_schema(function: &Value) -> Option<(String, Value)> {
    let name = function.get("name")?.as_str()?.to_owned();
    Some((name, function.get("parameters").cloned().unwrap_or_else(|| json!({}))))
}

fn finish(call: &Call<'_>, answer: &Answer) -> String {
    let usual = if answer.calls.is_empty() { "stop" } else { "tool_calls" };
    call.script.finish.clone().unwrap_or_else(|| usual.to_owned())
}

/// `usage` in OpenAI's form, null when the script wants none.
pub fn usage(call: &Call<'_>, usage: &Usage) -> Value {
    if call.script.no_usage {
        return Value::Null;
    }
    json!({"prompt_tokens": usage.prompt, "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}})
}

fn tool_call_id(call: &Call<'_>, index: usize) -> String {
    format!("call_fake{}_{index}", call.id)
}

fn whole(call: &Call<'_>, answer: &Answer, n: u64) -> Value {
    let calls: Vec<Value> = answer
        .calls
        .iter()
        .enumerate()
        .map(|(i, c)| {
            json!({"id": tool_call_id(call, i), "type": "function",
                "function": {"name": c.name, "arguments": c.arguments}})
        })
        .collect();
    let mut message = json!({"role": "assistant", "content": answer.text, "refusal": null});
    if let Some(reasoning) = &answer.reasoning {
        message["reasoning_content"] = json!(reasoning);
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    let mut choice =
        json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish(call, answer)});
    if call.dialect == Dialect::Azure {
        choice["content_filter_results"] = json!({"hate": {"filtered": false, "severity": "safe"}});
    }
    let choices: Vec<Value> = (0..n)
        .map(|i| {
            choice["index"] = json!(i);
            choice.clone()
        })
        .collect();
    let prompt_filter = match call.dialect {
        Dialect::Azure => json!([{"prompt_index": 0, "content_filter_results": {}}]),
        _ => Value::Null,
    };
    call.decorate(present([
        ("id", json!(format!("chatcmpl-fake{}", call.id))),
        ("object", json!("chat.completion")),
        ("created", json!(CREATED)),
        ("model", json!(call.model())),
        ("choices", json!(choices)),
        ("usage", usage(call, &answer.usage)),
        ("service_tier", json!("default")),
        ("system_fingerprint", json!("fp_fake")),
        ("prompt_filter_results", prompt_filter),
    ]))
}

fn stream(call: &Call<'_>, answer: &Answer, n: u64) -> Reply {
    let chunks = Chunks { call, model: call.model(), with_usage: wants_usage(call.body) };
    let mut events = Vec::new();
    if call.dialect == Dialect::Azure {
        events.push(chunks.filter_results());
    }
    for index in 0..n {
        events.push(chunks.delta(
            index,
            &json!({"role": "assistant", "content": "", "refusal": null}),
            None,
            false,
        ));
    }
    if let Some(reasoning) = &answer.reasoning {
        for piece in reasoning.split_inclusive(' ') {
            events.extend((0..n).map(|i| chunks.delta(i, &json!({"reasoning_content": piece}), None, true)));
        }
    }
    for piece in answer.pieces(call.script) {
        events.extend((0..n).map(|i| chunks.delta(i, &json!({"content": piece}), None, true)));
    }
    for (i, tool) in answer.calls.iter().enumerate() {
        let start = json!({"tool_calls": [{"index": i, "id": tool_call_id(call, i), "type": "function",
            "function": {"name": tool.name, "arguments": ""}}]});
        events.extend((0..n).map(|index| chunks.delta(index, &start, None, true)));
        for piece in halves(&tool.arguments) {
            let part = json!({"tool_calls": [{"index": i, "function": {"arguments": piece}}]});
            events.extend((0..n).map(|index| chunks.delta(index, &part, None, true)));
        }
    }
    let reason = finish(call, answer);
    events.extend((0..n).map(|i| chunks.delta(i, &json!({}), Some(&reason), false)));
    if chunks.with_usage && !call.script.no_usage {
        events.push(chunks.usage(&answer.usage));
    }
    events.push(Event::data("[DONE]", false));
    Reply::stream(events, error::broken_event(call))
}

/// Whether the caller asked for a usage chunk.
pub fn wants_usage(body: &Value) -> bool {
    body.pointer("/stream_options/include_usage").and_then(Value::as_bool).unwrap_or(false)
}

/// Text in two halves, on a character boundary.
pub fn halves(text: &str) -> [&str; 2] {
    let middle = (text.len() / 2..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len());
    let (a, b) = text.split_at(middle);
    [a, b]
}

struct Chunks<'a> {
    call: &'a Call<'a>,
    model: String,
    with_usage: bool,
}

impl Chunks<'_> {
    fn chunk(&self, choices: Value, usage: Option<Value>) -> Value {
        let mut chunk = json!({"id": format!("chatcmpl-fake{}", self.call.id), "object": "chat.completion.chunk",
            "created": CREATED, "model": self.model, "service_tier": "default",
            "system_fingerprint": "fp_fake", "choices": choices});
        if self.with_usage {
            chunk["usage"] = usage.unwrap_or(Value::Null);
        }
        self.call.decorate(chunk)
    }

    fn delta(&self, index: u64, delta: &Value, finish: Option<&str>, content: bool) -> Event {
        let choices = json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        Event::data(&self.chunk(choices, None).to_string(), content)
    }

    fn usage(&self, counts: &Usage) -> Event {
        Event::data(&self.chunk(json!([]), Some(usage(self.call, counts))).to_string(), false)
    }

    /// Azure's first chunk: no choices, only what its filter thought of the prompt.
    fn filter_results(&self) -> Event {
        let mut chunk = self.chunk(json!([]), None);
        chunk["prompt_filter_results"] = json!([{"prompt_index": 0, "content_filter_results": {}}]);
        Event::data(&chunk.to_string(), false)
    }
}
