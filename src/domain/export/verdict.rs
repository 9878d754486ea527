//! What sinks say of what they were sent: an answer with a good status may still say that not everything was taken.
//!
//! Sources: OTLP 1.x, "Partial Success"; Langfuse's ingestion (207 with successes and errors); Datadog's series v2
//! (202 with errors); LangSmith, whose SDK takes a 409 for a run that is there already.

use std::collections::HashSet;

use serde_json::Value;

use super::otlp;

/// How a sink's answers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// The status says everything.
    Plain,
    /// A list of errors beside a good status.
    Listed,
    /// The same, and what is there already is a 409.
    Langsmith,
    /// Langfuse's two lists, whose members name the entries of the batch.
    Langfuse,
    /// OTLP's partial success as JSON.
    OtlpJson,
    /// OTLP's partial success as protobuf.
    OtlpProtobuf,
}

/// What was not taken although the status is good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejection {
    /// So many entries, or events where the answer names them.
    pub entries: usize,
    /// The sink's own words. They may quote what was sent, keys included.
    pub words: Option<String>,
}

impl Answers {
    /// What an answer with a good status has not taken of the body that was `sent`.
    pub fn rejection(self, sent: &[u8], answer: &[u8]) -> Rejection {
        let json = || serde_json::from_slice(answer).unwrap_or_default();
        match self {
            Answers::Plain => Rejection::default(),
            Answers::Listed | Answers::Langsmith => listed(&json()),
            Answers::Langfuse => langfuse(sent, &json()),
            Answers::OtlpJson => otlp::partial_json(&json()),
            Answers::OtlpProtobuf => otlp::partial_protobuf(answer),
        }
    }

    /// Whether a status says that what was sent is there already, from an earlier try.
    pub fn is_there(self, status: u16) -> bool {
        self == Answers::Langsmith && status == 409
    }
}

/// `errors`, a list of texts or objects; or `error`, a text or an object.
fn listed(answer: &Value) -> Rejection {
    let errors = answer.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let single = answer.get("error").filter(|error| !matches!(error, Value::Null | Value::Bool(false)));
    let Some(first) = errors.first().or(single) else { return Rejection::default() };
    Rejection { entries: errors.len().max(1), words: words(first) }
}

/// Langfuse's `errors` name entries by their ids; an event has two.
fn langfuse(sent: &[u8], answer: &Value) -> Rejection {
    let all = listed(answer);
    let errors = answer.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let id = |entry: &Value| entry.get("id").and_then(Value::as_str).map(str::to_owned);
    let refused: HashSet<String> = errors.iter().filter_map(id).collect();
    if refused.is_empty() {
        return all;
    }
    let batch: Value = serde_json::from_slice(sent).unwrap_or_default();
    let entries = batch.get("batch").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let hit = |pair: &&[Value]| pair.iter().filter_map(id).any(|id| refused.contains(&id));
    Rejection { entries: entries.chunks(2).filter(hit).count().max(1), words: all.words }
}

/// A sentence of an error.
fn words(error: &Value) -> Option<String> {
    let inner = |names: &[&str]| names.iter().find_map(|name| error.get(name)?.as_str());
    let text = error.as_str().or_else(|| inner(&["message", "detail", "title", "error"]))?;
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answers: Answers, sent: &str, answer: &str) -> (usize, Option<String>) {
        let Rejection { entries, words } = answers.rejection(sent.as_bytes(), answer.as_bytes());
        (entries, words)
    }

    #[test]
    fn good_answers_reject_nothing() {
        for (answers, answer) in [
            (Answers::Listed, r#"{"errors": []}"#),
            (Answers::Listed, ""),
            (Answers::Langsmith, r#"{"message": "Runs batch ingested"}"#),
            (Answers::Langfuse, r#"{"successes": [{"id": "a", "status": 201}], "errors": []}"#),
            (Answers::OtlpJson, r#"{"partialSuccess": {}}"#),
            (Answers::OtlpJson, "{}"),
            (Answers::OtlpProtobuf, ""),
            (Answers::OtlpProtobuf, "{}"),
            (Answers::Plain, r#"{"errors": ["x"]}"#),
        ] {
            assert_eq!(read(answers, "", answer), (0, None), "{answers:?} {answer}");
        }
    }

    #[test]
    fn lists_of_errors_are_counted() {
        let two = r#"{"errors": ["series too old", "x"]}"#;
        assert_eq!(read(Answers::Listed, "", two), (2, Some("series too old".to_owned())));
        let one = r#"{"error": {"message": "no such project"}}"#;
        assert_eq!(read(Answers::Langsmith, "", one), (1, Some("no such project".to_owned())));
        assert!(Answers::Langsmith.is_there(409) && !Answers::Langfuse.is_there(409));
    }

    #[test]
    fn both_entries_of_an_event_are_one_event() {
        let sent = json!({"batch": [{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d"}]}).to_string();
        let both = r#"{"errors": [{"id": "a", "status": 400, "message": "no"}, {"id": "b", "status": 400}]}"#;
        assert_eq!(read(Answers::Langfuse, &sent, both), (1, Some("no".to_owned())));
        let two = r#"{"errors": [{"id": "b"}, {"id": "c"}]}"#;
        assert_eq!(read(Answers::Langfuse, &sent, two), (2, None));
        assert_eq!(read(Answers::Langfuse, &sent, r#"{"errors": [{}, {}]}"#), (2, None));
    }
}
