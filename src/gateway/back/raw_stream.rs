//! Event streams that go back as they came (audio, images): nothing is known of their grammar but events.

use bytes::BytesMut;

use super::source::cut;
use crate::base::error::Error;
use crate::base::usage::Usage;
use crate::gateway::answer::write_error_event;
use crate::gateway::translate::StreamTranslator;
use crate::wire::json;
use crate::wire::sse::Event;
use crate::wire::surface::str_of;

/// Passes events on.
pub struct RawStream {
    provider: &'static str,
    content: bool,
    /// The type of the latest event, where events carry one.
    latest: Option<String>,
}

/// The last events of streams whose events carry a type (OpenAI's audio and image streaming).
const LAST: [&str; 4] =
    ["transcript.text.done", "speech.audio.done", "image_generation.completed", "image_edit.completed"];

impl RawStream {
    /// A stream of this provider.
    pub fn new(provider: &'static str) -> Self {
        RawStream { provider, content: false, latest: None }
    }
}

impl StreamTranslator for RawStream {
    fn event(&mut self, event: &Event, out: &mut BytesMut) -> Result<(), Error> {
        self.content = true;
        let data = std::str::from_utf8(event.data()).unwrap_or_default();
        if let Some(kind) = json::member(data, "type").and_then(str_of) {
            self.latest = Some(kind.into_owned());
        }
        out.extend_from_slice(event.raw());
        Ok(())
    }

    fn end(&mut self, _: &mut BytesMut) -> Result<(), Error> {
        match &self.latest {
            Some(kind) if !LAST.contains(&kind.as_str()) => Err(cut(self.provider)),
            _ => Ok(()),
        }
    }

    fn complete(&self) -> bool {
        false
    }

    fn has_content(&self) -> bool {
        self.content
    }

    fn usage(&self) -> Option<Usage> {
        None
    }

    fn output_bytes(&self) -> u64 {
        0
    }

    fn error(&mut self, error: &Error, out: &mut BytesMut) {
        write_error_event(error, out);
    }
}
