//! `cache_control`: copied from where clients write it, or injected where the config says.
//!
//! See <https://docs.claude.com/en/docs/build-with-claude/prompt-caching>.

use serde_json::{Value, json};

use super::fields::{Object, Path, take};
use crate::base::error::Error;

/// The field's name, the same on both sides.
const FIELD: &str = "cache_control";

/// Takes the mark off a message, part or tool.
pub(super) fn take_mark(object: &mut Object) -> Option<Value> {
    take(object, FIELD)
}

/// Puts a mark on a block; an existing one stays.
pub(super) fn mark(block: &mut Value, mark: Option<Value>) {
    if let (Some(mark), Some(block)) = (mark, block.as_object_mut()) {
        block.entry(FIELD).or_insert(mark);
    }
}

/// Puts a message's mark on its last block that may carry one (thinking may not).
pub(super) fn mark_last(blocks: &mut [Value], message_mark: Option<Value>) {
    let last = blocks.iter_mut().rev().find(|block| {
        !matches!(block.get("type").and_then(Value::as_str), Some("thinking" | "redacted_thinking"))
    });
    if let Some(block) = last {
        mark(block, message_mark);
    }
}

/// Takes the marks off nested blocks (they cannot be cached by themselves) and returns the last one.
pub(super) fn hoist(blocks: &mut [Value]) -> Option<Value> {
    let mut last = None;
    for block in blocks.iter_mut().filter_map(Value::as_object_mut) {
        last = take_mark(block).or(last);
    }
    last
}

/// Obeys LiteLLM's `cache_control_injection_points`: `{location: "message", role | index, control}` marks
/// messages, `{location: "tool_config"}` the last tool.
pub(super) fn inject(points: Value, messages: &mut [Value], tools: &mut Option<Value>) -> Result<(), Error> {
    let path = Path::root("cache_control_injection_points");
    for (i, point) in path.array(points)?.into_iter().enumerate() {
        let path = path.index(i);
        let mut point = path.object(point)?;
        let control = take(&mut point, "control").unwrap_or_else(|| json!({"type": "ephemeral"}));
        match point.get("location").and_then(Value::as_str) {
            Some("message") => inject_messages(&point, &control, messages),
            Some("tool_config") => {
                let last = tools.as_mut().and_then(Value::as_array_mut).and_then(|tools| tools.last_mut());
                if let Some(tool) = last {
                    mark(tool, Some(control));
                }
            }
            _ => return Err(path.key("location").error("must be \"message\" or \"tool_config\"")),
        }
    }
    Ok(())
}

fn inject_messages(point: &Object, control: &Value, messages: &mut [Value]) {
    let count = i64::try_from(messages.len()).unwrap_or(i64::MAX);
    let index = point.get("index").and_then(|index| match index {
        Value::String(digits) => digits.parse::<i64>().ok(),
        other => other.as_i64(),
    });
    let index = index.map(|index| if index < 0 { index.saturating_add(count) } else { index });
    let role = point.get("role").and_then(Value::as_str);
    for (i, message) in messages.iter_mut().enumerate() {
        let hit = match index {
            Some(index) => i64::try_from(i) == Ok(index),
            None => role.is_some() && message.get("role").and_then(Value::as_str) == role,
        };
        if hit {
            mark(message, Some(control.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_mark_messages_by_role_and_from_the_end() {
        let mut messages = vec![
            json!({"role": "system", "content": "a"}),
            json!({"role": "user", "content": "b"}),
            json!({"role": "user", "content": "c", "cache_control": {"type": "ephemeral", "ttl": "1h"}}),
        ];
        let mut tools = Some(json!([{"type": "function"}]));
        let points = json!([
            {"location": "message", "role": "system"},
            {"location": "message", "index": -1},
            {"location": "tool_config"},
        ]);
        inject(points, &mut messages, &mut tools).unwrap();
        assert_eq!(messages[0]["cache_control"], json!({"type": "ephemeral"}));
        assert!(messages[1].get("cache_control").is_none());
        assert_eq!(messages[2]["cache_control"]["ttl"], "1h");
        assert_eq!(tools.unwrap()[0]["cache_control"]["type"], "ephemeral");
    }
}
