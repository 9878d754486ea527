//! `mock_response`: answers of every endpoint without any upstream.
//!
//! For demonstrations, tests of clients and dry runs of a config. An answer depends on its request and the
//! configured text alone, so the same question is always answered the same.

mod chat;
mod embeddings;
mod judge;
mod media;

use serde_json::{Map, Value};

use crate::base::error::{Error, Kind};
use crate::wire::endpoint::Endpoint;

/// A mocked answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Mock {
    /// A JSON body.
    Whole(Value),
    /// The JSON of each server-sent event, in order, without the closing `[DONE]`. Events with a `type` field
    /// (responses, transcriptions) carry it as their event name too.
    Stream(Vec<Value>),
    /// A body that is no JSON.
    Binary {
        /// Its `content-type`.
        content_type: &'static str,
        /// The body.
        bytes: Vec<u8>,
    },
}

/// What all mocked answers have in common.
struct Shown<'a> {
    model: &'a str,
    created: u64,
    id: String,
}

/// Answers `request` with `text` as LiteLLM's `mock_response` does. `created` is in seconds since 1970, `id` is
/// a unique id without an object's prefix (`chatcmpl-` is put before it).
///
/// # Errors
/// The error that `text` names (`litellm.RateLimitError` ...), or [`Kind::InvalidRequest`] for a request that
/// no provider would take.
pub fn mock(
    text: &str,
    endpoint: Endpoint,
    request: &Map<String, Value>,
    shown_model: &str,
    created: u64,
    id: String,
) -> Result<Mock, Error> {
    if let Some(error) = wanted_error(text) {
        return Err(error);
    }
    let shown = Shown { model: shown_model, created, id };
    match endpoint {
        Endpoint::Chat => chat::chat(text, request, &shown),
        Endpoint::Completions => chat::completions(text, request, &shown),
        Endpoint::Responses => chat::responses(text, request, &shown),
        Endpoint::Embeddings => embeddings::embeddings(request, &shown).map(Mock::Whole),
        Endpoint::Moderations => judge::moderations(request, &shown).map(Mock::Whole),
        Endpoint::Rerank => judge::rerank(request, &shown).map(Mock::Whole),
        Endpoint::Images => media::images(request, &shown).map(Mock::Whole),
        Endpoint::Speech => Ok(media::speech()),
        Endpoint::Transcriptions => Ok(media::transcription(text, request)),
    }
}

/// The texts that stand for an error.
fn wanted_error(text: &str) -> Option<Error> {
    let kind = match text {
        "litellm.RateLimitError" => Kind::UpstreamRateLimit,
        "litellm.InternalServerError" => Kind::UpstreamInternal,
        "litellm.ContextWindowExceededError" => Kind::ContextWindow,
        "litellm.Timeout" => Kind::AttemptTimeout,
        "litellm.AuthenticationError" => Kind::UpstreamUnauthorized,
        _ if text.starts_with("Exception: content_filter_policy") => Kind::ContentPolicy,
        _ => return None,
    };
    Some(Error::new(kind, format!("This error is mocked by the deployment's mock_response ({text}).")))
}

/// A whole number between `least` and `most`, `default` when absent; numbers in forms come as text.
fn whole(
    request: &Map<String, Value>,
    key: &str,
    default: u64,
    (least, most): (u64, u64),
) -> Result<u64, Error> {
    let Some(value) = request.get(key).filter(|value| !value.is_null()) else { return Ok(default) };
    let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| Error::invalid(key, format!("{key}: must be a whole number from {least} to {most}")))
}

