//! What was asked and answered, read from the bytes that went over the wire. Nobody does this while a request is
//! under way.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::event::{Content, Quoted};
use super::named::{self, Holds};
use crate::domain::redact::Redactor;

/// How much of a text behind its cut is looked at, so that a secret that the cut goes through is found, bytes.
const BEHIND_CUT: usize = 1024;
/// The fields that questions stand in.
const QUESTIONS: [&str; 3] = ["messages", "input", "prompt"];
/// Fields that are no parameters of the model: they say how the gateway handles the request, or may hold secrets.
const NO_PARAMETERS: [&str; 12] = [
    "model",
    "metadata",
    "litellm_metadata",
    "user",
    "api_key",
    "api_base",
    "base_url",
    "extra_headers",
    "headers",
    "fallbacks",
    "mock_response",
    "litellm_session_id",
];

/// What came back.
#[derive(Debug, Clone, Default)]
pub enum Answer {
    /// Nothing.
    #[default]
    Nothing,
    /// All of it.
    Whole(Bytes),
    /// The beginning of a stream of events.
    Stream(Bytes),
}

impl Answer {
    fn len(&self) -> usize {
        match self {
            Answer::Nothing => 0,
            Answer::Whole(bytes) | Answer::Stream(bytes) => bytes.len(),
        }
    }
}

/// The bytes of a question and its answer.
#[derive(Clone, Default)]
pub struct Raw {
    /// The request's body, if it is JSON.
    pub question: Bytes,
    /// What came back.
    pub answer: Answer,
    /// What is not told of either.
    pub redactor: Redactor,
}

/// How texts are kept.
pub struct Keeping<'a> {
    /// After how many characters each text is cut.
    pub longest: usize,
    /// The most that one value takes as JSON, bytes.
    pub most: usize,
    /// Takes secrets out.
    pub redactor: &'a Redactor,
}

impl Raw {
    /// How many bytes they are.
    pub fn size(&self) -> usize {
        self.question.len() + self.answer.len()
    }

    /// How what was said is kept: texts cut after `longest` characters, values shortened above `most` bytes of JSON.
    pub fn keeping(&self, longest: usize, most: usize) -> Keeping<'_> {
        Keeping { longest, most, redactor: &self.redactor }
    }
}

/// How much larger than it came a value may be, bytes: where secrets are taken out it may grow.
const GROWTH: usize = 1024;

/// The most that [`content`] makes of so many bytes of a question and an answer, bytes.
pub fn most_content(raw: &Raw, most: usize) -> usize {
    let most = |bytes: usize| grown(bytes).min(most);
    most(raw.question.len()) + GROWTH + most(raw.answer.len())
}

fn grown(bytes: usize) -> usize {
    bytes.saturating_add(bytes / 4).saturating_add(GROWTH)
}

/// Reads both; what is larger than `most` bytes as JSON, or grows to much more than it was, is left out and said so, each
/// text is cut after `longest` characters. Nothing takes more than [`most_content`].
pub fn content(raw: &Raw, longest: usize, most: usize) -> Content {
    let mut asked: Map<String, Value> = serde_json::from_slice(&raw.question).unwrap_or_default();
    let question = QUESTIONS.iter().find_map(|name| asked.shift_remove(*name));
    NO_PARAMETERS.iter().for_each(|name| {
        asked.shift_remove(*name);
    });
    let fitted = |value, most| raw.keeping(longest, most).fitted_text(value);
    let room = grown(raw.question.len()).min(most);
    let question = fitted(question.unwrap_or_else(|| json!({})), room);
    // Both are parts of one body.
    let parameters = fitted(Value::Object(asked), room.saturating_sub(question.len()) + GROWTH / 2);
    let is_object = parameters.starts_with('{');
    Content {
        question: Quoted::text(question),
        answer: Quoted::text(fitted(answer(&raw.answer), grown(raw.answer.len()).min(most))),
        parameters: Quoted::text(if is_object { parameters } else { "{}".to_owned() }),
    }
}

