//! Error replies of OpenAI-type servers, as errors of ours: the right kind, and the provider's own words,
//! type, code and param, without secrets.

mod said;
mod signs;

use std::time::SystemTime;

use crate::base::error::{Error, Kind};
use crate::domain::deployment::Deployment;
use crate::domain::providers::{Dialect, scrub};
use crate::wire::retry_after::retry_after;

pub use said::Said;

/// Longer error bodies are cut before they are read.
const LONGEST_BODY: usize = 64 * 1024;

/// The error that a reply with an error status (or any other that is no success) means.
///
/// `header` looks up reply headers by lower-case name; `now` dates a `Retry-After` that is a date.
pub fn of_reply<'a>(
    deployment: &Deployment,
    status: u16,
    body: &[u8],
    header: impl Fn(&str) -> Option<&'a str>,
    now: SystemTime,
) -> Error {
    let said = Said::of_body(body.get(..LONGEST_BODY).unwrap_or(body));
    let advice = match header("x-should-retry") {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    };
    let error = build(deployment, status, &said)
        .with_retry_after(retry_after(&header, now))
        .with_should_retry(advice);
    match header("x-request-id") {
        // An id is for the log; what is no id is not.
        Some(id) if is_id(id) => error.with_cause(format_args!("upstream request id {}", id)),
        _ => error,
    }
}

/// The error that an `error` object inside a success reply or a stream means; `raw` is its JSON.
pub fn in_band(deployment: &Deployment, raw: &str) -> Error {
    let said = Said::of_body(raw.as_bytes());
    build(deployment, said.status_hint().unwrap_or(500), &said)
}

fn build(deployment: &Deployment, status: u16, said: &Said) -> Error {
    let kind = signs::kind_of(status, said);
    let mut error =
        Error::new(kind, sentence(deployment, kind, status, said)).with_provider(deployment.provider.name);
    // The exact status is kept where the kind says nothing more precise than the status did.
    if kind == Kind::of_upstream_status(status) && (400..600).contains(&status) {
        error = error.with_status(status);
    }
    let clean = |text: &String| scrub::scrub(text, &deployment.connection);
    if let Some(type_) = &said.type_ {
        error = error.with_type(clean(type_));
    }
    if let Some(code) = signs::public_code(kind, said) {
        error = error.with_code(clean(&code));
    }
    if let Some(param) = &said.param {
        error = error.with_param(clean(param));
    }
    error.in_providers_words()
}

fn is_id(text: &str) -> bool {
    text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// The public sentence, in the form that LiteLLM's clients match on.
pub fn public_sentence(deployment: &Deployment, kind: Kind, text: &str) -> String {
    let class = kind.behaviour().class;
    let title = deployment.provider.title;
    let text = scrub::scrub(text, &deployment.connection);
    match deployment.provider.dialect {
        Dialect::Azure => format!("litellm.{class}: {title}Exception {class} - {text}"),
        _ => format!("litellm.{class}: {class}: {title}Exception - {text}"),
    }
}

fn sentence(deployment: &Deployment, kind: Kind, status: u16, said: &Said) -> String {
    if said.message.is_empty() {
        return public_sentence(deployment, kind, &format!("HTTP {status} without a message"));
    }
    public_sentence(deployment, kind, &said.message)
}

#[cfg(test)]
mod tests;
