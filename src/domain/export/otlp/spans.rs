//! The spans of a request: the gateway's, and inside it what was asked of a model.

use serde_json::{Value, json};

use super::{Any, Attribute, nanos};
use crate::domain::export::derived;
use crate::domain::export::event::Event;
use crate::domain::export::payload::object;

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody called.
    Server = 2,
    /// Somebody was called.
    Client = 3,
}

/// One span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The trace.
    pub trace: [u8; 16],
    /// Its id.
    pub id: [u8; 8],
    /// The span around it.
    pub parent: Option<[u8; 8]>,
    /// What it is called.
    pub name: String,
    /// Which side it is.
    pub kind: Kind,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// The same.
    pub end: u64,
    /// What is known of it.
    pub attributes: Vec<Attribute>,
    /// When the first token came, nanoseconds since 1970.
    pub first_token: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
}

/// The spans of an event: the gateway's, and one for the model where a provider was called. The trace is the caller's,
/// where it has one.
pub fn of(event: &Event) -> Vec<Span> {
    let trace = event.parent.map_or_else(|| derived(event, "trace"), |parent| parent.trace);
    let error = event.failure.as_ref().map(|failure| failure.message.clone());
    let root = Span {
        trace,
        id: id(event, "server-span"),
        parent: event.parent.map(|parent| parent.span),
        name: if error.is_some() { "Failed Proxy Server Request" } else { "Received Proxy Server Request" }
            .to_owned(),
        kind: Kind::Server,
        start: nanos(event.started_us),
        end: nanos(event.ended_us),
        attributes: of_request(event),
        first_token: None,
        error: error.clone(),
    };
    let mut spans = vec![root];
    if event.attempts > 0 {
        let operation = operation(event.call_type);
        spans.push(Span {
            trace,
            id: id(event, "model-span"),
            parent: Some(id(event, "server-span")),
            name: format!("{operation} {}", event.model),
            kind: Kind::Client,
            start: nanos(event.started_us),
            end: nanos(event.ended_us),
            attributes: of_model(event, operation),
            first_token: event.first_token_us.map(nanos),
            error,
        });
    }
    spans
}

fn id(event: &Event, purpose: &str) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = derived(event, purpose);
    [a, b, c, d, e, f, g, h]
}

/// The conventions' word for what was asked.
pub fn operation(call_type: &str) -> &'static str {
    match call_type {
        "acompletion" | "aresponses" => "chat",
        "atext_completion" => "text_completion",
        "aembedding" => "embeddings",
        "aimage_generation" | "aspeech" => "generate_content",
        "arerank" => "rerank",
        "amoderation" => "moderation",
        "atranscription" => "transcription",
        _ => "chat",
    }
}

/// Attributes that are there.
#[derive(Default)]
struct Attributes(Vec<Attribute>);

impl Attributes {
    fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.set(name, text);
        }
    }

    fn set(&mut self, name: &str, value: impl Into<Any>) {
        self.0.push((name.to_owned(), value.into()));
    }
}

fn of_request(event: &Event) -> Vec<Attribute> {
    let mut all = Attributes::default();
    all.set("http.request.method", "POST");
    all.set("http.route", event.route);
    all.set("url.path", event.route);
    all.set("http.response.status_code", u64::from(event.status));
    all.text("client.address", &event.owner.requester_ip);
    all.text("session.id", &event.session);
    all.set("litellm.call_id", event.call_id.as_str());
    let owner = &event.owner;
    let owners = [
        ("metadata.user_api_key_hash", &owner.key_hash),
        ("metadata.user_api_key_alias", &owner.key_alias),
        ("metadata.user_api_key_user_id", &owner.user_id),
        ("metadata.user_api_key_team_id", &owner.team_id),
        ("metadata.user_api_key_team_alias", &owner.team_alias),
        ("metadata.user_api_key_org_id", &owner.organization_id),
        ("metadata.user_api_key_end_user_id", &owner.end_user),
    ];
    owners.iter().for_each(|(name, value)| all.text(name, value));
    if !event.tags.is_empty() {
        all.0.push(("request_tags".to_owned(), Any::Texts(event.tags.clone())));
    }
    if let Some(failure) = &event.failure {
        all.set("error.type", failure.class);
    }
    all.0
}

