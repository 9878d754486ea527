//! `instructions` and `input` become chat messages.
//!
//! Items that belong to one answer of the model (its message, its function calls) become one assistant
//! message again, because chat providers insist that tool results follow the message that called.

use serde_json::{Map, Value, json};

use super::thinking;
use crate::base::error::{Error, Kind};
use crate::domain::bridge::json::{content_text, text};

/// The messages of a request.
///
/// # Errors
/// [`Kind::InvalidRequest`] for malformed items, [`Kind::UnsupportedParams`] for items that only a provider
/// with the Responses API understands.
pub(super) fn messages(instructions: Option<Value>, input: Option<Value>) -> Result<Vec<Value>, Error> {
    let mut turns = Turns::default();
    match instructions {
        None => {}
        Some(Value::String(text)) => turns.push(json!({"role": "system", "content": text})),
        Some(_) => return Err(Error::invalid("instructions", "instructions: must be a string")),
    }
    match input {
        Some(Value::String(text)) => turns.push(json!({"role": "user", "content": text})),
        Some(Value::Array(items)) => {
            for (index, item) in items.into_iter().enumerate() {
                turns.item(item, &format!("input[{index}]"))?;
            }
        }
        Some(_) => {
            return Err(Error::invalid("input", "input: must be a string or a list of items"));
        }
        None => return Err(Error::invalid("input", "Missing required parameter: 'input'.")),
    }
    let messages = turns.finish();
    if messages.is_empty() {
        return Err(Error::invalid("input", "input: must hold at least one message"));
    }
    Ok(messages)
}

#[derive(Default)]
struct Turns {
    done: Vec<Value>,
    assistant: Option<Assistant>,
}

/// An assistant message that may still grow.
#[derive(Default)]
struct Assistant {
    content: Option<String>,
    calls: Vec<Value>,
    thinking: Vec<Value>,
}

impl Turns {
    fn push(&mut self, message: Value) {
        self.close();
        self.done.push(message);
    }

    fn close(&mut self) {
        let Some(assistant) = self.assistant.take() else { return };
        if assistant.content.is_none() && assistant.calls.is_empty() {
            return; // reasoning whose message is not there says nothing to anybody
        }
        let mut message = Map::from_iter([
            ("role".to_owned(), json!("assistant")),
            ("content".to_owned(), assistant.content.map_or(Value::Null, Value::String)),
        ]);
        if !assistant.thinking.is_empty() {
            message.insert("thinking_blocks".to_owned(), Value::Array(assistant.thinking));
        }
        if !assistant.calls.is_empty() {
            message.insert("tool_calls".to_owned(), Value::Array(assistant.calls));
        }
        self.done.push(Value::Object(message));
    }

    fn finish(mut self) -> Vec<Value> {
        self.close();
        self.done
    }

    fn item(&mut self, item: Value, path: &str) -> Result<(), Error> {
        if !item.is_object() {
            return Err(Error::invalid(path, format!("{path}: must be an object")));
        }
        match (text(&item, "type"), item.get("role").is_some()) {
            (Some("message"), _) | (None, true) => self.message(item, path),
            (Some("function_call"), _) => self.call(&item, path),
            (Some("function_call_output"), _) => self.call_output(item, path),
            (Some("reasoning"), _) => {
                let blocks = thinking::unpack(&item);
                if !blocks.is_empty() {
                    self.turn_with_room(|turn| turn.content.is_none() && turn.calls.is_empty())
                        .thinking
                        .extend(blocks);
                }
                Ok(())
            }
            (Some("item_reference"), _) | (None, false) => Err(unsupported(
                path,
                "refers to a stored item, and this model's provider keeps none; send the item itself",
            )),
            (Some(other), _) => Err(unsupported(
                path,
                &format!("this model's provider does not know items of type '{other}'"),
            )),
        }
    }

    fn message(&mut self, item: Value, path: &str) -> Result<(), Error> {
        let role = match text(&item, "role") {
            Some(role @ ("user" | "system" | "developer" | "assistant")) => role.to_owned(),
            _ => {
                return Err(Error::invalid(
                    format!("{path}.role"),
                    format!("{path}: 'role' must be one of 'user', 'assistant', 'system', 'developer'"),
                ));
            }
        };
        let content = content(item, path)?;
        if role == "assistant" {
            let said = assistant_text(&content);
            // Text after a call belongs to the turn of the call: results must follow it directly.
            let turn = self.turn_with_room(|turn| turn.content.is_none() || !turn.calls.is_empty());
            turn.content.get_or_insert_default().push_str(&said);
            return Ok(());
        }
        self.push(json!({"role": role, "content": content}));
        Ok(())
    }

