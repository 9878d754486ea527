//! The body for an OpenAI-type upstream: the client's own bytes, less what is for the gateway, plus what
//! the deployment says, in the words the provider knows.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::messages;
use crate::base::error::{Error, Kind};
use crate::domain::deployment::Deployment;
use crate::domain::providers::{Dialect, cohere, drop_path, params};
use crate::wire::endpoint::Endpoint;
use crate::wire::json;
use crate::wire::surface::{Edits, Surface};

/// What the caller of [`body`] has decided.
#[derive(Debug, Clone, Copy, Default)]
pub struct BodyOptions {
    /// Whether the upstream answers with a stream.
    pub stream: bool,
    /// Whether the stream should carry usage, asked for by the client or for our own books.
    pub ask_usage: bool,
    /// The global `drop_params`; the deployment's and the request's own win over it.
    pub drop_params: bool,
}

/// The token caps: a caller who names one has named them all.
const TOKEN_CAPS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// What `extra_body` of a request may not reach: routing and the form of the answer are the gateway's.
fn reserved(name: &str) -> bool {
    params::gateway_only(name) || matches!(name, "model" | "stream" | "stream_options" | "metadata")
}

/// Translates a request body for one deployment. Unknown members travel on byte for byte.
///
/// # Errors
/// [`Kind::UnsupportedParams`] for a chat parameter that the provider or model refuses, unless parameters
/// are dropped.
pub fn body(
    surface: &Surface,
    deployment: &Deployment,
    endpoint: Endpoint,
    upstream_model: &str,
    options: &BodyOptions,
) -> Result<Bytes, Error> {
    let folded = with_defaults(surface, deployment)?;
    let prepared = without_dropped(&folded, deployment)?;
    let surface = prepared.as_ref();
    let mut edits = Edits::new();
    strip(surface, endpoint, &mut edits);
    edits.set_str("model", &wire_model(deployment, upstream_model));
    stream(surface, deployment, endpoint, options, &mut edits);
    match endpoint {
        Endpoint::Chat => chat(surface, deployment, upstream_model, options, &mut edits)?,
        Endpoint::Rerank if deployment.provider.dialect == Dialect::Cohere => {
            if let Some(documents) = surface.get("documents").and_then(cohere::flat_documents) {
                edits.replace("documents", documents);
            }
        }
        _ => {}
    }
    for (name, value) in &deployment.request.extra_body {
        edits.unremove(name);
        edits.set(name.as_str(), value.to_string());
    }
    Ok(surface.rewrite(&edits))
}

/// Moves the members of a request's `extra_body` to the top level, where every check sees them; `None`
/// when there is nothing to move. [`body`] does the same, so calling this first is for those who look at
/// parameters before (token caps, prices).
pub fn fold_extra_body(surface: &Surface) -> Option<Result<Surface, Error>> {
    let raw = surface.get("extra_body").filter(|raw| raw.starts_with('{'))?;
    let extra: Map<String, Value> = serde_json::from_str(raw).ok()?;
    let mut edits = Edits::new();
    edits.remove("extra_body");
    for (name, value) in extra.iter().filter(|(name, _)| !reserved(name)) {
        edits.set(name.as_str(), value.to_string());
    }
    Some(reparsed(surface.rewrite(&edits)))
}

/// The request with its `extra_body` folded in and the deployment's defaults added where it says nothing.
fn with_defaults<'a>(surface: &'a Surface, deployment: &Deployment) -> Result<Cow<'a, Surface>, Error> {
    let surface = match fold_extra_body(surface) {
        Some(folded) => Cow::Owned(folded?),
        None => Cow::Borrowed(surface),
    };
    let capped = TOKEN_CAPS.iter().any(|cap| surface.is_set(cap));
    let mut edits = Edits::new();
    for (name, value) in &deployment.request.defaults {
        let another_cap = capped && TOKEN_CAPS.contains(&name.as_str());
        if !value.is_null() && !another_cap && !surface.is_set(name) {
            edits.set(name.as_str(), value.to_string());
        }
    }
    applied(surface, &edits)
}

fn without_dropped<'a>(surface: &'a Surface, deployment: &Deployment) -> Result<Cow<'a, Surface>, Error> {
    let asked: Vec<String> = surface
        .get("additional_drop_params")
        .and_then(|raw| serde_json::from_str(raw).ok())
        .unwrap_or_default();
    let own = &deployment.request.additional_drop_params;
    if asked.is_empty() && own.is_empty() {
        return Ok(Cow::Borrowed(surface));
    }
    let paths: Vec<String> = own.iter().cloned().chain(asked).collect();
    let mut edits = Edits::new();
    drop_path::apply(&paths, surface, &mut edits);
    applied(Cow::Borrowed(surface), &edits)
}

