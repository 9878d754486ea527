//! OpenAI's own streams on their way through: looked at, hardly touched.

use std::sync::Arc;

use bytes::BytesMut;

use crate::base::error::Error;
use crate::base::usage::Usage;
use crate::domain::deployment::Deployment;
use crate::domain::providers::openai::{ChatStream, End, ResponsesStream, StreamOptions};
use crate::gateway::answer::{write_error_event, write_responses_error};
use crate::gateway::translate::StreamTranslator;
use crate::wire::sse::Event;

/// Chat and text completions.
pub struct OpenAiStream {
    stream: ChatStream,
    done: bool,
}

impl OpenAiStream {
    /// A stream that this deployment answers with.
    pub fn new(deployment: Arc<Deployment>, shown_model: &str, usage_asked: bool, choices: usize) -> Self {
        let options = StreamOptions { shown_model: shown_model.to_string(), usage_asked, choices };
        OpenAiStream { stream: ChatStream::new(deployment, options), done: false }
    }
}

impl StreamTranslator for OpenAiStream {
    fn event(&mut self, event: &Event, out: &mut BytesMut) -> Result<(), Error> {
        self.done |= self.stream.feed(event, out)?.done;
        Ok(())
    }

    fn end(&mut self, out: &mut BytesMut) -> Result<(), Error> {
        match self.stream.finish(out) {
            End::Complete => Ok(()),
            End::Cut(error) => Err(error),
        }
    }

    fn complete(&self) -> bool {
        self.done
    }

    fn has_content(&self) -> bool {
        self.stream.content_delivered()
    }

    fn usage(&self) -> Option<Usage> {
        self.stream.usage()
    }

    fn output_bytes(&self) -> u64 {
        self.stream.output_bytes()
    }

    fn error(&mut self, error: &Error, out: &mut BytesMut) {
        write_error_event(error, out);
    }
}

/// The Responses API.
pub struct OpenAiResponses {
    stream: ResponsesStream,
    done: bool,
}

impl OpenAiResponses {
    /// A stream that this deployment answers with.
    pub fn new(deployment: Arc<Deployment>, shown_model: &str) -> Self {
        OpenAiResponses { stream: ResponsesStream::new(deployment, shown_model), done: false }
    }
}

impl StreamTranslator for OpenAiResponses {
    fn failure(&self) -> Option<&Error> {
        self.stream.failure()
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) -> Result<(), Error> {
        self.done |= self.stream.feed(event, out)?.done;
        // A failure before any part of the answer can still be retried or go to a fallback.
        match self.stream.failure() {
            Some(failure) if !self.stream.content_delivered() => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    fn end(&mut self, _: &mut BytesMut) -> Result<(), Error> {
        match self.stream.finish() {
            End::Complete => Ok(()),
            End::Cut(error) => Err(error),
        }
    }

    fn complete(&self) -> bool {
        self.done
    }

    fn has_content(&self) -> bool {
        self.stream.content_delivered()
    }

    fn usage(&self) -> Option<Usage> {
        self.stream.usage()
    }

    fn output_bytes(&self) -> u64 {
        self.stream.output_bytes()
    }

    fn error(&mut self, error: &Error, out: &mut BytesMut) {
        write_responses_error(error, out);
    }
}
