//! A question's name in the cache: SHA-256 over everything that may change the answer.

use sha2::{Digest as _, Sha256};

use super::canon;

/// Names a question. Two questions with one name ask the same, of the same, for the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// As hexadecimal digits.
    pub fn hex(&self) -> String {
        let mut text = String::with_capacity(64);
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        text.extend(digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)));
        text
    }

    /// The key that a client was shown, with or without the namespace before it.
    pub fn shown(text: &str) -> Option<Self> {
        let hex = text.rsplit(':').next()?.trim();
        let mut bytes = [0; 32];
        let mut pairs = hex.as_bytes().chunks_exact(2);
        if hex.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(&mut pairs) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok().filter(|_| !pair.starts_with('+'))?;
        }
        Some(CacheKey(bytes))
    }

    /// The key of the same question with one part more.
    pub fn with(&self, name: &str, raw_json: &str) -> Self {
        let (mut digest, mut canon) = (Digest::default(), Vec::with_capacity(raw_json.len()));
        canon::write(raw_json, &mut canon);
        digest.part("of", &self.0);
        digest.part(name, &canon);
        digest.finish()
    }

    /// A small number that is as good as random.
    pub fn bucket(&self, buckets: u8) -> u8 {
        let [first, ..] = self.0;
        first % buckets.max(1)
    }
}

impl std::fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.hex())
    }
}

/// A key in the making. Each part is written with its name and length, so that no text can pass for two parts.
#[derive(Clone, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Adds a part.
    pub fn part(&mut self, name: &str, value: &[u8]) {
        let length = |text: usize| u64::try_from(text).unwrap_or(u64::MAX).to_le_bytes();
        self.0.update(length(name.len()));
        self.0.update(name);
        self.0.update(length(value.len()));
        self.0.update(value);
    }

    /// The key of all parts.
    pub fn finish(self) -> CacheKey {
        CacheKey(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_as_it_is_shown() {
        let mut digest = Digest::default();
        digest.part("a", b"b");
        let key = digest.finish();
        assert_eq!(CacheKey::shown(&key.hex()), Some(key));
        assert_eq!(CacheKey::shown(&format!("team a:{}", key.hex())), Some(key));
        for wrong in ["", "abc", &"g".repeat(64), &"+1".repeat(32), &"é".repeat(32)] {
            assert_eq!(CacheKey::shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn parts_cannot_pass_for_each_other() {
        let key = |parts: &[(&str, &str)]| {
            let mut digest = Digest::default();
            parts.iter().for_each(|(name, value)| digest.part(name, value.as_bytes()));
            digest.finish()
        };
        assert_ne!(key(&[("a", "bc")]), key(&[("ab", "c")]));
        assert_ne!(key(&[("a", "b"), ("c", "d")]), key(&[("a", "bc"), ("", "d")]));
        assert_ne!(key(&[("a", "")]), key(&[]));
    }
}
