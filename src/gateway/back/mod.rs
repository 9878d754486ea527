//! The way back from a provider's answer to the one the client asked for.
//!
//! Two steps, each of which may be nothing: the provider's dialect becomes OpenAI's ([`Dialog`]), and the
//! endpoint that was called becomes the endpoint that was asked for ([`Bridge`]).

mod bridged;
mod frames;
mod openai_stream;
mod raw_stream;
mod source;

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::media::Media;
use super::translate::{ContentType, StreamTranslator, Whole};
use crate::base::error::{Error, Kind};
use crate::base::usage::Usage;
use crate::domain::bridge::completions::{self, ChatStream, CompletionStream};
use crate::domain::bridge::responses::{self, ResponsesContext, ResponsesStream};
use crate::domain::deployment::Deployment;
use crate::domain::providers::{anthropic, openai};
use crate::wire::endpoint::Endpoint;

use bridged::Bridged;
use frames::{ChatFrames, ChatFromCompletionFrames, CompletionFrames, ResponseFrames};
use openai_stream::{OpenAiResponses, OpenAiStream};
use raw_stream::RawStream;
use source::{AnthropicSource, OpenAiSource};

/// What answers show, whoever gave them.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The name the client asked for.
    pub model: Arc<str>,
    /// Unix seconds, where the provider gives no time.
    pub created: u64,
    /// For ids, where the provider gives none.
    pub call_id: Rc<str>,
}

/// Which language the provider answers in.
#[derive(Debug, Clone)]
pub enum Dialog {
    /// OpenAI's.
    OpenAi,
    /// Anthropic's.
    Anthropic(anthropic::ReplyContext),
    /// Whatever it is, it goes back as it came.
    Untouched,
}

/// Which endpoint stood in for the one that was asked for.
#[derive(Debug, Clone)]
pub enum Bridge {
    /// None.
    None,
    /// Chat for text completions; the chat requests, one for each prompt.
    Completions(Vec<Map<String, Value>>),
    /// Text completion for chat; the chat request.
    ChatFromCompletion(Map<String, Value>),
    /// Chat for the Responses API.
    Responses(ResponsesContext),
}

/// How one attempt's answer comes back.
#[derive(Debug, Clone)]
pub struct Back {
    /// The endpoint that was called.
    pub endpoint: Endpoint,
    /// The provider's language.
    pub dialog: Dialog,
    /// What stood in for what.
    pub bridge: Bridge,
    /// What the answer shows.
    pub shown: Shown,
    /// Whether the client gets the usage chunk.
    pub include_usage: bool,
    /// How many choices the request asks for.
    pub choices: usize,
    /// What the request asked for that is not counted in tokens.
    pub media: Option<Rc<Media>>,
}

impl Back {
    /// Translates a whole answer.
    ///
    /// # Errors
    /// An error inside a success, or what is no answer at all.
    pub fn whole(&self, body: Bytes, deployment: &Deployment) -> Result<Whole, Error> {
        let mut whole = self.translated(body, deployment)?;
        if let Some(media) = &self.media {
            let text = std::str::from_utf8(&whole.body).unwrap_or_default();
            whole.usage = media.of_whole(self.endpoint, text, whole.usage);
        }
        Ok(whole)
    }

    fn translated(&self, body: Bytes, deployment: &Deployment) -> Result<Whole, Error> {
        let untouched = matches!(self.dialog, Dialog::Untouched) || self.endpoint == Endpoint::Speech;
        if untouched {
            return Ok(Whole { body, content_type: ContentType::Upstream, usage: None });
        }
        if let (Dialog::OpenAi, Bridge::None) = (&self.dialog, &self.bridge) {
            let (body, usage) =
                openai::restamp(body, &self.shown.model).map_err(|invalid| invalid.into_error(deployment))?;
            return Ok(Whole { body, content_type: ContentType::Json, usage });
        }
        let (reply, usage) = self.chat_reply(body, deployment)?;
        self.join(vec![reply], usage)
    }

