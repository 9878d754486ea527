//! Typed reading of a mapping: each getter gives a good value or notes what would be one.

mod amounts;

use std::time::Duration;

use super::keys::Keys;
use super::problem::{At, Problems};
use super::yaml::{Entry, Node, Yaml};
use crate::base::durations;
use crate::base::secret::Secret;
use crate::base::suggest;

/// A mapping of the config and the path to it.
#[derive(Clone)]
pub struct Scope<'a> {
    entries: &'a [Entry],
    /// The path from the root (`model_list[2].litellm_params`).
    pub path: String,
    /// Where the mapping stands.
    pub at: At,
    /// Where findings go.
    pub problems: &'a Problems,
}

/// One value of a mapping.
#[derive(Clone)]
pub struct Field<'a> {
    /// The value; never null.
    pub node: &'a Node,
    /// The path to it.
    pub path: String,
    /// Where its key stands.
    pub at: At,
    /// Where findings go.
    pub problems: &'a Problems,
}

impl<'a> Scope<'a> {
    /// A mapping, or an empty one where there is nothing. Anything else is noted as an error.
    pub fn new(node: Option<&'a Node>, path: &str, at: At, problems: &'a Problems) -> Self {
        let scope = Scope { entries: &[], path: path.to_owned(), at, problems };
        match node.map(|node| (&node.value, node)) {
            Some((Yaml::Map(entries), _)) => Scope { entries, ..scope },
            None | Some((Yaml::Null, _)) => scope,
            Some((_, node)) => {
                problems.error(at, path, format!("must be a mapping of keys to values, not {}", node.kind()));
                scope
            }
        }
    }

    /// The mapping's keys and values.
    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// The path of a key.
    pub fn path_of(&self, key: &str) -> String {
        let mut path = self.path.clone();
        super::yaml::push_key(&mut path, key);
        path
    }

    /// A value that is there and is not null.
    pub fn get(&self, key: &str) -> Option<Field<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (!entry.node.is_null()).then(|| self.field(entry))
    }

    /// The value of an entry of this mapping.
    pub fn field(&self, entry: &'a Entry) -> Field<'a> {
        Field { node: &entry.node, path: self.path_of(&entry.key), at: entry.at, problems: self.problems }
    }

    /// The name of the unset variable that a key refers to.
    pub fn unset_variable(&self, key: &str) -> Option<&'a str> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        entry.node.variable.as_deref().filter(|_| entry.node.is_null())
    }

    /// Where a key stands, or else the mapping.
    pub fn at_of(&self, key: &str) -> At {
        self.entries.iter().find(|entry| entry.key == key).map_or(self.at, |entry| entry.at)
    }

    /// A mapping inside of this one.
    pub fn scope(&self, key: &str) -> Scope<'a> {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        let at = entry.map_or(self.at, |entry| entry.at);
        Scope::new(entry.map(|entry| &entry.node), &self.path_of(key), at, self.problems)
    }

    /// A truth value.
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.get(key)?.bool()
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.text()
    }

    /// A secret text.
    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.get(key)?.text().filter(|text| !text.is_empty()).map(Secret::new)
    }

    /// A whole number, 0 or more.
    pub fn count(&self, key: &str) -> Option<u64> {
        self.get(key)?.count()
    }

    /// A whole number, 0 or more, of reasonable size.
    pub fn small(&self, key: &str) -> Option<u32> {
        self.get(key)?.small()
    }

    /// A number, 0 or more.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key)?.number()
    }

    /// A duration in seconds, 0 allowed.
    pub fn seconds(&self, key: &str) -> Option<Duration> {
        self.get(key)?.seconds()
    }

    /// A duration in seconds, more than 0.
    pub fn limit(&self, key: &str) -> Option<Duration> {
        self.get(key)?.positive_seconds()
    }

    /// A list of texts; a single text counts as a list of one.
    pub fn texts(&self, key: &str) -> Option<Vec<String>> {
        self.get(key)?.texts()
    }

    /// Warns about keys that nobody knows, with the nearest that somebody does.
    pub fn warn_of_unknown(&self, keys: Keys, elsewhere: &[(&str, Keys)]) {
        for entry in self.entries.iter().filter(|entry| !keys.knows(&entry.key)) {
            let home = elsewhere.iter().find(|(_, others)| others.knows(&entry.key));
            let message = match (nearest(&entry.key, keys.all()), home) {
                (_, Some((section, _))) => format!("unknown key here, it belongs under {section}"),
                (Some(near), None) => format!("unknown key, did you mean \"{near}\"?"),
                (None, None) => "unknown key, it has no effect".to_owned(),
            };
            self.problems.warn(entry.at, &self.path_of(&entry.key), message);
        }
    }
}

