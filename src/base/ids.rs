//! Identifiers that Stagedoor makes itself.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// A fresh random (version 4) UUID in its usual text form.
///
/// The bits come from the thread's fast generator: call ids must be unique, not unguessable.
pub fn call_id() -> String {
    let id = uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid();
    // Formatting it with `to_string` would cost several times as much.
    id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).to_owned()
}

/// A new master key, `sk-` and 32 hex digits from the operating system's generator.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn random_key() -> Result<String, getrandom::Error> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("sk-{}", hex(&bytes)))
}

/// A new virtual key: `sk-` and so many random bytes (16 at least) from the operating system's generator as URL-safe base64.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn virtual_key(length: usize) -> Result<String, getrandom::Error> {
    let mut bytes = vec![0u8; length.max(16)];
    getrandom::fill(&mut bytes)?;
    Ok(format!("sk-{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Lower-case SHA-256 hex of a text; LiteLLM stores virtual keys under this hash of the whole key.
pub fn sha256_hex(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Lower-case hex digits of some bytes.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_have_their_form() {
        assert_ne!(call_id(), call_id());
        assert_eq!(call_id().len(), 36);
        let key = random_key().unwrap();
        assert!(key.starts_with("sk-") && key.len() == 35, "{key}");
        let (one, other) = (virtual_key(16).unwrap(), virtual_key(1).unwrap());
        assert!(one.starts_with("sk-") && one.len() == 25 && one != other, "{one}");
        assert_eq!(sha256_hex("sk-1234"), "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b");
    }
}
