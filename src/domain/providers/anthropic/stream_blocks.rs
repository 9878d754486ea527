//! The content blocks of a stream: their events as deltas of an OpenAI message.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::context::{Json, ReplyContext};
use super::fields::{Object, text};
use super::json_text::JsonText;
use super::reply::arguments;

/// The blocks that are open, and what has been seen so far.
#[derive(Debug)]
pub(super) struct Blocks {
    ctx: ReplyContext,
    open: BTreeMap<u64, Block>,
    calls: usize,
    answered: bool,
    held: String,
    /// Characters of thinking.
    pub thinking: u64,
    /// Characters of everything the model produced.
    pub produced: u64,
}

#[derive(Debug)]
enum Block {
    Text(JsonText),
    /// A tool call: its number, its input if the start brought one, whether any arguments came.
    Call {
        number: usize,
        input: Option<Value>,
        begun: bool,
    },
    /// The emulated JSON answer.
    Answer {
        input: Option<Value>,
        begun: bool,
    },
    /// Thinking, or what Anthropic runs itself.
    Other,
}

impl Blocks {
    /// No blocks yet.
    pub(super) fn new(ctx: ReplyContext) -> Self {
        let (open, held) = (BTreeMap::new(), String::new());
        Blocks { ctx, open, calls: 0, answered: false, held, thinking: 0, produced: 0 }
    }

    /// What the way out left for the way back.
    pub(super) fn ctx(&self) -> &ReplyContext {
        &self.ctx
    }

    /// Whether the client got tool calls.
    pub(super) fn called(&self) -> bool {
        self.calls > 0
    }

    /// `content_block_start`
    pub(super) fn start(&mut self, index: u64, block: &Value, out: &mut Vec<Object>) {
        let state = match text(block, "type") {
            "text" => {
                let mut json = JsonText::default();
                self.text(text(block, "text"), &mut json, out);
                Block::Text(json)
            }
            "thinking" => {
                self.think(text(block, "thinking"), out);
                Block::Other
            }
            "redacted_thinking" => {
                let thinking = json!({"type": "redacted_thinking", "data": text(block, "data")});
                out.push(delta("thinking_blocks", json!([thinking])));
                Block::Other
            }
            "tool_use" => self.start_call(block, out),
            "web_search_tool_result" => {
                out.push(delta("provider_specific_fields", json!({"web_search_results": [block]})));
                Block::Other
            }
            other if other.ends_with("_tool_result") => {
                out.push(delta("provider_specific_fields", json!({"tool_results": [block]})));
                Block::Other
            }
            _ => Block::Other,
        };
        self.open.insert(index, state);
    }

    /// `content_block_delta`
    pub(super) fn delta(&mut self, index: u64, piece: &Value, out: &mut Vec<Object>) {
        match text(piece, "type") {
            "text_delta" => {
                let open = self.open.entry(index).or_insert_with(|| Block::Text(JsonText::default()));
                let mut json = match open {
                    Block::Text(json) => std::mem::take(json),
                    _ => return,
                };
                self.text(text(piece, "text"), &mut json, out);
                self.open.insert(index, Block::Text(json));
            }
            "thinking_delta" => self.think(text(piece, "thinking"), out),
            "signature_delta" => {
                let signature = text(piece, "signature");
                let thinking = json!({"type": "thinking", "thinking": "", "signature": signature});
                out.push(delta("thinking_blocks", json!([thinking])));
            }
            "input_json_delta" => self.input(index, text(piece, "partial_json"), out),
            "citations_delta" => {
                let citation = piece.get("citation").unwrap_or(&Value::Null);
                out.push(delta("provider_specific_fields", json!({"citation": citation})));
            }
            _ => {}
        }
    }

    /// Whether a piece of text of this block goes to the client as it is; then it is counted.
    pub(super) fn shows_as_it_is(&mut self, index: u64, piece: &str) -> bool {
        let block = self.open.entry(index).or_insert_with(|| Block::Text(JsonText::default()));
        let shows = self.ctx.json == Json::Plain && matches!(block, Block::Text(_));
        if shows {
            self.count(piece);
        }
        shows
    }

