//! Log probabilities, between chat's list of tokens and the parallel lists of text completions.

use serde_json::{Map, Value, json};

use crate::domain::bridge::json::{list, text};

/// Chat's log probabilities as text completions write them; null when there are none. `offset` is where the
/// piece begins in the whole text, in characters.
pub(super) fn to_completion(chat: Option<&Value>, offset: u64) -> Value {
    let tokens = chat.map(|chat| list(chat, "content")).unwrap_or_default();
    if tokens.is_empty() {
        return Value::Null;
    }
    let mut at = offset;
    let mut offsets = Vec::with_capacity(tokens.len());
    for token in tokens {
        offsets.push(json!(at));
        at = at.saturating_add(length(token.get("token").and_then(Value::as_str).unwrap_or_default()));
    }
    let column = |key: &str| tokens.iter().map(|token| token.get(key).cloned().unwrap_or_default()).collect();
    json!({
        "tokens": Value::Array(column("token")),
        "token_logprobs": Value::Array(column("logprob")),
        "top_logprobs": tokens.iter().map(top_as_map).collect::<Vec<_>>(),
        "text_offset": offsets,
    })
}

fn top_as_map(token: &Value) -> Value {
    let top = list(token, "top_logprobs").iter().filter_map(|candidate| {
        let name = candidate.get("token").and_then(Value::as_str)?;
        Some((name.to_owned(), candidate.get("logprob").cloned().unwrap_or_default()))
    });
    Value::Object(Map::from_iter(top))
}

/// A text completion's log probabilities as chat writes them; null when there are none.
pub(super) fn to_chat(completion: Option<&Value>) -> Value {
    let Some(completion) = completion else { return Value::Null };
    let column = |key: &str| list(completion, key);
    let entry =
        |token: &str, logprob: &Value| json!({"token": token, "logprob": logprob, "bytes": token.as_bytes()});
    let content: Vec<Value> = column("tokens")
        .iter()
        .filter_map(Value::as_str)
        .enumerate()
        .map(|(place, token)| {
            let logprob = column("token_logprobs").get(place).unwrap_or(&Value::Null);
            let mut shown = entry(token, logprob);
            let top = column("top_logprobs").get(place).and_then(Value::as_object);
            let top = top.map(|top| top.iter().map(|(token, logprob)| entry(token, logprob)).collect());
            if let Value::Object(shown) = &mut shown {
                shown.insert("top_logprobs".to_owned(), Value::Array(top.unwrap_or_default()));
            }
            shown
        })
        .collect();
    if content.is_empty() { Value::Null } else { json!({"content": content, "refusal": null}) }
}

/// Length of a text in characters, as offsets count it.
pub(super) fn length(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX)
}

/// A text completion knows three reasons to stop; everything else is a stop.
pub(super) fn finish_reason(choice: &Value) -> Option<&'static str> {
    Some(match text(choice, "finish_reason")? {
        "length" | "max_tokens" => "length",
        "content_filter" => "content_filter",
        _ => "stop",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_meet() {
        let chat = json!({"content": [
            {"token": "né", "logprob": -0.5, "bytes": [110, 195, 169],
             "top_logprobs": [{"token": "né", "logprob": -0.5, "bytes": [110, 195, 169]}]},
            {"token": "!", "logprob": -1.0, "bytes": [33], "top_logprobs": []}], "refusal": null});
        let completion = to_completion(Some(&chat), 3);
        assert_eq!(completion["text_offset"], json!([3, 5]));
        assert_eq!(completion["top_logprobs"], json!([{"né": -0.5}, {}]));
        assert_eq!(to_chat(Some(&completion)), chat);
        assert_eq!(to_completion(None, 0), Value::Null);
        assert_eq!(to_chat(None), Value::Null);
    }
}
