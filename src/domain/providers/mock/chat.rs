//! Mocked chat, and what is served through it: text completions and responses.

use serde_json::{Map, Value, json};

use super::{Mock, Shown, on, whole};
use crate::base::error::Error;
use crate::domain::bridge::completions::{CompletionStream, from_chats, to_chats};
use crate::domain::bridge::responses::{ResponsesStream, from_chat, to_chat};
use crate::domain::tokens;

/// A chat completion, whole or in chunks of a word.
pub(super) fn chat(text: &str, request: &Map<String, Value>, shown: &Shown<'_>) -> Result<Mock, Error> {
    if on(request, "stream") {
        let wanted = request.get("stream_options").and_then(|options| options.get("include_usage"));
        return Ok(Mock::Stream(chunks(text, request, shown, wanted == Some(&Value::Bool(true)))?));
    }
    reply(text, request, shown).map(Mock::Whole)
}

/// A text completion per prompt, whole or in chunks.
pub(super) fn completions(
    text: &str,
    request: &Map<String, Value>,
    shown: &Shown<'_>,
) -> Result<Mock, Error> {
    let chats = to_chats(request.clone())?;
    if !on(request, "stream") {
        let replies = chats.iter().map(|chat| reply(text, chat, shown)).collect::<Result<Vec<_>, _>>()?;
        return Ok(Mock::Whole(from_chats(replies, shown.model)));
    }
    let mut stream = CompletionStream::new(&chats, shown.model, shown.created, &shown.id);
    let mut out = Vec::new();
    for (prompt, chat) in chats.iter().enumerate() {
        for chunk in chunks(text, chat, shown, true)? {
            stream.chunk(prompt, &chunk, &mut out);
        }
    }
    stream.finish(&mut out);
    Ok(Mock::Stream(out))
}

/// A response, whole or as events.
pub(super) fn responses(text: &str, request: &Map<String, Value>, shown: &Shown<'_>) -> Result<Mock, Error> {
    let (chat, context) = to_chat(request.clone())?;
    if !on(request, "stream") {
        return Ok(Mock::Whole(from_chat(reply(text, &chat, shown)?, &context, shown.model)));
    }
    let mut stream = ResponsesStream::new(context, shown.model, shown.created, &shown.id);
    let mut out = Vec::new();
    for chunk in chunks(text, &chat, shown, true)? {
        stream.chunk(&chunk, &mut out);
    }
    stream.finish(&mut out);
    Ok(Mock::Stream(out.into_iter().map(|(_, event)| event).collect()))
}

fn choices(request: &Map<String, Value>) -> Result<u64, Error> {
    whole(request, "n", 1, (1, 128))
}

fn usage(text: &str, request: &Map<String, Value>, n: u64) -> Value {
    let input = request.get("messages").map(tokens::of_messages).unwrap_or_default();
    let output = tokens::of_text(text).saturating_mul(n);
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input.saturating_add(output)})
}

fn reply(text: &str, request: &Map<String, Value>, shown: &Shown<'_>) -> Result<Value, Error> {
    let n = choices(request)?;
    let choice = |index: u64| {
        json!({
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": null},
            "logprobs": null,
            "finish_reason": "stop",
        })
    };
    Ok(json!({
        "id": format!("chatcmpl-{}", shown.id),
        "object": "chat.completion",
        "created": shown.created,
        "model": shown.model,
        "choices": (0..n).map(choice).collect::<Vec<_>>(),
        "usage": usage(text, request, n),
    }))
}

/// The chunks of a stream: for each choice its words and its finish, at last the usage if wanted.
fn chunks(
    text: &str,
    request: &Map<String, Value>,
    shown: &Shown<'_>,
    usage_wanted: bool,
) -> Result<Vec<Value>, Error> {
    let n = choices(request)?;
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", shown.id),
            "object": "chat.completion.chunk",
            "created": shown.created,
            "model": shown.model,
            "choices": choices,
        });
        if let Value::Object(chunk) = &mut chunk
            && usage_wanted
        {
            chunk.insert("usage".to_owned(), usage);
        }
        chunk
    };
    let piece = |index: u64, delta: Value, finish: Value| {
        let choice = json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish});
        chunk(json!([choice]), Value::Null)
    };
    let mut all = Vec::new();
    for index in 0..n {
        let mut words = words(text);
        let first = words.next().unwrap_or_default();
        all.push(piece(index, json!({"role": "assistant", "content": first}), Value::Null));
        all.extend(words.map(|word| piece(index, json!({"content": word}), Value::Null)));
        all.push(piece(index, json!({}), json!("stop")));
    }
    if usage_wanted {
        all.push(chunk(json!([]), usage(text, request, n)));
    }
    Ok(all)
}

/// The words of a text, each with the white space before it; together they are the text again.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let word = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        let (_, from_word) = rest.split_at(word);
        let end = word + from_word.find(char::is_whitespace).unwrap_or(from_word.len());
        let (piece, left) = rest.split_at(end);
        rest = left;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_put_together_are_the_text() {
        for text in ["", "one", " a  b\nc ", "schön, ja?", "   "] {
            assert_eq!(words(text).collect::<String>(), text);
        }
        assert_eq!(words("a b c").collect::<Vec<_>>(), ["a", " b", " c"]);
    }
}