    /// `content_block_stop`
    pub(super) fn stop(&mut self, index: u64, out: &mut Vec<Object>) {
        match self.open.remove(&index) {
            Some(Block::Text(mut json)) => {
                let mut rest = String::new();
                json.finish(&mut rest);
                push_content(rest, out);
            }
            Some(Block::Call { number, input, begun: false }) => {
                let rest = arguments(input.as_ref());
                self.push_arguments(number, &rest, out);
            }
            Some(Block::Answer { input, begun: false }) => push_content(arguments(input.as_ref()), out),
            _ => {}
        }
    }

    /// The end of the message: closes what is open and lets go what was held back.
    pub(super) fn finish(&mut self, out: &mut Vec<Object>) {
        let open: Vec<u64> = self.open.keys().copied().collect();
        for index in open {
            self.stop(index, out);
        }
        self.release(out);
    }

    fn start_call(&mut self, block: &Value, out: &mut Vec<Object>) -> Block {
        let input =
            block.get("input").filter(|input| input.as_object().is_some_and(|input| !input.is_empty()));
        let input = input.cloned();
        if self.ctx.is_json_tool(text(block, "name")) {
            if self.answered {
                return Block::Other;
            }
            self.answered = true;
            return Block::Answer { input, begun: false };
        }
        self.release(out);
        let number = self.calls;
        self.calls = self.calls.saturating_add(1);
        let name = self.ctx.client_name(text(block, "name"));
        let function = json!({"name": name, "arguments": ""});
        if !self.ctx.legacy {
            let call =
                json!({"index": number, "id": text(block, "id"), "type": "function", "function": function});
            out.push(delta("tool_calls", json!([call])));
        } else if number == 0 {
            out.push(delta("function_call", function));
        }
        Block::Call { number, input, begun: false }
    }

    fn input(&mut self, index: u64, piece: &str, out: &mut Vec<Object>) {
        if piece.is_empty() {
            return;
        }
        self.count(piece);
        match self.open.get_mut(&index) {
            Some(Block::Call { number, begun, .. }) => {
                *begun = true;
                let number = *number;
                self.push_arguments(number, piece, out);
            }
            Some(Block::Answer { begun, .. }) => {
                *begun = true;
                push_content(piece.to_owned(), out);
            }
            _ => {}
        }
    }

    fn push_arguments(&self, number: usize, piece: &str, out: &mut Vec<Object>) {
        let function = json!({"arguments": piece});
        if !self.ctx.legacy {
            out.push(delta("tool_calls", json!([{"index": number, "function": function}])));
        } else if number == 0 {
            out.push(delta("function_call", function));
        }
    }

    /// Text: shown at once, freed of what surrounds the JSON, or held back until it is clear whether the
    /// answer comes through the JSON tool (then it is not part of the answer).
    fn text(&mut self, piece: &str, json: &mut JsonText, out: &mut Vec<Object>) {
        if piece.is_empty() {
            return;
        }
        self.count(piece);
        match self.ctx.json {
            Json::Plain => push_content(piece.to_owned(), out),
            Json::Text => {
                let mut shown = String::new();
                json.feed(piece, &mut shown);
                push_content(shown, out);
            }
            Json::Tool(_) if self.called() && !self.answered => push_content(piece.to_owned(), out),
            Json::Tool(_) => self.held.push_str(piece),
        }
    }

    fn release(&mut self, out: &mut Vec<Object>) {
        let held = std::mem::take(&mut self.held);
        if !self.answered {
            push_content(held, out);
        }
    }

    fn think(&mut self, piece: &str, out: &mut Vec<Object>) {
        if piece.is_empty() {
            return;
        }
        self.count(piece);
        self.thinking = self.thinking.saturating_add(piece.chars().count() as u64);
        let mut thought = delta("reasoning_content", Value::from(piece));
        let blocks = json!([{"type": "thinking", "thinking": piece}]);
        thought.insert("thinking_blocks".to_owned(), blocks);
        thought.insert("content".to_owned(), Value::from(""));
        out.push(thought);
    }

    fn count(&mut self, piece: &str) {
        self.produced = self.produced.saturating_add(piece.chars().count() as u64);
    }
}

fn push_content(piece: String, out: &mut Vec<Object>) {
    if !piece.is_empty() {
        out.push(delta("content", Value::String(piece)));
    }
}

fn delta(key: &str, value: Value) -> Object {
    let mut delta = Object::new();
    delta.insert(key.to_owned(), value);
    delta
}