    /// One answer of the endpoint that was called, in OpenAI's shape.
    ///
    /// # Errors
    /// An error inside a success, or what is no answer at all.
    pub fn chat_reply(&self, body: Bytes, deployment: &Deployment) -> Result<(Value, Option<Usage>), Error> {
        if let Dialog::Anthropic(context) = &self.dialog {
            let (reply, usage) = anthropic::reply(&body, context, &self.anthropic_shown())?;
            // A server that tells nothing is estimated like any other.
            return Ok((reply, Some(usage).filter(|usage| usage.total() > 0)));
        }
        let (body, usage) =
            openai::restamp(body, &self.shown.model).map_err(|invalid| invalid.into_error(deployment))?;
        let reply = serde_json::from_slice(&body).map_err(|cause| {
            Error::new(Kind::InvalidReply, "litellm.APIError: the answer cannot be read.").with_cause(cause)
        })?;
        Ok((reply, usage))
    }

    /// Makes the answer that was asked for of those that came.
    ///
    /// # Errors
    /// A defect of ours.
    pub fn join(&self, mut replies: Vec<Value>, usage: Option<Usage>) -> Result<Whole, Error> {
        let model = &*self.shown.model;
        let answer = match &self.bridge {
            Bridge::Completions(_) => completions::from_chats(replies, model),
            bridge => {
                let Some(reply) = replies.pop() else {
                    return Err(Error::new(Kind::Internal, "There is no answer to translate."));
                };
                match bridge {
                    Bridge::Responses(context) => responses::from_chat(reply, context, model),
                    Bridge::ChatFromCompletion(_) => completions::completion_to_chat(reply, model),
                    Bridge::None | Bridge::Completions(_) => reply,
                }
            }
        };
        let body = Bytes::from(answer.to_string());
        Ok(Whole { body, content_type: ContentType::Json, usage })
    }

    /// Whether a whole answer may come where a stream was asked for.
    pub fn may_be_whole(&self) -> bool {
        matches!(self.dialog, Dialog::Untouched)
            || matches!(self.endpoint, Endpoint::Speech | Endpoint::Transcriptions | Endpoint::Images)
    }

    /// The translator of a stream.
    pub fn stream(self, deployment: &Arc<Deployment>) -> Box<dyn StreamTranslator> {
        let deployment = Arc::clone(deployment);
        if matches!(self.dialog, Dialog::Untouched) {
            return Box::new(RawStream::new(deployment.provider.title));
        }
        match (&self.dialog, &self.bridge, self.endpoint) {
            (Dialog::OpenAi, Bridge::None, Endpoint::Chat | Endpoint::Completions) => {
                Box::new(OpenAiStream::new(deployment, &self.shown.model, self.include_usage, self.choices))
            }
            (Dialog::OpenAi, Bridge::None, Endpoint::Responses) => {
                Box::new(OpenAiResponses::new(deployment, &self.shown.model))
            }
            (Dialog::OpenAi, Bridge::None, _) => Box::new(RawStream::new(deployment.provider.title)),
            (Dialog::OpenAi, ..) => self.bridged(OpenAiSource::new(deployment)),
            (Dialog::Anthropic(context), ..) => {
                // Behind a bridge the usage is for the bridge, which shows it in its own way.
                let usage = self.include_usage || !matches!(self.bridge, Bridge::None);
                let stream = anthropic::Stream::new(context.clone(), self.anthropic_shown(), usage);
                self.bridged(AnthropicSource::new(stream, deployment.provider.title))
            }
            (Dialog::Untouched, ..) => Box::new(RawStream::new(deployment.provider.title)),
        }
    }

    fn bridged(&self, source: impl source::ChunkSource + 'static) -> Box<dyn StreamTranslator> {
        let Shown { model, created, call_id } = &self.shown;
        match &self.bridge {
            Bridge::None => Box::new(Bridged::new(source, ChatFrames)),
            Bridge::Completions(requests) => {
                let stream = CompletionStream::new(requests, model, *created, call_id);
                Box::new(Bridged::new(source, CompletionFrames::new(stream)))
            }
            Bridge::ChatFromCompletion(request) => {
                let stream = ChatStream::new(request, model, *created, call_id);
                Box::new(Bridged::new(source, ChatFromCompletionFrames::new(stream)))
            }
            Bridge::Responses(context) => {
                let stream = ResponsesStream::new(context.clone(), model, *created, call_id);
                Box::new(Bridged::new(source, ResponseFrames::new(stream)))
            }
        }
    }

    fn anthropic_shown(&self) -> anthropic::Shown {
        anthropic::Shown {
            model: Arc::clone(&self.shown.model),
            created: self.shown.created,
            id: format!("chatcmpl-{}", self.shown.call_id),
        }
    }
}
