//! Chat and text-completion streams on their way back.
//!
//! Each event is passed on as it came, except for the model's name and the usage: OpenAI's rule is one
//! usage chunk, without choices, right before the end, and only for those who asked. Servers that put
//! usage elsewhere, or everywhere, are brought to that rule. The end is told honestly: `[DONE]` leaves
//! only after every choice has got its finish reason.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use smallvec::SmallVec;

use super::REPLY_DEPTH;
use super::chunk::ChoiceFacts;
use crate::base::error::{Error, Kind};
use crate::base::usage::{ServiceTier, Usage};
use crate::domain::deployment::Deployment;
use crate::domain::providers::upstream_error;
use crate::wire::json::{self, Elements};
use crate::wire::sse::Event;
use crate::wire::surface::{Edits, Surface};
use crate::wire::usage::{tier_of, usage_of};

/// More choices than this are passed on, but not followed one by one.
const MAX_CHOICES: usize = 256;

const DONE: &[u8] = b"data: [DONE]\n\n";

/// What a stream's reader has decided.
#[derive(Debug, Clone)]
pub struct StreamOptions {
    /// The model's name for the client.
    pub shown_model: String,
    /// Whether the client asked for the usage chunk (or the settings give it to everybody).
    pub usage_asked: bool,
    /// How many choices the request asked for (`n`, times prompts for text completions); at least 1.
    pub choices: usize,
}

/// What an event was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fed {
    /// It carried a part of the answer, not only a role or a finish reason.
    pub content: bool,
    /// It was no event but a comment: nothing that would commit to an answer.
    pub comment: bool,
    /// It was the end of the stream; what follows is ignored.
    pub done: bool,
}

/// How a stream ended.
#[derive(Debug)]
pub enum End {
    /// Every choice is complete.
    Complete,
    /// It broke off: the error that the client must be told.
    Cut(Error),
}

/// One stream of the chat or the text-completions API.
#[derive(Debug)]
pub struct ChatStream {
    deployment: Arc<Deployment>,
    shown: String,
    usage_asked: bool,
    expected: usize,
    /// Index of each choice seen, and whether it is finished.
    choices: SmallVec<[(u32, bool); 2]>,
    usage: Option<Usage>,
    tier: Option<ServiceTier>,
    /// Whether an answer cites the web.
    searched: bool,
    /// The usage chunk, kept until the end so that it comes once and last.
    held: Option<Bytes>,
    content: bool,
    output_bytes: u64,
    id: Option<String>,
    upstream_model: Option<String>,
    done: bool,
}

impl ChatStream {
    /// A stream that `deployment` answers with.
    pub fn new(deployment: Arc<Deployment>, options: StreamOptions) -> Self {
        ChatStream {
            deployment,
            shown: json::quoted(&options.shown_model),
            usage_asked: options.usage_asked,
            expected: options.choices.max(1),
            choices: SmallVec::new(),
            usage: None,
            tier: None,
            searched: false,
            held: None,
            content: false,
            output_bytes: 0,
            id: None,
            upstream_model: None,
            done: false,
        }
    }

