//! Anthropic Messages: text, thinking and tool use, plain and streamed.

use serde_json::{Value, json};

use super::{Call, chat, error};
use crate::answer::{Answer, Ask};
use crate::reply::{Event, Reply};

pub fn answer(call: &Call<'_>) -> Reply {
    if call.request.header("anthropic-version").is_none() {
        let message = "anthropic-version: header is required";
        return Reply::json(400, &super::error_body(400, call.dialect, message));
    }
    let answer = Answer::to(&ask(call.body), call.script, call.ordinal);
    let reply = if call.streams() { stream(call, &answer) } else { Reply::json(200, &whole(call, &answer)) };
    reply.with("request-id", &format!("req_fake_{}", call.id))
}

pub fn count(call: &Call<'_>) -> Reply {
    Reply::json(200, &json!({"input_tokens": call.script.prompt_tokens.unwrap_or(9)}))
}

fn ask(body: &Value) -> Ask {
    let tools = body.get("tools").and_then(Value::as_array).cloned().unwrap_or_default();
    let choice = body.pointer("/tool_choice/type").and_then(Value::as_str);
    let last =
        body["messages"].as_array().and_then(|m| m.last()).and_then(|m| m["content"].as_array().cloned());
    let result = |block: &Value| block.get("type").and_then(Value::as_str) == Some("tool_result");
    let thinking = body.pointer("/thinking/type").and_then(Value::as_str);
    let format =
        body.pointer("/output_format/schema").or_else(|| body.pointer("/output_config/format/schema"));
    Ask {
        tools: tools
            .iter()
            .filter_map(|t| {
                Some((
                    t.get("name")?.as_str()?.to_owned(),
                    t.get("input_schema").cloned().unwrap_or_default(),
                ))
            })
            .collect(),
        forced: match choice {
            Some("any") => Some(String::new()),
            Some("tool") => body.pointer("/tool_choice/name").and_then(Value::as_str).map(str::to_owned),
            _ => None,
        },
        after_tool_result: last.is_some_and(|blocks| blocks.iter().any(result)),
        schema: format.cloned(),
        json_mode: false,
        thinking: matches!(thinking, Some("enabled" | "adaptive")),
    }
}

/// The content blocks of an answer, complete.
fn blocks(call: &Call<'_>, answer: &Answer) -> Vec<Value> {
    let mut blocks = Vec::new();
    if let Some(reasoning) = &answer.reasoning {
        blocks.push(json!({"type": "thinking", "thinking": reasoning, "signature": "c2lnbmF0dXJl"}));
    }
    if let Some(text) = &answer.text {
        blocks.push(json!({"type": "text", "text": text}));
    }
    for (i, tool) in answer.calls.iter().enumerate() {
        let input: Value = serde_json::from_str(&tool.arguments).unwrap_or_else(|_| json!({}));
        blocks.push(json!({"type": "tool_use", "id": format!("toolu_fake{}_{i}", call.id),
            "name": tool.name, "input": input}));
    }
    blocks
}

fn stop_reason(call: &Call<'_>, answer: &Answer) -> String {
    let usual = if answer.calls.is_empty() { "end_turn" } else { "tool_use" };
    call.script.finish.clone().unwrap_or_else(|| usual.to_owned())
}

fn usage(answer: &Answer, output: u64) -> Value {
    let u = &answer.usage;
    json!({"input_tokens": u.prompt, "cache_creation_input_tokens": u.cache_creation,
        "cache_read_input_tokens": u.cached, "output_tokens": output, "service_tier": "standard"})
}

fn whole(call: &Call<'_>, answer: &Answer) -> Value {
    call.decorate(json!({"id": format!("msg_fake{}", call.id), "type": "message", "role": "assistant",
        "model": call.model(), "content": blocks(call, answer), "stop_reason": stop_reason(call, answer),
        "stop_sequence": null, "usage": usage(answer, answer.usage.completion)}))
}

fn stream(call: &Call<'_>, answer: &Answer) -> Reply {
    let message = json!({"id": format!("msg_fake{}", call.id), "type": "message", "role": "assistant",
        "model": call.model(), "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage(answer, 1)});
    let mut events = vec![
        Event::named(&json!({"type": "message_start", "message": message}), false),
        Event::named(&json!({"type": "ping"}), false),
    ];
    for (index, block) in blocks(call, answer).iter().enumerate() {
        stream_block(call, answer, index, block, &mut events);
    }
    let delta = json!({"stop_reason": stop_reason(call, answer), "stop_sequence": null});
    let end =
        json!({"type": "message_delta", "delta": delta, "usage": usage(answer, answer.usage.completion)});
    events.push(Event::named(&end, false));
    events.push(Event::named(&json!({"type": "message_stop"}), false));
    Reply::stream(events, error::broken_event(call))
}

fn stream_block(call: &Call<'_>, answer: &Answer, index: usize, block: &Value, events: &mut Vec<Event>) {
    let (start, deltas) = match block["type"].as_str() {
        Some("thinking") => {
            let text = block["thinking"].as_str().unwrap_or_default();
            let mut deltas: Vec<Value> =
                text.split_inclusive(' ').map(|t| json!({"type": "thinking_delta", "thinking": t})).collect();
            deltas.push(json!({"type": "signature_delta", "signature": block["signature"]}));
            (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
        }
        Some("text") => {
            let pieces = answer.pieces(call.script);
            let deltas = pieces.iter().map(|t| json!({"type": "text_delta", "text": t})).collect();
            (json!({"type": "text", "text": ""}), deltas)
        }
        _ => {
            let input = block["input"].to_string();
            let pieces = if input == "{}" { Vec::new() } else { chat::halves(&input).to_vec() };
            let deltas =
                pieces.iter().map(|p| json!({"type": "input_json_delta", "partial_json": p})).collect();
            (json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}), deltas)
        }
    };
    events.push(Event::named(
        &json!({"type": "content_block_start", "index": index, "content_block": start}),
        false,
    ));
    for delta in deltas {
        let event = json!({"type": "content_block_delta", "index": index, "delta": delta});
        events.push(Event::named(&event, true));
    }
    events.push(Event::named(&json!({"type": "content_block_stop", "index": index}), false));
}