/// What was answered; an empty object where nothing that can be shown was.
pub fn answer(answer: &Answer) -> Value {
    match answer {
        Answer::Nothing => json!({}),
        // What is no JSON is speech or a picture.
        Answer::Whole(body) => serde_json::from_slice(body).unwrap_or_else(|_| json!({})),
        Answer::Stream(bytes) => streamed(bytes),
    }
}

impl Keeping<'_> {
    /// The value with its texts as they are kept, or the beginning of its text where it is still too large.
    pub fn fitted(&self, mut value: Value) -> Value {
        self.cut(&mut value);
        let text = value.to_string();
        if text.len() <= self.most { value } else { self.beginning(&text) }
    }

    /// The same as JSON text.
    fn fitted_text(&self, mut value: Value) -> String {
        self.cut(&mut value);
        let text = value.to_string();
        if text.len() <= self.most { text } else { self.beginning(&text).to_string() }
    }

    /// The beginning of a JSON text. A character of it takes up to four bytes.
    fn beginning(&self, text: &str) -> Value {
        const ABOUT_THE_REST: usize = 64;
        let longest = self.longest.min(self.most.saturating_sub(ABOUT_THE_REST) / 4);
        Value::String(Keeping { longest, ..*self }.kept(text))
    }

    fn cut(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                let safe = named::address(text);
                *text = self.kept(safe.as_deref().unwrap_or(text));
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.cut(value)),
            Value::Object(map) => map.iter_mut().for_each(|(name, value)| self.cut_named(name, value)),
            _ => {}
        }
    }

    fn cut_named(&self, name: &str, value: &mut Value) {
        let holds = named::holds(name);
        if matches!(holds, Holds::Secret | Holds::Secrets) && named::hide(value, holds) {
            return;
        }
        let inner = match value {
            Value::String(text) if holds == Holds::Json => {
                serde_json::from_str::<Map<String, Value>>(text).ok()
            }
            _ => None,
        };
        let Some(mut inner) = inner else { return self.cut(value) };
        inner.iter_mut().for_each(|(name, value)| self.cut_named(name, value));
        *value = Value::String(self.kept(&Value::Object(inner).to_string()));
    }

    /// One text.
    pub fn kept(&self, text: &str) -> String {
        // Texts may be as large as requests; what is cut away is not worth a look.
        let mut looked_at = text.len().min(self.longest.saturating_mul(4).saturating_add(BEHIND_CUT));
        while !text.is_char_boundary(looked_at) {
            looked_at -= 1;
        }
        let (seen, unseen) = text.split_at(looked_at);
        let seen = self.redactor.redact(seen);
        match seen.char_indices().nth(self.longest) {
            None if unseen.is_empty() => seen.into_owned(),
            cut => {
                let end = cut.map_or(seen.len(), |(end, _)| end);
                let (kept, rest) = seen.split_at(end);
                let more = rest.chars().count() + unseen.chars().count();
                format!("{kept}... ({more} more characters)")
            }
        }
    }
}