fn applied<'a>(surface: Cow<'a, Surface>, edits: &Edits<'_>) -> Result<Cow<'a, Surface>, Error> {
    if edits.is_empty() {
        return Ok(surface);
    }
    reparsed(surface.rewrite(edits)).map(Cow::Owned)
}

fn reparsed(body: Bytes) -> Result<Surface, Error> {
    // The text is made of parts that have been validated before.
    Surface::parse(body, usize::MAX)
        .map_err(|error| Error::new(Kind::Internal, "the request could not be rewritten").with_cause(error))
}

/// Removes what is for the gateway.
fn strip<'a>(surface: &'a Surface, endpoint: Endpoint, edits: &mut Edits<'a>) {
    for (name, _) in surface.members() {
        let ours = match name {
            "metadata" => !params::forwards_metadata(surface, endpoint == Endpoint::Responses),
            _ => params::gateway_only(name),
        };
        if ours {
            edits.remove(name);
        }
    }
}

/// The model's name as the provider's API has it.
fn wire_model<'a>(deployment: &Deployment, model: &'a str) -> Cow<'a, str> {
    // Fireworks' API knows models by their full path only.
    if deployment.provider.name == "fireworks_ai" && !model.contains(['/', '#']) {
        return Cow::Owned(format!("accounts/fireworks/models/{model}"));
    }
    Cow::Borrowed(model)
}

fn stream<'a>(
    surface: &'a Surface,
    deployment: &Deployment,
    endpoint: Endpoint,
    options: &BodyOptions,
    edits: &mut Edits<'a>,
) {
    if !matches!(endpoint, Endpoint::Chat | Endpoint::Completions | Endpoint::Responses) {
        return;
    }
    if !options.stream {
        if surface.bool("stream") == Some(true) {
            edits.replace("stream", "false");
        }
        edits.remove("stream_options");
        return;
    }
    edits.set("stream", "true");
    if endpoint == Endpoint::Responses {
        return;
    }
    if !deployment.provider.quirks.stream_usage {
        edits.remove("stream_options");
    } else if options.ask_usage {
        edits.set("stream_options", with_usage(surface.get("stream_options")));
    }
    if deployment.provider.name == "openrouter" && options.ask_usage {
        edits.add("usage", r#"{"include":true}"#);
    }
}

/// The client's stream options with usage asked for. Options that are no object are the provider's to
/// refuse.
fn with_usage(options: Option<&str>) -> Cow<'_, str> {
    const ASK: &str = r#"{"include_usage":true}"#;
    let Some(raw) = options.filter(|raw| *raw != "null") else { return Cow::Borrowed(ASK) };
    if !raw.starts_with('{') || json::member(raw, "include_usage") == Some("true") {
        return Cow::Borrowed(raw);
    }
    let mut tree: Map<String, Value> = serde_json::from_str(raw).unwrap_or_default();
    tree.insert("include_usage".to_owned(), Value::Bool(true));
    Cow::Owned(Value::Object(tree).to_string())
}

/// What is particular to chat requests: refused parameters, other names, other message forms.
fn chat<'a>(
    surface: &'a Surface,
    deployment: &Deployment,
    upstream_model: &str,
    options: &BodyOptions,
    edits: &mut Edits<'a>,
) -> Result<(), Error> {
    let quirks = &deployment.provider.quirks;
    let family = params::family(deployment, upstream_model);
    let refused = params::refused(surface, deployment, family);
    if !refused.is_empty() {
        if !params::drops(surface, deployment, options.drop_params) {
            return Err(params::unsupported(&refused, deployment, upstream_model));
        }
        refused.into_iter().for_each(|name| edits.remove(name));
    }
    if family.wants_max_completion_tokens() {
        rename(surface, "max_tokens", "max_completion_tokens", false, edits);
    } else if !quirks.max_completion_tokens {
        rename(surface, "max_completion_tokens", "max_tokens", true, edits);
    }
    if quirks.random_seed {
        rename(surface, "seed", "random_seed", false, edits);
    }
    if quirks.required_is_any && surface.get("tool_choice") == Some(r#""required""#) {
        edits.replace("tool_choice", r#""any""#);
    }
    if let Some(messages) = surface.get("messages").and_then(|raw| messages::adapted(raw, quirks)) {
        edits.replace("messages", messages);
    }
    Ok(())
}

/// Sends `from` under the name `to`. Where both are given, the one that is `newer` wins.
fn rename<'a>(surface: &'a Surface, from: &'a str, to: &'a str, newer: bool, edits: &mut Edits<'a>) {
    let Some(raw) = surface.get(from) else { return };
    if edits.removes(from) {
        return;
    }
    edits.remove(from);
    if raw != "null" && (newer || !surface.is_set(to)) {
        edits.set(to, raw);
    }
}

#[cfg(test)]
mod tests;
