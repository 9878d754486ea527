//! The request: Responses parameters in, chat parameters out.

use serde_json::{Map, Value, json};

use super::{ResponsesContext, input, tools};
use crate::base::error::{Error, Kind};
use crate::domain::bridge::json::{given, take, text};

/// Turns a Responses request into a chat request and what the answer needs to know of it.
///
/// Fields that chat calls the same, and fields nobody here knows, travel on untouched.
///
/// # Errors
/// [`Kind::InvalidRequest`] for what cannot be right, [`Kind::UnsupportedParams`] for what only a provider
/// with the Responses API can do (stored responses, conversations, prompt templates, hosted tools).
pub fn to_chat(mut request: Map<String, Value>) -> Result<(Map<String, Value>, ResponsesContext), Error> {
    refuse_stored_state(&request)?;
    let offered = tools::read(take(&mut request, "tools"), take(&mut request, "tool_choice"))?;
    let context = ResponsesContext::of(&request, &offered);

    let mut chat = Map::new();
    if let Some(model) = request.shift_remove("model") {
        chat.insert("model".to_owned(), model);
    }
    let messages = input::messages(take(&mut request, "instructions"), take(&mut request, "input"))?;
    chat.insert("messages".to_owned(), Value::Array(messages));
    offered.write(&mut chat, take(&mut request, "parallel_tool_calls"));
    text_settings(&mut request, &mut chat)?;
    reasoning(&mut request, &mut chat)?;
    // Deployments whose API knows the older name only are sent that one by their provider's rules.
    if let Some(most) = take(&mut request, "max_output_tokens") {
        chat.insert("max_completion_tokens".to_owned(), most);
    }
    logprobs(&mut request, &mut chat);
    stream(&mut request, &mut chat);
    for key in ["background", "store", "truncation", "max_tool_calls", "conversation", "prompt"] {
        request.shift_remove(key);
    }
    request.shift_remove("previous_response_id");
    request.retain(|key, _| !chat.contains_key(key));
    chat.extend(request);
    Ok((chat, context))
}

/// Refuses what needs responses (or other objects) kept by the provider.
fn refuse_stored_state(request: &Map<String, Value>) -> Result<(), Error> {
    let refuse = |param: &str, message: &str| {
        Err(Error::new(Kind::UnsupportedParams, format!("{param}: {message}")).with_param(param))
    };
    if given(request, "previous_response_id").is_some() {
        return refuse(
            "previous_response_id",
            "this model's provider keeps no responses; send the earlier turns in 'input' instead",
        );
    }
    if given(request, "conversation").is_some() {
        return refuse(
            "conversation",
            "this model's provider keeps no conversations; send the earlier turns in 'input' instead",
        );
    }
    if given(request, "prompt").is_some() {
        return refuse("prompt", "this model's provider keeps no prompt templates; send 'input' instead");
    }
    if given(request, "background") == Some(&Value::Bool(true)) {
        return refuse("background", "this model's provider cannot answer in the background");
    }
    if given(request, "n").is_some_and(|n| n.as_u64() != Some(1)) {
        return refuse("n", "a response has exactly one answer");
    }
    Ok(())
}

/// `text.format` becomes `response_format`, `text.verbosity` becomes `verbosity`.
fn text_settings(request: &mut Map<String, Value>, chat: &mut Map<String, Value>) -> Result<(), Error> {
    let Some(settings) = take(request, "text") else { return Ok(()) };
    let Value::Object(mut settings) = settings else {
        return Err(Error::invalid("text", "text: must be an object"));
    };
    if let Some(verbosity) = take(&mut settings, "verbosity") {
        chat.insert("verbosity".to_owned(), verbosity);
    }
    let Some(format) = take(&mut settings, "format") else { return Ok(()) };
    let format = match text(&format, "type") {
        Some("text") => return Ok(()),
        Some("json_object") => json!({"type": "json_object"}),
        Some("json_schema") => json_schema(format)?,
        _ => {
            return Err(Error::invalid(
                "text.format",
                "text.format: 'type' must be one of 'text', 'json_object', 'json_schema'",
            ));
        }
    };
    chat.insert("response_format".to_owned(), format);
    Ok(())
}

