//! Mappings while they are read: the last of duplicate keys wins, `<<` brings defaults.

use std::collections::HashMap;

use super::{Entry, Node, Yaml};
use crate::config::problem::At;

/// A mapping under construction.
#[derive(Debug, Default)]
pub struct Mapping {
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
    merged: Vec<Entry>,
}

impl Mapping {
    /// Sets a key. Returns where the key stood before, if it did.
    pub fn set(&mut self, key: String, at: At, node: Node) -> Option<At> {
        match self.index.get(&key) {
            Some(&position) => {
                let entry = self.entries.get_mut(position)?;
                let before = entry.at;
                *entry = Entry { key, at, node };
                Some(before)
            }
            None => {
                self.index.insert(key.clone(), self.entries.len());
                self.entries.push(Entry { key, at, node });
                None
            }
        }
    }

    /// Takes in the value of `<<`: a mapping, or a list of mappings of which earlier ones win.
    ///
    /// Returns whether it was one of these.
    #[must_use]
    pub fn merge(&mut self, node: Node) -> bool {
        match node.value {
            Yaml::Map(entries) => self.merged.extend(entries),
            Yaml::List(items) => {
                for item in items.into_iter().rev() {
                    let Yaml::Map(entries) = item.value else { return false };
                    self.merged.extend(entries);
                }
            }
            _ => return false,
        }
        true
    }

    /// The finished mapping: merged keys first, each overridden by the mapping's own.
    pub fn finish(self) -> Yaml {
        if self.merged.is_empty() {
            return Yaml::Map(self.entries);
        }
        let mut all = Mapping::default();
        for entry in self.merged.into_iter().chain(self.entries) {
            all.set(entry.key, entry.at, entry.node);
        }
        Yaml::Map(all.entries)
    }
}
