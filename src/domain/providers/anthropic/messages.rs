//! The conversation: OpenAI's flat list of messages as Anthropic's alternating turns.

use serde_json::Value;

use super::betas::Betas;
use super::cache;
use super::content::{self, PLACEHOLDER};
use super::fields::{Object, Path, object, require_string, take, take_string, text};
use super::names::Names;
use super::system;
use super::tool_messages::{self, Unanswered};
use crate::base::error::Error;

/// A translated conversation.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// Leading system and developer messages.
    pub system: Vec<Value>,
    /// `messages`, roles alternating.
    pub turns: Vec<Turn>,
    /// Whether tools were called in it.
    pub uses_tools: bool,
}

/// One turn.
#[derive(Debug)]
pub(super) struct Turn {
    role: Role,
    blocks: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    User,
    Assistant,
}

impl Conversation {
    /// Translates `messages`.
    pub(super) fn new(messages: Vec<Value>, names: &mut Names, betas: &mut Betas) -> Result<Self, Error> {
        let path = Path::root("messages");
        if messages.is_empty() {
            return Err(path.error("must not be empty"));
        }
        let mut conversation = Conversation::default();
        let mut unanswered = Unanswered::default();
        for (i, value) in messages.into_iter().enumerate() {
            let path = path.index(i);
            let mut message = path.object(value)?;
            let role = require_string(&mut message, "role", &path)?;
            match role.as_str() {
                "system" | "developer" if conversation.turns.is_empty() => {
                    conversation.system.extend(system::leading(message, &path)?);
                }
                "system" | "developer" => {
                    let blocks = system::inlined(message, &path)?;
                    conversation.push(Role::User, blocks);
                }
                "user" => {
                    let blocks = plain(&mut message, &path, betas)?;
                    conversation.push(Role::User, or_placeholder(blocks));
                }
                "assistant" => conversation.assistant(message, &path, i, names, betas, &mut unanswered)?,
                "tool" => conversation.push_result(tool_messages::result(message, &path, betas)?),
                "function" => {
                    let result = tool_messages::legacy_result(message, &path, betas, &mut unanswered)?;
                    conversation.push_result(result);
                }
                other => {
                    let shown: String = other.chars().take(60).collect();
                    return Err(path.key("role").error(format_args!(
                        "{shown:?} is none of system, developer, user, assistant, tool, function"
                    )));
                }
            }
        }
        conversation.trim_prefill();
        if conversation.turns.is_empty() {
            return Err(path.error("Anthropic needs at least one message that is not a system message"));
        }
        Ok(conversation)
    }

    /// Whether the latest assistant turn calls tools without showing the thinking that led there; a
    /// request with a thinking budget is refused then.
    pub(super) fn lacks_thinking(&self) -> bool {
        let last = self.turns.iter().rev().find(|turn| turn.role == Role::Assistant);
        last.is_some_and(|turn| {
            let is = |block: &Value, types: &[&str]| types.contains(&text(block, "type"));
            turn.blocks.iter().any(|block| is(block, &["tool_use"]))
                && !turn.blocks.first().is_some_and(|block| is(block, &["thinking", "redacted_thinking"]))
        })
    }

    fn assistant(
        &mut self,
        mut message: Object,
        path: &Path,
        position: usize,
        names: &mut Names,
        betas: &mut Betas,
        unanswered: &mut Unanswered,
    ) -> Result<(), Error> {
        let mark = cache::take_mark(&mut message);
        let mut blocks = content::thinking(&mut message, path)?;
        blocks.extend(plain(&mut message, path, betas)?);
        if let Some(refusal) =
            take_string(&mut message, "refusal", path)?.filter(|text| !text.trim().is_empty())
        {
            blocks.push(content::text_block(refusal));
        }
        let calls = tool_messages::calls(&mut message, path, names)?;
        let legacy = tool_messages::legacy_call(&mut message, path, position, names, unanswered)?;
        blocks.extend(calls);
        blocks.extend(legacy);
        let mut blocks = or_placeholder(blocks);
        cache::mark_last(&mut blocks, mark);
        self.push(Role::Assistant, blocks);
        Ok(())
    }

