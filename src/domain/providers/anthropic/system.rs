//! System and developer messages: in front as `system`, later ones within the conversation.

use serde_json::Value;

use super::cache;
use super::content;
use super::fields::{Object, Path, take};
use crate::base::error::Error;

/// Tells the model that a text inside the user's turn is the operator's, not the user's.
const NOTE: &str = "[Instruction from the operator of this conversation, not from the user]\n";

/// The blocks of a leading system message.
pub(super) fn leading(mut message: Object, path: &Path) -> Result<Vec<Value>, Error> {
    let mark = cache::take_mark(&mut message);
    let mut blocks = content::texts(take(&mut message, "content"), &path.key("content"))?;
    cache::mark_last(&mut blocks, mark);
    Ok(blocks)
}

/// The blocks of a system message after the first turn, to stand in a user turn.
pub(super) fn inlined(message: Object, path: &Path) -> Result<Vec<Value>, Error> {
    let mut blocks = leading(message, path)?;
    for block in &mut blocks {
        if let Some(Value::String(text)) = block.get_mut("text") {
            text.insert_str(0, NOTE);
        }
    }
    Ok(blocks)
}
