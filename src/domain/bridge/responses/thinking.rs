//! Signed thinking that must return to the provider unchanged.
//!
//! Anthropic wants its thinking blocks back, signature included, when tool results follow. The Responses
//! API has one place for such things: `encrypted_content` of a reasoning item, which clients send back
//! untouched. The blocks travel there as marked base64; what is not marked is somebody else's and ignored.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::domain::bridge::json::{list, text};

const MARK: &str = "thinking-blocks:";

/// Collects `thinking_blocks` of a reply or of its pieces.
#[derive(Debug, Clone, Default)]
pub(super) struct Thinking {
    blocks: Vec<Value>,
    open: bool,
}

impl Thinking {
    /// Adds the blocks of a whole message or of one delta. A delta's text continues the block before it until
    /// a signature closes that.
    pub(super) fn add(&mut self, source: &Value) {
        for block in list(source, "thinking_blocks") {
            let signed = text(block, "signature").is_some();
            if text(block, "type") != Some("thinking") {
                self.blocks.push(block.clone());
                self.open = false;
                continue;
            }
            match self.blocks.last_mut().filter(|_| self.open) {
                Some(Value::Object(last)) => {
                    if let (Some(more), Some(Value::String(so_far))) =
                        (text(block, "thinking"), last.get_mut("thinking"))
                    {
                        so_far.push_str(more);
                    }
                    if let Some(signature) = block.get("signature").filter(|_| signed) {
                        last.insert("signature".to_owned(), signature.clone());
                    }
                }
                _ => self.blocks.push(block.clone()),
            }
            self.open = !signed;
        }
    }

    /// The text for `encrypted_content`; none when the provider did not sign anything.
    pub(super) fn pack(&self) -> Option<String> {
        let binding = |block: &Value| text(block, "signature").or_else(|| text(block, "data")).is_some();
        if !self.blocks.iter().any(binding) {
            return None;
        }
        let blocks: Vec<&Value> = self.blocks.iter().filter(|block| binding(block)).collect();
        let json = serde_json::to_vec(&blocks).ok()?;
        Some(format!("{MARK}{}", STANDARD.encode(json)))
    }
}

/// The blocks that a reasoning item brings back; empty when it holds none of ours. Clients could write
/// anything there, so only thinking blocks pass.
pub(super) fn unpack(item: &Value) -> Vec<Value> {
    let mut blocks: Vec<Value> = text(item, "encrypted_content")
        .and_then(|packed| packed.strip_prefix(MARK))
        .and_then(|packed| STANDARD.decode(packed).ok())
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default();
    blocks.retain(|block| matches!(text(block, "type"), Some("thinking" | "redacted_thinking")));
    blocks
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn streamed_blocks_return_whole() {
        let mut thinking = Thinking::default();
        for delta in [
            json!({"thinking_blocks": [{"type": "thinking", "thinking": "a"}]}),
            json!({"thinking_blocks": [{"type": "thinking", "thinking": "b"}]}),
            json!({"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s"}]}),
            json!({"thinking_blocks": [{"type": "redacted_thinking", "data": "x"}]}),
        ] {
            thinking.add(&delta);
        }
        let item = json!({"type": "reasoning", "encrypted_content": thinking.pack().unwrap()});
        assert_eq!(
            unpack(&item),
            [
                json!({"type": "thinking", "thinking": "ab", "signature": "s"}),
                json!({"type": "redacted_thinking", "data": "x"})
            ]
        );
    }

    #[test]
    fn unsigned_and_foreign_content_is_left_alone() {
        let mut thinking = Thinking::default();
        thinking.add(&json!({"thinking_blocks": [{"type": "thinking", "thinking": "a"}]}));
        assert_eq!(thinking.pack(), None);
        assert!(unpack(&json!({"encrypted_content": "gAAAA"})).is_empty());
        assert!(unpack(&json!({"encrypted_content": "thinking-blocks:!!"})).is_empty());
    }
}
