//! A streamed chat answer becomes the events of a streamed response.
//!
//! Order of events (OpenAI's "Responses streaming"): created, in_progress, then for each item added, its
//! parts and deltas, done; at last completed, incomplete or failed with the whole response.

use serde_json::{Value, json};

use super::ResponsesContext;
use super::context::{Ending, Frame};
use super::items;
use super::output::Output;
use crate::base::error::{Error, Kind};
use crate::domain::bridge::json::{content_text, first_choice, list, text};

/// Events with their names, in order; each value holds its `type` and `sequence_number`.
pub type Events = Vec<(&'static str, Value)>;

/// Translates the chunks of one chat stream.
#[derive(Debug)]
pub struct ResponsesStream {
    context: ResponsesContext,
    model: String,
    created: u64,
    /// What all ids of this response end with.
    suffix: String,
    started: bool,
    ended: bool,
    output: Output,
    finish_reason: Option<String>,
    service_tier: Option<Value>,
    usage: Option<Value>,
}

impl ResponsesStream {
    /// A stream that shows `shown_model`. `created` (seconds since 1970) and `call_id` serve where the
    /// provider's chunks name no time and no id.
    pub fn new(context: ResponsesContext, shown_model: &str, created: u64, call_id: &str) -> Self {
        ResponsesStream {
            context,
            model: shown_model.to_owned(),
            created,
            suffix: items::suffix(None, call_id),
            started: false,
            ended: false,
            output: Output::default(),
            finish_reason: None,
            service_tier: None,
            usage: None,
        }
    }

    /// Whether the provider has said why it stopped: without that, the answer is not complete.
    pub fn finished(&self) -> bool {
        self.finish_reason.is_some()
    }

    /// Takes one chat chunk and appends the events that it gives.
    pub fn chunk(&mut self, chunk: &Value, out: &mut Events) {
        if self.ended {
            return;
        }
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            let message = "The provider reported an error in the middle of its answer.".to_owned();
            return self.end(Ending::Failed("server_error", message), out);
        }
        self.start(Some(chunk), out);
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            self.usage = Some(usage.clone());
        }
        if let Some(tier) = chunk.get("service_tier").filter(|tier| tier.is_string()) {
            self.service_tier = Some(tier.clone());
        }
        let Some(choice) = first_choice(chunk) else { return };
        if let Some(delta) = choice.get("delta") {
            self.output.reasoning(delta, out);
            let logprobs =
                choice.get("logprobs").map(|logprobs| list(logprobs, "content")).unwrap_or_default();
            let said = delta.get("content").map(content_text).unwrap_or_default();
            self.output.said(&said, logprobs, out);
            self.output.cited(delta, out);
            self.output.refused(text(delta, "refusal").unwrap_or_default(), out);
            for call in list(delta, "tool_calls") {
                self.output.call(call, out);
            }
        }
        if let Some(reason) = text(choice, "finish_reason") {
            self.finish_reason = Some(reason.to_owned());
        }
    }

    /// The upstream's stream is over: closes what is open and says how it ended. Without a finish reason
    /// that is `error` and `response.failed`, never a completion.
    pub fn finish(&mut self, out: &mut Events) {
        self.end(Ending::of(self.finish_reason.as_deref()), out);
    }

    /// The attempt failed on the way, for this reason.
    pub fn fail(&mut self, error: &Error, out: &mut Events) {
        let code = match error.kind() {
            Kind::UpstreamRateLimit | Kind::LimitExceeded | Kind::AllCooling => "rate_limit_exceeded",
            Kind::InvalidRequest | Kind::UpstreamBadRequest | Kind::ContextWindow | Kind::ContentPolicy => {
                "invalid_prompt"
            }
            _ => "server_error",
        };
        self.end(Ending::Failed(code, error.message().to_owned()), out);
    }

    fn start(&mut self, chunk: Option<&Value>, out: &mut Events) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        if let Some(chunk) = chunk {
            self.suffix = items::suffix(text(chunk, "id"), &self.suffix);
            let created = chunk.get("created").and_then(Value::as_u64).filter(|created| *created > 0);
            self.created = created.unwrap_or(self.created);
        }
        self.output.name(&self.suffix);
        for name in ["response.created", "response.in_progress"] {
            let response = self.response(&Ending::Open);
            self.output.event(out, name, json!({"response": response}));
        }
    }

    fn end(&mut self, ending: Ending, out: &mut Events) {
        if self.ended {
            return;
        }
        self.start(None, out);
        self.ended = true;
        if let Ending::Failed(code, message) = &ending {
            self.output.event(out, "error", json!({"code": code, "message": message, "param": null}));
        } else {
            self.output.close_all(&ending, out);
        }
        let response = self.response(&ending);
        self.output.event(out, ending.event(), json!({"response": response}));
    }

    fn response(&self, ending: &Ending) -> Value {
        let usage = match ending {
            Ending::Open => Value::Null,
            _ => items::usage(self.usage.as_ref()),
        };
        self.context.response(Frame {
            suffix: &self.suffix,
            created: self.created,
            model: &self.model,
            ending,
            output: self.output.values(ending),
            service_tier: self.service_tier.as_ref(),
            usage,
        })
    }
}
