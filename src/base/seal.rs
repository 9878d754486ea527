//! Texts encrypted for the database, in LiteLLM's newer form: `v2:gcm:` and the URL-safe base64 of nonce (12 bytes),
//! ciphertext and tag (16 bytes) of AES-256-GCM. The key is the SHA-256 of a passphrase.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::secret::Secret;

/// The mark of a sealed text.
const MARK: &str = "v2:gcm:";

/// Base64 with its padding or without.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a text cannot be sealed or opened. Nothing of the text is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text does not have the form.
    #[error("it is not encrypted in a form that is known here")]
    Form,
    /// It was sealed with another key, or was changed since.
    #[error("it was encrypted with another key, or has been changed")]
    Key,
    /// The operating system gave no random bytes.
    #[error("there are no random bytes")]
    Random,
}

/// Seals and opens texts with one key. Clones have the same.
#[derive(Debug, Clone)]
pub struct Seal(Secret);

impl Seal {
    /// With the key that this passphrase stands for.
    pub fn new(passphrase: Secret) -> Self {
        Seal(passphrase)
    }

    fn key(&self) -> Result<LessSafeKey, SealError> {
        let mut digest: [u8; 32] = Sha256::digest(self.0.expose().as_bytes()).into();
        let key = UnboundKey::new(&AES_256_GCM, &digest);
        digest.zeroize();
        key.map(LessSafeKey::new).map_err(|_| SealError::Key)
    }

    /// Encrypts a text; each time it comes out another way.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub fn seal(&self, text: &str) -> Result<String, SealError> {
        let mut nonce = [0u8; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| SealError::Random)?;
        let mut sealed = text.as_bytes().to_vec();
        let bound = Nonce::assume_unique_for_key(nonce);
        self.key()?
            .seal_in_place_append_tag(bound, Aad::empty(), &mut sealed)
            .map_err(|_| SealError::Form)?;
        let whole = [&nonce[..], &sealed].concat();
        Ok(format!("{MARK}{}", URL_SAFE.encode(whole)))
    }

    /// What was sealed.
    ///
    /// # Errors
    /// When it does not have the form, or was sealed with another key.
    pub fn open(&self, sealed: &str) -> Result<String, SealError> {
        let coded = sealed.strip_prefix(MARK).ok_or(SealError::Form)?;
        let mut whole = LENIENT.decode(coded.trim()).map_err(|_| SealError::Form)?;
        let (nonce, body) = whole.split_at_mut_checked(NONCE_LEN).ok_or(SealError::Form)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Form)?;
        let text = self.key()?.open_in_place(nonce, Aad::empty(), body).map_err(|_| SealError::Key)?;
        String::from_utf8(text.to_vec()).map_err(|_| SealError::Form)
    }

    /// The value with every text in it sealed; names and numbers stay legible.
    ///
    /// # Errors
    /// As [`Seal::seal`].
    pub fn seal_all(&self, value: &Value) -> Result<Value, SealError> {
        map_texts(value, &|text| self.seal(text))
    }

    /// The value with every text in it opened.
    ///
    /// # Errors
    /// As [`Seal::open`], of the first that fails: a text in the clear is not taken for a sealed one.
    pub fn open_all(&self, value: &Value) -> Result<Value, SealError> {
        map_texts(value, &|text| self.open(text))
    }
}

fn map_texts(value: &Value, change: &impl Fn(&str) -> Result<String, SealError>) -> Result<Value, SealError> {
    Ok(match value {
        Value::String(text) => Value::String(change(text)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| map_texts(item, change)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let changed = map.iter().map(|(name, value)| Ok((name.clone(), map_texts(value, change)?)));
            Value::Object(changed.collect::<Result<_, SealError>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_passphrase_only() {
        let seal = Seal::new(Secret::from("salt"));
        let (one, other) = (seal.seal("sk-canary").unwrap(), seal.seal("sk-canary").unwrap());
        assert!(one.starts_with("v2:gcm:") && one != other && !one.contains("canary"), "{one}");
        assert_eq!(seal.open(&one).unwrap(), "sk-canary");
        assert_eq!(seal.open(one.trim_end_matches('=')).unwrap(), "sk-canary");
        assert_eq!(Seal::new(Secret::from("other")).open(&one), Err(SealError::Key));
        assert!(!format!("{seal:?}").contains("salt"));
        for broken in ["", "sk-canary", "v2:gcm:", "v2:gcm:AAAA", "v2:gcm:!!!"] {
            assert_eq!(seal.open(broken), Err(SealError::Form), "{broken}");
        }
        let mut cut = one.clone();
        cut.replace_range(20..21, if &one[20..21] == "A" { "B" } else { "A" });
        assert_eq!(seal.open(&cut), Err(SealError::Key));
    }

    /// Made with another implementation (OpenSSL through Python), nonce 00 01 .. 0b.
    #[test]
    fn what_others_sealed_in_this_form_opens() {
        let seal = Seal::new(Secret::from("sk-salt"));
        assert_eq!(seal.open(FOREIGN).unwrap(), "sk-provider-key");
    }

    const FOREIGN: &str = "v2:gcm:AAECAwQFBgcICQoLBMF4m_l2yMnOvaQ89q8s754Hok_oqeP87LwpjmZ9Iw==";

    #[test]
    fn every_text_of_a_value_is_sealed() {
        let seal = Seal::new(Secret::from("salt"));
        let value =
            json!({"api_key": "sk-a", "rpm": 5, "extra_headers": {"x": "sk-b"}, "tags": ["t", null, true]});
        let sealed = seal.seal_all(&value).unwrap();
        assert!(!sealed.to_string().contains("sk-"), "{sealed}");
        assert_eq!((&sealed["rpm"], sealed["tags"].as_array().unwrap().len()), (&json!(5), 3));
        assert_eq!(seal.open_all(&sealed).unwrap(), value);
        assert_eq!(seal.open_all(&value), Err(SealError::Form));
    }
}
