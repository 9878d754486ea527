//! The way back: what turns a provider's answer into the one the client asked for.

use bytes::{Bytes, BytesMut};

use crate::base::error::Error;
use crate::base::usage::Usage;
use crate::wire::json::member;
use crate::wire::sse::Event;

/// Translates one event stream. Bytes appended to `out` go to the client as they are.
pub trait StreamTranslator {
    /// Takes one event of the provider.
    ///
    /// # Errors
    /// The provider's own in-band error, or an event that cannot be understood.
    fn event(&mut self, event: &Event, out: &mut BytesMut) -> Result<(), Error>;

    /// The provider's stream has ended; appends what still belongs to the answer.
    ///
    /// # Errors
    /// [`Kind::Cut`](crate::base::error::Kind::Cut) when it ended before the answer was complete.
    fn end(&mut self, out: &mut BytesMut) -> Result<(), Error>;

    /// The failure that the provider has told inside the stream, where that has been passed on as it is.
    fn failure(&self) -> Option<&Error> {
        None
    }

    /// Whether the answer is complete and nothing more is to come, although the connection is open.
    fn complete(&self) -> bool;

    /// Whether a piece of the answer itself (not just a role or an announcement) has come.
    fn has_content(&self) -> bool;

    /// Tokens, as far as the provider has told them.
    fn usage(&self) -> Option<Usage>;

    /// Bytes of answer text and tool arguments so far, for an estimate where the provider tells no usage.
    fn output_bytes(&self) -> u64;

    /// How an error looks inside this kind of stream.
    fn error(&mut self, error: &Error, out: &mut BytesMut);
}

/// A whole answer, translated.
pub struct Whole {
    /// The body for the client.
    pub body: Bytes,
    /// Its content type.
    pub content_type: ContentType,
    /// Tokens, if the provider told them.
    pub usage: Option<Usage>,
}

impl Whole {
    /// Bytes of the answer, for an estimate where the provider tells no usage, and only there; a body that is no text
    /// has none.
    pub fn uncounted_bytes(&self) -> u64 {
        if self.usage.is_some() || !matches!(self.content_type, ContentType::Json) {
            return 0;
        }
        let text = std::str::from_utf8(&self.body).unwrap_or_default();
        let answer = member(text, "choices").or_else(|| member(text, "output")).unwrap_or(text);
        u64::try_from(answer.len()).unwrap_or(u64::MAX)
    }
}

/// A body's content type.
pub enum ContentType {
    /// `application/json`
    Json,
    /// The provider's own.
    Upstream,
    /// `text/event-stream`
    Events,
}
