//! The text that Prometheus scrapes: one family at a time, labels cut to a bounded length.

use std::borrow::Cow;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::names;

/// The longest value of a label, bytes. What is longer is cut and told apart by a hash.
pub const LONGEST_VALUE: usize = 128;
/// What stands behind the beginning of a value that was cut: `~` and eight digits.
const MARK: usize = 9;

/// A label's value as it stands between quotes.
pub fn escaped(value: &str) -> Cow<'_, str> {
    let value = shortened(value);
    if value.contains(['\\', '"', '\n']) {
        return Cow::Owned(value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
    }
    value
}

fn shortened(value: &str) -> Cow<'_, str> {
    if value.len() <= LONGEST_VALUE {
        return Cow::Borrowed(value);
    }
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    let whole = |end: &usize| value.is_char_boundary(*end);
    let end = (0..=LONGEST_VALUE - MARK).rev().find(whole).unwrap_or(0);
    Cow::Owned(format!("{}~{:08x}", &value[..end], hasher.finish() >> 32))
}

/// `name="value",...`
pub fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        let comma = if out.is_empty() { "" } else { "," };
        // Writing into a string cannot fail.
        let _ = write!(out, "{comma}{name}=\"{}\"", escaped(value));
    }
    out
}

/// What stands before the series of a family; `kind` is `counter`, `gauge` or `histogram`.
pub fn head(out: &mut String, name: &str, kind: &str) {
    let help = names::HELP.iter().find(|(known, _)| *known == name).map_or("", |(_, help)| *help);
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// One family whose labels and values are at hand, if there are some.
pub fn family<'a>(out: &mut String, name: &str, kind: &str, rows: impl Iterator<Item = (&'a str, String)>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    head(out, name, kind);
    for (labels, value) in rows {
        let _ = match labels {
            "" => writeln!(out, "{name} {value}"),
            labels => writeln!(out, "{name}{{{labels}}} {value}"),
        };
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_prometheus_text() {
        let mut out = String::new();
        family(&mut out, names::KEYS_KNOWN, "gauge", [("", "3".to_string())].into_iter());
        family(&mut out, names::KEY_MAX, "gauge", [("a=\"b\"", "0.5".to_string())].into_iter());
        family(&mut out, names::TEAM_MAX, "gauge", std::iter::empty());
        assert!(out.contains(&format!("# TYPE {0} gauge\n{0} 3\n", names::KEYS_KNOWN)), "{out}");
        assert!(out.contains(&format!("{}{{a=\"b\"}} 0.5\n", names::KEY_MAX)), "{out}");
        assert!(!out.contains(names::TEAM_MAX));
    }

    #[test]
    fn values_are_quoted_and_never_long() {
        assert_eq!(labels([("a", "x\"y\\\n"), ("b", "ü")]), "a=\"x\\\"y\\\\\\n\",b=\"ü\"");
        let long = "ü".repeat(5_000);
        let other = format!("{long}!");
        assert!(escaped(&long).len() <= LONGEST_VALUE && escaped(&long).starts_with("üü"));
        assert_ne!(escaped(&long), escaped(&other), "two names stay two");
        assert_eq!(escaped(&long), escaped(&long));
    }
}