/// The text of a stream, put together as one answer.
pub fn streamed(bytes: &[u8]) -> Value {
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
    use super::*;

    #[test]
    fn a_question_is_told_apart_from_its_parameters() {
        let question = json!({
            "model": "m", "messages": [{"role": "user", "content": "12345678"}], "temperature": 1,
            "api_key": "sk-canary", "metadata": {"a": 1},
        });
        let raw = Raw {
            question: question.to_string().into(),
            answer: Answer::Whole(Bytes::from_static(br#"{"choices":[]}"#)),
            redactor: Redactor::default(),
        };
        let read = content(&raw, 5, 1000);
        assert_eq!(read.question.value()[0]["content"], "12345... (3 more characters)");
        assert_eq!(read.parameters.value(), json!({"temperature": 1}));
        assert_eq!(read.answer.value(), json!({"choices": []}));
        let nothing = content(&Raw::default(), 5, 1000);
        assert_eq!((nothing.question.value(), nothing.answer.value()), (json!({}), json!({})));
    }

    #[test]
    fn streams_are_put_together() {
        let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"He\"}}]}\n\n: ping\n\n\
                      data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"y\"}}]}\n\ndata: [DONE]\n\n";
        let read = answer(&Answer::Stream(Bytes::from_static(stream.as_bytes())));
        assert_eq!(read["choices"][0]["message"]["content"], "Hey");
        let events = "event: response.output_text.delta\ndata: {\"delta\":\"Hi\"}\n\n";
        let read = answer(&Answer::Stream(Bytes::from_static(events.as_bytes())));
        assert_eq!(read["choices"][0]["message"]["content"], "Hi");
    }

    #[test]
    fn what_is_too_large_is_shortened() {
        let many = json!({"data": vec![1.5; 1000]});
        let keeping = Keeping { longest: 100, most: 500, redactor: &Redactor::default() };
        assert!(keeping.fitted(many).to_string().len() < 200);
    }

    #[test]
    fn secrets_with_a_name_go_whatever_they_look_like() {
        let question = json!({
            "model": "m",
            "messages": [
                {"role": "user", "content": "the password is on https://h/x?token=canary1 and postgres://u:canary2@db/x"},
                {"role": "assistant", "tool_calls": [{"function": {"name": "login",
                    "arguments": "{\"user\":\"ann\",\"password\":\"canary3\"}"}}]},
            ],
            "tools": [
                {"type": "mcp", "server_label": "x", "server_url": "https://u:canary4@mcp.example/sse",
                 "authorization": "canary5", "headers": {"X-Custom": "canary6"}},
                {"type": "function", "function": {"name": "login", "parameters": {"type": "object", "properties": {
                    "password": {"type": "string", "description": "the password"},
                    "headers": {"type": "object", "description": "more headers"}}}}},
            ],
            "mcp_servers": [{"url": "https://mcp.example", "authorization_token": "canary7"}],
            "data_sources": [{"parameters": {"endpoint": "https://s.example", "authentication":
                {"type": "api_key", "key": "canary8"}}}],
            "vertex_credentials": {"client_email": "a", "private_key_id": "canary9"},
        });
        let raw = Raw {
            question: question.to_string().into(),
            answer: Answer::Whole(json!({"tools": question["tools"]}).to_string().into()),
            redactor: Redactor::default(),
        };
        let read = content(&raw, 1000, 10_000);
        let text = format!("{read:?}");
        assert!(!text.contains("canary"), "{text}");
        let tools = read.parameters.value()["tools"].clone();
        assert_eq!(tools[0]["server_url"], "https://[redacted]@mcp.example/sse");
        assert_eq!(tools[1], question["tools"][1], "a description of a field is no secret");
        assert_eq!(read.question.value()[1]["tool_calls"][0]["function"]["name"], "login");
        let nothing = Raw { redactor: Redactor::nothing(), ..raw };
        let named = format!("{:?}", content(&nothing, 1000, 10_000));
        for canary in ["canary3", "canary4", "canary5", "canary6", "canary7", "canary8", "canary9"] {
            assert!(!named.contains(canary), "{canary} {named}");
        }
    }

    #[test]
    fn content_takes_no_more_than_is_reckoned_with() {
        let digits = format!("[{}]", vec!["1e9"; 3000].join(","));
        let quotes = "\\\"".repeat(3000);
        for body in [
            format!("{{\"input\":{digits},\"seed\":{digits}}}"),
            format!("{{\"input\":\"{quotes}\",\"x\":\"ü\"}}"),
            "{\"input\":\"x\"}".to_owned(),
        ] {
            let raw = Raw {
                question: body.clone().into(),
                answer: Answer::Whole(body.into()),
                redactor: Redactor::default(),
            };
            for most in [4096, 262_144] {
                let (size, room) = (content(&raw, 65_536, most).size(), most_content(&raw, most));
                assert!(size <= room, "{size} > {room}");
            }
        }
    }
}