    /// Adds blocks to the open turn of this role, or opens one.
    fn push(&mut self, role: Role, blocks: Vec<Value>) {
        if blocks.is_empty() {
            return;
        }
        self.uses_tools |=
            blocks.iter().any(|block| matches!(text(block, "type"), "tool_use" | "tool_result"));
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.blocks.extend(blocks),
            _ => self.turns.push(Turn { role, blocks }),
        }
    }

    /// Adds a tool result: within a turn, results have to stand before everything else.
    fn push_result(&mut self, result: Value) {
        self.uses_tools = true;
        match self.turns.last_mut() {
            Some(turn) if turn.role == Role::User => {
                let results =
                    turn.blocks.iter().take_while(|block| text(block, "type") == "tool_result").count();
                turn.blocks.insert(results, result);
            }
            _ => self.turns.push(Turn { role: Role::User, blocks: vec![result] }),
        }
    }

    /// A final assistant turn is continued by the model; Anthropic refuses white space at its end.
    fn trim_prefill(&mut self) {
        let Some(turn) = self.turns.last_mut().filter(|turn| turn.role == Role::Assistant) else { return };
        if let Some(Value::String(text)) = turn.blocks.last_mut().and_then(|block| block.get_mut("text")) {
            text.truncate(text.trim_end().len());
            if text.is_empty() || text == PLACEHOLDER {
                turn.blocks.pop();
            }
        }
        if turn.blocks.is_empty() {
            self.turns.pop();
        }
    }
}

impl From<Turn> for Value {
    fn from(turn: Turn) -> Value {
        let role = match turn.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        object([("role", role.into()), ("content", Value::Array(turn.blocks))])
    }
}

/// Content with the message's own cache mark on its last block.
fn plain(message: &mut Object, path: &Path, betas: &mut Betas) -> Result<Vec<Value>, Error> {
    let mark = cache::take_mark(message);
    let mut blocks = content::blocks(take(message, "content"), &path.key("content"), betas)?;
    cache::mark_last(&mut blocks, mark);
    Ok(blocks)
}

fn or_placeholder(blocks: Vec<Value>) -> Vec<Value> {
    if blocks.is_empty() { vec![content::text_block(PLACEHOLDER)] } else { blocks }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn turns(messages: Value) -> Vec<Value> {
        let Value::Array(messages) = messages else { panic!("no array") };
        let conversation = Conversation::new(messages, &mut Names::default(), &mut Betas::default()).unwrap();
        conversation.turns.into_iter().map(Value::from).collect()
    }

    #[test]
    fn results_stand_before_what_was_said_meanwhile() {
        let turns = turns(json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": ""}}]},
            {"role": "system", "content": "hurry"},
            {"role": "tool", "tool_call_id": "a", "content": "done"},
        ]));
        assert_eq!(turns[2]["content"][0]["type"], "tool_result");
        assert!(turns[2]["content"][1]["text"].as_str().unwrap().ends_with("\nhurry"));
    }

    #[test]
    fn an_empty_prefill_is_none() {
        let turns = turns(json!([{"role": "user", "content": ""}, {"role": "assistant", "content": " "}]));
        assert_eq!(turns, [json!({"role": "user", "content": [{"type": "text", "text": PLACEHOLDER}]})]);
    }

    #[test]
    fn mistakes_are_named_by_path() {
        for (messages, param) in [
            (json!([]), "messages"),
            (json!([{"role": "system", "content": "x"}]), "messages"),
            (json!([1]), "messages[0]"),
            (json!([{"content": "x"}]), "messages[0].role"),
            (json!([{"role": "wizard", "content": "x"}]), "messages[0].role"),
            (json!([{"role": "user", "content": 5}]), "messages[0].content"),
            (json!([{"role": "user", "content": [{"type": "text"}]}]), "messages[0].content[0].text"),
            (json!([{"role": "tool", "content": "x"}]), "messages[0].tool_call_id"),
            (json!([{"role": "function", "name": "f", "content": "x"}]), "messages[0]"),
            (
                json!([{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{"}}]}]),
                "messages[0].tool_calls[0].function.arguments",
            ),
        ] {
            let Value::Array(messages) = messages else { panic!("no array") };
            let error =
                Conversation::new(messages, &mut Names::default(), &mut Betas::default()).unwrap_err();
            assert_eq!(error.param(), Some(param), "{error:?}");
        }
    }
}
