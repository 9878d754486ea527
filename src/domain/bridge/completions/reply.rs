//! Whole chat answers become one text completion.

use serde_json::{Value, json};

use super::logprobs;
use crate::domain::bridge::json::{add_usage, content_text, list, text};

/// Merges the chat answers of all prompts, in the order of the prompts. The choices of prompt `k` stand at
/// `k * n` and after, as OpenAI numbers them; usage is the sum.
pub fn from_chats(replies: Vec<Value>, shown_model: &str) -> Value {
    let per_prompt = replies.iter().map(|reply| list(reply, "choices").len()).max().unwrap_or_default();
    let mut choices: Vec<(u64, Value)> = Vec::new();
    let mut usage = Value::Null;
    for (prompt, reply) in replies.iter().enumerate() {
        for (place, choice) in list(reply, "choices").iter().enumerate() {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(number(place));
            let index = number(prompt.saturating_mul(per_prompt)).saturating_add(index);
            choices.push((index, text_choice(choice, index)));
        }
        if let Some(more) = reply.get("usage").filter(|more| more.is_object()) {
            add_usage(&mut usage, more);
        }
    }
    choices.sort_by_key(|(index, _)| *index);
    let first = replies.first().unwrap_or(&Value::Null);
    let mut completion = json!({
        "id": completion_id(text(first, "id").unwrap_or_default()),
        "object": "text_completion",
        "created": first.get("created").and_then(Value::as_u64).unwrap_or_default(),
        "model": shown_model,
        "choices": choices.into_iter().map(|(_, choice)| choice).collect::<Vec<_>>(),
    });
    if let Value::Object(completion) = &mut completion {
        for key in ["system_fingerprint", "service_tier"] {
            if let Some(value) = first.get(key) {
                completion.insert(key.to_owned(), value.clone());
            }
        }
        if !usage.is_null() {
            completion.insert("usage".to_owned(), usage);
        }
    }
    completion
}

fn text_choice(choice: &Value, index: u64) -> Value {
    json!({
        "text": choice.pointer("/message/content").map(content_text).unwrap_or_default(),
        "index": index,
        "logprobs": logprobs::to_completion(choice.get("logprobs"), 0),
        "finish_reason": logprobs::finish_reason(choice),
    })
}

/// The id of a text completion, from that of the chat answer.
pub(super) fn completion_id(chat: &str) -> String {
    format!("cmpl-{}", chat.strip_prefix("chatcmpl-").unwrap_or(chat))
}

/// A place as a JSON number.
pub(super) fn number(place: usize) -> u64 {
    u64::try_from(place).unwrap_or(u64::MAX)
}
