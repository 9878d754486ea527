//! The smaller endpoints: moderations, images, audio and reranking.

use serde_json::{Value, json};

use super::Call;
use crate::answer::{Answer, Ask};
use crate::received;
use crate::reply::Reply;

/// A transparent PNG of one pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

pub fn moderation(call: &Call<'_>) -> Reply {
    let count = call.body["input"].as_array().map_or(1, Vec::len);
    let result = json!({"flagged": false, "categories": {"violence": false, "hate": false},
        "category_scores": {"violence": 0.001, "hate": 0.002}, "category_applied_input_types": {}});
    let body =
        json!({"id": format!("modr-fake{}", call.id), "model": call.model(), "results": vec![result; count]});
    Reply::json(200, &call.decorate(body))
}

pub fn image(call: &Call<'_>) -> Reply {
    let n = call.body.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, 10);
    let picture = match call.body.get("response_format").and_then(Value::as_str) {
        Some("b64_json") => json!({"b64_json": PNG, "revised_prompt": "a dot"}),
        _ => json!({"url": "http://127.0.0.1/fake.png", "revised_prompt": "a dot"}),
    };
    let body = json!({"created": 1_700_000_000, "data": vec![picture; n as usize],
        "usage": {"input_tokens": 5, "output_tokens": 100, "total_tokens": 105}});
    Reply::json(200, &call.decorate(body))
}

/// Reads the multipart form, as a provider would, and answers in the format it names.
pub fn transcription(call: &Call<'_>) -> Reply {
    let form =
        received::boundary(call.request).map(|b| received::parts(&call.request.body, &b)).unwrap_or_default();
    let field = |name: &str| form.iter().find(|p| p.name == name);
    if field("file").is_none_or(|f| f.filename.is_none() || f.len == 0) || field("model").is_none() {
        return Reply::json(
            400,
            &super::error_body(400, call.dialect, "Missing required parameter: 'file' or 'model'."),
        );
    }
    let text = Answer::to(&Ask::default(), call.script, call.ordinal).text.unwrap_or_default();
    match field("response_format").and_then(|p| p.text.as_deref()) {
        Some("text") => Reply::bytes(200, "text/plain; charset=utf-8", format!("{text}\n")),
        Some("verbose_json") => Reply::json(
            200,
            &json!({"task": "transcribe", "language": "english",
            "duration": 1.5, "text": text, "segments": []}),
        ),
        _ => Reply::json(
            200,
            &call.decorate(json!({"text": text,
            "usage": {"type": "duration", "seconds": 2}})),
        ),
    }
}

/// Bytes that no text decoder may touch.
pub fn speech(call: &Call<'_>) -> Reply {
    let size = call.script.size.unwrap_or(4096);
    let mut audio = b"ID3\x04\x00\x00".to_vec();
    audio.extend((0_u8..=255).rev().cycle().take(size.saturating_sub(audio.len())));
    let content_type = match call.body.get("response_format").and_then(Value::as_str) {
        Some("wav") => "audio/wav",
        Some("opus") => "audio/opus",
        _ => "audio/mpeg",
    };
    Reply::bytes(200, content_type, audio)
}

/// Cohere's shape: the last document is the most relevant.
pub fn rerank(call: &Call<'_>) -> Reply {
    let documents = call.body["documents"].as_array().cloned().unwrap_or_default();
    let top = call.body.get("top_n").and_then(Value::as_u64).unwrap_or(documents.len() as u64) as usize;
    let with_documents = call.body.get("return_documents").and_then(Value::as_bool).unwrap_or(false);
    let results: Vec<Value> = documents
        .iter()
        .enumerate()
        .rev()
        .take(top)
        .map(|(index, document)| {
            let score = 0.99 * (index + 1) as f64 / documents.len() as f64;
            let mut result = json!({"index": index, "relevance_score": score});
            if with_documents {
                result["document"] = match document {
                    Value::String(text) => json!({"text": text}),
                    other => other.clone(),
                };
            }
            result
        })
        .collect();
    let body = json!({"id": format!("rerank-fake{}", call.id), "results": results,
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}});
    Reply::json(200, &call.decorate(body))
}