    fn call(&mut self, item: &Value, path: &str) -> Result<(), Error> {
        let missing = |key: &str| {
            Error::invalid(format!("{path}.{key}"), format!("{path}: a function_call needs a '{key}'"))
        };
        let id = text(item, "call_id").ok_or_else(|| missing("call_id"))?;
        let name = text(item, "name").ok_or_else(|| missing("name"))?;
        let arguments = text(item, "arguments").unwrap_or("{}");
        let call = json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
        self.turn_with_room(|_| true).calls.push(call);
        Ok(())
    }

    fn call_output(&mut self, item: Value, path: &str) -> Result<(), Error> {
        let Some(id) = text(&item, "call_id").map(str::to_owned) else {
            return Err(Error::invalid(
                format!("{path}.call_id"),
                format!("{path}: a function_call_output needs a 'call_id'"),
            ));
        };
        let content = match item.get("output") {
            Some(Value::String(text)) => json!(text),
            Some(Value::Array(parts)) => parts_of(parts.clone(), &format!("{path}.output"))?,
            None | Some(Value::Null) => json!(""),
            Some(other) => json!(other.to_string()),
        };
        self.push(json!({"role": "tool", "tool_call_id": id, "content": content}));
        Ok(())
    }

    /// The open assistant turn if it has room, else a new one.
    fn turn_with_room(&mut self, room: impl Fn(&Assistant) -> bool) -> &mut Assistant {
        if self.assistant.as_ref().is_some_and(|turn| !room(turn)) {
            self.close();
        }
        self.assistant.get_or_insert_default()
    }
}

fn unsupported(path: &str, message: &str) -> Error {
    Error::new(Kind::UnsupportedParams, format!("{path}: {message}")).with_param(path)
}

/// Providers differ in the parts they take back from the model, so an assistant's own are one text.
fn assistant_text(content: &Value) -> String {
    match content {
        Value::Array(parts) => {
            parts.iter().filter_map(|part| text(part, "text").or_else(|| text(part, "refusal"))).collect()
        }
        content => content_text(content),
    }
}

fn content(item: Value, path: &str) -> Result<Value, Error> {
    let Value::Object(mut item) = item else { return Ok(Value::Null) };
    match item.shift_remove("content") {
        Some(Value::String(text)) => Ok(Value::String(text)),
        Some(Value::Array(parts)) => parts_of(parts, &format!("{path}.content")),
        _ => Err(Error::invalid(
            format!("{path}.content"),
            format!("{path}: 'content' must be a string or a list of parts"),
        )),
    }
}

/// Chat parts; a single plain text becomes a string, which every provider takes.
fn parts_of(parts: Vec<Value>, path: &str) -> Result<Value, Error> {
    let parts = parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| chat_part(part, &format!("{path}[{index}]")))
        .collect::<Result<Vec<Value>, Error>>()?;
    if let [Value::Object(only)] = parts.as_slice()
        && only.len() == 2
        && let Some(text @ Value::String(_)) = only.get("text")
    {
        return Ok(text.clone());
    }
    Ok(Value::Array(parts))
}

/// One part in chat's words; fields that only the provider knows (`cache_control`) stay on it.
fn chat_part(part: Value, path: &str) -> Result<Value, Error> {
    let Value::Object(mut part) = part else {
        return Err(Error::invalid(path, format!("{path}: must be an object")));
    };
    let kind = part.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    match kind.as_str() {
        "input_text" | "output_text" | "summary_text" => {
            let text = part.shift_remove("text").filter(Value::is_string);
            let text = text.ok_or_else(|| {
                Error::invalid(format!("{path}.text"), format!("{path}: 'text' is missing"))
            })?;
            for key in ["type", "annotations", "logprobs"] {
                part.shift_remove(key);
            }
            Ok(tagged("text", "text", text, part))
        }
        "input_image" => image(part, path),
        "input_file" => file(part, path),
        "text" | "image_url" | "input_audio" | "file" | "refusal" => Ok(Value::Object(part)),
        other => {
            Err(unsupported(path, &format!("this model's provider does not know parts of type '{other}'")))
        }
    }
}

