//! OpenAI embeddings: floats or base64, from text or from tokens.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Call, present};
use crate::reply::Reply;

pub fn answer(call: &Call<'_>) -> Reply {
    let dimensions = call.body.get("dimensions").and_then(Value::as_u64).unwrap_or(8).min(4096);
    let base64 = call.body.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let inputs = inputs(&call.body["input"]);
    let tokens = call.script.prompt_tokens.unwrap_or(4 * inputs.len() as u64);
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = match call.script.words {
                true => words(input.as_str().unwrap_or_default()),
                false => vector(&input.to_string(), dimensions),
            };
            let embedding = if base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|f| f.to_le_bytes()).collect();
                json!(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let usage = if call.script.no_usage {
        Value::Null
    } else {
        json!({"prompt_tokens": tokens, "total_tokens": tokens})
    };
    let body = present([
        ("object", json!("list")),
        ("data", json!(data)),
        ("model", json!(call.model())),
        ("usage", usage),
    ]);
    Reply::json(200, &call.decorate(body))
}

/// The inputs: a string and a list of tokens are one, lists of those are many.
fn inputs(input: &Value) -> Vec<Value> {
    match input.as_array() {
        Some(items) if items.iter().any(|i| i.is_string() || i.is_array()) => items.clone(),
        _ => vec![input.clone()],
    }
}

/// How often each word stands in a text, one dimension for each: two texts of four words that share three have a cosine
/// of 0.75.
fn words(text: &str) -> Vec<f32> {
    let mut counts = vec![0.0; 2048];
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let hash = word
            .to_lowercase()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let place = usize::try_from((hash >> 32) % 2048).unwrap_or_default();
        if let Some(count) = counts.get_mut(place) {
            *count += 1.0;
        }
    }
    counts
}

/// A unit vector that depends on the text and on nothing else. Each number is exact in 32 bits, so that floats and
/// base64 tell the same.
fn vector(text: &str, dimensions: u64) -> Vec<f32> {
    let mut state =
        text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let raw: Vec<f32> = (0..dimensions)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
        })
        .collect();
    let length = raw.iter().map(|f| f * f).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.iter().map(|f| f / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_alike_as_the_words_they_share() {
        let alike = |one: &str, other: &str| {
            let (one, other) = (words(one), words(other));
            let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
            product(&one, &other) / (product(&one, &one) * product(&other, &other)).sqrt()
        };
        assert!((alike("where is my invoice", "Where is THE invoice?") - 0.75).abs() < 1e-6);
        assert!(alike("where is my invoice", "tell a joke").abs() < 1e-6);
    }
}
