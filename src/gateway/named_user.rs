//! Whom and what a request's headers name: the caller's own customer, a user of the gateway, a session.

use std::sync::Arc;

use actix_http::header::{HeaderMap, HeaderName};

use crate::config::model::{IdentitySettings, UserKind};

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
