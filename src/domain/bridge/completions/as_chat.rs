//! Chat on a deployment that has text completions only: messages become a prompt, texts become messages.

use serde_json::{Map, Value, json};

use super::logprobs;
use crate::base::error::{Error, Kind};
use crate::domain::bridge::json::{content_text, list, take, text};

/// Turns a chat request into a text-completion request.
///
/// A single user message is the prompt as it stands; a conversation becomes a transcript (`User: ...`,
/// `Assistant: ...`) that ends where the assistant speaks next. Other fields travel on untouched.
///
/// # Errors
/// [`Kind::InvalidRequest`] for malformed messages; [`Kind::UnsupportedParams`] for what a text completion
/// cannot do: tools, structured output, images, audio and files.
pub fn chat_to_completion(mut request: Map<String, Value>) -> Result<Map<String, Value>, Error> {
    refuse(&mut request)?;
    let prompt = prompt(take(&mut request, "messages"))?;
    let most = take(&mut request, "max_completion_tokens");
    let most = take(&mut request, "max_tokens").or(most);
    let wanted = take(&mut request, "logprobs");
    let top = take(&mut request, "top_logprobs");
    let mut completion = Map::new();
    if let Some(model) = request.shift_remove("model") {
        completion.insert("model".to_owned(), model);
    }
    completion.insert("prompt".to_owned(), Value::String(prompt));
    if let Some(most) = most {
        completion.insert("max_tokens".to_owned(), most);
    }
    if wanted == Some(Value::Bool(true)) {
        completion.insert("logprobs".to_owned(), top.unwrap_or_else(|| json!(0)));
    }
    request.shift_remove("prompt");
    completion.extend(request);
    Ok(completion)
}

fn refuse(request: &mut Map<String, Value>) -> Result<(), Error> {
    for key in ["tools", "functions"] {
        if take(request, key).is_some_and(|tools| tools.as_array().is_none_or(|tools| !tools.is_empty())) {
            return Err(unsupported(key, "this model has text completions only and calls no tools"));
        }
    }
    for key in ["tool_choice", "function_call", "parallel_tool_calls"] {
        request.shift_remove(key);
    }
    let format = take(request, "response_format");
    if format.is_some_and(|format| text(&format, "type") != Some("text")) {
        return Err(unsupported(
            "response_format",
            "this model has text completions only and knows no formats",
        ));
    }
    Ok(())
}

fn unsupported(param: &str, message: &str) -> Error {
    Error::new(Kind::UnsupportedParams, format!("{param}: {message}")).with_param(param)
}

fn prompt(messages: Option<Value>) -> Result<String, Error> {
    let messages = match messages {
        Some(Value::Array(messages)) if !messages.is_empty() => messages,
        Some(_) => {
            return Err(Error::invalid("messages", "messages: must be a list with at least one message"));
        }
        None => return Err(Error::invalid("messages", "Missing required parameter: 'messages'.")),
    };
    let turns = messages
        .iter()
        .enumerate()
        .map(|(index, message)| turn(message, &format!("messages[{index}]")))
        .collect::<Result<Vec<(&str, String)>, Error>>()?;
    if let [("User", only)] = turns.as_slice() {
        return Ok(only.clone());
    }
    let mut prompt = String::new();
    for (who, said) in &turns {
        prompt.push_str(&format!("{who}: {said}\n\n"));
    }
    prompt.push_str("Assistant:");
    Ok(prompt)
}

/// Who speaks, and what.
fn turn(message: &Value, path: &str) -> Result<(&'static str, String), Error> {
    let who = match text(message, "role") {
        Some("system" | "developer") => "System",
        Some("user") => "User",
        Some("assistant") => "Assistant",
        Some("tool" | "function") => {
            return Err(unsupported(path, "this model has text completions only and takes no tool results"));
        }
        _ => {
            return Err(Error::invalid(
                format!("{path}.role"),
                format!("{path}: 'role' is missing or unknown"),
            ));
        }
    };
    if !list(message, "tool_calls").is_empty() {
        return Err(unsupported(path, "this model has text completions only and takes no tool calls"));
    }
    let content = message.get("content").unwrap_or(&Value::Null);
    if let Value::Array(parts) = content
        && let Some(other) = parts.iter().find(|part| !part.is_string() && part.get("text").is_none())
    {
        let kind = text(other, "type").unwrap_or("unknown");
        return Err(unsupported(
            path,
            &format!("this model has text completions only and takes no '{kind}' parts"),
        ));
    }
    Ok((who, content_text(content)))
}

/// Turns a text completion into a chat completion.
pub fn completion_to_chat(reply: Value, shown_model: &str) -> Value {
    let choices: Vec<Value> = list(&reply, "choices")
        .iter()
        .map(|choice| {
            let said = choice.get("text").and_then(Value::as_str).unwrap_or_default();
            json!({
                "index": choice.get("index").and_then(Value::as_u64).unwrap_or_default(),
                // The transcript ends with a colon, so models begin with the space after it.
                "message": {"role": "assistant", "content": said.trim_start(), "refusal": null},
                "logprobs": logprobs::to_chat(choice.get("logprobs")),
                "finish_reason": logprobs::finish_reason(choice),
            })
        })
        .collect();
    let mut chat = Map::from_iter([
        ("id".to_owned(), json!(chat_id(text(&reply, "id").unwrap_or_default()))),
        ("object".to_owned(), json!("chat.completion")),
        ("created".to_owned(), reply.get("created").cloned().unwrap_or_else(|| json!(0))),
        ("model".to_owned(), json!(shown_model)),
        ("choices".to_owned(), Value::Array(choices)),
    ]);
    for key in ["usage", "system_fingerprint", "service_tier"] {
        if let Some(value) = reply.get(key) {
            chat.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(chat)
}

/// The id of a chat answer, from that of the text completion.
pub(super) fn chat_id(completion: &str) -> String {
    format!("chatcmpl-{}", completion.strip_prefix("cmpl-").unwrap_or(completion))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion(request: Value) -> Result<Value, Error> {
        let Value::Object(request) = request else { panic!("an object") };
        chat_to_completion(request).map(Value::Object)
    }

    #[test]
    fn one_user_message_is_the_prompt_itself() {
        let sent = completion(json!({"model": "m", "messages": [{"role": "user", "content": "Say hi"}],
            "max_completion_tokens": 9, "tools": [], "tool_choice": "auto"}))
        .unwrap();
        assert_eq!(sent, json!({"model": "m", "prompt": "Say hi", "max_tokens": 9}));
    }

    #[test]
    fn what_a_text_completion_cannot_do_is_refused() {
        let hi = json!([{"role": "user", "content": "hi"}]);
        for (request, param) in [
            (json!({"messages": hi, "tools": [{"type": "function"}]}), "tools"),
            (json!({"messages": hi, "response_format": {"type": "json_object"}}), "response_format"),
            (json!({"messages": [{"role": "tool", "content": "x"}]}), "messages[0]"),
            (json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}), "messages[0]"),
            (json!({"messages": "hi"}), "messages"),
            (json!({}), "messages"),
        ] {
            let error = completion(request).unwrap_err();
            assert_eq!((error.status(), error.param()), (400, Some(param)), "{error}");
        }
    }
}
