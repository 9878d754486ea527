//! A whole reply on its way back: the model's name is replaced, usage is read, an error in disguise is
//! found, and every other byte stays.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use super::REPLY_DEPTH;
use crate::base::error::{Error, Kind};
use crate::base::usage::Usage;
use crate::domain::deployment::Deployment;
use crate::domain::providers::upstream_error;
use crate::wire::json;
use crate::wire::surface::{self, SurfaceError};
use crate::wire::usage::{searches_of, tier_of, usage_of};

/// A success reply that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidReply {
    /// No JSON object.
    NotJson(SurfaceError),
    /// An error in its place; the raw JSON of what describes it.
    Error(String),
}

impl InvalidReply {
    /// The error that it means: the one in the body with its own status, else [`Kind::InvalidReply`].
    pub fn into_error(self, deployment: &Deployment) -> Error {
        match self {
            InvalidReply::Error(raw) => upstream_error::in_band(deployment, &raw),
            InvalidReply::NotJson(cause) => {
                let text = format!("the answer is no JSON object ({cause})");
                let kind = Kind::InvalidReply;
                Error::new(kind, upstream_error::public_sentence(deployment, kind, &text))
                    .with_provider(deployment.provider.name)
            }
        }
    }
}

/// Where in a reply the members lie that the gateway looks at.
#[derive(Default)]
struct Seen {
    model: Option<Range<usize>>,
    usage: Option<Range<usize>>,
    error: Option<Range<usize>>,
    object: Option<Range<usize>>,
    tier: Option<Range<usize>>,
    choices: Option<Range<usize>>,
    output: Option<Range<usize>>,
}

/// The reply to show, with `shown_model` in place of the upstream's `model` (where there is one), and its
/// usage.
///
/// # Errors
/// [`InvalidReply`] when a 200 hides an error or is no JSON object, a cut one for instance.
pub fn restamp(body: Bytes, shown_model: &str) -> Result<(Bytes, Option<Usage>), InvalidReply> {
    let text = surface::text_of(body).map_err(InvalidReply::NotJson)?;
    let mut seen = Seen::default();
    surface::glance(&text, REPLY_DEPTH, |key, value| match key {
        "model" => seen.model = Some(value),
        "usage" => seen.usage = Some(value),
        "error" => seen.error = Some(value),
        "object" => seen.object = Some(value),
        "service_tier" => seen.tier = Some(value),
        "choices" => seen.choices = Some(value),
        "output" => seen.output = Some(value),
        _ => {}
    })
    .map_err(InvalidReply::NotJson)?;
    let raw = |span: &Option<Range<usize>>| span.clone().and_then(|span| text.get(span));
    // The error inside a success: OpenAI's envelope, or the flat object of some compatible servers. All of
    // it goes on: some servers put the status beside the error object.
    if raw(&seen.error).is_some_and(|raw| raw != "null") || raw(&seen.object) == Some(r#""error""#) {
        return Err(InvalidReply::Error(text.to_string()));
    }
    let usage = raw(&seen.usage)
        .and_then(usage_of)
        .map(|usage| billed(usage, raw(&seen.tier), raw(&seen.choices), raw(&seen.output)));
    let shown = match seen.model {
        Some(span) => with_model(text, span, shown_model),
        None => text.into_bytes(),
    };
    Ok((shown, usage))
}

/// Adds what is billed and stands outside of `usage`: the service tier, and web searches.
fn billed(mut usage: Usage, tier: Option<&str>, choices: Option<&str>, output: Option<&str>) -> Usage {
    if let Some(tier) = tier {
        usage.service_tier = tier_of(tier);
    }
    if usage.web_searches == 0 {
        usage.web_searches = match (output, choices) {
            (Some(output), _) => searches_of(output),
            (None, Some(choices)) => u32::from(cites(choices)),
            (None, None) => 0,
        };
    }
    usage
}

/// Whether a choice cites what a web search has found.
fn cites(choices: &str) -> bool {
    // Most answers do not even have the word.
    memchr::memmem::find(choices.as_bytes(), b"url_citation").is_some()
        && json::Elements::of(choices).any(|choice| super::chunk::ChoiceFacts::of(choice).searched)
}

/// The text with the model's name at `span` replaced; without a copy where it is the same.
fn with_model(text: ByteString, span: Range<usize>, shown_model: &str) -> Bytes {
    let now = text.get(span.clone()).unwrap_or_default();
    if now.strip_prefix('"').and_then(|now| now.strip_suffix('"')) == Some(shown_model) {
        return text.into_bytes();
    }
    let bytes = text.as_bytes();
    let mut out = BytesMut::with_capacity(bytes.len() - now.len() + shown_model.len() + 8);
    out.extend_from_slice(bytes.get(..span.start).unwrap_or_default());
    json::write_quoted(shown_model, &mut out);
    out.extend_from_slice(bytes.get(span.end..).unwrap_or_default());
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::usage::ServiceTier;
    use crate::domain::providers::testing::{OPENAI, deployment};

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    #[test]
    fn only_the_model_changes() {
        let reply = "{\"id\":\"c1\", \"model\": \"gpt-4o-2024\",\n\"logprobs\":null,\"n\":1.0,\"choices\":[{\"message\":{\"content\":\"four\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}";
        let (shown, usage) = restamp(bytes(reply), "my \"group\"").unwrap();
        assert_eq!(shown, bytes(&reply.replace("\"gpt-4o-2024\"", "\"my \\\"group\\\"\"")));
        assert_eq!(usage.unwrap().total(), 3);
    }

    #[test]
    fn the_bill_is_read_from_the_whole_reply() {
        let usage = |reply: &str| restamp(bytes(reply), "g").unwrap().1.unwrap();
        let chat = usage(
            r#"{"choices":[{"message":{"annotations":[{"type":"url_citation"}]}}],"service_tier":"flex","usage":{"prompt_tokens":1}}"#,
        );
        assert_eq!((chat.service_tier, chat.web_searches), (ServiceTier::Flex, 1));
        let response = usage(
            r#"{"output":[{"type":"web_search_call"},{"type":"web_search_call"}],"service_tier":"default","usage":{"input_tokens":1}}"#,
        );
        assert_eq!((response.service_tier, response.web_searches), (ServiceTier::Standard, 2));
    }

    #[test]
    fn the_same_name_or_none_costs_no_copy() {
        for reply in [r#"{"model":"g"}"#, r#"{"results":[]}"#] {
            let body = bytes(reply);
            let (shown, _) = restamp(body.clone(), "g").unwrap();
            assert_eq!(shown.as_ptr(), body.as_ptr());
        }
    }

    #[test]
    fn errors_in_disguise_keep_their_status() {
        let error = |body: &str| restamp(bytes(body), "g").unwrap_err().into_error(&deployment(OPENAI, "m"));
        assert_eq!(error(r#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#).status(), 429);
        assert_eq!(error(r#"{"object":"error","message":"no such model","code":404}"#).status(), 404);
        assert_eq!(error(r#"{"error":"broken","choices":[]}"#).status(), 500);
        let cut = error(r#"{"id":"c1","choices":[{"#);
        assert_eq!((cut.kind(), cut.status()), (Kind::InvalidReply, 502));
        assert_eq!(error("<html>").kind(), Kind::InvalidReply);
        assert!(restamp(bytes(r#"{"error":null,"model":"m"}"#), "g").is_ok());
    }
}
