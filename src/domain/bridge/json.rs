//! Small readers of JSON whose shape nobody has promised.

use serde_json::{Map, Value};

/// The string under `key`, if there is one and it is not empty.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The list under `key`; empty when there is none.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The value under `key`, unless it is null.
pub(super) fn given<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    map.get(key).filter(|value| !value.is_null())
}

/// Removes `key` and gives its value, unless that is null. The order of the other keys stays.
pub(super) fn take(map: &mut Map<String, Value>, key: &str) -> Option<Value> {
    map.shift_remove(key).filter(|value| !value.is_null())
}

/// The text of a message's content: a string, or the texts of a list of parts put together.
pub(super) fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part.as_str().or_else(|| text(part, "text"))).collect()
        }
        _ => String::new(),
    }
}

/// Whether `stream_options.include_usage` asks for a usage chunk.
pub(super) fn wants_usage(request: &Map<String, Value>) -> bool {
    given(request, "stream_options").and_then(|options| options.get("include_usage"))
        == Some(&Value::Bool(true))
}

/// The first choice of a chat reply or chunk: the one with index 0, or without an index.
pub(super) fn first_choice(reply: &Value) -> Option<&Value> {
    list(reply, "choices")
        .iter()
        .find(|choice| choice.get("index").and_then(Value::as_u64).unwrap_or_default() == 0)
}

/// Adds the counts of one usage object to another, details included; what is no number is kept as it is.
pub(super) fn add_usage(total: &mut Value, more: &Value) {
    match (total, more) {
        (Value::Object(total), Value::Object(more)) => {
            for (key, count) in more {
                add_usage(total.entry(key.as_str()).or_insert(Value::Null), count);
            }
        }
        (total, Value::Number(_)) if total.is_number() => {
            *total = match (total.as_u64(), more.as_u64()) {
                (Some(a), Some(b)) => Value::from(a.saturating_add(b)),
                _ => Value::from(total.as_f64().unwrap_or_default() + more.as_f64().unwrap_or_default()),
            };
        }
        (total, more) if total.is_null() => *total = more.clone(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn usages_add_up_with_their_details() {
        let mut total = Value::Null;
        add_usage(&mut total, &json!({"prompt_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}));
        add_usage(&mut total, &json!({"prompt_tokens": 3, "prompt_tokens_details": null, "cost": 0.5}));
        assert_eq!(
            total,
            json!({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}, "cost": 0.5})
        );
    }

    #[test]
    fn content_is_text_in_both_forms() {
        assert_eq!(content_text(&json!("a b")), "a b");
        assert_eq!(content_text(&json!([{"type": "text", "text": "a"}, {"type": "x"}, "b"])), "ab");
        assert_eq!(content_text(&Value::Null), "");
    }
}