fn tagged(kind: &str, key: &str, value: Value, rest: Map<String, Value>) -> Value {
    let mut part = Map::from_iter([("type".to_owned(), json!(kind)), (key.to_owned(), value)]);
    part.extend(rest);
    Value::Object(part)
}

fn image(mut part: Map<String, Value>, path: &str) -> Result<Value, Error> {
    part.shift_remove("type");
    part.shift_remove("file_id");
    let detail = part.shift_remove("detail").filter(|detail| !detail.is_null());
    let mut image = match part.shift_remove("image_url") {
        Some(Value::String(url)) => Map::from_iter([("url".to_owned(), Value::String(url))]),
        Some(Value::Object(image)) => image,
        _ => {
            return Err(unsupported(
                path,
                "an image must come as 'image_url' (address or data URL); this model's provider has no stored files",
            ));
        }
    };
    if let Some(detail) = detail {
        image.insert("detail".to_owned(), detail);
    }
    Ok(tagged("image_url", "image_url", Value::Object(image), part))
}

fn file(mut part: Map<String, Value>, path: &str) -> Result<Value, Error> {
    part.shift_remove("type");
    part.shift_remove("detail");
    let mut file = Map::new();
    for key in ["file_id", "file_data", "filename"] {
        if let Some(value) = part.shift_remove(key).filter(|value| !value.is_null()) {
            file.insert(key.to_owned(), value);
        }
    }
    part.shift_remove("file_url");
    if !file.contains_key("file_id") && !file.contains_key("file_data") {
        return Err(unsupported(
            path,
            "a file must come as 'file_data' (data URL); chat takes no 'file_url'",
        ));
    }
    Ok(tagged("file", "file", Value::Object(file), part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: Value) -> Value {
        Value::Array(messages(None, Some(input)).unwrap())
    }

    #[test]
    fn one_answer_becomes_one_assistant_message() {
        let sent = read(json!([
            {"role": "user", "content": "weather?"},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "function_call", "call_id": "a", "name": "w", "arguments": "{\"c\":1}"},
            {"type": "function_call", "call_id": "b", "name": "w", "arguments": ""},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "wait"}]},
            {"type": "function_call_output", "call_id": "a", "output": "sun"},
            {"type": "function_call_output", "call_id": "b", "output": {"t": 1}},
        ]));
        assert_eq!(sent[1]["content"], "wait");
        assert_eq!(sent[1]["tool_calls"][1]["function"]["arguments"], "{}");
        assert_eq!(sent[2], json!({"role": "tool", "tool_call_id": "a", "content": "sun"}));
        assert_eq!(sent[3]["content"], "{\"t\":1}");
        assert_eq!(sent.as_array().unwrap().len(), 4);
    }

    #[test]
    fn separate_assistant_messages_stay_separate() {
        let sent = read(json!([
            {"role": "assistant", "content": "one"}, {"role": "assistant", "content": "two"}]));
        assert_eq!(sent.as_array().unwrap().len(), 2);
    }

    #[test]
    fn wrong_items_name_their_place() {
        for (input, param) in [
            (
                json!([{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]),
                "input[0].content[0]",
            ),
            (json!([{"role": "robot", "content": ""}]), "input[0].role"),
            (json!([{"type": "item_reference", "id": "x"}]), "input[0]"),
            (json!([{"type": "computer_call"}]), "input[0]"),
            (json!([{"type": "function_call", "name": "x"}]), "input[0].call_id"),
            (json!([]), "input"),
            (json!(7), "input"),
        ] {
            let error = messages(None, Some(input)).unwrap_err();
            assert_eq!((error.status(), error.param()), (400, Some(param)), "{error}");
        }
    }

    #[test]
    fn extra_fields_of_a_part_travel_on() {
        let sent = read(json!([{"role": "user", "content": [
            {"type": "input_text", "text": "a", "cache_control": {"type": "ephemeral"}}]}]));
        assert_eq!(sent[0]["content"][0]["cache_control"]["type"], "ephemeral");
    }
}
