//! A whole chat answer becomes a response object.

use std::collections::HashSet;

use serde_json::Value;

use super::ResponsesContext;
use super::context::{Ending, Frame};
use super::items::{self, Body, Item, Part};
use super::thinking::Thinking;
use crate::base::ids::sha256_hex;
use crate::domain::bridge::json::{content_text, first_choice, list, text};

/// Turns a chat completion into a response object, as the client's model name shows it.
///
/// A reply without a choice or without a finish reason gives a response with status `failed`; callers
/// that can still retry should not let it come that far.
pub fn from_chat(reply: Value, context: &ResponsesContext, shown_model: &str) -> Value {
    let suffix = match text(&reply, "id") {
        Some(id) => items::suffix(Some(id), "0"),
        None => sha256_hex(&reply.to_string()).chars().take(32).collect(),
    };
    let choice = first_choice(&reply);
    let ending = Ending::of(choice.and_then(|choice| text(choice, "finish_reason")));
    let output = choice.map(|choice| output(choice, &suffix)).unwrap_or_default();
    let last = output.len().saturating_sub(1);
    let output = output
        .iter()
        .enumerate()
        .map(|(place, item)| item.value(if place == last { ending.last_item_status() } else { "completed" }))
        .collect();
    context.response(Frame {
        suffix: &suffix,
        created: reply.get("created").and_then(Value::as_u64).unwrap_or_default(),
        model: shown_model,
        ending: &ending,
        output,
        service_tier: reply.get("service_tier").filter(|tier| tier.is_string()),
        usage: items::usage(reply.get("usage")),
    })
}

fn output(choice: &Value, suffix: &str) -> Vec<Item> {
    let Some(message) = choice.get("message") else { return Vec::new() };
    let mut bodies = Vec::new();
    let mut thinking = Thinking::default();
    thinking.add(message);
    let summary = items::reasoning_text(message).unwrap_or_default().to_owned();
    if !summary.is_empty() || thinking.pack().is_some() {
        bodies.push(Body::Reasoning { summary, thinking });
    }
    let calls = list(message, "tool_calls");
    let parts = parts(choice, message);
    if !parts.is_empty() {
        bodies.push(Body::Message { parts });
    } else if calls.is_empty() && bodies.is_empty() {
        bodies.push(Body::Message { parts: vec![Part::default()] });
    }
    let mut taken = HashSet::new();
    for call in calls {
        let function = call.get("function").unwrap_or(&Value::Null);
        bodies.push(Body::Call {
            call_id: items::call_id(text(call, "id"), &mut taken, suffix, bodies.len()),
            name: text(function, "name").unwrap_or_default().to_owned(),
            arguments: text(function, "arguments").unwrap_or("{}").to_owned(),
        });
    }
    bodies.into_iter().enumerate().map(|(place, body)| Item::new(body, suffix, place)).collect()
}

fn parts(choice: &Value, message: &Value) -> Vec<Part> {
    let mut parts = Vec::new();
    let said = message.get("content").map(content_text).unwrap_or_default();
    if !said.is_empty() {
        let logprobs = choice.get("logprobs").map(|logprobs| list(logprobs, "content").to_vec());
        parts.push(Part {
            refusal: false,
            text: said,
            annotations: items::annotations(message),
            logprobs: logprobs.unwrap_or_default(),
        });
    }
    if let Some(refusal) = text(message, "refusal") {
        parts.push(Part { refusal: true, text: refusal.to_owned(), ..Part::default() });
    }
    parts
}
