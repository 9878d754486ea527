//! What goes into a translation and what its way back has to remember.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::domain::deployment::ModelInfo;

/// What shapes the translation of a request.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Anthropic's own model name, without a prefix (`claude-sonnet-4-5`).
    pub model: &'a str,
    /// What config and price list know of the model.
    pub info: &'a ModelInfo,
    /// Leave parameters out that Anthropic does not have, instead of refusing the request.
    pub drop_params: bool,
    /// Parameters to pass on although Anthropic is not known to have them.
    pub allowed_params: &'a [String],
}

/// A request in Anthropic's words.
#[derive(Debug, Clone)]
pub struct Translated {
    /// The body for `POST /v1/messages`.
    pub body: Value,
    /// Flags for the `anthropic-beta` header, each once.
    pub betas: Vec<&'static str>,
    /// For [`super::reply()`] and [`super::Stream`].
    pub reply: ReplyContext,
}

/// What the way back has to know of the request.
#[derive(Debug, Clone, Default)]
pub struct ReplyContext {
    /// Tool names as Anthropic got them -> as the client wrote them; only those that differ.
    pub(super) names: Arc<HashMap<String, String>>,
    /// How JSON output was asked for.
    pub(super) json: Json,
    /// The client speaks the older `functions` dialect and wants `function_call` back.
    pub(super) legacy: bool,
}

/// How `response_format` was brought about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Json {
    /// Not at all, or natively: the text is what the client wants.
    #[default]
    Plain,
    /// By a tool of this name whose input is the answer.
    Tool(Arc<str>),
    /// By instruction: prose and code fences around the JSON are taken off.
    Text,
}

impl ReplyContext {
    /// The client's name of a tool.
    pub(super) fn client_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.get(name).map_or(name, String::as_str)
    }

    /// Whether a tool call of this name is the emulated JSON answer.
    pub(super) fn is_json_tool(&self, name: &str) -> bool {
        matches!(&self.json, Json::Tool(tool) if **tool == *name)
    }
}

/// How an answer presents itself to the client.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The model name to show.
    pub model: Arc<str>,
    /// Unix seconds.
    pub created: u64,
    /// A fresh `chatcmpl-...` id.
    pub id: String,
}
