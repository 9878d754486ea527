//! A string that cannot be printed, compared in variable time, or serialised by accident.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A provider key, virtual key, master key or password.
///
/// `Debug` prints a placeholder, there is no `Display` and no `Serialize`; the text leaves only
/// through [`Secret::expose`], whose call sites are the ones to review. The memory is wiped on drop.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Inner);

#[derive(Clone, Default)]
struct Inner(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(Inner(text.into()))
    }

    /// The text itself, for the wire only.
    pub fn expose(&self) -> &str {
        &self.0.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    /// Compares with a presented text in time that depends on lengths only.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl PartialEq for Inner {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "Secret(empty)" } else { "Secret(***)" })
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_text() {
        let shown = format!("{:?} {:?}", Secret::from("sk-canary"), Some(Secret::from("sk-canary")));
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn equality_is_by_text() {
        assert!(Secret::from("a").matches("a"));
        assert!(!Secret::from("a").matches("b"));
        assert!(!Secret::from("a").matches("ab"));
        assert_eq!(Secret::from("x"), Secret::new(String::from("x")));
    }
}