/// Responses writes the schema flat, chat nests it.
fn json_schema(format: Value) -> Result<Value, Error> {
    let Value::Object(mut format) = format else { return Ok(format) };
    format.shift_remove("type");
    // Chat's own nesting is what clients send by mistake; its meaning is plain.
    let inner = match format.shift_remove("json_schema") {
        Some(nested @ Value::Object(_)) => nested,
        _ => Value::Object(format),
    };
    if text(&inner, "name").is_none() {
        return Err(Error::invalid("text.format.name", "text.format: a json_schema needs a 'name'"));
    }
    Ok(json!({"type": "json_schema", "json_schema": inner}))
}

/// Only the effort has a place in chat; how a summary should look has none.
fn reasoning(request: &mut Map<String, Value>, chat: &mut Map<String, Value>) -> Result<(), Error> {
    let Some(reasoning) = take(request, "reasoning") else { return Ok(()) };
    let Value::Object(mut reasoning) = reasoning else {
        return Err(Error::invalid("reasoning", "reasoning: must be an object"));
    };
    if let Some(effort) = take(&mut reasoning, "effort") {
        chat.insert("reasoning_effort".to_owned(), effort);
    }
    Ok(())
}

/// Log probabilities are asked for in `include` here and by a switch in chat.
fn logprobs(request: &mut Map<String, Value>, chat: &mut Map<String, Value>) {
    let include = take(request, "include");
    let included = include.as_ref().and_then(Value::as_array).is_some_and(|wanted| {
        wanted.iter().any(|name| name.as_str() == Some("message.output_text.logprobs"))
    });
    let top = take(request, "top_logprobs");
    if included || top.as_ref().and_then(Value::as_u64).is_some_and(|top| top > 0) {
        chat.insert("logprobs".to_owned(), Value::Bool(true));
        if let Some(top) = top {
            chat.insert("top_logprobs".to_owned(), top);
        }
    }
}

/// The last event of a streamed response always carries the usage, so chat is always asked for it.
fn stream(request: &mut Map<String, Value>, chat: &mut Map<String, Value>) {
    let options = take(request, "stream_options");
    let Some(stream) = take(request, "stream") else { return };
    if stream == Value::Bool(true) {
        let mut options = match options {
            Some(Value::Object(options)) => options,
            _ => Map::new(),
        };
        options.shift_remove("include_obfuscation");
        options.insert("include_usage".to_owned(), Value::Bool(true));
        chat.insert("stream_options".to_owned(), Value::Object(options));
    }
    chat.insert("stream".to_owned(), stream);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(request: Value) -> Result<Value, Error> {
        let Value::Object(request) = request else { panic!("an object") };
        to_chat(request).map(|(chat, _)| Value::Object(chat))
    }

    #[test]
    fn unknown_fields_travel_on() {
        let sent = chat(json!({"model": "m", "input": "hi", "top_k": 5, "seed": 7})).unwrap();
        assert_eq!(
            sent,
            json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "top_k": 5, "seed": 7})
        );
    }

    #[test]
    fn stored_state_is_refused_by_name() {
        for (field, value) in [
            ("previous_response_id", json!("resp_1")),
            ("conversation", json!({"id": "conv_1"})),
            ("prompt", json!({"id": "pmpt_1"})),
            ("background", json!(true)),
        ] {
            let error = chat(json!({"input": "hi", field: value})).unwrap_err();
            assert_eq!((error.status(), error.param()), (400, Some(field)));
        }
        assert!(chat(json!({"input": "hi", "previous_response_id": null, "background": false})).is_ok());
    }

    #[test]
    fn a_schema_moves_into_its_chat_nest() {
        let sent = chat(json!({"input": "hi", "text": {"verbosity": "low", "format":
            {"type": "json_schema", "name": "x", "strict": true, "schema": {"type": "object"}}}}))
        .unwrap();
        assert_eq!(
            sent["response_format"],
            json!({"type": "json_schema", "json_schema":
                {"name": "x", "strict": true, "schema": {"type": "object"}}})
        );
        assert_eq!(sent["verbosity"], "low");
        assert!(chat(json!({"input": "hi", "text": {"format": {"type": "grammar"}}})).is_err());
    }

    #[test]
    fn a_stream_always_asks_for_usage() {
        let sent = chat(json!({"input": "hi", "stream": true,
            "stream_options": {"include_obfuscation": false}}))
        .unwrap();
        assert_eq!(sent["stream_options"], json!({"include_usage": true}));
        let sent = chat(json!({"input": "hi", "stream": false})).unwrap();
        assert!(sent.get("stream_options").is_none());
    }
}