    /// Takes one event and appends what the client gets for it to `out`.
    ///
    /// # Errors
    /// The upstream's own error when the event is one, [`Kind::InvalidReply`] when it is no JSON, and
    /// [`Kind::Cut`] when the upstream says `[DONE]` before a choice has its finish reason. Nothing has
    /// been appended then.
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
            return self.end_said(out);
        }
        let surface = Surface::skim(event.data_bytes(), REPLY_DEPTH).map_err(|cause| {
            self.error(Kind::InvalidReply, "an event of the stream is no JSON object").with_cause(cause)
        })?;
        if surface.is_set("error") || event.name() == Some("error") {
            return Err(upstream_error::in_band(&self.deployment, surface.text()));
        }
        self.chunk(event, &surface, out)
    }

    fn chunk(&mut self, event: &Event, surface: &Surface, out: &mut BytesMut) -> Result<Fed, Error> {
        let choices = surface.get("choices").unwrap_or("[]");
        let (any, content) = self.follow(choices);
        if self.id.is_none() {
            self.id = surface.str("id").map(|id| id.into_owned());
            self.upstream_model = surface.str("model").map(|model| model.into_owned());
        }
        // The first chunks may say `auto`; the last word is what is billed.
        if let Some(tier) = surface.get("service_tier").filter(|raw| *raw != "null") {
            self.tier = Some(tier_of(tier));
        }
        let mut edits = Edits::new();
        edits.replace("model", self.shown.as_str());
        let raw_usage = surface.get("usage").filter(|raw| *raw != "null");
        if let Some(raw) = raw_usage {
            self.usage = usage_of(raw).or(self.usage);
            if self.usage_asked {
                let mut held = edits.clone();
                held.set("choices", "[]");
                self.held = Some(framed(&surface.rewrite(&held)));
            }
            if !any {
                return Ok(Fed::default());
            }
        }
        match (self.usage_asked, raw_usage) {
            (true, Some(_)) => edits.replace("usage", "null"),
            (true, None) => {}
            // `usage: null` is there because the gateway asked.
            (false, _) => edits.remove("usage"),
        }
        pass_on(event, surface, &edits, out);
        Ok(Fed { content, ..Fed::default() })
    }

    /// Follows the choices of a chunk; says whether there were any and whether they carried content.
    fn follow(&mut self, choices: &str) -> (bool, bool) {
        let mut any = false;
        let before = self.output_bytes;
        for choice in Elements::of(choices) {
            any = true;
            let facts = ChoiceFacts::of(choice);
            self.searched |= facts.searched;
            self.output_bytes = self.output_bytes.saturating_add(facts.output_bytes);
            let known = self.choices.iter_mut().find(|(index, _)| *index == facts.index);
            if let Some((_, finished)) = known {
                *finished |= facts.finished;
            } else if self.choices.len() < MAX_CHOICES {
                self.choices.push((facts.index, facts.finished));
            }
        }
        let content = self.output_bytes > before;
        self.content |= content;
        (any, content)
    }

    fn end_said(&mut self, out: &mut BytesMut) -> Result<Fed, Error> {
        if !self.all_finished() {
            return Err(self.cut());
        }
        self.close(out);
        Ok(Fed { done: true, ..Fed::default() })
    }

    /// Tells how the stream ended once the upstream has closed it. A complete one that lacks its `[DONE]`
    /// (and its usage chunk) gets them appended to `out`.
    pub fn finish(&mut self, out: &mut BytesMut) -> End {
        if !self.done {
            if !self.all_finished() || self.choices.len() < self.expected.min(MAX_CHOICES) {
                return End::Cut(self.cut());
            }
            self.close(out);
        }
        End::Complete
    }

    fn close(&mut self, out: &mut BytesMut) {
        if let Some(usage) = self.held.take() {
            out.put_slice(&usage);
        }
        out.put_slice(DONE);
        self.done = true;
    }

    fn cut(&self) -> Error {
        self.error(Kind::Cut, "the stream ended before the answer was complete")
    }

    fn error(&self, kind: Kind, text: &str) -> Error {
        Error::new(kind, upstream_error::public_sentence(&self.deployment, kind, text))
            .with_provider(self.deployment.provider.name)
    }

    /// Whether every choice seen has got its finish reason, and there was one.
    pub fn all_finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|(_, finished)| *finished)
    }

    /// The last usage the provider gave, with the service tier and the search that stand outside of it.
    pub fn usage(&self) -> Option<Usage> {
        self.usage.map(|usage| Usage {
            service_tier: self.tier.unwrap_or(usage.service_tier),
            web_searches: usage.web_searches.max(u32::from(self.searched)),
            ..usage
        })
    }

    /// Whether a part of the answer has been passed on.
    pub fn content_delivered(&self) -> bool {
        self.content
    }

    /// Bytes of answer text and tool arguments so far, for an estimate where the provider gives no usage.
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

/// Appends the event with its data edited; unchanged data leaves as the bytes that came.
pub(super) fn pass_on(event: &Event, surface: &Surface, edits: &Edits<'_>, out: &mut BytesMut) {
    let raw = event.raw();
    match event.data_span() {
        Some(span) => {
            out.reserve(raw.len() + 64);
            out.put_slice(raw.get(..span.start).unwrap_or_default());
            surface.rewrite_into(edits, out);
            out.put_slice(raw.get(span.end..).unwrap_or_default());
        }
        None => {
            if let Some(name) = event.name() {
                out.put_slice(b"event: ");
                out.put_slice(name.as_bytes());
                out.put_u8(b'\n');
            }
            out.put_slice(&framed(&surface.rewrite(edits)));
        }
    }
}

/// JSON as an event of its own. Line breaks can only stand between tokens, where a space does as well.
fn framed(data: &Bytes) -> Bytes {
    let mut out = BytesMut::with_capacity(data.len() + 8);
    out.put_slice(b"data: ");
    out.extend(data.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    out.put_slice(b"\n\n");
    out.freeze()
}

#[cfg(test)]
mod tests;
