//! OpenAI's error object, the one shape in which errors leave.

use serde::Serialize;

use crate::base::error::Error;

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    litellm_call_id: Option<&'a str>,
}

/// `{"error": {message, type, param, code}}` as JSON text. `code` is the provider's or ours, else the status as a
/// string, as LiteLLM has it. The id of the call is in it where the configuration wants it there.
pub fn envelope(error: &Error, call_id: Option<&str>) -> String {
    let mut status = itoa::Buffer::new();
    let body = Body {
        message: error.message(),
        r#type: error.type_(),
        param: error.param(),
        code: error.code().unwrap_or_else(|| status.format(error.status())),
        litellm_call_id: call_id,
    };
    // Texts and nothing else: that cannot fail to be written, and an empty object would be the harmless outcome.
    serde_json::to_string(&Envelope { error: body }).unwrap_or_else(|_| String::from("{}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Kind;

    #[test]
    fn the_providers_type_code_and_param_are_kept() {
        let error =
            Error::new(Kind::ContextWindow, "too \"long\"").with_param("messages").with_type("their_type");
        assert_eq!(
            envelope(&error, None),
            r#"{"error":{"message":"too \"long\"","type":"their_type","param":"messages","code":"context_length_exceeded"}}"#
        );
        let text = envelope(&Error::new(Kind::UpstreamForbidden, "x"), Some("c-1"));
        assert!(text.ends_with(r#""param":null,"code":"403","litellm_call_id":"c-1"}}"#), "{text}");
    }
}
