//! What the readers of the sections share.

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::environment::Environment;
use super::keys::{self, Keys};
use super::problem::{At, Problems};
use super::scope::Scope;
use super::yaml::{Node, Yaml};

/// Settings that come later and are on unless somebody switches them off: off is then what is not obeyed.
const ON_BY_DEFAULT: [&str; 3] = ["cancel_on_disconnect", "ssl_verify", "spend_logs"];

/// Shared by all readers of one config.
pub struct Context<'a> {
    /// Where variables come from.
    pub environment: &'a Environment<'a>,
    /// Where findings go.
    pub problems: &'a Problems,
    /// `credential_list`: name to `credential_values`.
    pub credentials: HashMap<String, &'a Node>,
    /// Whether the entries come from the database: the gateway's own provider keys are then not sent to addresses
    /// that an entry names.
    pub stored: bool,
    /// Group names that were mentioned, to be checked when all groups are known.
    pub mentions: RefCell<Vec<Mention>>,
    /// Settings without effect in this version.
    later: RefCell<Map<String, Value>>,
}

/// A group's name somewhere in the settings.
#[derive(Debug, Clone)]
pub struct Mention {
    /// Where it stands.
    pub at: At,
    /// The path to it.
    pub path: String,
    /// The name.
    pub group: String,
    /// What the name is for ("fallback target").
    pub role: &'static str,
}

impl<'a> Context<'a> {
    /// A context over the resolved tree.
    pub fn new(tree: &'a Node, environment: &'a Environment<'a>, problems: &'a Problems) -> Self {
        Context {
            environment,
            problems,
            credentials: credentials(tree, problems),
            stored: false,
            mentions: RefCell::default(),
            later: RefCell::default(),
        }
    }

    /// Notes a group's name.
    pub fn mention(&self, at: At, path: &str, group: &str, role: &'static str) {
        let mention = Mention { at, path: path.to_owned(), group: group.to_owned(), role };
        self.mentions.borrow_mut().push(mention);
    }

    /// Keeps the settings of a section whose feature comes later, under `prefix.key`.
    pub fn keep_later(&self, scope: &Scope<'_>, keys: Keys, prefix: &str) {
        for entry in scope.entries().iter().filter(|entry| keys.later.contains(&entry.key.as_str())) {
            let unused = match &entry.node.value {
                Yaml::Null => true,
                // Switched off is what a feature that is not there is, unless it would be on by default.
                Yaml::Bool(false) => !ON_BY_DEFAULT.contains(&entry.key.as_str()),
                Yaml::List(items) => items.is_empty(),
                _ => false,
            };
            if unused {
                continue;
            }
            let mut name = prefix.to_owned();
            super::yaml::push_key(&mut name, &entry.key);
            let value = as_written(&entry.node, keys::is_secret(&entry.key));
            self.later.borrow_mut().entry(name).or_insert(value);
        }
    }

    /// Says in one line what has no effect yet, and hands it over.
    pub fn take_later(&self) -> Map<String, Value> {
        let later = self.later.take();
        if !later.is_empty() {
            let names: Vec<&str> = later.keys().map(String::as_str).collect();
            let text =
                format!("known and accepted, but without effect in this version: {}", names.join(", "));
            self.problems.info(At::default(), "", text);
        }
        later
    }
}

/// A value as the file has it: references stay references, secrets become `***`.
pub fn as_written(node: &Node, secret: bool) -> Value {
    if let Some(name) = &node.variable {
        return Value::String(format!("os.environ/{name}"));
    }
    match &node.value {
        Yaml::List(items) => items.iter().map(|item| as_written(item, secret)).collect(),
        Yaml::Map(entries) => Value::Object(
            entries
                .iter()
                .map(|entry| {
                    let hidden = secret || keys::is_secret(&entry.key);
                    (entry.key.clone(), as_written(&entry.node, hidden))
                })
                .collect(),
        ),
        Yaml::Null => Value::Null,
        _ if secret => Value::from("***"),
        _ => node.to_json(),
    }
}

/// The top-level `credential_list`.
fn credentials<'a>(tree: &'a Node, problems: &'a Problems) -> HashMap<String, &'a Node> {
    let root = Scope::new(Some(tree), "", tree.at, problems);
    let mut found = HashMap::new();
    let Some(list) = tree.get("credential_list") else { return found };
    let Yaml::List(items) = &list.value else {
        if !list.is_null() {
            problems.error(root.at_of("credential_list"), "credential_list", "must be a list");
        }
        return found;
    };
    for (index, item) in items.iter().enumerate() {
        let scope = Scope::new(Some(item), &format!("credential_list[{index}]"), item.at, problems);
        let known = Keys { now: &["credential_name", "credential_values", "credential_info"], later: &[] };
        scope.warn_of_unknown(known, &[]);
        let Some(name) = scope.text("credential_name") else {
            problems.error(item.at, &scope.path, "a credential needs a credential_name");
            continue;
        };
        if let Some(values) = item.get("credential_values") {
            found.insert(name, values);
        }
    }
    found
}
