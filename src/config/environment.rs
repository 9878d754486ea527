//! `os.environ/NAME`: values that come from the environment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::problem::{At, Problems};
use super::yaml::{Node, Yaml};

/// The mark of a value that names a variable.
const MARK: &str = "os.environ/";

/// Where variables are looked up: the config's `environment_variables` first, then the process.
pub struct Environment<'a> {
    own: BTreeMap<String, String>,
    process: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Environment<'a> {
    /// Takes the `environment_variables` section of the tree, if there is one; its values may themselves
    /// be read from the process's environment.
    pub fn new(tree: &Node, process: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let mut own = BTreeMap::new();
        for entry in tree.get("environment_variables").map(Node::entries).unwrap_or_default() {
            let value = match &entry.node.value {
                Yaml::Text(text) => match text.strip_prefix(MARK) {
                    Some(name) => process(name),
                    None => Some(text.clone()),
                },
                Yaml::Bool(flag) => Some(if *flag { "True" } else { "False" }.to_owned()),
                Yaml::Int(number) => Some(number.to_string()),
                Yaml::Float(number) => Some(number.to_string()),
                Yaml::Null | Yaml::List(_) | Yaml::Map(_) => None,
            };
            if let Some(value) = value {
                own.insert(entry.key.clone(), value);
            }
        }
        Environment { own, process }
    }

    /// The value of a variable; one that is set to nothing counts as unset.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = self.own.get(name).cloned().or_else(|| (self.process)(name));
        value.filter(|value| !value.is_empty())
    }

    /// The first of these variables that is set, with its value.
    pub fn first<'n>(&self, names: &[&'n str]) -> Option<(&'n str, String)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    /// Replaces every reference in the tree. A node that was read from a variable remembers its name; one
    /// whose variable is unset becomes [`Yaml::Null`].
    pub fn resolve(&self, node: &mut Node) {
        match &mut node.value {
            Yaml::Text(text) => {
                let Some(name) = text.strip_prefix(MARK) else { return };
                let name: Arc<str> = Arc::from(name.trim());
                node.value = self.get(&name).map_or(Yaml::Null, Yaml::Text);
                node.variable = Some(name);
            }
            Yaml::List(items) => items.iter_mut().for_each(|item| self.resolve(item)),
            Yaml::Map(entries) => entries.iter_mut().for_each(|entry| self.resolve(&mut entry.node)),
            Yaml::Null | Yaml::Bool(_) | Yaml::Int(_) | Yaml::Float(_) => {}
        }
    }
}

/// Warns about every unset variable that no reader has explained already.
pub fn warn_of_unset(node: &Node, at: At, path: &mut String, problems: &Problems) {
    let length = path.len();
    match &node.value {
        Yaml::Null => {
            if let Some(name) = node.variable.as_deref().filter(|_| !problems.is_explained(path)) {
                let text = format!("the environment variable {name} is not set, so this counts as absent");
                problems.warn(at, path, text);
            }
        }
        Yaml::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                warn_of_unset(item, item.at, path, problems);
                path.truncate(length);
            }
        }
        Yaml::Map(entries) => {
            for entry in entries {
                super::yaml::push_key(path, &entry.key);
                warn_of_unset(&entry.node, entry.at, path, problems);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml::parse;
    use serde_json::json;

    #[test]
    fn references_are_replaced_and_the_own_block_comes_first() {
        let process = |name: &str| match name {
            "HOST" => Some("from-process".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let problems = Problems::default();
        problems.add_file("c.yaml");
        let text = "environment_variables: {HOST: own, PORT: 6379, COPY: os.environ/HOST}\n\
                    a: os.environ/HOST\nb: [os.environ/PORT, {c: os.environ/COPY}]\n\
                    d: os.environ/NONE\ne: os.environ/EMPTY\nf: not os.environ/HOST\n";
        let mut tree = parse(text, 0, &problems).unwrap();
        let environment = Environment::new(&tree, &process);
        environment.resolve(&mut tree);
        let mut found = tree.to_json_map();
        found.shift_remove("environment_variables");
        assert_eq!(
            serde_json::Value::Object(found),
            json!({"a": "own", "b": ["6379", {"c": "from-process"}], "d": null, "e": null, "f": "not os.environ/HOST"})
        );
        assert_eq!(tree.get("a").unwrap().variable.as_deref(), Some("HOST"));
        problems.explain("e");
        warn_of_unset(&tree, tree.at, &mut String::new(), &problems);
        assert_eq!(
            problems.report().to_string(),
            "warning: c.yaml:4 d: the environment variable NONE is not set, so this counts as absent\n0 errors, 1 warning"
        );
    }
}
