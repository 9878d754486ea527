//! Where chat chunks come from: a provider's events, in OpenAI's shape.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::BytesMut;
use serde_json::Value;

use crate::base::error::{Error, Kind};
use crate::base::usage::{ServiceTier, Usage};
use crate::domain::deployment::Deployment;
use crate::domain::providers::{anthropic, upstream_error};
use crate::upstream::Fault;
use crate::wire::sse::Event;
use crate::wire::usage::usage_of;

/// A provider's stream as OpenAI chunks.
pub trait ChunkSource {
    /// Takes one event.
    ///
    /// # Errors
    /// The provider's in-band error, or an event that cannot be read.
    fn event(&mut self, event: &Event, out: &mut Vec<Value>) -> Result<(), Error>;

    /// Appends the chunk of an event that is a piece of text and nothing else, where that is seen without taking it
    /// apart, and answers how long the text is. `None`: nothing has happened.
    fn text(&mut self, _event: &Event, _out: &mut BytesMut) -> Option<usize> {
        None
    }

    /// Whether nothing more is to come.
    fn complete(&self) -> bool;

    /// The connection has ended.
    ///
    /// # Errors
    /// [`Kind::Cut`] when that was too early.
    fn end(&mut self) -> Result<(), Error>;

    /// Tokens so far.
    fn usage(&self) -> Option<Usage>;
}

/// The error of a stream that ended too early.
pub fn cut(provider: &str) -> Error {
    Fault::Cut("the stream ended without a finish reason".into()).into_error(provider)
}

/// OpenAI's own events, parsed because a bridge has to look into them.
pub struct OpenAiSource {
    deployment: Arc<Deployment>,
    open: HashSet<u64>,
    finished: HashSet<u64>,
    done: bool,
    usage: Option<Usage>,
    tier: Option<ServiceTier>,
    /// Whether an answer cites the web.
    searched: bool,
}

impl OpenAiSource {
    /// A source that reads this deployment's stream.
    pub fn new(deployment: Arc<Deployment>) -> Self {
        OpenAiSource {
            deployment,
            open: HashSet::new(),
            finished: HashSet::new(),
            done: false,
            usage: None,
            tier: None,
            searched: false,
        }
    }

    fn follow(&mut self, chunk: &Value) {
        for choice in chunk.get("choices").and_then(Value::as_array).into_iter().flatten() {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
            self.open.insert(index);
            if choice.get("finish_reason").is_some_and(|reason| !reason.is_null()) {
                self.finished.insert(index);
            }
            let cited = choice.pointer("/delta/annotations/0/type").and_then(Value::as_str);
            self.searched |= cited == Some("url_citation");
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            self.usage = usage_of(&usage.to_string()).or(self.usage);
        }
        // The first chunks may say `auto`; the last word is what is billed.
        let tier = chunk.get("service_tier").and_then(Value::as_str);
        self.tier = tier.map(ServiceTier::of_answer).or(self.tier);
    }
}

impl ChunkSource for OpenAiSource {
    fn event(&mut self, event: &Event, out: &mut Vec<Value>) -> Result<(), Error> {
        let data = event.data().trim_ascii();
        if data == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk: Value = serde_json::from_slice(data).map_err(|cause| {
            let title = self.deployment.provider.title;
            let message = format!(
                "litellm.APIError: APIError: {title}Exception - an event of the stream is no valid JSON."
            );
            Error::new(Kind::InvalidReply, message).with_cause(cause)
        })?;
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            return Err(upstream_error::in_band(&self.deployment, &chunk.to_string()));
        }
        self.follow(&chunk);
        out.push(chunk);
        Ok(())
    }

    fn complete(&self) -> bool {
        self.done
    }

    fn end(&mut self) -> Result<(), Error> {
        let whole = !self.open.is_empty() && self.open.is_subset(&self.finished);
        if whole { Ok(()) } else { Err(cut(self.deployment.provider.title)) }
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.map(|usage| Usage {
            service_tier: self.tier.unwrap_or(usage.service_tier),
            web_searches: usage.web_searches.max(u32::from(self.searched)),
            ..usage
        })
    }
}

/// Anthropic's events.
pub struct AnthropicSource {
    stream: anthropic::Stream,
    provider: &'static str,
}

impl AnthropicSource {
    /// A source over a fresh translation.
    pub fn new(stream: anthropic::Stream, provider: &'static str) -> Self {
        AnthropicSource { stream, provider }
    }
}

impl ChunkSource for AnthropicSource {
    fn event(&mut self, event: &Event, out: &mut Vec<Value>) -> Result<(), Error> {
        self.stream.event(event.name().unwrap_or_default(), event.data(), out)
    }

    fn text(&mut self, event: &Event, out: &mut BytesMut) -> Option<usize> {
        self.stream.text(event.name().unwrap_or_default(), event.data(), out)
    }

    fn complete(&self) -> bool {
        self.stream.finished()
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.stream.finished() { Ok(()) } else { Err(cut(self.provider)) }
    }

    fn usage(&self) -> Option<Usage> {
        self.stream.usage()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::gateway::testing::config;
    use crate::wire::sse::Splitter;

    #[test]
    fn what_stands_beside_the_usage_is_billed_behind_a_bridge_too() {
        let model = "model_list: [{model_name: g, litellm_params: {model: openai/gpt-4o, api_key: k}}]";
        let mut source = OpenAiSource::new(Arc::clone(&config(model).deployments[0]));
        let mut splitter = Splitter::new(1 << 20);
        for event in [
            r#"{"service_tier":"auto","choices":[{"index":0,"delta":{"content":"x"}}]}"#,
            r#"{"service_tier":"priority","choices":[{"delta":{"annotations":[{"type":"url_citation"}]}}]}"#,
            r#"{"service_tier":"priority","choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#,
            r#"{"choices":[],"usage":{}}"#,
        ] {
            splitter.push(Bytes::from(format!("data: {event}\n\n")));
            source.event(&splitter.next().unwrap().unwrap(), &mut Vec::new()).unwrap();
        }
        let usage = source.usage().unwrap();
        assert_eq!((usage.total(), usage.web_searches, usage.service_tier), (6, 1, ServiceTier::Priority));
    }
}
