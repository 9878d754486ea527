//! Native streams of the Responses API on their way back.
//!
//! Events keep their `event:` lines and sequence numbers; only `response.model` is replaced. The stream is
//! complete when one of the three terminal events has come.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::REPLY_DEPTH;
use super::stream::{End, Fed, pass_on};
use crate::base::error::{Error, Kind};
use crate::base::usage::{ServiceTier, Usage};
use crate::domain::deployment::Deployment;
use crate::domain::providers::upstream_error;
use crate::wire::json;
use crate::wire::sse::Event;
use crate::wire::surface::{Edits, Surface};
use crate::wire::usage::{searches_of, tier_of, usage_of};

/// One stream of the Responses API.
#[derive(Debug)]
pub struct ResponsesStream {
    deployment: Arc<Deployment>,
    shown: String,
    usage: Option<Usage>,
    tier: Option<ServiceTier>,
    searches: u32,
    content: bool,
    output_bytes: u64,
    id: Option<String>,
    upstream_model: Option<String>,
    failure: Option<Error>,
    done: bool,
}

impl ResponsesStream {
    /// A stream that `deployment` answers with, shown under the name `shown_model`.
    pub fn new(deployment: Arc<Deployment>, shown_model: &str) -> Self {
        ResponsesStream {
            deployment,
            shown: json::quoted(shown_model),
            usage: None,
            tier: None,
            searches: 0,
            content: false,
            output_bytes: 0,
            id: None,
            upstream_model: None,
            failure: None,
            done: false,
        }
    }

    /// Takes one event and appends what the client gets for it to `out`.
    ///
    /// # Errors
    /// The upstream's own error for an `error` event, [`Kind::InvalidReply`] for one that is no JSON.
    pub fn feed(&mut self, event: &Event, out: &mut BytesMut) -> Result<Fed, Error> {
        if self.done {
            return Ok(Fed { done: true, ..Fed::default() });
        }
        let data = event.data().trim_ascii();
        if data.is_empty() {
            out.put_slice(event.raw());
            return Ok(Fed { comment: true, ..Fed::default() });
        }
        if data == b"[DONE]" {
            // Not part of this protocol; some servers say it before the terminal event, some after.
            return Ok(Fed::default());
        }
        let surface = Surface::skim(event.data_bytes(), REPLY_DEPTH).map_err(|cause| {
            self.error(Kind::InvalidReply, "an event of the stream is no JSON object").with_cause(cause)
        })?;
        let type_ = surface.str("type").unwrap_or_default();
        if type_ == "error" || (type_.is_empty() && surface.is_set("error")) {
            return Err(upstream_error::in_band(&self.deployment, surface.text()));
        }
        let content = self.follow(&type_, &surface);
        let mut edits = Edits::new();
        if let Some(response) = surface.get("response").and_then(|raw| self.response(&type_, raw)) {
            edits.replace("response", response);
        }
        pass_on(event, &surface, &edits, out);
        Ok(Fed { content, done: self.done, ..Fed::default() })
    }

    fn follow(&mut self, type_: &str, surface: &Surface) -> bool {
        self.done = matches!(type_, "response.completed" | "response.incomplete" | "response.failed");
        let content = type_.ends_with(".delta");
        if content {
            let delta = surface.get("delta").map_or(0, |raw| raw.len().saturating_sub(2));
            self.output_bytes = self.output_bytes.saturating_add(delta as u64);
            self.content = true;
        }
        content
    }

    /// Reads the response object of an event; gives it with the shown model if that differs.
    fn response(&mut self, type_: &str, raw: &str) -> Option<String> {
        let mut model = None;
        for (name, value) in json::Members::of(raw) {
            match name {
                "model" => model = Some(value),
                "id" if self.id.is_none() => self.id = crate::wire::surface::str_of(value).map(Into::into),
                "service_tier" if value != "null" => self.tier = Some(tier_of(value)),
                "output" => self.searches = searches_of(value),
                "usage" => self.usage = usage_of(value).or(self.usage),
                "error" if type_ == "response.failed" && value != "null" => {
                    self.failure = Some(upstream_error::in_band(&self.deployment, value));
                }
                _ => {}
            }
        }
        let model = model?;
        if self.upstream_model.is_none() {
            self.upstream_model = crate::wire::surface::str_of(model).map(Into::into);
        }
        if model == self.shown {
            return None;
        }
        let span = json::span_within(raw, model)?;
        let (before, after) = (raw.get(..span.start)?, raw.get(span.end..)?);
        Some([before, self.shown.as_str(), after].concat())
    }