fn of_model(event: &Event, operation: &str) -> Vec<Attribute> {
    let usage = event.counts();
    let mut all = Attributes::default();
    all.set("gen_ai.operation.name", operation);
    // The older name of the next, which dashboards made for LiteLLM ask for.
    all.text("gen_ai.system", &event.provider);
    all.text("gen_ai.provider.name", &event.provider);
    all.text("gen_ai.request.model", &event.model_group);
    all.text("gen_ai.response.model", &event.model);
    all.text("gen_ai.response.id", &event.response_id);
    all.text("gen_ai.conversation.id", &event.session);
    all.text("server.address", host(&event.api_base));
    all.text("litellm.model_id", &event.model_id);
    all.0.push(("gen_ai.request.stream".to_owned(), Any::Bool(event.stream)));
    if event.usage.is_some() {
        all.set("gen_ai.usage.input_tokens", usage.prompt_tokens);
        all.set("gen_ai.usage.output_tokens", usage.completion_tokens);
        all.set("gen_ai.usage.total_tokens", usage.total());
        all.set("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens);
        all.set("gen_ai.usage.cache_creation.input_tokens", usage.cache_creation_tokens);
        all.set("gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens);
    }
    if event.cost.is_some() {
        all.0.push(("gen_ai.cost.total_cost".to_owned(), Any::Double(event.usd())));
    }
    all.set("litellm.attempts", u64::from(event.attempts));
    all.set("litellm.fallbacks", u64::from(event.fallbacks));
    if let Some(failure) = &event.failure {
        all.set("error.type", failure.class);
    }
    of_content(event, &mut all);
    all.0
}

/// What was asked and answered, where it is exported.
fn of_content(event: &Event, all: &mut Attributes) {
    let Some(content) = &event.content else { return };
    for (parameter, value) in object(content.parameters.value()) {
        let name = match parameter.as_str() {
            "max_completion_tokens" | "max_output_tokens" => "max_tokens",
            known @ ("temperature" | "top_p" | "top_k" | "max_tokens" | "seed" | "frequency_penalty"
            | "presence_penalty") => known,
            _ => continue,
        };
        let name = format!("gen_ai.request.{name}");
        if let Some(whole) = value.as_i64() {
            all.0.push((name, Any::Int(whole)));
        } else if let Some(number) = value.as_f64() {
            all.0.push((name, Any::Double(number)));
        }
    }
    all.set("gen_ai.input.messages", said(&content.question.value()).to_string().as_str());
    let answer = content.answer.value();
    let choices = answer.get("choices").and_then(Value::as_array);
    let answered = match choices {
        Some(choices) => said(&choices.iter().filter_map(|choice| choice.get("message").cloned()).collect()),
        None => answer.clone(),
    };
    all.set("gen_ai.output.messages", answered.to_string().as_str());
    let reasons = choices.into_iter().flatten().filter_map(|choice| choice.get("finish_reason")?.as_str());
    let reasons: Vec<String> = reasons.map(str::to_owned).collect();
    if !reasons.is_empty() {
        all.0.push(("gen_ai.response.finish_reasons".to_owned(), Any::Texts(reasons)));
    }
}

/// Messages as the conventions show them: a role and parts.
fn said(messages: &Value) -> Value {
    let Some(messages) = messages.as_array() else {
        return json!([{"role": "user", "parts": [{"type": "text", "content": messages}]}]);
    };
    let one = |message: &Value| {
        let role = message.get("role").and_then(Value::as_str).unwrap_or("user");
        let mut parts = match message.get("content") {
            None | Some(Value::Null) => Vec::new(),
            Some(content) => vec![json!({"type": "text", "content": content})],
        };
        for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            let function = call.get("function");
            parts.push(json!({
                "type": "tool_call",
                "id": call.get("id"),
                "name": function.and_then(|function| function.get("name")),
                "arguments": function.and_then(|function| function.get("arguments")),
            }));
        }
        json!({"role": role, "parts": parts})
    };
    messages.iter().map(one).collect()
}

/// The host of a URL.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or_default()
}
