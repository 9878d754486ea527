//! Tool names and call ids in the alphabet that Anthropic accepts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The longest tool name.
const LONGEST: usize = 128;

/// Maps the client's tool names to acceptable ones (`[a-zA-Z0-9_-]{1,128}`) and back.
#[derive(Debug, Default)]
pub(super) struct Names {
    sent: HashMap<String, String>,
    taken: HashSet<String>,
}

impl Names {
    /// The name to send for the client's `name`; the same name always gets the same answer.
    pub(super) fn send(&mut self, name: &str) -> String {
        if let Some(sent) = self.sent.get(name) {
            return sent.clone();
        }
        let wanted = acceptable(name, LONGEST);
        let sent = self.free(&wanted);
        self.taken.insert(sent.clone());
        self.sent.insert(name.to_owned(), sent.clone());
        sent
    }

    /// A name for a tool of our own that collides with none of the client's.
    pub(super) fn own(&mut self, name: &str) -> String {
        let own = self.free(name);
        self.taken.insert(own.clone());
        own
    }

    /// Sent name -> client's name, where they differ.
    pub(super) fn back(self) -> Arc<HashMap<String, String>> {
        Arc::new(
            self.sent
                .into_iter()
                .filter(|(client, sent)| client != sent)
                .map(|(client, sent)| (sent, client))
                .collect(),
        )
    }

    fn free(&self, wanted: &str) -> String {
        let mut candidate = wanted.to_owned();
        let mut number = 2u32;
        while self.taken.contains(&candidate) {
            let suffix = format!("_{number}");
            let room = LONGEST.saturating_sub(suffix.len());
            candidate = wanted.chars().take(room).collect::<String>() + &suffix;
            number = number.saturating_add(1);
        }
        candidate
    }
}

/// A tool call's id in Anthropic's alphabet; other providers' ids may hold dots and colons.
pub(super) fn call_id(id: &str) -> String {
    acceptable(id, usize::MAX)
}

fn acceptable(name: &str, longest: usize) -> String {
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' })
        .take(longest)
        .collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_the_client_wrote_them() {
        let mut names = Names::default();
        assert_eq!(names.send("plain-name_1"), "plain-name_1");
        assert_eq!(names.send("get.weather"), "get_weather");
        assert_eq!(names.send("get weather"), "get_weather_2");
        assert_eq!(names.send("get.weather"), "get_weather");
        let long = "x".repeat(200);
        assert_eq!(names.send(&long).len(), 128);
        assert_eq!(names.own("plain-name_1"), "plain-name_1_2");
        let back = names.back();
        assert_eq!(back.get("get_weather_2").map(String::as_str), Some("get weather"));
        assert_eq!(back.get("plain-name_1"), None);
        assert_eq!(back.len(), 3);
    }

    #[test]
    fn ids_of_other_providers_are_accepted() {
        assert_eq!(call_id("functions.search:0"), "functions_search_0");
        assert_eq!(call_id("toolu_01-A"), "toolu_01-A");
    }
}
