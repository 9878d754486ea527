//! The growing output of a streamed response: items, their parts and the events that tell of them.
//!
//! Reasoning and text follow one another; function calls stay open until the end, because chat providers
//! may send the pieces of parallel calls in turns.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::Events;
use super::context::Ending;
use super::items::{self, Body, Item, Part};
use super::thinking::Thinking;
use crate::domain::bridge::json::{list, text};

/// The items so far, and the numbering of events.
#[derive(Debug, Default)]
pub(super) struct Output {
    sequence: u64,
    items: Vec<Item>,
    /// What the ids of items end with.
    suffix: String,
    /// The reasoning item or message that still grows.
    open: Option<usize>,
    calls: Vec<OpenCall>,
    taken: HashSet<String>,
}

/// A function call that still grows.
#[derive(Debug)]
struct OpenCall {
    place: usize,
    /// The provider's number of it.
    index: Option<u64>,
    /// The provider's id of it.
    id: Option<String>,
}

impl Output {
    /// Settles what the ids of all items end with; before the first item.
    pub(super) fn name(&mut self, suffix: &str) {
        suffix.clone_into(&mut self.suffix);
    }

    /// The items as a response in this state shows them.
    pub(super) fn values(&self, ending: &Ending) -> Vec<Value> {
        let last = self.items.len().saturating_sub(1);
        let status = |place| if place == last { ending.last_item_status() } else { "completed" };
        self.items.iter().enumerate().map(|(place, item)| item.value(status(place))).collect()
    }

    /// Closes everything, in the order of the output; there is at least one item then.
    pub(super) fn close_all(&mut self, ending: &Ending, out: &mut Events) {
        if self.items.is_empty() {
            self.message_part(false, out);
        }
        let calls = std::mem::take(&mut self.calls);
        let mut places: Vec<usize> = calls.iter().map(|call| call.place).chain(self.open.take()).collect();
        places.sort_unstable();
        let last = self.items.len().saturating_sub(1);
        for place in places {
            // What came before the last item is complete even when the answer is not.
            let status = if place == last { ending.last_item_status() } else { "completed" };
            self.close(place, status, out);
        }
    }

    /// Appends an event with its type and number.
    pub(super) fn event(&mut self, out: &mut Events, name: &'static str, fields: Value) {
        let mut event = Map::from_iter([
            ("type".to_owned(), json!(name)),
            ("sequence_number".to_owned(), json!(self.sequence)),
        ]);
        self.sequence += 1;
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        out.push((name, Value::Object(event)));
    }

    /// Adds an item in the state in which clients first see it, and gives its place.
    fn add(&mut self, body: Body, out: &mut Events) -> usize {
        let place = self.items.len();
        let item = Item::new(body, &self.suffix, place);
        let shown = item.value("in_progress");
        self.items.push(item);
        self.event(out, "response.output_item.added", json!({"output_index": place, "item": shown}));
        place
    }

    /// Closes the reasoning item or message that still grows.
    fn close_open(&mut self, out: &mut Events) {
        if let Some(place) = self.open.take() {
            self.close(place, "completed", out);
        }
    }

    fn close(&mut self, place: usize, status: &str, out: &mut Events) {
        let Some(item) = self.items.get(place).cloned() else { return };
        match &item.body {
            Body::Reasoning { summary, .. } if summary.is_empty() => {}
            Body::Reasoning { summary, .. } => {
                let place_of = |key: &str, value: Value| json!({"item_id": item.id, "output_index": place, "summary_index": 0, key: value});
                self.event(out, "response.reasoning_summary_text.done", place_of("text", json!(summary)));
                let part = place_of("part", items::summary_part(summary));
                self.event(out, "response.reasoning_summary_part.done", part);
            }
            Body::Message { .. } => self.close_part(place, out),
            Body::Call { arguments, .. } => self.close_call(&item, place, arguments, out),
        }
        let shown = self.items.get(place).map(|item| item.value(status));
        self.event(out, "response.output_item.done", json!({"output_index": place, "item": shown}));
    }

    /// Closes the last part of a message.
    fn close_part(&mut self, place: usize, out: &mut Events) {
        let Some((at, part)) = self.last_part(place) else { return };
        let part = part.clone();
        let fields = |more: Value| joined(at.clone(), more);
        if part.refusal {
            self.event(out, "response.refusal.done", fields(json!({"refusal": part.text})));
        } else {
            let done = fields(json!({"text": part.text, "logprobs": part.logprobs}));
            self.event(out, "response.output_text.done", done);
        }
        self.event(out, "response.content_part.done", fields(json!({"part": part.value()})));
    }

    fn close_call(&mut self, item: &Item, place: usize, arguments: &str, out: &mut Events) {
        let at = json!({"item_id": item.id, "output_index": place});
        // A call without any piece of arguments means "no arguments", which is `{}` in JSON.
        let arguments = if arguments.is_empty() {
            if let Some(Item { body: Body::Call { arguments, .. }, .. }) = self.items.get_mut(place) {
                arguments.push_str("{}");
            }
            let delta = joined(at.clone(), json!({"delta": "{}"}));
            self.event(out, "response.function_call_arguments.delta", delta);
            "{}"
        } else {
            arguments
        };
        let name = match &item.body {
            Body::Call { name, .. } => name.as_str(),
            _ => "",
        };
        let done = joined(at, json!({"name": name, "arguments": arguments}));
        self.event(out, "response.function_call_arguments.done", done);
    }

    fn last_part(&mut self, place: usize) -> Option<(Value, &mut Part)> {
        let item = self.items.get_mut(place)?;
        let Body::Message { parts } = &mut item.body else { return None };
        let at = json!({
            "item_id": item.id, "output_index": place, "content_index": parts.len().saturating_sub(1)});
        parts.last_mut().map(|part| (at, part))
    }

