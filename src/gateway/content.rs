//! What was asked and answered, for the ledger, where `store_prompts_in_spend_logs` wants it there, and for sinks
//! that are told of it. Nobody else keeps it, and it has no `Debug`: prompts are for no log.

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::call::Body;
use crate::domain::export::{self, Answer, Keeping, Raw};
use crate::domain::redact::Redactor;

/// The most of a streamed answer that is looked at, bytes.
const MOST_STREAM: usize = 256 * 1024;
/// The most that one row keeps of the question, and of the answer, as JSON, bytes.
const MOST: usize = 128 * 1024;
/// The fields that questions stand in.
const QUESTIONS: [&str; 3] = ["messages", "input", "prompt"];

/// The question of one request, and what came back so far.
pub struct Content {
    body: Body,
    /// After how many characters texts are cut for the ledger; `None`: they are not for it.
    longest: Option<usize>,
    redactor: Redactor,
    whole: Option<Bytes>,
    stream: BytesMut,
}

impl Content {
    /// What a request asks. The redactor goes over texts; in the ledger they are cut after `longest` characters, without
    /// it they are not kept there.
    pub fn new(body: Body, longest: Option<usize>, redactor: Redactor) -> Self {
        Content { body, longest, redactor, whole: None, stream: BytesMut::new() }
    }

    /// Somebody's own words, as the ledger keeps them beside; `None`: it keeps none.
    pub fn kept(&self, text: &str) -> Option<String> {
        Some(self.keeping()?.kept(text))
    }

    fn keeping(&self) -> Option<Keeping<'_>> {
        Some(Keeping { longest: self.longest?, most: MOST, redactor: &self.redactor })
    }

    /// All of the answer.
    pub fn whole(&mut self, body: &Bytes) {
        self.whole = Some(body.clone());
    }

    /// The next bytes of a stream.
    pub fn more(&mut self, bytes: &[u8]) {
        let room = MOST_STREAM.saturating_sub(self.stream.len());
        self.stream.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// As a row keeps it.
    pub fn shown(&self) -> Option<Value> {
        let keeping = self.keeping()?;
        let surface = self.body.json();
        let asked = surface.and_then(|surface| QUESTIONS.iter().find_map(|name| surface.get(name)));
        let asked = asked.and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_else(|| json!({}));
        let answered = match &self.whole {
            Some(body) => export::answer(&Answer::Whole(body.clone())),
            None if self.stream.is_empty() => json!({}),
            None => export::streamed(&self.stream),
        };
        Some(json!({"messages": keeping.fitted(asked), "response": keeping.fitted(answered)}))
    }

    /// The bytes, for somebody who reads them later.
    pub fn raw(self) -> Raw {
        let question = self.body.json().map(|surface| surface.raw().clone()).unwrap_or_default();
        let answer = match self.whole {
            Some(body) => Answer::Whole(body),
            None if self.stream.is_empty() => Answer::Nothing,
            None => Answer::Stream(self.stream.freeze()),
        };
        Raw { question, answer, redactor: self.redactor }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::wire::surface::Surface;

    fn content(body: &'static str) -> Content {
        let surface = Surface::parse(Bytes::from_static(body.as_bytes()), 64).unwrap();
        Content::new(Body::Json(Rc::new(surface)), Some(5), Redactor::default())
    }

    fn shown(content: &Content) -> Value {
        content.shown().unwrap()
    }

    #[test]
    fn texts_are_cut_wherever_they_stand() {
        let mut asked = content(r#"{"model":"m","messages":[{"role":"user","content":"12345678"}]}"#);
        asked.whole(&Bytes::from_static(br#"{"choices":[{"message":{"content":"\u00fc\u00fc"}}],"n":1}"#));
        let found = shown(&asked);
        assert_eq!(found["messages"][0]["content"], "12345... (3 more characters)");
        assert_eq!(found["response"], json!({"choices": [{"message": {"content": "üü"}}], "n": 1}));
        assert_eq!(shown(&content(r#"{"input":"abc"}"#)), json!({"messages": "abc", "response": {}}));
    }

    #[test]
    fn secrets_are_taken_out_also_where_the_cut_goes_through() {
        let mut asked = content(r#"{"input":["k sk-abcdefghijklmnopqrst","sk-abcdefghijklmnopqrst"]}"#);
        asked.whole(&Bytes::from_static(br#"{"text":"sk-abcdefghijklmnopqrst!"}"#));
        let shown = shown(&asked).to_string();
        assert!(!shown.contains("sk-"), "{shown}");
        assert_eq!(asked.kept("a sk-abcdefghijklmnopqrst").unwrap(), "a [re... (7 more characters)");
    }

    #[test]
    fn streams_are_put_together() {
        let mut asked = content(r#"{"prompt":"x"}"#);
        asked.more(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"He\"}}]}\n\n: ping\n\nda");
        asked.more(b"ta: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"y\"}}]}\n\ndata: [DONE]\n\n");
        assert_eq!(shown(&asked)["response"]["choices"][0]["message"]["content"], "Hey");
        let Answer::Stream(bytes) = asked.raw().answer else { panic!("no stream") };
        assert!(bytes.ends_with(b"[DONE]\n\n"));
    }

    #[test]
    fn one_row_stays_small() {
        let mut asked = content(r#"{"input":"x"}"#);
        let many = json!({"data": vec![1.5; 100_000]}).to_string();
        asked.whole(&Bytes::from(many));
        assert!(shown(&asked).to_string().len() < 1000);
    }

    #[test]
    fn what_is_for_sinks_only_is_in_no_row() {
        let Content { body, .. } = content(r#"{"input":"x"}"#);
        let exported = Content::new(body, None, Redactor::default());
        assert!(exported.shown().is_none() && exported.kept("x").is_none());
        assert_eq!(exported.raw().question, r#"{"input":"x"}"#);
    }
}
