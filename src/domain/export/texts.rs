//! What was asked and answered, read from the bytes that went over the wire. Nobody does this while a request is
//! under way.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::event::Content;
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
        let answer = match &self.answer {
            Answer::Nothing => 0,
            Answer::Whole(bytes) | Answer::Stream(bytes) => bytes.len(),
        };
        self.question.len() + answer
    }

    /// How what was said is kept: texts cut after `longest` characters, values shortened above `most` bytes of JSON.
    pub fn keeping(&self, longest: usize, most: usize) -> Keeping<'_> {
        Keeping { longest, most, redactor: &self.redactor }
    }
}

/// Reads both; what is larger than `most` bytes as JSON is left out and said so, each text is cut after `longest`
/// characters.
pub fn content(raw: &Raw, longest: usize, most: usize) -> Content {
    let mut asked: Map<String, Value> = serde_json::from_slice(&raw.question).unwrap_or_default();
    let question = QUESTIONS.iter().find_map(|name| asked.shift_remove(*name));
    NO_PARAMETERS.iter().for_each(|name| {
        asked.shift_remove(*name);
    });
    let answer = answer(&raw.answer);
    let keeping = raw.keeping(longest, most);
    Content {
        question: keeping.fitted(question.unwrap_or_else(|| json!({}))),
        answer: keeping.fitted(answer),
        parameters: match keeping.fitted(Value::Object(asked)) {
            Value::Object(parameters) => parameters,
            _ => Map::new(),
        },
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
        if text.len() <= self.most { value } else { Value::String(self.kept(&text)) }
    }

    fn cut(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.kept(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.cut(value)),
            Value::Object(map) => map.values_mut().for_each(|value| self.cut(value)),
            _ => {}
        }
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
        assert_eq!(read.question[0]["content"], "12345... (3 more characters)");
        assert_eq!(Value::Object(read.parameters), json!({"temperature": 1}));
        assert_eq!(read.answer, json!({"choices": []}));
        let nothing = content(&Raw::default(), 5, 1000);
        assert_eq!((nothing.question, nothing.answer), (json!({}), json!({})));
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
}
