//! Keeping an answer: only a good one, whole, from the group that was asked.

use actix_http::header::{CONTENT_TYPE, HeaderMap};
use bytes::{Bytes, BytesMut};

use super::{Consulted, Question};
use crate::actors::response_cache::{Outcome, ResponseCache};
use crate::base::clock::unix_ms;
use crate::base::usage::Usage;
use crate::domain::cache::Stored;
use crate::gateway::headers::EVENTS;
use crate::gateway::pipeline::Gateway;
use crate::gateway::record::{Finished, Record};
use crate::wire::endpoint::Endpoint;
use crate::wire::json::{Elements, member};

/// A stream that is to be kept, as far as it has come.
pub struct Recording {
    cache: ResponseCache,
    bytes: BytesMut,
    most: usize,
    too_large: bool,
}

impl Recording {
    /// An empty one.
    pub fn new(cache: ResponseCache, most: usize) -> Self {
        Recording { cache, bytes: BytesMut::new(), most, too_large: false }
    }

    /// The next bytes.
    pub fn more(&mut self, bytes: &[u8]) {
        // Comments are for one client's patience.
        if bytes.starts_with(b":") {
            return;
        }
        self.too_large |= self.bytes.len() + bytes.len() > self.most;
        if self.too_large {
            self.bytes = BytesMut::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

/// Keeps a whole answer that has come from a provider.
pub fn keep_whole(
    gateway: &Gateway,
    record: &Record,
    status: u16,
    (body, usage): (&Bytes, Option<Usage>),
    headers: &HeaderMap,
) {
    let Some(facts) = record.facts() else { return };
    let (Some(cache), Some(consulted)) = (&gateway.shared.cache, &facts.cache) else { return };
    let question = &consulted.question;
    if status != 200 || !good(question.call.endpoint, body) {
        return;
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    keep(cache, question, facts, stored(facts, kind, usage, body.clone()));
}

/// An answer of this request as the cache keeps it.
pub(super) fn stored(facts: &Finished, content_type: &str, usage: Option<Usage>, body: Bytes) -> Stored {
    let deployment = facts.deployment.as_ref().map_or_else(Box::default, |served| Box::from(&*served.id));
    Stored { at_ms: unix_ms(), content_type: content_type.into(), usage, deployment, body }
}

/// Keeps an answer, unless a fallback gave it.
pub fn keep(cache: &ResponseCache, question: &Question, facts: &Finished, stored: Stored) {
    if !question.stores || facts.fallbacks > 0 {
        return;
    }
    if let Some(lead) = facts.cache.as_ref().and_then(|cache| cache.leads.as_ref()) {
        lead.answer(&stored);
    }
    if let Some(epoch) = question.epoch.get() {
        question.keep(cache, (question.key, epoch), stored);
    }
}

impl Consulted {
    /// The request is over: counts a miss, and keeps the stream that it answered with, if all of it came.
    pub fn finished(&self, facts: &Finished) {
        if let Some(cache) = &self.missed {
            // Where nobody has answered, that has been counted.
            if self.question.epoch.get().is_some() {
                cache.count(Outcome::Miss);
            }
            cache.count_model(false, &self.question.call.resolved.group);
        }
        let Some(recording) = self.stream.as_ref().filter(|_| facts.error.is_none() && facts.status == 200)
        else {
            return;
        };
        if recording.too_large {
            recording.cache.count(Outcome::TooLarge);
            return;
        }
        // A response that is incomplete ends with another event.
        let whole = self.question.call.endpoint != Endpoint::Responses || completed(&recording.bytes);
        if !whole {
            return;
        }
        let body = Bytes::copy_from_slice(&recording.bytes);
        keep(&recording.cache, &self.question, facts, stored(facts, EVENTS, facts.usage, body));
    }
}

/// Whether an answer is one that may be given again.
fn good(endpoint: Endpoint, body: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(body) else { return false };
    match endpoint {
        Endpoint::Responses => member(text, "status") == Some("\"completed\""),
        Endpoint::Chat | Endpoint::Completions => ended(text),
        _ => !text.is_empty(),
    }
}

/// Whether there are choices, and each says why it ended: one that does not has been cut off.
fn ended(text: &str) -> bool {
    let mut choices = Elements::of(member(text, "choices").unwrap_or_default()).peekable();
    let reason = |choice: &str| member(choice, "finish_reason").is_some_and(|reason| reason != "null");
    choices.peek().is_some() && choices.all(reason)
}

/// Whether the events of the Responses API say that the response is complete. What is said in them may have the same words.
fn completed(events: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(events) else { return false };
    let mut data = text.lines().rev().filter_map(|line| line.strip_prefix("data:"));
    data.any(|data| member(data.trim(), "type") == Some("\"response.completed\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_to_its_end_is_kept() {
        let chat = |body: &str| good(Endpoint::Chat, body.as_bytes());
        assert!(chat(r#"{"choices":[{"finish_reason":"stop"},{"finish_reason":"length"}]}"#));
        for cut in
            ["{}", r#"{"choices":[]}"#, r#"{"choices":[{"finish_reason":null}]}"#, r#"{"choices":[{}]}"#]
        {
            assert!(!chat(cut), "{cut}");
        }
        let told = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"response.completed\"}\n\n";
        let end = |kind: &str| format!("{told}event: {kind}\ndata: {{\"type\":\"{kind}\"}}\n\n");
        assert!(completed(end("response.completed").as_bytes()));
        assert!(!completed(end("response.incomplete").as_bytes()));
    }
}
