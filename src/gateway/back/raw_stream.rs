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
use crate::wire::usage::usage_of;

/// Passes events on.
pub struct RawStream {
    provider: &'static str,
    content: bool,
    /// The type of the latest event, where events carry one.
    latest: Option<String>,
    usage: Option<Usage>,
    /// Images that are complete.
    images: u32,
}

/// The last events of streams whose events carry a type (OpenAI's audio and image streaming).
const LAST: [&str; 4] =
    ["transcript.text.done", "speech.audio.done", "image_generation.completed", "image_edit.completed"];

impl RawStream {
    /// A stream of this provider.
    pub fn new(provider: &'static str) -> Self {
        RawStream { provider, content: false, latest: None, usage: None, images: 0 }
    }
}

impl StreamTranslator for RawStream {
    fn event(&mut self, event: &Event, out: &mut BytesMut) -> Result<(), Error> {
        self.content = true;
        let data = std::str::from_utf8(event.data()).unwrap_or_default();
        if let Some(kind) = json::member(data, "type").and_then(str_of) {
            if LAST.contains(&&*kind) {
                self.images += u32::from(kind.starts_with("image"));
                let told = json::member(data, "usage").and_then(usage_of);
                self.usage =
                    told.map(|told| self.usage.map_or(told, |usage| usage.plus(&told))).or(self.usage);
            }
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
        let mut usage = self.usage.or_else(|| (self.images > 0).then(Usage::default))?;
        usage.units.output_images = self.images;
        Some(usage)
    }

    fn output_bytes(&self) -> u64 {
        0
    }

    fn error(&mut self, error: &Error, out: &mut BytesMut) {
        write_error_event(error, out);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::wire::sse::Splitter;

    fn usage(events: &[&'static str]) -> Option<Usage> {
        let (mut stream, mut splitter) = (RawStream::new("OpenAI"), Splitter::new(1 << 20));
        for event in events {
            splitter.push(Bytes::from(format!("data: {event}\n\n")));
            let event = splitter.next().unwrap().unwrap();
            stream.event(&event, &mut BytesMut::new()).unwrap();
        }
        stream.usage()
    }

    #[test]
    fn the_last_event_tells_what_it_costs() {
        assert_eq!(usage(&[r#"{"type":"transcript.text.delta","delta":"x"}"#]), None);
        let done =
            r#"{"type":"transcript.text.done","usage":{"type":"tokens","input_tokens":9,"output_tokens":2}}"#;
        assert_eq!(usage(&[done]).unwrap().total(), 11);
        let image = r#"{"type":"image_generation.completed","b64_json":"","usage":{"input_tokens":5,"output_tokens":100}}"#;
        let partial = r#"{"type":"image_generation.partial_image","b64_json":""}"#;
        let made = usage(&[partial, image]).unwrap();
        assert_eq!((made.total(), made.units.output_images), (105, 1));
        let uncounted = r#"{"type":"image_generation.completed","b64_json":""}"#;
        assert_eq!(usage(&[uncounted, uncounted]).unwrap().units.output_images, 2);
    }
}
