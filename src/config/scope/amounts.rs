//! Typed reading of money, periods and words: what limits and budgets are made of.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Field, Scope, nearest};
use crate::base::money::Nanos;
use crate::config::yaml::Yaml;
use crate::domain::keys::reset::{Every, rolling_end};

impl Field<'_> {
    /// Dollars, 0 or more: the decimal number that was written, not the float next to it.
    pub fn dollars(&self) -> Option<Nanos> {
        let what = "an amount in dollars, 0 or more";
        let amount: Option<Nanos> = match &self.node.value {
            Yaml::Int(dollars) => dollars.to_string().parse().ok(),
            Yaml::Float(dollars) => dollars.to_string().parse().ok(),
            Yaml::Text(text) => text.trim().parse().ok(),
            _ => return self.expected(what),
        };
        let amount = amount.filter(|amount| *amount >= Nanos::ZERO);
        if amount.is_none() {
            self.error(format!("must be {what}"));
        }
        amount
    }

    /// A budget's period as it is written.
    pub fn period(&self) -> Option<String> {
        self.length(|text| Every::parse(text).is_some())
    }

    /// A lifetime as it is written.
    pub fn lifetime(&self) -> Option<String> {
        self.length(|text| rolling_end(text, 0).is_some())
    }

    fn length(&self, good: impl Fn(&str) -> bool) -> Option<String> {
        let text = self.node.text().map(str::trim).filter(|text| good(text));
        if text.is_none() {
            self.error("must be a length of time such as \"1h\", \"7d\", \"30d\" or \"1mo\"");
        }
        text.map(str::to_owned)
    }

    /// A length of time in which a month has 31 days.
    pub fn span(&self) -> Option<Duration> {
        let end = rolling_end(&self.lifetime()?, 0)?;
        u64::try_from(end).ok().map(Duration::from_millis)
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let word = self.text()?;
        if let Some((_, meaning)) = words.iter().find(|(known, _)| *known == word.trim()) {
            return Some(*meaning);
        }
        let known: Vec<&str> = words.iter().map(|(known, _)| *known).collect();
        self.error(match nearest(word.trim(), known.iter().copied()) {
            Some(near) => format!("unknown word, did you mean \"{near}\"?"),
            None => format!("must be one of {}", known.join(", ")),
        });
        None
    }

    /// The name of an HTTP header, lower case.
    pub fn header_name(&self) -> Option<String> {
        let name = self.text()?.trim().to_ascii_lowercase();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) {
            self.error("this is no name of an HTTP header");
            return None;
        }
        Some(name)
    }
}

impl Scope<'_> {
    /// Dollars, 0 or more.
    pub fn dollars(&self, key: &str) -> Option<Nanos> {
        self.get(key)?.dollars()
    }

    /// A budget's period as it is written.
    pub fn period(&self, key: &str) -> Option<String> {
        self.get(key)?.period()
    }

    /// A whole number, 0 or more, as entities of the store keep it.
    pub fn whole(&self, key: &str) -> Option<i64> {
        self.count(key).and_then(|count| i64::try_from(count).ok())
    }

    /// A truth value that is false where nothing is said.
    pub fn flag(&self, key: &str) -> bool {
        self.bool(key).unwrap_or(false)
    }

    /// A free-form mapping.
    pub fn json(&self, key: &str) -> Option<Map<String, Value>> {
        let field = self.get(key)?;
        field.scope();
        matches!(field.node.value, Yaml::Map(_)).then(|| field.node.to_json_map())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::problem::Problems;
    use crate::config::yaml::parse;

    #[test]
    fn money_is_exact_and_lengths_are_checked() {
        let problems = Problems::default();
        problems.add_file("c.yaml");
        let text = "a: 0.1\nb: 5\nc: \"0.0007\"\nd: 1e-06\ne: 30d\nf: -1\ng: much\nh: 30\ni: 30d\nj: red\nk: bleu\nl: X-User\nm: a b\n";
        let tree = parse(text, 0, &problems).unwrap();
        let scope = Scope::new(Some(&tree), "", tree.at, &problems);
        let nanos = |key| scope.dollars(key).map(Nanos::get);
        assert_eq!([nanos("a"), nanos("b")], [Some(100_000_000), Some(5_000_000_000)]);
        assert_eq!([nanos("c"), nanos("d")], [Some(700_000), Some(1_000)]);
        assert_eq!(scope.period("e").as_deref(), Some("30d"));
        assert_eq!(scope.get("i").unwrap().span(), Some(Duration::from_secs(30 * 86_400)));
        let words = [("red", 1), ("blue", 2)];
        assert_eq!(scope.get("j").unwrap().word(&words), Some(1));
        assert_eq!(scope.get("l").unwrap().header_name().as_deref(), Some("x-user"));
        assert!(problems.report().problems.is_empty());
        assert_eq!((nanos("f"), nanos("g"), scope.period("h")), (None, None, None));
        assert_eq!(scope.get("k").unwrap().word(&words), None);
        assert_eq!(scope.get("m").unwrap().header_name(), None);
        assert_eq!(
            problems.report().to_string(),
            "error: c.yaml:6 f: must be an amount in dollars, 0 or more\n\
             error: c.yaml:7 g: must be an amount in dollars, 0 or more\n\
             error: c.yaml:8 h: must be a length of time such as \"1h\", \"7d\", \"30d\" or \"1mo\"\n\
             error: c.yaml:11 k: unknown word, did you mean \"blue\"?\n\
             error: c.yaml:13 m: this is no name of an HTTP header\n5 errors, 0 warnings"
        );
    }
}
