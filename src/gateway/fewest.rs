//! The few of many that matter most to whoever watches: those with the least left.

use std::collections::BTreeMap;

/// Rows by how much is left of something, each under a name that it has once.
pub struct Fewest<T>(BTreeMap<(i64, String), T>);

impl<T> Default for Fewest<T> {
    fn default() -> Self {
        Fewest(BTreeMap::new())
    }
}

impl<T> Fewest<T> {
    /// Takes a row if there are fewer than `most`, or in the place of one that has more left. Of rows of one name the
    /// first that is taken stays. The name is made only for rows that are taken.
    pub fn offer(&mut self, most: usize, left: i64, row: T, name: impl FnOnce() -> String) {
        let last = self.0.last_key_value().map(|((left, _), _)| *left);
        if self.0.len() >= most && last.is_none_or(|last| last <= left) {
            return;
        }
        let name = name();
        if self.0.keys().any(|(_, known)| *known == name) {
            return;
        }
        self.0.insert((left, name), row);
        if self.0.len() > most {
            self.0.pop_last();
        }
    }

    /// Names and rows, the least first.
    pub fn each(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|((_, name), row)| (name.as_str(), row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_with_the_least_left_stay() {
        let mut fewest = Fewest::default();
        for (left, name) in [(5, "e"), (1, "a"), (9, "i"), (3, "c"), (3, "c"), (2, "b")] {
            fewest.offer(3, left, left, || name.to_string());
        }
        assert_eq!(fewest.each().collect::<Vec<_>>(), [("a", &1), ("b", &2), ("c", &3)]);
    }
}
