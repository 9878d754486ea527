//! OpenAI's Responses API, plain and streamed.

use serde_json::{Value, json};

use super::{Call, error};
use crate::answer::{Answer, Ask};
use crate::reply::{Event, Reply};

pub fn answer(call: &Call<'_>) -> Reply {
    let answer = Answer::to(&ask(call.body), call.script, call.ordinal);
    if call.streams() {
        stream(call, &answer)
    } else {
        Reply::json(200, &whole(call, "completed", &output(call, &answer), usage(call, &answer)))
    }
}

fn ask(body: &Value) -> Ask {
    let tools = body.get("tools").and_then(Value::as_array).cloned().unwrap_or_default();
    let last = body["input"]
        .as_array()
        .and_then(|items| items.last())
        .and_then(|i| i.get("type"))
        .and_then(Value::as_str);
    let forced = match body.get("tool_choice") {
        Some(Value::String(s)) if s == "required" => Some(String::new()),
        Some(choice) => choice.get("name").and_then(Value::as_str).map(str::to_owned),
        None => None,
    };
    Ask {
        tools: tools
            .iter()
            .filter_map(|t| {
                Some((t.get("name")?.as_str()?.to_owned(), t.get("parameters").cloned().unwrap_or_default()))
            })
            .collect(),
        forced,
        after_tool_result: last == Some("function_call_output"),
        schema: body.pointer("/text/format/schema").cloned(),
        json_mode: body.pointer("/text/format/type").and_then(Value::as_str) == Some("json_object"),
        thinking: false,
    }
}

fn output(call: &Call<'_>, answer: &Answer) -> Vec<Value> {
    if let Some(text) = &answer.text {
        return vec![message(call, text, "completed")];
    }
    let calls = answer.calls.iter().enumerate();
    calls
        .map(|(i, c)| {
            json!({"type": "function_call", "id": format!("fc_fake{}_{i}", call.id), "status": "completed",
                "call_id": format!("call_fake{}_{i}", call.id), "name": c.name, "arguments": c.arguments})
        })
        .collect()
}

fn message(call: &Call<'_>, text: &str, status: &str) -> Value {
    let content = if text.is_empty() { json!([]) } else { json!([part(text)]) };
    json!({"type": "message", "id": format!("msg_fake{}", call.id), "status": status, "role": "assistant", "content": content})
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn usage(call: &Call<'_>, answer: &Answer) -> Value {
    if call.script.no_usage {
        return Value::Null;
    }
    let u = &answer.usage;
    json!({"input_tokens": u.prompt, "input_tokens_details": {"cached_tokens": u.cached},
        "output_tokens": u.completion, "output_tokens_details": {"reasoning_tokens": u.reasoning},
        "total_tokens": u.prompt + u.completion})
}

fn whole(call: &Call<'_>, status: &str, output: &[Value], usage: Value) -> Value {
    call.decorate(json!({"id": format!("resp_fake{}", call.id), "object": "response", "created_at": 1_700_000_000,
        "status": status, "error": null, "incomplete_details": null, "instructions": call.body.get("instructions"),
        "max_output_tokens": call.body.get("max_output_tokens"), "model": call.model(), "output": output,
        "parallel_tool_calls": true, "previous_response_id": call.body.get("previous_response_id"),
        "reasoning": {"effort": null, "summary": null}, "store": true, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "truncation": "disabled", "usage": usage, "user": null, "metadata": {}}))
}

fn stream(call: &Call<'_>, answer: &Answer) -> Reply {
    let mut events = Events::default();
    events.push(
        json!({"type": "response.created", "response": whole(call, "in_progress", &[], Value::Null)}),
        false,
    );
    events.push(
        json!({"type": "response.in_progress", "response": whole(call, "in_progress", &[], Value::Null)}),
        false,
    );
    let output = output(call, answer);
    for (index, item) in output.iter().enumerate() {
        match &answer.text {
            Some(text) => text_item(call, answer, text, item, &mut events),
            None => call_item(index, item, &mut events),
        }
    }
    let done = whole(call, "completed", &output, usage(call, answer));
    events.push(json!({"type": "response.completed", "response": done}), false);
    Reply::stream(events.list, error::broken_event(call))
}

fn text_item(call: &Call<'_>, answer: &Answer, text: &str, item: &Value, events: &mut Events) {
    let at = json!({"item_id": item["id"], "output_index": 0, "content_index": 0});
    let with = |kind: &str, key: &str, value: Value| {
        let mut event = at.clone();
        event["type"] = json!(kind);
        event[key] = value;
        event
    };
    events.push(json!({"type": "response.output_item.added", "output_index": 0, "item": message(call, "", "in_progress")}), false);
    events.push(with("response.content_part.added", "part", part("")), false);
    for piece in answer.pieces(call.script) {
        let mut event = with("response.output_text.delta", "delta", json!(piece));
        event["logprobs"] = json!([]);
        events.push(event, true);
    }
    let mut done = with("response.output_text.done", "text", json!(text));
    done["logprobs"] = json!([]);
    events.push(done, false);
    events.push(with("response.content_part.done", "part", part(text)), false);
    events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}), false);
}

fn call_item(index: usize, item: &Value, events: &mut Events) {
    let mut started = item.clone();
    started["status"] = json!("in_progress");
    started["arguments"] = json!("");
    events.push(json!({"type": "response.output_item.added", "output_index": index, "item": started}), false);
    events.push(
        json!({"type": "response.function_call_arguments.delta", "item_id": item["id"], "output_index": index,
            "delta": item["arguments"]}),
        true,
    );
    events.push(
        json!({"type": "response.function_call_arguments.done", "item_id": item["id"], "output_index": index,
            "name": item["name"], "arguments": item["arguments"]}),
        false,
    );
    events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}), false);
}

/// The events so far; each gets the next sequence number.
#[derive(Default)]
struct Events {
    list: Vec<Event>,
}

impl Events {
    fn push(&mut self, mut event: Value, content: bool) {
        event["sequence_number"] = json!(self.list.len());
        self.list.push(Event::named(&event, content));
    }
}