    /// Tells how the stream ended once the upstream has closed it.
    pub fn finish(&mut self) -> End {
        if self.done {
            return End::Complete;
        }
        End::Cut(self.error(Kind::Cut, "the stream ended before the answer was complete"))
    }

    fn error(&self, kind: Kind, text: &str) -> Error {
        Error::new(kind, upstream_error::public_sentence(&self.deployment, kind, text))
            .with_provider(self.deployment.provider.name)
    }

    /// What `response.failed` said. The event itself has been passed on: a client that has seen none of
    /// the answer can be given another one instead.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// The usage the provider gave, with the terminal event; its tier and searches stand beside it there.
    pub fn usage(&self) -> Option<Usage> {
        self.usage.map(|usage| Usage {
            service_tier: self.tier.unwrap_or(usage.service_tier),
            web_searches: usage.web_searches.max(self.searches),
            ..usage
        })
    }

    /// Whether a part of the answer has been passed on.
    pub fn content_delivered(&self) -> bool {
        self.content
    }

    /// Bytes of the answer so far, for an estimate where the provider gives no usage.
    pub fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// The provider's id of the answer.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The model that the provider says answers.
    pub fn upstream_model(&self) -> Option<&str> {
        self.upstream_model.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::providers::testing::{OPENAI, deployment};
    use crate::wire::sse::Splitter;

    fn run(input: &'static str) -> (String, ResponsesStream, Option<Error>) {
        let mut stream = ResponsesStream::new(Arc::new(deployment(OPENAI, "gpt-4o")), "group");
        let mut splitter = Splitter::new(1 << 16);
        let mut out = BytesMut::new();
        splitter.push(input.into());
        while let Some(event) = splitter.next().unwrap() {
            if let Err(error) = stream.feed(&event, &mut out) {
                return (String::from_utf8(out.to_vec()).unwrap(), stream, Some(error));
            }
        }
        (String::from_utf8(out.to_vec()).unwrap(), stream, None)
    }

    const WHOLE: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-4o-1\",\"usage\":null}}\n\n\
        event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"Hi\"}\n\n\
        event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-4o-1\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n";

    #[test]
    fn only_the_model_inside_changes() {
        let (out, mut stream, error) = run(WHOLE);
        assert!(error.is_none());
        assert_eq!(out, WHOLE.replace("gpt-4o-1", "group"));
        assert!(matches!(stream.finish(), End::Complete));
        assert_eq!(stream.usage().unwrap().total(), 4);
        assert_eq!((stream.id(), stream.upstream_model()), (Some("resp_1"), Some("gpt-4o-1")));
        assert!(stream.content_delivered());
    }

    #[test]
    fn the_bill_stands_in_the_terminal_event() {
        let (_, stream, _) = run(
            "data: {\"type\":\"response.completed\",\"response\":{\"service_tier\":\"priority\",\"output\":[{\"type\":\"web_search_call\"}],\"usage\":{\"input_tokens\":3}}}\n\n",
        );
        let usage = stream.usage().unwrap();
        assert_eq!((usage.service_tier, usage.web_searches), (ServiceTier::Priority, 1));
    }

    #[test]
    fn an_end_without_a_terminal_event_is_a_cut() {
        let (_, mut stream, _) =
            run("data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\ndata: [DONE]\n\n");
        assert!(matches!(stream.finish(), End::Cut(error) if error.kind() == Kind::Cut));
    }

    #[test]
    fn failures_and_error_events() {
        let (out, mut stream, _) = run(
            "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}}}\n\n",
        );
        assert!(out.contains("response.failed"));
        assert_eq!(stream.failure().unwrap().status(), 429);
        assert!(matches!(stream.finish(), End::Complete));
        let (out, _, error) = run(
            "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"m\",\"param\":null}\n\n",
        );
        assert_eq!((out.as_str(), error.unwrap().status()), ("", 500));
    }
}
