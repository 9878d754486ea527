//! OpenAI text completions: one choice for each prompt.

use serde_json::{Value, json};

use super::{Call, chat, error, present};
use crate::answer::{Answer, Ask};
use crate::reply::{Event, Reply};

pub fn answer(call: &Call<'_>) -> Reply {
    let answer = Answer::to(&Ask::default(), call.script, call.ordinal);
    let n =
        prompts(&call.body["prompt"]) * call.body.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, 16);
    if call.streams() { stream(call, &answer, n) } else { Reply::json(200, &whole(call, &answer, n)) }
}

/// How many prompts there are: a string and a list of tokens are one, lists of those are many.
fn prompts(prompt: &Value) -> u64 {
    match prompt.as_array() {
        Some(items) if items.iter().any(|i| i.is_string() || i.is_array()) => items.len() as u64,
        _ => 1,
    }
}

fn finish(call: &Call<'_>) -> String {
    call.script.finish.clone().unwrap_or_else(|| "stop".to_owned())
}

fn whole(call: &Call<'_>, answer: &Answer, n: u64) -> Value {
    let choices: Vec<Value> = (0..n)
        .map(|i| json!({"text": answer.text, "index": i, "logprobs": null, "finish_reason": finish(call)}))
        .collect();
    call.decorate(present([
        ("id", json!(format!("cmpl-fake{}", call.id))),
        ("object", json!("text_completion")),
        ("created", json!(1_700_000_000)),
        ("model", json!(call.model())),
        ("choices", json!(choices)),
        ("usage", chat::usage(call, &answer.usage)),
    ]))
}

fn stream(call: &Call<'_>, answer: &Answer, n: u64) -> Reply {
    let chunk = |choices: Value, usage: Value| {
        present([
            ("id", json!(format!("cmpl-fake{}", call.id))),
            ("object", json!("text_completion")),
            ("created", json!(1_700_000_000)),
            ("model", json!(call.model())),
            ("choices", choices),
            ("usage", usage),
        ])
    };
    let event = |text: &str, index: u64, finish: Option<&str>, content: bool| {
        let choices = json!([{"text": text, "index": index, "logprobs": null, "finish_reason": finish}]);
        Event::data(&call.decorate(chunk(choices, Value::Null)).to_string(), content)
    };
    let mut events = Vec::new();
    for piece in answer.pieces(call.script) {
        events.extend((0..n).map(|i| event(&piece, i, None, true)));
    }
    events.extend((0..n).map(|i| event("", i, Some(&finish(call)), false)));
    if chat::wants_usage(call.body) && !call.script.no_usage {
        events.push(Event::data(&chunk(json!([]), chat::usage(call, &answer.usage)).to_string(), false));
    }
    events.push(Event::data("[DONE]", false));
    Reply::stream(events, error::broken_event(call))
}