    /// Takes the thinking of a delta.
    pub(super) fn reasoning(&mut self, delta: &Value, out: &mut Events) {
        let said = items::reasoning_text(delta).unwrap_or_default();
        if said.is_empty() && list(delta, "thinking_blocks").is_empty() {
            return;
        }
        let place = match self.open {
            Some(place) if matches!(self.items.get(place).map(|i| &i.body), Some(Body::Reasoning { .. })) => {
                place
            }
            _ => {
                self.close_open(out);
                let body = Body::Reasoning { summary: String::new(), thinking: Thinking::default() };
                let place = self.add(body, out);
                self.open = Some(place);
                place
            }
        };
        let Some(Item { id, body: Body::Reasoning { summary, thinking } }) = self.items.get_mut(place) else {
            return;
        };
        thinking.add(delta);
        if said.is_empty() {
            return;
        }
        let at = json!({"item_id": id, "output_index": place, "summary_index": 0});
        let first = summary.is_empty();
        summary.push_str(said);
        if first {
            let part = joined(at.clone(), json!({"part": items::summary_part("")}));
            self.event(out, "response.reasoning_summary_part.added", part);
        }
        self.event(out, "response.reasoning_summary_text.delta", joined(at, json!({"delta": said})));
    }

    /// The open message's part of this kind, opened if need be; gives the message's place.
    fn message_part(&mut self, refusal: bool, out: &mut Events) -> usize {
        let open = self.open.filter(|place| {
            matches!(self.items.get(*place).map(|item| &item.body), Some(Body::Message { .. }))
        });
        let place = match open {
            Some(place) => place,
            None => {
                self.close_open(out);
                let place = self.add(Body::Message { parts: Vec::new() }, out);
                self.open = Some(place);
                place
            }
        };
        match self.last_part(place) {
            Some((_, part)) if part.refusal == refusal => return place,
            Some(_) => self.close_part(place, out),
            None => {}
        }
        if let Some(Item { body: Body::Message { parts }, .. }) = self.items.get_mut(place) {
            parts.push(Part { refusal, ..Part::default() });
        }
        if let Some((at, part)) = self.last_part(place) {
            let fields = joined(at, json!({"part": part.value()}));
            self.event(out, "response.content_part.added", fields);
        }
        place
    }

    /// Takes a piece of text.
    pub(super) fn said(&mut self, said: &str, logprobs: &[Value], out: &mut Events) {
        if said.is_empty() {
            return;
        }
        let place = self.message_part(false, out);
        let Some((at, part)) = self.last_part(place) else { return };
        part.text.push_str(said);
        part.logprobs.extend_from_slice(logprobs);
        let fields = joined(at, json!({"delta": said, "logprobs": logprobs}));
        self.event(out, "response.output_text.delta", fields);
    }

    /// Takes the citations of a delta.
    pub(super) fn cited(&mut self, delta: &Value, out: &mut Events) {
        for annotation in items::annotations(delta) {
            let place = self.message_part(false, out);
            let Some((at, part)) = self.last_part(place) else { return };
            let index = part.annotations.len();
            part.annotations.push(annotation.clone());
            let fields = joined(at, json!({"annotation_index": index, "annotation": annotation}));
            self.event(out, "response.output_text.annotation.added", fields);
        }
    }

    /// Takes a piece of a refusal.
    pub(super) fn refused(&mut self, said: &str, out: &mut Events) {
        if said.is_empty() {
            return;
        }
        let place = self.message_part(true, out);
        let Some((at, part)) = self.last_part(place) else { return };
        part.text.push_str(said);
        self.event(out, "response.refusal.delta", joined(at, json!({"delta": said})));
    }

    /// Takes a piece of a function call.
    pub(super) fn call(&mut self, piece: &Value, out: &mut Events) {
        let function = piece.get("function").unwrap_or(&Value::Null);
        let place = match self.known_call(piece, function) {
            Some(place) => place,
            None => self.new_call(piece, function, out),
        };
        let Some(more) = text(function, "arguments") else { return };
        let Some(Item { id, body: Body::Call { arguments, .. } }) = self.items.get_mut(place) else { return };
        arguments.push_str(more);
        let fields = json!({"item_id": id, "output_index": place, "delta": more});
        self.event(out, "response.function_call_arguments.delta", fields);
    }

    /// The call that a piece continues. The index decides; a new id together with a name begins a new call
    /// even under an old index, because some servers number all parallel calls 0; servers that number
    /// nothing continue the latest.
    fn known_call(&self, piece: &Value, function: &Value) -> Option<usize> {
        let id = text(piece, "id");
        let begins = id.is_some() && text(function, "name").is_some();
        let index = piece.get("index").and_then(Value::as_u64);
        let same = |call: &&OpenCall| match index {
            Some(_) => call.index == index,
            None => id.is_none() || call.id.as_deref() == id,
        };
        let call = self.calls.iter().rev().find(same)?;
        let another = begins && call.id.is_some() && call.id.as_deref() != id;
        (!another).then_some(call.place)
    }

    fn new_call(&mut self, piece: &Value, function: &Value, out: &mut Events) -> usize {
        self.close_open(out);
        let id = text(piece, "id");
        let body = Body::Call {
            call_id: items::call_id(id, &mut self.taken, &self.suffix, self.items.len()),
            name: text(function, "name").unwrap_or_default().to_owned(),
            arguments: String::new(),
        };
        let place = self.add(body, out);
        let index = piece.get("index").and_then(Value::as_u64);
        self.calls.push(OpenCall { place, index, id: id.map(str::to_owned) });
        place
    }
}

/// The fields of both objects.
fn joined(mut fields: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    fields
}
