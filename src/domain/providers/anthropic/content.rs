//! Message content: a string or OpenAI's typed parts as Anthropic's blocks.

use serde_json::{Value, json};

use super::betas::{self, Betas};
use super::cache;
use super::fields::{Object, Path, object, require_string, take, text};
use super::files;
use crate::base::error::Error;

/// Stands in for a message without content, which Anthropic refuses.
pub(super) const PLACEHOLDER: &str = "(empty message)";

/// Part types that are Anthropic's own blocks; they travel untouched.
const NATIVE: &[&str] = &[
    "image",
    "document",
    "container_upload",
    "search_result",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "tool_reference",
    "server_tool_use",
    "mcp_tool_use",
    "mcp_tool_result",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "compaction",
];

/// A text block.
pub(super) fn text_block(text: impl Into<String>) -> Value {
    object([("type", "text".into()), ("text", Value::String(text.into()))])
}

/// The blocks of a message's content; blank texts are left out because Anthropic refuses them.
pub(super) fn blocks(content: Option<Value>, path: &Path, betas: &mut Betas) -> Result<Vec<Value>, Error> {
    match content {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text_block(text)]),
        Some(Value::Array(parts)) => {
            let mut blocks = Vec::with_capacity(parts.len());
            for (i, value) in parts.into_iter().enumerate() {
                let path = path.index(i);
                blocks.extend(part(path.object(value)?, &path, betas)?);
            }
            Ok(blocks)
        }
        Some(other) => Err(path.wrong("a string or an array of parts", &other)),
    }
}

/// Text-only content (system messages), one string per part with the part's cache mark.
pub(super) fn texts(content: Option<Value>, path: &Path) -> Result<Vec<Value>, Error> {
    let blocks = blocks(content, path, &mut Betas::default())?;
    match blocks.iter().find(|block| text(block, "type") != "text") {
        Some(other) => {
            Err(path.error(format_args!("only text is allowed here, not {:?}", text(other, "type"))))
        }
        None => Ok(blocks),
    }
}

fn part(mut part: Object, path: &Path, betas: &mut Betas) -> Result<Option<Value>, Error> {
    let type_ = require_string(&mut part, "type", path)?;
    let mark = cache::take_mark(&mut part);
    let mut block = match type_.as_str() {
        "text" | "input_text" | "output_text" => {
            let text = require_string(&mut part, "text", path)?;
            if text.trim().is_empty() {
                return Ok(None);
            }
            text_block(text)
        }
        "refusal" => text_block(require_string(&mut part, "refusal", path)?),
        "image_url" => files::image(&mut part, path)?,
        "file" => files::file(&mut part, path, betas)?,
        native if NATIVE.contains(&native) => {
            let from_file = part.get("source").is_some_and(|source| text(source, "type") == "file");
            if from_file || native == "container_upload" {
                betas.add(betas::FILES);
            }
            part.insert("type".to_owned(), Value::String(type_));
            Value::Object(part)
        }
        other => {
            let shown: String = other.chars().take(60).collect();
            return Err(path.key("type").error(format_args!("Anthropic takes no content of type {shown:?}")));
        }
    };
    cache::mark(&mut block, mark);
    Ok(Some(block))
}

/// Thinking to replay, from `thinking_blocks`.
///
/// A client that collected a stream may hold one entry per delta, with the signature in the last; these
/// are put together again. Thinking without a signature is left out: Anthropic refuses it.
pub(super) fn thinking(message: &mut Object, path: &Path) -> Result<Vec<Value>, Error> {
    let Some(value) = take(message, "thinking_blocks") else { return Ok(Vec::new()) };
    let path = path.key("thinking_blocks");
    let mut blocks = Vec::new();
    let mut open = String::new();
    for (i, value) in path.array(value)?.into_iter().enumerate() {
        let block = path.index(i).object(value)?;
        let field = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default();
        match field("type") {
            "redacted_thinking" => blocks.push(json!({"type": "redacted_thinking", "data": field("data")})),
            "thinking" => {
                open.push_str(field("thinking"));
                let signature = field("signature");
                if !signature.is_empty() {
                    let thinking = std::mem::take(&mut open);
                    blocks.push(json!({"type": "thinking", "thinking": thinking, "signature": signature}));
                }
            }
            _ => {}
        }
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_parts_vanish_and_marks_stay() {
        let content = json!([
            {"type": "text", "text": " \n"},
            {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}},
        ]);
        let blocks = blocks(Some(content), &Path::root("content"), &mut Betas::default()).unwrap();
        assert_eq!(blocks, [json!({"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}})]);
    }

    #[test]
    fn streamed_thinking_is_put_together_again() {
        let mut message = json!({"thinking_blocks": [
            {"type": "thinking", "thinking": "a"},
            {"type": "thinking", "thinking": "b"},
            {"type": "thinking", "thinking": "", "signature": "s"},
            {"type": "thinking", "thinking": "never signed"},
        ]})
        .as_object()
        .unwrap()
        .clone();
        let blocks = thinking(&mut message, &Path::root("message")).unwrap();
        assert_eq!(blocks, [json!({"type": "thinking", "thinking": "ab", "signature": "s"})]);
    }

    #[test]
    fn an_unknown_part_is_named() {
        let content = json!([{"type": "input_audio", "input_audio": {}}]);
        let error = blocks(Some(content), &Path::root("content"), &mut Betas::default()).unwrap_err();
        assert_eq!(error.param(), Some("content[0].type"));
    }
}
