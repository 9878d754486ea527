//! Names with `*`: which requests they match, and what the stars become upstream.

use smallvec::SmallVec;

/// What each `*` of a pattern stands for, left to right.
pub type Captures<'a> = SmallVec<[&'a str; 4]>;

/// A pattern such as `openai/*`; each `*` stands for any text, also none. Anchored at both ends.
#[derive(Debug, Clone)]
pub struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    /// Reads a pattern; a text without `*` matches itself only.
    pub fn new(text: &str) -> Self {
        Pattern { parts: text.split('*').map(str::to_string).collect() }
    }

    /// How much a pattern says: literal characters first, then the fewer stars the better.
    pub fn specificity(&self) -> (usize, usize) {
        let literal = self.parts.iter().map(String::len).sum();
        (literal, usize::MAX - self.parts.len())
    }

    /// What the stars stand for if `name` matches. Each star but the last takes as little as it can.
    pub fn captures<'a>(&self, name: &'a str) -> Option<Captures<'a>> {
        let (first, rest) = self.parts.split_first()?;
        let Some((last, middle)) = rest.split_last() else {
            return (name == first).then(Captures::new);
        };
        let mut left = name.strip_prefix(first.as_str())?.strip_suffix(last.as_str())?;
        let mut captures = Captures::new();
        for part in middle {
            let (before, after) = left.split_once(part.as_str())?;
            captures.push(before);
            left = after;
        }
        captures.push(left);
        Some(captures)
    }
}

/// Puts captures in the place of a target's stars, left to right; stars beyond the captures vanish.
pub fn substitute(target: &str, captures: &[&str]) -> String {
    let mut captures = captures.iter();
    let mut parts = target.split('*');
    let mut text = parts.next().unwrap_or_default().to_string();
    for part in parts {
        text.push_str(captures.next().unwrap_or(&""));
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn upstream(pattern: &str, target: &str, name: &str) -> Option<String> {
        Pattern::new(pattern).captures(name).map(|captures| substitute(target, &captures))
    }

    #[test]
    fn stars_travel_upstream() {
        #[rustfmt::skip]
        let table = [
            ("openai/*",    "*",            "openai/gpt-4o",     Some("gpt-4o")),
            ("openai/*",    "fixed",        "openai/gpt-4o",     Some("fixed")),
            ("*-sfx",       "*",            "foo-sfx",           Some("foo")),
            ("*-sfx",       "*",            "foo-sfx-2024",      None),
            ("*-sfx",       "*",            "foo-sfx-sfx",       Some("foo-sfx")),
            ("a/*/b/*",     "*-*",          "a/x/b/y",           Some("x-y")),
            ("a/*/b/*",     "*",            "a/x/b/y",           Some("x")),
            ("*",           "*",            "anything/at:all",   Some("anything/at:all")),
            ("gpt-4",       "gpt-4",        "gpt-4",             Some("gpt-4")),
            ("gpt-4",       "gpt-4",        "gpt-4o",            None),
            ("openai/*",    "*",            "azure/gpt-4o",      None),
            ("aa*aa",       "*",            "aaa",               None),
            ("gpt.4*",      "*",            "gptx4o",            None),
        ];
        for (pattern, target, name, expected) in table {
            assert_eq!(upstream(pattern, target, name).as_deref(), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn more_text_is_more_specific_than_fewer_stars() {
        let rank = |text| Pattern::new(text).specificity();
        assert!(rank("openai/gpt-*") > rank("openai/*"));
        assert!(rank("openai/*") > rank("*"));
        assert!(rank("ab*") > rank("a*b*"));
    }

    proptest! {
        #[test]
        fn a_match_rebuilds_the_name(pattern in "[ab*]{1,6}", name in "[ab]{0,10}") {
            if let Some(captures) = Pattern::new(&pattern).captures(&name) {
                prop_assert_eq!(&substitute(&pattern, &captures), &name);
            }
        }

        #[test]
        fn what_a_pattern_makes_it_matches(pattern in "[ab*]{1,6}", fill in "[ab]{0,4}") {
            let name = pattern.replace('*', &fill);
            prop_assert!(Pattern::new(&pattern).captures(&name).is_some());
        }
    }
}
