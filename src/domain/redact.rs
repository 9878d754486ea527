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

/// Logins and keys in addresses, of which the rest stays: a pattern, what stands in its place, and what a text must have
/// for a look to be worth it.
const ADDRESSES: [(&str, &str, &str); 2] = [
    (r#"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s:@"']*:[^/\s@"']+@"#, "${1}[redacted]@", "://"),
    (
        r#"(?i)([?&](?:x-amz-)?(?:api[-_]?key|(?:access|auth|security|id)[-_]token|token|key|sig|signature|secret|password|credential)=)[^&#\s"'<>]+"#,
        "${1}[redacted]",
        "=",
    ),
];

const EMAILS: &[&str] = &[r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"];

/// Takes secrets out of texts. Cloning shares the patterns.
#[derive(Debug, Clone)]
pub struct Redactor {
    rules: Arc<[String]>,
    patterns: Arc<[Pattern]>,
}

#[derive(Debug)]
struct Pattern {
    finds: Regex,
    /// What stands in the place of what it finds.
    leaves: &'static str,
    /// Texts without this are not looked at.
    needs: &'static str,
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
            let whole = |source: &&'static str| (*source, REDACTED, "");
            let sources: Vec<(&str, &'static str, &'static str)> = match rule.as_str() {
                "keys" => KEYS.iter().map(whole).chain(ADDRESSES).collect(),
                "emails" => EMAILS.iter().map(whole).collect(),
                own => vec![(own, REDACTED, "")],
            };
            for (source, leaves, needs) in sources {
                let finds = Regex::new(source).map_err(|cause| (index, cause.to_string()))?;
                // It would tear every text apart.
                if finds.is_match("") {
                    return Err((index, "it matches nothing at all".to_string()));
                }
                patterns.push(Pattern { finds, leaves, needs });
            }
        }
        Ok(Redactor { rules: rules.into(), patterns: patterns.into() })
    }

    /// The text without what the rules name.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut kept = Cow::Borrowed(text);
        for Pattern { finds, leaves, needs } in &*self.patterns {
            if kept.contains(needs)
                && let Cow::Owned(changed) = finds.replace_all(&kept, *leaves)
            {
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
            ("see postgres://u:p%40w@db/x?sslmode=on", "see postgres://[redacted]@db/x?sslmode=on"),
            ("GET https://h/x?a=1&api_key=abc&b=2", "GET https://h/x?a=1&api_key=[redacted]&b=2"),
            ("at https://h:8080/x?page=2 is a = b", "at https://h:8080/x?page=2 is a = b"),
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
