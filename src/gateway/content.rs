//! What was asked and answered, for the ledger, where `store_prompts_in_spend_logs` wants it there. Nobody else keeps
//! it, and it has no `Debug`: prompts are for no log.

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value, json};

use super::call::Body;

/// The most of a streamed answer that is looked at, bytes.
const MOST_STREAM: usize = 256 * 1024;
/// The most that one row keeps of the question, and of the answer, as JSON, bytes.
const MOST: usize = 128 * 1024;
/// The fields that questions stand in.
const QUESTIONS: [&str; 3] = ["messages", "input", "prompt"];

/// The question of one request, and what came back so far.
pub struct Content {
    body: Body,
    longest: usize,
    answer: Answer,
}

enum Answer {
    Nothing,
    Whole(Bytes),
    Stream(BytesMut),
}

impl Content {
    /// What a request asks; texts are cut after `longest` characters.
    pub fn new(body: Body, longest: usize) -> Self {
        Content { body, longest, answer: Answer::Nothing }
    }

    /// All of the answer.
    pub fn whole(&mut self, body: &Bytes) {
        self.answer = Answer::Whole(body.clone());
    }

    /// The next bytes of a stream.
    pub fn more(&mut self, bytes: &[u8]) {
        if !matches!(self.answer, Answer::Stream(_)) {
            self.answer = Answer::Stream(BytesMut::new());
        }
        if let Answer::Stream(known) = &mut self.answer {
            let room = MOST_STREAM.saturating_sub(known.len());
            known.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    /// As a row keeps it.
    pub fn shown(&self) -> Value {
        let surface = self.body.json();
        let asked = surface.and_then(|surface| QUESTIONS.iter().find_map(|name| surface.get(name)));
        let asked = asked.and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_else(|| json!({}));
        let answered = match &self.answer {
            Answer::Nothing => json!({}),
            // What is no JSON is speech or a picture.
            Answer::Whole(body) => serde_json::from_slice(body).unwrap_or_else(|_| json!({})),
            Answer::Stream(bytes) => streamed(bytes),
        };
        json!({"messages": self.fitted(asked), "response": self.fitted(answered)})
    }

    fn fitted(&self, mut value: Value) -> Value {
        cut(&mut value, self.longest);
        let text = value.to_string();
        if text.len() <= MOST { value } else { Value::String(shortened(&text, self.longest)) }
    }
}

/// Cuts each text in a value.
fn cut(value: &mut Value, longest: usize) {
    match value {
        Value::String(text) if text.len() > longest => *text = shortened(text, longest),
        Value::Array(values) => values.iter_mut().for_each(|value| cut(value, longest)),
        Value::Object(map) => map.values_mut().for_each(|value| cut(value, longest)),
        _ => {}
    }
}

fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_string(),
        Some((end, _)) => {
            let more = text.chars().count().saturating_sub(longest);
            format!("{}... ({more} more characters)", text.get(..end).unwrap_or_default())
        }
    }
}

/// The text of a stream, put together as one answer.
fn streamed(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes);
    let mut said: Vec<String> = Vec::new();
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    for event in events.filter_map(|data| serde_json::from_str::<Map<String, Value>>(data.trim()).ok()) {
        if let Some(delta) = event.get("delta").and_then(Value::as_str) {
            add(&mut said, 0, delta);
        }
        for choice in event.get("choices").and_then(Value::as_array).into_iter().flatten() {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
            let piece = choice.pointer("/delta/content").or_else(|| choice.get("text"));
            if let (Some(piece), Ok(index)) = (piece.and_then(Value::as_str), usize::try_from(index)) {
                add(&mut said, index, piece);
            }
        }
    }
    let choices = said.into_iter().enumerate().map(
        |(index, content)| json!({"index": index, "message": {"role": "assistant", "content": content}}),
    );
    json!({"choices": choices.collect::<Vec<_>>()})
}

fn add(said: &mut Vec<String>, index: usize, piece: &str) {
    const MOST_CHOICES: usize = 128;
    if index < MOST_CHOICES {
        if said.len() <= index {
            said.resize(index + 1, String::new());
        }
        if let Some(text) = said.get_mut(index) {
            text.push_str(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::wire::surface::Surface;

    fn content(body: &'static str) -> Content {
        let surface = Surface::parse(Bytes::from_static(body.as_bytes()), 64).unwrap();
        Content::new(Body::Json(Rc::new(surface)), 5)
    }

    #[test]
    fn texts_are_cut_wherever_they_stand() {
        let mut asked = content(r#"{"model":"m","messages":[{"role":"user","content":"12345678"}]}"#);
        asked.whole(&Bytes::from_static(br#"{"choices":[{"message":{"content":"\u00fc\u00fc"}}],"n":1}"#));
        let shown = asked.shown();
        assert_eq!(shown["messages"][0]["content"], "12345... (3 more characters)");
        assert_eq!(shown["response"], json!({"choices": [{"message": {"content": "üü"}}], "n": 1}));
        assert_eq!(content(r#"{"input":"abc"}"#).shown(), json!({"messages": "abc", "response": {}}));
    }

    #[test]
    fn streams_are_put_together() {
        let mut asked = content(r#"{"prompt":"x"}"#);
        asked.more(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"He\"}}]}\n\n: ping\n\nda");
        asked.more(b"ta: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"y\"}}]}\n\ndata: [DONE]\n\n");
        assert_eq!(asked.shown()["response"]["choices"][0]["message"]["content"], "Hey");
        let mut events = content(r#"{"input":"x"}"#);
        events.more(b"event: response.output_text.delta\ndata: {\"delta\":\"Hi\"}\n\n");
        assert_eq!(events.shown()["response"]["choices"][0]["message"]["content"], "Hi");
    }

    #[test]
    fn one_row_stays_small() {
        let mut asked = content(r#"{"input":"x"}"#);
        let many = json!({"data": vec![1.5; 100_000]}).to_string();
        asked.whole(&Bytes::from(many));
        assert!(asked.shown().to_string().len() < 1000);
    }
}
