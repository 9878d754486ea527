//! Tool calls and their results in the history.

use serde_json::{Value, json};

use super::betas::Betas;
use super::cache;
use super::content;
use super::fields::{Object, Path, object, require, require_string, take, take_string};
use super::names::{Names, call_id};
use crate::base::error::Error;

/// `function_call`s of the older dialect, which have no ids, waiting for their results.
#[derive(Debug, Default)]
pub(super) struct Unanswered(Vec<(String, String)>);

/// The `tool_use` blocks of an assistant message.
pub(super) fn calls(message: &mut Object, path: &Path, names: &mut Names) -> Result<Vec<Value>, Error> {
    let Some(value) = take(message, "tool_calls") else { return Ok(Vec::new()) };
    let path = path.key("tool_calls");
    let mut blocks = Vec::new();
    for (i, value) in path.array(value)?.into_iter().enumerate() {
        let path = path.index(i);
        let mut call = path.object(value)?;
        let id = require_string(&mut call, "id", &path)?;
        let mark = cache::take_mark(&mut call);
        let function = path.key("function").object(require(&mut call, "function", &path)?)?;
        let mut block = call_block(&call_id(&id), function, &path.key("function"), names)?.1;
        cache::mark(&mut block, mark);
        blocks.push(block);
    }
    Ok(blocks)
}

/// The `tool_use` block of an assistant message in the older dialect; `turn` makes its id.
pub(super) fn legacy_call(
    message: &mut Object,
    path: &Path,
    turn: usize,
    names: &mut Names,
    unanswered: &mut Unanswered,
) -> Result<Option<Value>, Error> {
    let Some(value) = take(message, "function_call") else { return Ok(None) };
    let path = path.key("function_call");
    let id = format!("call_{turn}");
    let (name, block) = call_block(&id, path.object(value)?, &path, names)?;
    unanswered.0.push((name, id));
    Ok(Some(block))
}

/// A call's client-side name and its block.
fn call_block(
    id: &str,
    mut function: Object,
    path: &Path,
    names: &mut Names,
) -> Result<(String, Value), Error> {
    let name = require_string(&mut function, "name", path)?;
    let input = arguments(take(&mut function, "arguments"), &path.key("arguments"))?;
    let block = object([
        ("type", "tool_use".into()),
        ("id", id.into()),
        ("name", names.send(&name).into()),
        ("input", input),
    ]);
    Ok((name, block))
}

/// Arguments as an object; none at all are an empty one.
fn arguments(value: Option<Value>, path: &Path) -> Result<Value, Error> {
    let parsed = match value {
        None => Value::Null,
        Some(Value::String(text)) if text.trim().is_empty() => Value::Null,
        Some(Value::String(text)) => serde_json::from_str(&text).map_err(|error| {
            path.error(format_args!("expected a JSON object as text, got malformed JSON ({error})"))
        })?,
        Some(other) => other,
    };
    match parsed {
        Value::Null => Ok(json!({})),
        Value::Object(_) => Ok(parsed),
        other => Err(path.wrong("a JSON object as text", &other)),
    }
}

/// The `tool_result` block of a `tool` message.
pub(super) fn result(mut message: Object, path: &Path, betas: &mut Betas) -> Result<Value, Error> {
    let id = require_string(&mut message, "tool_call_id", path)?;
    result_block(&call_id(&id), message, path, betas)
}

/// The `tool_result` block of a `function` message: it answers the oldest open call of its name.
pub(super) fn legacy_result(
    mut message: Object,
    path: &Path,
    betas: &mut Betas,
    unanswered: &mut Unanswered,
) -> Result<Value, Error> {
    let name = take_string(&mut message, "name", path)?;
    let open = &mut unanswered.0;
    let found = open.iter().position(|(call, _)| name.as_ref().is_none_or(|name| name == call));
    match found {
        Some(found) => {
            let (_, id) = open.remove(found);
            result_block(&id, message, path, betas)
        }
        None => Err(path.error("no function_call of this name stands before it")),
    }
}

fn result_block(id: &str, mut message: Object, path: &Path, betas: &mut Betas) -> Result<Value, Error> {
    let mut mark = cache::take_mark(&mut message);
    let content = match take(&mut message, "content") {
        None => Value::String(String::new()),
        Some(Value::String(text)) => Value::String(text),
        other => {
            let mut blocks = content::blocks(other, &path.key("content"), betas)?;
            mark = cache::hoist(&mut blocks).or(mark);
            Value::Array(blocks)
        }
    };
    let mut block =
        object([("type", "tool_result".into()), ("tool_use_id", id.into()), ("content", content)]);
    if let (Some(Value::Bool(true)), Some(block)) = (take(&mut message, "is_error"), block.as_object_mut()) {
        block.insert("is_error".to_owned(), Value::Bool(true));
    }
    cache::mark(&mut block, mark);
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_may_be_missing_but_not_malformed() {
        let path = Path::root("arguments");
        for empty in [None, Some(json!("")), Some(json!("  ")), Some(json!("null")), Some(json!("{}"))] {
            assert_eq!(arguments(empty, &path).unwrap(), json!({}));
        }
        for bad in ["{", "[1]", "\"x\"", "{\"a\":1}}"] {
            assert_eq!(arguments(Some(json!(bad)), &path).unwrap_err().param(), Some("arguments"), "{bad}");
        }
    }
}
