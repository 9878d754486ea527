//! Credentials of the database, for the models of the database. Those of the file come first, and entries of the file
//! see the file's only.

use std::sync::Arc;

use serde_json::Value;

use super::{Basis, Opener};
use crate::config::environment::Environment;
use crate::config::model::Config;
use crate::config::problem::At;
use crate::config::yaml::{Entry, Node, Yaml};
use crate::domain::keys::{JsonMap, StoredCredential};

/// The section.
const LIST: &str = "credential_list";

impl Config {
    /// This configuration with these credentials instead of those that it had from the database, and the names of the
    /// rows that cannot be read, each with the reason.
    pub fn with_credentials(
        &self,
        rows: &[StoredCredential],
        opener: &Opener,
    ) -> (Config, Vec<(String, String)>) {
        let (mut read, mut problems) = (Vec::new(), Vec::new());
        for row in rows.iter().filter(|row| !self.basis.names(&row.name)) {
            match opener.values(row) {
                Ok(values) => read.push(item(&row.name, values)),
                Err(why) => problems.push((row.name.clone(), why)),
            }
        }
        let basis = Basis { stored: Arc::new(read), ..self.basis.clone() };
        (Config { basis, ..self.clone() }, problems)
    }

    /// The file's credentials: name, names of values, and what is noted about it.
    pub fn file_credentials(&self) -> Vec<(String, Vec<String>, JsonMap)> {
        let shown = |item: &Node| {
            let values = item.get("credential_values").map(Node::entries).unwrap_or_default();
            let info = item.get("credential_info").map(Node::to_json_map).unwrap_or_default();
            let names = values.iter().map(|entry| entry.key.clone()).collect();
            Some((item.get("credential_name")?.text()?.to_owned(), names, info))
        };
        self.basis.file_items().iter().filter_map(shown).collect()
    }

    /// Whether the file has a credential of this name.
    pub fn has_file_credential(&self, name: &str) -> bool {
        self.basis.names(name)
    }
}

impl Basis {
    /// The file's tree with the database's credentials, references in them put in.
    pub(super) fn tree(&self, variables: &Environment<'_>) -> Node {
        let mut tree = (*self.file).clone();
        if self.stored.is_empty() {
            return tree;
        }
        let mut items = self.file_items().to_vec();
        items.extend(self.stored.iter().cloned().map(|mut item| {
            variables.resolve(&mut item);
            item
        }));
        let list = Node::new(Yaml::List(items), At::default());
        if let Yaml::Map(entries) = &mut tree.value {
            entries.retain(|entry| entry.key != LIST);
            entries.push(Entry { key: LIST.to_owned(), at: At::default(), node: list });
        }
        tree
    }

    fn file_items(&self) -> &[Node] {
        match self.file.get(LIST).map(|list| &list.value) {
            Some(Yaml::List(items)) => items,
            _ => &[],
        }
    }

    fn names(&self, name: &str) -> bool {
        self.file_items()
            .iter()
            .any(|item| item.get("credential_name").and_then(Node::text).is_some_and(|known| known == name))
    }
}

impl Opener {
    /// A credential's values in the clear.
    ///
    /// # Errors
    /// Why they cannot be read.
    pub fn values(&self, row: &StoredCredential) -> Result<JsonMap, String> {
        match self.seal.open_all(&Value::Object(row.values.clone())) {
            Ok(Value::Object(values)) => Ok(values),
            Ok(_) => Err("it is no object".to_owned()),
            Err(cause) => Err(format!(
                "its values cannot be decrypted: {cause} (LITELLM_SALT_KEY, else the master key)"
            )),
        }
    }
}

fn item(name: &str, values: JsonMap) -> Node {
    let item = serde_json::json!({"credential_name": name, "credential_values": values});
    Node::from_json(&item, At::default())
}
