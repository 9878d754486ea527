//! What must not be kept of prompts and answers where these are stored: known kinds of secrets, and what the
//! configuration names with patterns of its own.

use std::borrow::Cow;
use std::sync::Arc;

use regex_lite::Regex;

/// What stands in the place of what was taken out.
pub const REDACTED: &str = "[redacted]";

/// Keys and tokens as providers, clouds and forges hand them out, and private keys.
const KEYS: &[&str] = &[
    r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{30,}",
    r"\bglpat-[A-Za-z0-9_-]{16,}",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\bAIza[0-9A-Za-z_-]{30,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
    r"(?i)\bbearer\s+[A-Za-z0-9._~+/-]{16,}=*",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
];

const EMAILS: &[&str] = &[r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"];

/// Takes secrets out of texts. Cloning shares the patterns.
#[derive(Debug, Clone)]
pub struct Redactor {
    rules: Arc<[String]>,
    patterns: Arc<[Regex]>,
}

impl PartialEq for Redactor {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

impl Default for Redactor {
    /// Keys.
    fn default() -> Self {
        Redactor::new(vec!["keys".to_string()]).unwrap_or_else(|_| Redactor::nothing())
    }
}

impl Redactor {
    /// Takes nothing out.
    pub fn nothing() -> Self {
        Redactor { rules: Arc::default(), patterns: Arc::default() }
    }

    /// These rules: `keys`, `emails`, or a regular expression.
    ///
    /// # Errors
    /// The index of the rule that is none, and what is wrong with it.
    pub fn new(rules: Vec<String>) -> Result<Self, (usize, String)> {
        let mut patterns = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let own = [rule.as_str()];
            let sources = match rule.as_str() {
                "keys" => KEYS,
                "emails" => EMAILS,
                _ => &own,
            };
            for source in sources {
                let pattern = Regex::new(source).map_err(|cause| (index, cause.to_string()))?;
                // It would tear every text apart.
                if pattern.is_match("") {
                    return Err((index, "it matches nothing at all".to_string()));
                }
                patterns.push(pattern);
            }
        }
        Ok(Redactor { rules: rules.into(), patterns: patterns.into() })
    }

    /// The text without what the rules name.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut kept = Cow::Borrowed(text);
        for pattern in &*self.patterns {
            if let Cow::Owned(changed) = pattern.replace_all(&kept, REDACTED) {
                kept = Cow::Owned(changed);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_go_and_the_rest_stays() {
        let redactor = Redactor::new(vec!["keys".into(), "emails".into(), r"\bEMP-\d+\b".into()]).unwrap();
        for (text, kept) in [
            ("my key is sk-proj-abcdefghijklmnop1234.", "my key is [redacted]."),
            (
                "AKIAIOSFODNN7EXAMPLE and ghp_abcdefghijklmnopqrstuvwxyz0123456789",
                "[redacted] and [redacted]",
            ),
            ("Authorization: Bearer abcdefghijklmnopqrst==", "Authorization: [redacted]"),
            ("write to ann.lee+x@mail.example.com now", "write to [redacted] now"),
            ("employee EMP-4711 asks", "employee [redacted] asks"),
            ("a -----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc", "a [redacted]"),
            ("task-list, risk-averse, desk-1 and 5 @ 3", "task-list, risk-averse, desk-1 and 5 @ 3"),
            ("größe ü", "größe ü"),
        ] {
            assert_eq!(redactor.redact(text), kept);
        }
        assert!(matches!(Redactor::default().redact("a@b.example"), Cow::Borrowed("a@b.example")));
        assert_eq!(Redactor::nothing().redact("sk-abcdefghijklmnop1234"), "sk-abcdefghijklmnop1234");
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        assert_eq!(Redactor::new(vec!["keys".into(), "(".into()]).unwrap_err().0, 1);
        assert_eq!(Redactor::new(vec!["x*".into()]).unwrap_err().0, 0);
    }
}
