//! A request taken apart: what it asks, in words that may differ, and everything else, which may not.

use serde_json::Value;

use super::words;
use crate::wire::endpoint::Endpoint;
use crate::wire::json;
use crate::wire::surface::Surface;

/// The longest text that is compared, characters. In a long text what matters can hide from an embedding: one
/// sentence of many hardly moves the vector, and models cut off what is too long for them.
pub const LONGEST: usize = 250;

/// With any of these an answer is more than words, or is read by a program: there is no "nearly" for it.
const NEVER: [&str; 13] = [
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "audio",
    "web_search_options",
    "search_parameters",
    "mcp_servers",
    "plugins",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
];

/// Members of a message that say the same of it.
const NEVER_IN_MESSAGES: [&str; 6] =
    ["tool_calls", "tool_call_id", "function_call", "audio", "images", "annotations"];

/// A request that may be answered with what was said to another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What is asked: the text of the last message, or of the prompt.
    pub text: String,
    /// The member that it stands in.
    pub member: &'static str,
    /// That member with nothing of the text but what must be the same ([`words::fixed`]), as JSON.
    pub rest: String,
}

/// Takes a request apart; `None` for one that must be answered exactly: it calls tools, wants an answer of a certain
/// form, holds something else than text, or asks at such length that its meaning is more than its vector.
pub fn question(endpoint: Endpoint, request: &Surface) -> Option<Question> {
    if NEVER.iter().any(|name| request.is_set(name)) || !wants_words(request) {
        return None;
    }
    let (member, text, rest) = match endpoint {
        Endpoint::Chat => {
            let (text, rest) = of_messages(request.get("messages")?)?;
            ("messages", text, rest)
        }
        Endpoint::Completions if !request.is_set("suffix") => {
            let text = request.str("prompt")?.into_owned();
            let rest = json::quoted(&words::fixed(&text));
            ("prompt", text, rest)
        }
        _ => return None,
    };
    if text.trim().is_empty() || text.chars().count() > LONGEST {
        return None;
    }
    Some(Question { text, member, rest })
}

/// Whether plain text is asked for.
fn wants_words(request: &Surface) -> bool {
    let parsed = |name: &str| match request.get(name) {
        None | Some("null") => None,
        Some(raw) => Some(serde_json::from_str::<Value>(raw).unwrap_or_default()),
    };
    let text = |format: Value| format.get("type").is_some_and(|kind| kind == "text");
    let words = |kinds: Value| kinds.as_array().is_some_and(|kinds| kinds.iter().all(|kind| kind == "text"));
    parsed("response_format").is_none_or(text) && parsed("modalities").is_none_or(words)
}

/// The text of the last message, and all messages without it.
fn of_messages(raw: &str) -> Option<(String, String)> {
    let mut messages: Vec<Value> = serde_json::from_str(raw).ok()?;
    if !messages.iter().all(is_text) {
        return None;
    }
    let last = messages.last_mut().filter(|last| last["role"] == "user")?;
    let text = match last.get_mut("content")? {
        Value::String(text) => taken(text),
        Value::Array(parts) => {
            let texts: Option<Vec<String>> = parts.iter_mut().map(text_of_part).collect();
            texts?.join("\n")
        }
        _ => return None,
    };
    Some((text, serde_json::to_string(&messages).ok()?))
}

/// Leaves only what must be the same where the text stood.
fn taken(text: &mut String) -> String {
    let left = words::fixed(text);
    std::mem::replace(text, left)
}

fn text_of_part(part: &mut Value) -> Option<String> {
    match part.get_mut("text")? {
        Value::String(text) => Some(taken(text)),
        _ => None,
    }
}

