//! Stage 1, identify: who is calling.

use std::sync::Arc;

use actix_http::header::{AUTHORIZATION, HeaderMap, HeaderName};

use crate::actors::keeper::Kept;
use crate::actors::key_directory::{Directory, Found, Identity, KeyDirectory};
use crate::base::clock::unix_ms;
use crate::base::error::{Error, Kind};
use crate::base::ids;
use crate::base::secret::Secret;
use crate::domain::keys::{Key, KeyStatus, Role};
use crate::manage::authority::groups;

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
#[derive(Clone)]
pub struct Caller {
    identity: Arc<Identity>,
    _proof: (),
}

impl Caller {
    /// SHA-256 of the key as metrics and logs name it, or the name that stands for the master key.
    pub fn hashed_key(&self) -> &Arc<str> {
        &self.identity.hash
    }

    /// Whether it is the master key, or an administrator's.
    pub fn is_admin(&self) -> bool {
        let Some(grant) = self.identity.grant.as_deref() else { return true };
        let role = grant.user.as_ref().and_then(|user| user.user_role);
        matches!(role, Some(Role::ProxyAdmin | Role::ProxyAdminViewer))
    }

    /// Whether its key may call this path (`allowed_routes`).
    ///
    /// # Errors
    /// 403.
    pub fn may_call(&self, path: &str) -> Result<(), Error> {
        let routes = self.identity.key().map_or(&[][..], |key| &key.allowed_routes);
        if groups::allows(routes, path) {
            return Ok(());
        }
        let message = format!("Virtual key is not allowed to call this route: {path}.");
        Err(Error::new(Kind::Forbidden, message).with_type("auth_error"))
    }

    /// What is known of it.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }
}

/// What [`identify`] checks against.
#[derive(Clone)]
pub struct Identities {
    master_key: Secret,
    master: Arc<Identity>,
    keys: Option<(Directory, Kept<KeyDirectory>)>,
    /// While the database does not answer, keys that nobody can look up are served all the same.
    open_when_down: bool,
}

impl Identities {
    /// The master key is the one identity there is.
    pub fn new(master_key: Secret) -> Self {
        Identities { master_key, master: Arc::new(Identity::master()), keys: None, open_when_down: false }
    }

    /// Virtual keys are found there.
    #[must_use]
    pub fn with_keys(mut self, directory: Directory, actor: Kept<KeyDirectory>) -> Self {
        self.keys = Some((directory, actor));
        self
    }

    /// While the database does not answer, serves keys that nobody can look up, or not.
    #[must_use]
    pub fn open_when_down(mut self, open: bool) -> Self {
        self.open_when_down = open;
        self
    }

    /// The copies of keys.
    pub fn directory(&self) -> Option<&Directory> {
        self.keys.as_ref().map(|(directory, _)| directory)
    }

    /// The master key's identity, if it is the master key.
    pub fn master(&self, key: &str) -> Option<Caller> {
        self.master_key.matches(key).then(|| Caller { identity: Arc::clone(&self.master), _proof: () })
    }
}

/// Checks a key that was presented.
///
/// # Errors
/// 401 when it is malformed, unknown, blocked or expired; 503 when it is not known here and the database does not
/// answer. The key is never part of the message.
pub async fn identify(key: &str, identities: &Identities) -> Result<Caller, Error> {
    if let Some(master) = identities.master(key) {
        return Ok(master);
    }
    Box::pin(virtual_key(key, identities)).await
}

async fn virtual_key(key: &str, identities: &Identities) -> Result<Caller, Error> {
    let unknown = || {
        Error::new(Kind::Unauthorized, "Authentication Error, Invalid proxy server token passed.")
            .with_type("token_not_found_in_db")
            .with_param("key")
    };
    let Some((directory, actor)) = &identities.keys else { return Err(unknown()) };
    if !key.starts_with("sk-") {
        let message = "LiteLLM Virtual Key expected, expected to start with 'sk-'.";
        return Err(Error::new(Kind::Unauthorized, message));
    }
    let hash = ids::sha256_hex(key);
    let found = match directory.find(actor, &hash).await {
        Ok(found) => found,
        Err(_) if identities.open_when_down => Found::Known(Arc::new(on_trust(hash))),
        Err(cause) => {
            let message = "The database does not answer, so this key cannot be checked now.";
            return Err(Error::new(Kind::StoreUnavailable, message).with_cause(cause));
        }
    };
    let Found::Known(identity) = found else { return Err(unknown()) };
    let revoked = identity.grant.as_deref().and_then(|grant| grant.revoke_ms);
    if revoked.is_some_and(|at| at <= unix_ms()) {
        // A replaced key ends with its grace period, however fresh the copy is.
        return Err(unknown());
    }
    usable(&identity)?;
    Ok(Caller { identity, _proof: () })
}

/// Somebody of whom only the key's hash is known: it may call models, and nothing else.
fn on_trust(hash: String) -> Identity {
    let routes = groups::of_key_type("llm_api").unwrap_or_default();
    let allowed_routes = routes.iter().map(|route| (*route).to_string()).collect();
    Identity::on_trust(Key { hash, allowed_routes, ..Key::default() })
}

