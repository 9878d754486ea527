//! Repair of text that was pasted from a document.
//!
//! Web pages lose indentation, and examples carry a shell command below their YAML. Both are repaired, loudly
//! and only when the case is plain; everything else stays the syntax error that it is.

mod reindent;

use super::problem::{At, Problems};
use super::yaml::{self, Node, ParseError};

/// Reads a text, repaired if it needs to be. Line numbers stay those of the text.
pub fn parse(text: &str, file: u16, problems: &Problems) -> Result<Node, ParseError> {
    let mark = problems.mark();
    if let Some(repaired) = reindent::reindent(text) {
        if let Ok(tree) = yaml::parse(&repaired.text, file, problems) {
            problems.warn(At { file, line: repaired.first_line() }, "", repaired.explain());
            return Ok(tree);
        }
        problems.forget_since(mark);
    }
    let error = match yaml::parse(text, file, problems) {
        Ok(tree) => return Ok(tree),
        Err(error) => error,
    };
    problems.forget_since(mark);
    match before_command(text, error.line) {
        Some((kept, line)) => {
            let tree = yaml::parse(kept, file, problems)?;
            problems.warn(At { file, line: to_line(line) }, "", left_out(line, text.lines().count()));
            Ok(tree)
        }
        None => Err(error),
    }
}

fn to_line(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

fn left_out(first: usize, last: usize) -> String {
    format!(
        "lines {first} to {last} are a command and what follows it, not YAML; they are left out. \
         Delete them to silence this"
    )
}

/// The text before the first line that calls `litellm` or `stagedoor`, and that line's number, when the
/// reader failed at or after it.
fn before_command(text: &str, failed_at: usize) -> Option<(&str, usize)> {
    let mut offset = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if is_command(line) {
            return (index < failed_at).then(|| text.get(..offset).map(|kept| (kept, index + 1))).flatten();
        }
        offset += line.len();
    }
    None
}

/// `litellm --config ...` at the start of a line, and no `key:` in it.
fn is_command(line: &str) -> bool {
    let line = line.trim_end();
    let called = line.strip_prefix("litellm ").or_else(|| line.strip_prefix("stagedoor "));
    called.is_some_and(|arguments| !arguments.contains(": ") && !arguments.ends_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> (Result<Node, ParseError>, String) {
        let problems = Problems::default();
        problems.add_file("c.yaml");
        let tree = parse(text, 0, &problems);
        (tree, problems.report().to_string())
    }

    #[test]
    fn a_command_and_what_follows_is_left_out() {
        let text = "a: 1\n# make a key\nlitellm --config c.yaml --generate_key\n# Returns: sk-1\nclient = X(\n  y=\"z\",\n)\n";
        let (tree, report) = read(text);
        assert_eq!(tree.unwrap().to_json(), json!({"a": 1}));
        assert_eq!(
            report,
            "warning: c.yaml:3: lines 3 to 7 are a command and what follows it, not YAML; they are left out. \
             Delete them to silence this\n0 errors, 1 warning"
        );
    }

    #[test]
    fn other_broken_text_stays_broken() {
        for text in
            ["a: 1\nfoo --bar\nb: [\n", "a: [\nlitellm x\n}\n", "a: 1\n  b: 2\nlitellm --x\n", "litellm: {\n"]
        {
            assert!(read(text).0.is_err(), "{text}");
        }
    }

    #[test]
    fn lost_indentation_is_put_back() {
        let (tree, report) =
            read("litellm_settings:\ncache: true\ncache_params:\ntype: redis\nttl: 60 # s\n# end\n");
        assert_eq!(
            tree.unwrap().to_json(),
            json!({"litellm_settings": {"cache": true, "cache_params": {"type": "redis", "ttl": 60}}})
        );
        assert_eq!(
            report,
            "warning: c.yaml:1: this file has lost its indentation. It is read with lines 2 to 5 indented under \
             litellm_settings; please indent them\n0 errors, 1 warning"
        );
    }
}
