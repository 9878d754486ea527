//! Whom and what a request's headers name: the caller's own customer, a user of the gateway, a session.

use std::sync::Arc;

use actix_http::header::{HeaderMap, HeaderName};

use super::call::Body;
use crate::config::model::{IdentitySettings, UserKind};
use crate::wire::json::member;
use crate::wire::surface::{Surface, str_of};

/// The longest name that is taken from a place that was not made for customers. The ledger keeps no longer ones.
const LONGEST: usize = 256;

/// The headers that LiteLLM's clients name their customers with.
const CUSTOMER: [HeaderName; 2] =
    [HeaderName::from_static("x-litellm-customer-id"), HeaderName::from_static("x-litellm-end-user-id")];

/// The customer: the usual headers first (`special`: those that can mean anything, if there are some), then the ones
/// that the configuration names.
pub fn customer(
    settings: &IdentitySettings,
    special: Option<&HeaderMap>,
    headers: &HeaderMap,
) -> Option<Arc<str>> {
    let usual = special.and_then(|headers| CUSTOMER.iter().find_map(|name| text(headers.get(name))));
    usual.or_else(|| configured(settings, headers, UserKind::EndUser))
}

/// The customer that a body names: as `user`, or else where other clients than OpenAI's do.
pub fn in_body(body: &Body) -> Option<Arc<str>> {
    match body {
        Body::Form { form, .. } => form.field("user").filter(|user| !user.is_empty()).map(Arc::from),
        Body::Json(surface) => {
            let user = surface.str("user").filter(|user| !user.is_empty()).map(|user| Arc::from(&*user));
            user.or_else(|| elsewhere(surface))
        }
    }
}

fn elsewhere(surface: &Surface) -> Option<Arc<str>> {
    let inside = |field: &str, name: &str| surface.get(field).and_then(|raw| member(raw, name));
    let named = |raw: &str| {
        let name = str_of(raw).filter(|name| !name.is_empty() && name.len() <= LONGEST);
        name.map(|name| Arc::from(&*name))
    };
    inside("litellm_metadata", "user")
        .and_then(named)
        .or_else(|| inside("metadata", "user_id").and_then(named))
        .or_else(|| surface.get("safety_identifier").and_then(named))
}

/// The headers that LiteLLM's clients name a session with.
const SESSION: [HeaderName; 2] =
    [HeaderName::from_static("x-litellm-session-id"), HeaderName::from_static("x-litellm-trace-id")];

/// The session that a request belongs to.
pub fn session(special: Option<&HeaderMap>) -> Option<Arc<str>> {
    special.and_then(|headers| SESSION.iter().find_map(|name| text(headers.get(name))))
}

/// The user of the gateway.
pub fn user(settings: &IdentitySettings, headers: &HeaderMap) -> Option<Arc<str>> {
    configured(settings, headers, UserKind::User)
}

fn configured(settings: &IdentitySettings, headers: &HeaderMap, kind: UserKind) -> Option<Arc<str>> {
    let of_kind = settings.user_headers.iter().filter(|header| header.names == kind);
    of_kind.into_iter().find_map(|header| text(headers.get(header.name.as_str())))
}

fn text(value: Option<&actix_http::header::HeaderValue>) -> Option<Arc<str>> {
    let text = value?.to_str().ok()?.trim();
    (!text.is_empty()).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::multipart::Multipart;

    fn named(body: &Value) -> Option<String> {
        let surface = Surface::parse(Bytes::from(body.to_string()), 64).unwrap();
        in_body(&Body::json_of(surface)).map(|name| name.to_string())
    }

    #[test]
    fn bodies_name_customers_in_several_places() {
        let all = json!({
            "safety_identifier": "d", "metadata": {"user_id": "c"}, "litellm_metadata": {"user": "b"}, "user": "a",
        });
        let mut left = all.as_object().unwrap().clone();
        for (field, name) in
            [("user", "a"), ("litellm_metadata", "b"), ("metadata", "c"), ("safety_identifier", "d")]
        {
            assert_eq!(named(&Value::Object(left.clone())).as_deref(), Some(name));
            left.insert(field.into(), Value::Null);
        }
        assert_eq!(named(&Value::Object(left)), None);
        for nobody in [json!({"user": ""}), json!({"metadata": {"user_id": 7}}), json!({"metadata": []})] {
            assert_eq!(named(&nobody), None, "{nobody}");
        }
        assert_eq!(named(&json!({"metadata": {"user_id": "x".repeat(LONGEST + 1)}})), None);
    }

    #[test]
    fn forms_name_customers_too() {
        let form = "--b\r\ncontent-disposition: form-data; name=\"user\"\r\n\r\nann\r\n--b--\r\n";
        let form = Multipart::parse(Bytes::from_static(form.as_bytes()), "b").unwrap();
        let body = Body::Form { form: Rc::new(form), content_type: String::new() };
        assert_eq!(in_body(&body).as_deref(), Some("ann"));
    }
}