/// Whether the key and its team may be used now.
fn usable(identity: &Identity) -> Result<(), Error> {
    let Some(grant) = identity.grant.as_deref() else { return Ok(()) };
    let refused = |message: String| Err(Error::new(Kind::Unauthorized, message));
    match grant.key.status(unix_ms()) {
        KeyStatus::Active => {}
        KeyStatus::Revoked => {
            return refused(
                "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.".into(),
            );
        }
        KeyStatus::Expired => {
            return Err(Error::new(Kind::Unauthorized, "Authentication Error - Expired Key.")
                .with_type("expired_key")
                .with_param("key"));
        }
    }
    match grant.team.as_ref().filter(|team| team.blocked) {
        Some(team) => refused(format!(
            "Authentication Error, Team={} is blocked. Update via `/team/unblock` if you're an admin.",
            team.team_id
        )),
        None => Ok(()),
    }
}

/// The key that a request presents: in the header that the configuration names, or else in one of the usual ones.
///
/// # Errors
/// 401 when there is none or it is malformed.
pub fn presented_key<'h>(headers: &'h HeaderMap, only: Option<&str>) -> Result<&'h str, Error> {
    if let Some(name) = only {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()) else {
            let message = format!("Authentication Error, No api key passed in (in the `{name}` header).");
            return Err(Error::new(Kind::Unauthorized, message));
        };
        return Ok(authorized(text).unwrap_or(text));
    }
    for name in &KEY_HEADERS {
        let Some(value) = headers.get(name) else { continue };
        let Ok(text) = value.to_str() else {
            return Err(Error::new(
                Kind::Unauthorized,
                format!("Authentication Error, the `{name}` header is not plain text."),
            ));
        };
        if *name != AUTHORIZATION {
            return Ok(after_scheme(text, "bearer ").unwrap_or(text).trim());
        }
        return authorized(text).ok_or_else(|| {
            let message =
                "Authentication Error, Malformed API Key passed in. Ensure Key has `Bearer ` prefix.";
            Error::new(Kind::Unauthorized, message)
        });
    }
    Err(Error::new(Kind::Unauthorized, "Authentication Error, No api key passed in."))
}

/// The key in an `Authorization` header: behind `Bearer` or `Basic` as it is, or the access key id of a signature of
/// AWS, whose SDKs send nothing else. The signature itself is nothing that could be checked here.
fn authorized(text: &str) -> Option<&str> {
    after_scheme(text, "bearer ").or_else(|| after_scheme(text, "basic ")).or_else(|| {
        let fields = after_scheme(text, "aws4-hmac-sha256 ")?;
        let scope = fields.split(',').find_map(|field| field.trim().strip_prefix("Credential="))?;
        scope.split('/').next()
    })
}

/// What stands behind this scheme, in letters of any case.
fn after_scheme<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

#[cfg(test)]
mod tests {
    use actix_http::header::HeaderValue;

    use super::*;

    fn try_with(pairs: &[(&str, &str)]) -> Result<Caller, Error> {
        use futures_util::FutureExt;

        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let key = presented_key(&headers, None)?;
        identify(key, &Identities::new(Secret::from("sk-right"))).now_or_never().unwrap()
    }

    #[test]
    fn every_header_of_the_contract_carries_a_key() {
        for name in KEY_HEADERS {
            let with = |value| try_with(&[(name.as_str(), value)]);
            assert!(with("Bearer sk-right").is_ok(), "{name}");
            let wrong = with("Bearer sk-wrong").err().unwrap();
            assert_eq!((wrong.status(), wrong.type_()), (401, "token_not_found_in_db"));
            assert!(!wrong.message().contains("sk-wrong"));
        }
        assert!(try_with(&[("api-key", "sk-right")]).is_ok());
        assert!(try_with(&[("authorization", "Bearer no"), ("x-litellm-api-key", "sk-right")]).is_ok());
    }

    #[test]
    fn a_header_of_ones_own_replaces_the_usual_ones() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer sk-right"));
        let only = Some("x-my-key");
        assert_eq!(presented_key(&headers, only).unwrap_err().status(), 401);
        for value in ["Bearer sk-right", "sk-right"] {
            headers.insert(HeaderName::from_static("x-my-key"), HeaderValue::from_static(value));
            assert_eq!(presented_key(&headers, only).unwrap(), "sk-right");
        }
    }

    #[test]
    fn authorization_has_other_schemes_than_bearer() {
        let with =
            |value: &str| try_with(&[("authorization", value)]).map_err(|error| error.type_().to_string());
        let signed = |key: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/bedrock/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature=0a1b"
            )
        };
        assert!(with("Basic sk-right").is_ok() && with("basic  sk-right ").is_ok());
        assert!(with(&signed("sk-right")).is_ok());
        for wrong in ["Basic sk-wrong".to_string(), signed("sk-wrong")] {
            assert_eq!(with(&wrong).err().as_deref(), Some("token_not_found_in_db"), "{wrong}");
        }
        for malformed in
            ["Digest sk-right", "AWS4-HMAC-SHA256 Signature=sk-right", "Basic", "AWS4-HMAC-SHA256 "]
        {
            let error = try_with(&[("authorization", malformed)]).err().unwrap();
            assert!(error.status() == 401 && error.message().contains("Malformed"), "{malformed}: {error}");
        }
    }

    #[test]
    fn missing_and_malformed_keys_say_so() {
        assert!(try_with(&[]).err().unwrap().message().contains("No api key passed in"));
        assert!(try_with(&[("authorization", "sk-right")]).err().unwrap().message().contains("Malformed"));
    }
}
