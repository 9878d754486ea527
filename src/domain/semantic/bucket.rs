//! Which questions may be compared with each other.

use sha2::{Digest, Sha256};

use crate::base::ids;

/// The questions that differ in nothing but their words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket([u8; 32]);

impl Bucket {
    /// The bucket that these parts name together. Each part counts with its length, so that nothing can move from
    /// one to the next.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        Bucket(digest.finalize().into())
    }

    /// From what [`Bucket::bytes`] gave; `None` for anything of another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Bucket)
    }

    /// Its 32 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As hexadecimal digits.
    pub fn hex(&self) -> String {
        ids::hex(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let one = Bucket::of(&[b"ab", b"c"]);
        assert_ne!(one, Bucket::of(&[b"a", b"bc"]));
        assert_ne!(one, Bucket::of(&[b"abc"]));
        assert_eq!(Bucket::from_bytes(one.bytes()), Some(one));
        assert_eq!((Bucket::from_bytes(b"short"), one.hex().len()), (None, 64));
    }
}
