//! What one choice says about the progress of an answer, read without a tree.

use crate::wire::json::Members;

/// The facts of one element of `choices`, in a chunk or in a whole reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChoiceFacts {
    /// Which of the `n` answers.
    pub index: u32,
    /// Whether it has a finish reason.
    pub finished: bool,
    /// Bytes of text, reasoning, refusal, audio and tool calls.
    pub output_bytes: u64,
    /// Whether it cites the web: the sign of a search in models that search by themselves.
    pub searched: bool,
}

impl ChoiceFacts {
    /// Reads a raw choice of the chat or the text-completions API.
    pub fn of(choice: &str) -> Self {
        let mut facts = ChoiceFacts::default();
        for (name, value) in Members::of(choice) {
            match name {
                "index" => facts.index = value.parse().unwrap_or(0),
                // Some servers send "" until there is a reason.
                "finish_reason" => facts.finished = !matches!(value, "null" | "\"\""),
                "text" => facts.output_bytes += weight(value),
                "delta" | "message" => {
                    for (name, value) in Members::of(value).filter(|(name, _)| *name != "role") {
                        facts.output_bytes += weight(value);
                        facts.searched |= name == "annotations" && value.contains("\"url_citation\"");
                    }
                }
                _ => {}
            }
        }
        facts
    }
}

/// The bytes of a value that carries something; 0 for null and what is empty.
fn weight(raw: &str) -> u64 {
    match raw.as_bytes() {
        [b'"', inner @ .., b'"'] => inner.len() as u64,
        [b'[' | b'{', inner @ .., _] if inner.iter().any(|byte| !byte.is_ascii_whitespace()) => {
            raw.len() as u64
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(choice: &str) -> (u32, bool, u64) {
        let facts = ChoiceFacts::of(choice);
        (facts.index, facts.finished, facts.output_bytes)
    }

    #[test]
    fn progress_of_a_choice() {
        assert_eq!(
            facts(r#"{"index":1,"delta":{"role":"assistant","content":""},"finish_reason":null}"#),
            (1, false, 0)
        );
        assert_eq!(facts(r#"{"index":0,"delta":{"content":"Hi!","refusal":null}}"#), (0, false, 3));
        assert_eq!(facts(r#"{"delta":{"tool_calls":[]},"finish_reason":"tool_calls"}"#), (0, true, 0));
        assert!(facts(r#"{"delta":{"tool_calls":[{"index":0}]},"finish_reason":""}"#).2 > 0);
        assert_eq!(facts(r#"{"text":"ab","index":2,"finish_reason":"stop"}"#), (2, true, 2));
        assert_eq!(facts("7"), (0, false, 0));
        let cites = r#"{"message":{"content":"x","annotations":[{"type":"url_citation"}]}}"#;
        assert!(ChoiceFacts::of(cites).searched);
        assert!(!ChoiceFacts::of(r#"{"message":{"content":"url_citation","annotations":[]}}"#).searched);
    }
}
