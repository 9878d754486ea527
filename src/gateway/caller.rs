//! Stage 1, identify: who is calling.

use std::sync::Arc;

use actix_http::header::{AUTHORIZATION, HeaderMap, HeaderName};

use crate::base::error::{Error, Kind};
use crate::base::ids;
use crate::base::secret::Secret;

/// The headers a key may come in, in the order in which they win (contract of LiteLLM's proxy).
const KEY_HEADERS: [HeaderName; 6] = [
    HeaderName::from_static("x-litellm-api-key"),
    AUTHORIZATION,
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("ocp-apim-subscription-key"),
];

/// Somebody whose key has been checked. Only [`identify`] makes one.
#[derive(Debug, Clone)]
pub struct Caller {
    hashed_key: Arc<str>,
    _proof: (),
}

impl Caller {
    /// SHA-256 of the key, as metrics and logs name it.
    pub fn hashed_key(&self) -> &Arc<str> {
        &self.hashed_key
    }
}

/// What [`identify`] checks against.
#[derive(Debug, Clone)]
pub struct Identities {
    master_key: Secret,
    hashed_master_key: Arc<str>,
}

impl Identities {
    /// The master key is the one identity there is.
    pub fn new(master_key: Secret) -> Self {
        let hashed_master_key = ids::sha256_hex(master_key.expose()).into();
        Identities { master_key, hashed_master_key }
    }
}

/// Finds the key in the headers and checks it.
///
/// # Errors
/// 401 when there is no key, it is malformed, or it is unknown. The key is never part of the message.
pub fn identify(headers: &HeaderMap, identities: &Identities) -> Result<Caller, Error> {
    let key = presented_key(headers)?;
    if identities.master_key.matches(key) {
        return Ok(Caller { hashed_key: Arc::clone(&identities.hashed_master_key), _proof: () });
    }
    Err(Error::new(Kind::Unauthorized, "Authentication Error, Invalid proxy server token passed."))
}

/// The key that a request presents.
///
/// # Errors
/// 401 when there is none or it is malformed.
pub fn presented_key(headers: &HeaderMap) -> Result<&str, Error> {
    for name in &KEY_HEADERS {
        let Some(value) = headers.get(name) else { continue };
        let Ok(text) = value.to_str() else {
            return Err(Error::new(
                Kind::Unauthorized,
                format!("Authentication Error, the `{name}` header is not plain text."),
            ));
        };
        match strip_bearer(text) {
            Some(key) => return Ok(key),
            None if *name == AUTHORIZATION => {
                return Err(Error::new(
                    Kind::Unauthorized,
                    "Authentication Error, Malformed API Key passed in. Ensure Key has `Bearer ` prefix.",
                ));
            }
            None => return Ok(text.trim()),
        }
    }
    Err(Error::new(Kind::Unauthorized, "Authentication Error, No api key passed in."))
}

fn strip_bearer(text: &str) -> Option<&str> {
    let (scheme, key) = text.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case("bearer ").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use actix_http::header::HeaderValue;

    use super::*;

    fn try_with(pairs: &[(&str, &str)]) -> Result<Caller, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        identify(&headers, &Identities::new(Secret::from("sk-right")))
    }

    #[test]
    fn every_header_of_the_contract_carries_a_key() {
        for name in KEY_HEADERS {
            let with = |value| try_with(&[(name.as_str(), value)]);
            assert!(with("Bearer sk-right").is_ok(), "{name}");
            let wrong = with("Bearer sk-wrong").unwrap_err();
            assert_eq!((wrong.status(), wrong.type_()), (401, "auth_error"));
            assert!(!wrong.message().contains("sk-wrong"));
        }
        assert!(try_with(&[("api-key", "sk-right")]).is_ok());
        assert!(try_with(&[("authorization", "Bearer no"), ("x-litellm-api-key", "sk-right")]).is_ok());
    }

    #[test]
    fn missing_and_malformed_keys_say_so() {
        assert!(try_with(&[]).unwrap_err().message().contains("No api key passed in"));
        assert!(try_with(&[("authorization", "sk-right")]).unwrap_err().message().contains("Malformed"));
    }
}
