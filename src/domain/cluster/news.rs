//! The message that something was changed.

use serde_json::{Value, json};

use super::Changed;

/// The form that this program writes; others are understood as far as they can be.
const VERSION: u64 = 1;
/// The longest message, bytes: PostgreSQL carries less than 8000.
const LONGEST: usize = 7_000;

/// A change, and who made it known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The replica.
    pub from: String,
    /// What was changed.
    pub changed: Changed,
}

impl News {
    /// The message's text. A name too long for it becomes [`Changed::Everything`].
    pub fn text(&self) -> String {
        let write = |changed: &Changed| {
            let (kind, name, counted_as) = changed.parts();
            json!({"v": VERSION, "from": self.from, "changed": kind, "name": name, "as": counted_as})
                .to_string()
        };
        let text = write(&self.changed);
        if text.len() <= LONGEST { text } else { write(&Changed::Everything) }
    }

    /// Reads a message. One that cannot be understood may concern anything.
    pub fn read(text: &str) -> Self {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let field = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
        let from = field("from").to_owned();
        let known = message.get("v").and_then(Value::as_u64) == Some(VERSION) && text.len() <= LONGEST;
        let changed = match known {
            true => Changed::of(field("changed"), field("name"), field("as")),
            false => Changed::Everything,
        };
        News { from, changed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(changed: Changed) -> News {
        News { from: "a".into(), changed }
    }

    #[test]
    fn what_is_written_is_read() {
        let name = || "x \"y\" é".to_owned();
        for changed in [
            Changed::Key { hash: name(), counted_as: "first".into() },
            Changed::Credential(name()),
            Changed::User(name()),
            Changed::Team(name()),
            Changed::Organization(name()),
            Changed::EndUser(name()),
            Changed::Budget(name()),
            Changed::Tag(name()),
            Changed::Model(name()),
            Changed::Answer(name()),
            Changed::Answers,
            Changed::Everything,
        ] {
            assert_eq!(News::read(&news(changed.clone()).text()), news(changed));
        }
    }

    #[test]
    fn what_is_not_understood_concerns_everything() {
        let long = news(Changed::User("\u{0}".repeat(4_000))).text();
        assert!(long.len() <= LONGEST);
        for text in [
            long.as_str(),
            r#"{"v":1,"from":"a","changed":"galaxy","name":"x"}"#,
            r#"{"v":2,"from":"a","changed":"key","name":"x"}"#,
        ] {
            assert_eq!(News::read(text), news(Changed::Everything), "{text}");
        }
        for text in ["", "[]", "not json", "{\"v\":1}"] {
            assert_eq!(News::read(text).changed, Changed::Everything, "{text}");
        }
    }
}
