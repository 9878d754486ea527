//! Finds the JSON value in text that may wrap it in prose or a code fence, as the text arrives.

/// Lets the first JSON object or array of a text through and holds everything else back.
#[derive(Debug, Clone, Default)]
pub(super) struct JsonText {
    state: State,
    depth: u32,
    in_string: bool,
    escaped: bool,
    held: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Inside,
    After,
}

impl JsonText {
    /// Takes the next piece of text and appends what may be shown.
    pub(super) fn feed(&mut self, text: &str, out: &mut String) {
        for c in text.chars() {
            match self.state {
                State::Before if c == '{' || c == '[' => {
                    self.state = State::Inside;
                    self.depth = 1;
                    out.push(c);
                }
                State::Before => self.held.push(c),
                State::Inside => {
                    out.push(c);
                    self.step(c);
                }
                State::After => {}
            }
        }
    }

    /// At the end: a text without any JSON is shown as it was, better than nothing.
    pub(super) fn finish(&mut self, out: &mut String) {
        if self.state == State::Before {
            out.push_str(&self.held);
        }
        *self = JsonText::default();
    }

    fn step(&mut self, c: char) {
        if self.in_string {
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = true,
                '"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match c {
            '"' => self.in_string = true,
            '{' | '[' => self.depth = self.depth.saturating_add(1),
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.state = State::After;
                }
            }
            _ => {}
        }
    }
}

/// The JSON within a whole text.
pub(super) fn extract(text: &str) -> String {
    let mut json = JsonText::default();
    let mut out = String::with_capacity(text.len());
    json.feed(text, &mut out);
    json.finish(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_freed_from_its_wrapping() {
        assert_eq!(
            extract("Here:\n```json\n{\"a\": \"}\\\"\", \"b\": [1]}\n```\nDone {x}"),
            "{\"a\": \"}\\\"\", \"b\": [1]}"
        );
        assert_eq!(extract("{\"a\":1}"), "{\"a\":1}");
        assert_eq!(extract("3"), "3");
        assert_eq!(extract("I cannot."), "I cannot.");
    }

    #[test]
    fn pieces_give_the_same_as_the_whole() {
        let text = "ok ```{\"ä\": {\"b\": \"\\\\\"}}``` bye";
        let mut json = JsonText::default();
        let mut out = String::new();
        for c in text.chars() {
            json.feed(c.encode_utf8(&mut [0; 4]), &mut out);
        }
        json.finish(&mut out);
        assert_eq!(out, extract(text));
        assert_eq!(out, "{\"ä\": {\"b\": \"\\\\\"}}");
    }
}
