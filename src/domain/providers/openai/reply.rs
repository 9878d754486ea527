//! A whole reply on its way back: the model's name is replaced, usage is read, an error in disguise is
//! found, and every other byte stays.

use bytes::Bytes;

use super::REPLY_DEPTH;
use crate::base::error::{Error, Kind};
use crate::base::usage::Usage;
use crate::domain::deployment::Deployment;
use crate::domain::providers::upstream_error;
use crate::wire::json;
use crate::wire::surface::{Edits, Surface, SurfaceError};
use crate::wire::usage::usage_of;

/// What else is known of a reply, looked up only when asked.
#[derive(Debug, Clone)]
pub struct ReplyFacts {
    surface: Surface,
}

impl ReplyFacts {
    /// The upstream's reply, before the model's name was replaced.
    pub fn upstream(&self) -> &Surface {
        &self.surface
    }

    /// The provider's id of the answer.
    pub fn id(&self) -> Option<String> {
        self.surface.str("id").map(|id| id.into_owned())
    }

    /// The model that the provider says has answered.
    pub fn upstream_model(&self) -> Option<String> {
        self.surface.str("model").map(|model| model.into_owned())
    }

    /// Bytes of answer text and tool arguments, for an estimate where the provider gave no usage.
    pub fn output_bytes(&self) -> u64 {
        let choices = self.surface.get("choices").unwrap_or_default();
        let output = self.surface.get("output").map_or(0, |output| output.len() as u64);
        json::Elements::of(choices)
            .map(|choice| super::chunk::ChoiceFacts::of(choice).output_bytes)
            .sum::<u64>()
            + output
    }
}

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

/// The reply to show, with `shown_model` in place of the upstream's `model` (where there is one), its usage
/// and what else is known.
///
/// # Errors
/// [`InvalidReply`] when a 200 hides an error or is no JSON object, a cut one for instance.
pub fn restamp(body: Bytes, shown_model: &str) -> Result<(Bytes, Option<Usage>, ReplyFacts), InvalidReply> {
    let surface = Surface::skim(body, REPLY_DEPTH).map_err(InvalidReply::NotJson)?;
    if let Some(raw) = hidden_error(&surface) {
        return Err(InvalidReply::Error(raw));
    }
    let mut edits = Edits::new();
    edits.replace("model", json::quoted(shown_model));
    let usage = surface.get("usage").and_then(usage_of);
    Ok((surface.rewrite(&edits), usage, ReplyFacts { surface }))
}

/// The error inside a success: OpenAI's envelope, or the flat object of some compatible servers.
fn hidden_error(surface: &Surface) -> Option<String> {
    if surface.is_set("error") {
        // The whole envelope: some servers put the status beside the error object.
        return Some(surface.text().to_owned());
    }
    (surface.get("object") == Some(r#""error""#)).then(|| surface.text().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::providers::testing::{OPENAI, deployment};

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    #[test]
    fn only_the_model_changes() {
        let reply = "{\"id\":\"c1\", \"model\": \"gpt-4o-2024\",\n\"logprobs\":null,\"n\":1.0,\"choices\":[{\"message\":{\"content\":\"four\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}";
        let (shown, usage, facts) = restamp(bytes(reply), "my \"group\"").unwrap();
        assert_eq!(shown, bytes(&reply.replace("\"gpt-4o-2024\"", "\"my \\\"group\\\"\"")));
        assert_eq!(usage.unwrap().total(), 3);
        assert_eq!(
            (facts.id().unwrap(), facts.upstream_model().unwrap()),
            ("c1".into(), "gpt-4o-2024".into())
        );
        assert_eq!(facts.output_bytes(), 4);
    }

    #[test]
    fn the_same_name_or_none_costs_no_copy() {
        for reply in [r#"{"model":"g"}"#, r#"{"results":[]}"#] {
            let body = bytes(reply);
            let (shown, ..) = restamp(body.clone(), "g").unwrap();
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
