//! Continuation lines that PyYAML takes and YAML 1.2 does not.
//!
//! Inside of brackets and quotes PyYAML does not mind how far a line is indented; YAML 1.2 wants it further in
//! than the surrounding block. Leading blanks mean nothing there, so such lines are pushed in until the
//! stricter parser is content.

use super::Node;
use super::parse::{ParseError, parse_strictly};
use crate::config::problem::Problems;

/// How far a line is pushed in: further than any block.
const PAD: usize = 200;
/// The most lines that are pushed in; each costs one more reading.
const MOST: usize = 100;

/// What the parser says of a line inside of brackets that is not far enough in.
const IN_BRACKETS: [&str; 2] = ["invalid indentation in flow construct", "invalid indentation"];
/// The same for quotes; it names the line on which the quotes open.
const IN_QUOTES: &str = "invalid indentation in quoted scalar";

/// Reads one document. Duplicate keys are warned about; an empty text is an empty mapping.
pub fn parse(text: &str, file: u16, problems: &Problems) -> Result<Node, ParseError> {
    let mark = problems.mark();
    let mut padded: Vec<usize> = Vec::new();
    let mut current = String::new();
    for _ in 0..=MOST {
        let source = if padded.is_empty() { text } else { current.as_str() };
        let mut error = match parse_strictly(source, file, problems) {
            Ok(tree) => return Ok(tree),
            Err(error) => error,
        };
        problems.forget_since(mark);
        let blank = |line: usize| text.lines().nth(line - 1).is_none_or(|line| line.trim().is_empty());
        let next = match error.message.as_str() {
            message if IN_BRACKETS.contains(&message) => Some(error.line),
            IN_QUOTES => {
                (error.line + 1..=text.lines().count()).find(|line| !padded.contains(line) && !blank(*line))
            }
            _ => None,
        };
        match next.filter(|line| *line > 0 && !padded.contains(line) && padded.len() < MOST) {
            Some(line) => padded.push(line),
            None => {
                if padded.contains(&error.line) {
                    error.column = error.column.saturating_sub(PAD).max(1);
                }
                return Err(error);
            }
        }
        current = pad(text, &padded);
    }
    parse_strictly(text, file, problems)
}

fn pad(text: &str, lines: &[usize]) -> String {
    let mut out = String::with_capacity(text.len() + PAD * lines.len());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if lines.contains(&(index + 1)) {
            out.push_str(&" ".repeat(PAD));
        }
        out.push_str(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn brackets_and_quotes_may_go_on_at_any_column() {
        let problems = Problems::default();
        let read = |text: &str| parse(text, 0, &problems).map(|tree| tree.to_json());
        assert_eq!(read("a: {x: 1,\ny: 2}\nb: 3\n").unwrap(), json!({"a": {"x": 1, "y": 2}, "b": 3}));
        assert_eq!(
            read("s:\n  f: [\n  {\"a\": [\"b\"]},\n{\"c\": [\n\"d\"]}\n]\n").unwrap(),
            json!({"s": {"f": [{"a": ["b"]}, {"c": ["d"]}]}})
        );
        assert_eq!(read("a: \"one\n\ntwo\nthree\"\nb: 1\n").unwrap(), json!({"a": "one\ntwo three", "b": 1}));
        assert_eq!(read("a: {x: 1,\ny: ]\n").unwrap_err().line, 2);
        for broken in
            ["a: \"open\nb: 1\n", "a:\n    b: 1\n  c: 2\n", "a:\n    - b\n  - c\n", "  a: 1\nb: 2\n"]
        {
            assert!(read(broken).is_err(), "{broken}");
        }
        assert!(read(&format!("a: [\n{}", "x,\n".repeat(5000))).is_err());
    }
}