/// The known name that is so near that the other must be a typing error: a letter or two off, or the same
/// beginning.
pub fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let names: Vec<&str> = names.into_iter().collect();
    let most = if wrong.len() < 3 { 0 } else { 1 + usize::from(wrong.len() > 5) };
    let distance = |name: &str| strsim::damerau_levenshtein(wrong, name);
    let off = names.iter().map(|name| (distance(name), *name)).filter(|(off, _)| *off <= most);
    off.min_by_key(|(off, _)| *off).map(|(_, name)| name).or_else(|| {
        let near = suggest::nearest(wrong, names, 1).first().copied()?;
        (strsim::jaro_winkler(wrong, near) >= 0.9).then_some(near)
    })
}

impl Field<'_> {
    /// Notes an error about this value.
    pub fn error(&self, message: impl Into<String>) {
        self.problems.error(self.at, &self.path, message);
    }

    /// Notes a warning about this value.
    pub fn warn(&self, message: impl Into<String>) {
        self.problems.warn(self.at, &self.path, message);
    }

    /// Notes that another kind of value belongs here. Values themselves are not shown: they may be secret.
    fn expected<T>(&self, what: &str) -> Option<T> {
        match &self.node.variable {
            Some(name) => {
                self.error(format!("must be {what}; the environment variable {name} holds something else"))
            }
            None => self.error(format!("must be {what}, not {}", self.node.kind())),
        }
        None
    }

    /// A truth value; the words `true`, `false`, `yes`, `no`, `1` and `0` count.
    pub fn bool(&self) -> Option<bool> {
        let word = match &self.node.value {
            Yaml::Bool(flag) => return Some(*flag),
            Yaml::Int(number @ (0 | 1)) => return Some(*number == 1),
            Yaml::Text(word) => word.trim().to_ascii_lowercase(),
            _ => return self.expected("true or false"),
        };
        match word.as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => self.expected("true or false"),
        }
    }

    /// A text.
    pub fn text(&self) -> Option<String> {
        match &self.node.value {
            Yaml::Text(text) => Some(text.clone()),
            Yaml::Int(_) | Yaml::Float(_) | Yaml::Bool(_) => {
                self.error(format!("must be a text, not {}: put it in quotes", self.node.kind()));
                None
            }
            _ => self.expected("a text"),
        }
    }

    /// The number that is there, or in the text that is there.
    fn any_number(&self, what: &str) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)]
        match &self.node.value {
            Yaml::Int(number) => Some(*number as f64),
            Yaml::Float(number) => Some(*number),
            Yaml::Text(text) => match text.trim().replace('_', "").parse::<f64>() {
                Ok(number) if number.is_finite() => Some(number),
                _ => self.expected(what),
            },
            _ => self.expected(what),
        }
    }

    /// A number, 0 or more.
    pub fn number(&self) -> Option<f64> {
        let number = self.any_number("a number")?;
        if number.is_finite() && number >= 0.0 {
            return Some(number);
        }
        self.error("must be a number, 0 or more");
        None
    }

    /// A whole number, 0 or more.
    pub fn count(&self) -> Option<u64> {
        let what = "a whole number, 0 or more";
        let number = self.any_number(what)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        if number >= 0.0 && number.fract() == 0.0 && number < 9e18 {
            return Some(number as u64);
        }
        self.error(format!("must be {what}"));
        None
    }

    /// A whole number up to a thousand million.
    pub fn small(&self) -> Option<u32> {
        let count = self.count()?;
        if count <= 1_000_000_000 {
            return u32::try_from(count).ok();
        }
        self.error("must be a whole number, at most 1000000000");
        None
    }

    /// A duration: a number of seconds, or a text such as `30s` or `5m`.
    pub fn seconds(&self) -> Option<Duration> {
        let what = "a number of seconds, 0 or more";
        let found = match &self.node.value {
            Yaml::Text(text) => durations::parse(text),
            #[allow(clippy::cast_precision_loss)]
            Yaml::Int(number) => durations::from_seconds(*number as f64),
            Yaml::Float(number) => durations::from_seconds(*number),
            _ => return self.expected(what),
        };
        if found.is_none() {
            self.error(format!("must be {what}"));
        }
        found
    }

    /// A duration of more than nothing.
    pub fn positive_seconds(&self) -> Option<Duration> {
        let found = self.seconds()?;
        if found.is_zero() {
            self.error("must be more than 0 seconds");
            return None;
        }
        Some(found)
    }

    /// A list of texts; a single text counts as a list of one.
    pub fn texts(&self) -> Option<Vec<String>> {
        match &self.node.value {
            Yaml::Text(text) => Some(vec![text.clone()]),
            Yaml::List(items) => {
                let texts =
                    self.items(items).filter(|item| !item.node.is_null()).filter_map(|item| item.text());
                Some(texts.collect())
            }
            _ => self.expected("a list of texts"),
        }
    }

    /// The values of a list.
    pub fn list(&self) -> Option<Vec<Field<'_>>> {
        match &self.node.value {
            Yaml::List(items) => Some(self.items(items).collect()),
            _ => self.expected("a list"),
        }
    }

    fn items<'s>(&'s self, items: &'s [Node]) -> impl Iterator<Item = Field<'s>> {
        items.iter().enumerate().map(|(index, node)| Field {
            node,
            path: format!("{}[{index}]", self.path),
            at: node.at,
            problems: self.problems,
        })
    }

    /// The mapping that is there; an error and an empty one otherwise.
    pub fn scope(&self) -> Scope<'_> {
        Scope::new(Some(self.node), &self.path, self.at, self.problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml::parse;

    #[test]
    fn good_values_are_read_and_others_explained() {
        let problems = Problems::default();
        problems.add_file("c.yaml");
        let text =
            "a: yes\nb: \"12\"\nc: 1.5\nd: 5m\ne: [x, y]\nf: 12\ng: -1\nh: 0\ni: {}\nj: maybe\nk: 1.5\n";
        let tree = parse(text, 0, &problems).unwrap();
        let scope = Scope::new(Some(&tree), "s", tree.at, &problems);
        assert_eq!(scope.bool("a"), Some(true));
        assert_eq!(scope.count("b"), Some(12));
        assert_eq!(scope.number("c"), Some(1.5));
        assert_eq!(scope.seconds("d"), Some(Duration::from_secs(300)));
        assert_eq!(scope.texts("e"), Some(vec!["x".to_owned(), "y".to_owned()]));
        assert_eq!(scope.text("none"), None);
        assert_eq!(problems.report().problems.len(), 0);
        assert_eq!(
            (scope.text("f"), scope.count("g"), scope.limit("h"), scope.texts("i")),
            (None, None, None, None)
        );
        assert_eq!((scope.bool("j"), scope.count("k")), (None, None));
        assert_eq!(
            problems.report().to_string(),
            "error: c.yaml:6 s.f: must be a text, not a number: put it in quotes\n\
             error: c.yaml:7 s.g: must be a whole number, 0 or more\n\
             error: c.yaml:8 s.h: must be more than 0 seconds\n\
             error: c.yaml:9 s.i: must be a list of texts, not a mapping\n\
             error: c.yaml:10 s.j: must be true or false, not a text\n\
             error: c.yaml:11 s.k: must be a whole number, 0 or more\n6 errors, 0 warnings"
        );
    }
}