/// Whether a message is nothing but text that somebody has said.
fn is_text(message: &Value) -> bool {
    let known = ["system", "developer", "user", "assistant"];
    let role = message.get("role").and_then(Value::as_str).is_some_and(|role| known.contains(&role));
    let more = NEVER_IN_MESSAGES.iter().any(|name| message.get(name).is_some_and(|value| !value.is_null()));
    let content = match message.get("content") {
        Some(Value::String(_)) => true,
        Some(Value::Array(parts)) => {
            let text = |part: &Value| part["type"] == "text" && part["text"].is_string();
            parts.iter().all(text)
        }
        _ => false,
    };
    role && !more && content
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn ask(endpoint: Endpoint, body: &Value) -> Option<Question> {
        question(endpoint, &Surface::parse(Bytes::from(body.to_string()), 64).unwrap())
    }

    fn chat(body: Value) -> Option<Question> {
        ask(Endpoint::Chat, &body)
    }

    fn said(role: &str, content: impl Into<Value>) -> Value {
        json!({"role": role, "content": content.into()})
    }

    #[test]
    fn only_the_last_words_are_taken_out() {
        let history = [said("system", "Be brief."), said("user", "Hi"), said("assistant", "Hello")];
        let with = |last: Value| {
            let messages: Vec<Value> = history.iter().cloned().chain([last]).collect();
            chat(json!({"model": "m", "messages": messages})).unwrap()
        };
        let one = with(said("user", "How do I find my invoice?"));
        let other = with(said("user", "How can I see my invoice?"));
        assert_eq!((one.text.as_str(), &one.rest), ("How do I find my invoice?", &other.rest));
        assert_ne!(one.rest, with(said("user", "How do I find invoice 7?")).rest);
        let parts = with(said(
            "user",
            json!([{"type": "text", "text": "Where"}, {"type": "text", "text": "is it?"}]),
        ));
        assert_eq!(parts.text, "Where\nis it?");
        assert_ne!(parts.rest, one.rest);
    }

    #[test]
    fn a_prompt_is_a_question_and_a_list_of_prompts_is_none() {
        let found = ask(Endpoint::Completions, &json!({"model": "m", "prompt": "Say 5 words"})).unwrap();
        assert_eq!(found.text, "Say 5 words");
        assert_eq!((found.member, &*found.rest), ("prompt", "\"5\""));
        for prompt in [json!(["a", "b"]), json!([1, 2])] {
            assert_eq!(ask(Endpoint::Completions, &json!({"prompt": prompt})), None);
        }
        assert_eq!(ask(Endpoint::Completions, &json!({"prompt": "a", "suffix": "b"})), None);
        for endpoint in [Endpoint::Embeddings, Endpoint::Responses, Endpoint::Rerank] {
            assert_eq!(ask(endpoint, &json!({"messages": [said("user", "a")], "input": "a"})), None);
        }
    }

    #[test]
    fn what_must_be_exact_is_no_question() {
        let plain =
            json!({"messages": [said("user", "a")], "response_format": {"type": "text"}, "tools": null});
        assert!(chat(plain.clone()).is_some());
        let mut more: Vec<Value> = NEVER.iter().map(|name| json!({*name: []})).collect();
        more.extend([
            json!({"response_format": {"type": "json_object"}}),
            json!({"response_format": "json"}),
            json!({"modalities": ["text", "audio"]}),
            json!({"messages": []}),
            json!({"messages": [said("user", " ")]}),
            json!({"messages": [said("user", "a"), said("assistant", "b")]}),
            json!({"messages": [said("tool", "a"), said("user", "b")]}),
            json!({"messages": [said("user", "x".repeat(LONGEST + 1))]}),
            json!({"messages": [{"role": "assistant", "content": "", "tool_calls": []}, said("user", "b")]}),
            json!({"messages": [said("user", json!([{"type": "image_url", "image_url": {"url": "u"}}]))]}),
            json!({"messages": [said("user", json!([{"type": "text", "text": "a"}, {"type": "file"}]))]}),
            json!({"messages": [said("user", json!([{"type": "image_url"}])), said("user", "b")]}),
        ]);
        for change in more {
            let mut body = plain.clone();
            body.as_object_mut().unwrap().extend(change.as_object().cloned().unwrap());
            assert_eq!(chat(body), None, "{change}");
        }
    }
}