/// Whether a switch is on, in JSON or in a form.
fn on(request: &Map<String, Value>, key: &str) -> bool {
    match request.get(key) {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// The texts of an `input` that is one or a list of them.
fn inputs(request: &Map<String, Value>) -> Result<Vec<String>, Error> {
    const MOST: usize = 2048;
    let texts = match request.get("input") {
        Some(Value::Array(list)) if list.first().is_some_and(Value::is_number) => {
            vec![Value::Array(list.clone()).to_string()]
        }
        Some(Value::Array(list)) => list.iter().map(input_text).collect(),
        Some(Value::String(text)) => vec![text.clone()],
        None | Some(Value::Null) => {
            return Err(Error::invalid("input", "Missing required parameter: 'input'."));
        }
        Some(_) => return Err(Error::invalid("input", "input: must be a string or a list")),
    };
    if texts.is_empty() || texts.len() > MOST {
        return Err(Error::invalid("input", format!("input: must hold 1 to {MOST} entries")));
    }
    Ok(texts)
}

fn input_text(input: &Value) -> String {
    match input {
        Value::String(text) => text.clone(),
        other => other.get("text").and_then(Value::as_str).map_or_else(|| other.to_string(), str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(text: &str, endpoint: Endpoint, request: Value) -> Result<Mock, Error> {
        let Value::Object(request) = request else { panic!("an object") };
        mock(text, endpoint, &request, "demo", 1_700_000_000, "1".to_owned())
    }

    fn whole_of(text: &str, endpoint: Endpoint, request: Value) -> Value {
        match ask(text, endpoint, request).unwrap() {
            Mock::Whole(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn special_texts_are_errors() {
        for (text, status) in [
            ("litellm.RateLimitError", 429),
            ("litellm.InternalServerError", 500),
            ("litellm.ContextWindowExceededError", 400),
            ("Exception: content_filter_policy - no", 400),
            ("litellm.Timeout", 408),
            ("litellm.AuthenticationError", 401),
        ] {
            for endpoint in Endpoint::ALL {
                assert_eq!(ask(text, endpoint, json!({})).unwrap_err().status(), status, "{text}");
            }
        }
    }

    #[test]
    fn embeddings_are_unit_vectors_and_related_texts_are_near() {
        let reply = whole_of(
            "",
            Endpoint::Embeddings,
            json!({"input":
            ["the cat sat on the mat", "the cat lay on the mat", "quarterly revenue grew"]}),
        );
        let vector = |place: usize| -> Vec<f64> {
            reply["data"][place]["embedding"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_f64().unwrap())
                .collect()
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (cat, other_cat, money) = (vector(0), vector(1), vector(2));
        assert_eq!(cat.len(), 1536);
        assert!((dot(&cat, &cat) - 1.0).abs() < 1e-4);
        assert!(dot(&cat, &other_cat) > 0.5 && dot(&cat, &money) < 0.2);
    }

    #[test]
    fn base64_embeddings_hold_the_same_floats() {
        use base64::Engine;
        let ask = |format| {
            whole_of(
                "",
                Endpoint::Embeddings,
                json!({
                "input": "hi there", "dimensions": 8, "encoding_format": format}),
            )
        };
        let floats = ask("float");
        let packed = ask("base64");
        let packed = packed["data"][0]["embedding"].as_str().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(packed).unwrap();
        let unpacked: Vec<f32> =
            bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        assert_eq!(unpacked.len(), 8);
        for (a, b) in unpacked.iter().zip(floats["data"][0]["embedding"].as_array().unwrap()) {
            assert!((f64::from(*a) - b.as_f64().unwrap()).abs() < 1e-6);
        }
    }

    #[test]
    fn sizes_are_bounded() {
        for (endpoint, request, param) in [
            (Endpoint::Chat, json!({"messages": [], "n": 129}), "n"),
            (Endpoint::Images, json!({"prompt": "x", "n": 11}), "n"),
            (Endpoint::Embeddings, json!({"input": "x", "dimensions": 0}), "dimensions"),
            (Endpoint::Embeddings, json!({"input": []}), "input"),
            (Endpoint::Rerank, json!({"query": "x"}), "documents"),
        ] {
            assert_eq!(ask("hi", endpoint, request).unwrap_err().param(), Some(param));
        }
    }

    #[test]
    fn the_best_document_comes_first() {
        let reply = whole_of(
            "",
            Endpoint::Rerank,
            json!({
            "query": "capital of France", "documents": ["bread", {"text": "Paris is the capital of France"}],
            "top_n": 1, "return_documents": true}),
        );
        assert_eq!(reply["results"].as_array().unwrap().len(), 1);
        assert_eq!(reply["results"][0]["index"], 1);
        assert_eq!(reply["results"][0]["document"]["text"], "Paris is the capital of France");
    }

    #[test]
    fn speech_is_a_wave_file() {
        let Mock::Binary { content_type, bytes } = ask("", Endpoint::Speech, json!({})).unwrap() else {
            panic!("binary")
        };
        assert_eq!(content_type, "audio/wav");
        assert_eq!(&bytes[..4], b"RIFF");
        let size = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
        assert_eq!(usize::try_from(size).unwrap() + 8, bytes.len());
    }
}
