//! OpenAI's error object, the one shape in which errors leave.

use serde_json::{Value, json};

use crate::base::error::Error;

/// `{"error": {message, type, param, code}}`. `code` is the provider's or ours, else the status as a
/// string, as LiteLLM has it.
pub fn envelope(error: &Error) -> Value {
    let code = error.code().map_or_else(|| error.status().to_string(), str::to_string);
    json!({"error": {
        "message": error.message(),
        "type": error.type_(),
        "param": error.param(),
        "code": code,
    }})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Kind;

    #[test]
    fn the_providers_type_code_and_param_are_kept() {
        let error =
            Error::new(Kind::ContextWindow, "too long").with_param("messages").with_type("their_type");
        assert_eq!(
            envelope(&error),
            json!({"error": {"message": "too long", "type": "their_type", "param": "messages",
                             "code": "context_length_exceeded"}})
        );
        assert_eq!(envelope(&Error::new(Kind::UpstreamForbidden, "x"))["error"]["code"], "403");
    }
}
