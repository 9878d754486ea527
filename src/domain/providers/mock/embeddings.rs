//! Mocked embeddings: deterministic unit vectors in which texts with common words are near each other.
//!
//! Each word adds a few signed steps at places given by its hash, so a demonstration of a vector search
//! finds what it should.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Shown, inputs, whole};
use crate::base::error::Error;
use crate::domain::tokens;

/// Dimensions when the request names none.
const DIMENSIONS: u64 = 1536;

/// Dimensions that a request may ask for.
const MOST_DIMENSIONS: u64 = 4096;

/// Places that one word moves.
const STEPS: u64 = 16;

/// The embeddings of `input`, as numbers or (`encoding_format: base64`) as little-endian 32-bit floats.
pub(super) fn embeddings(request: &Map<String, Value>, shown: &Shown<'_>) -> Result<Value, Error> {
    let texts = inputs(request)?;
    let dimensions = whole(request, "dimensions", DIMENSIONS, (1, MOST_DIMENSIONS))?;
    let packed = request.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = vector(text, dimensions);
            let embedding = if packed { pack(&vector) } else { json!(vector) };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let count = texts.iter().fold(0u64, |sum, text| sum.saturating_add(tokens::of_text(text)));
    Ok(json!({
        "object": "list",
        "data": data,
        "model": shown.model,
        "usage": {"prompt_tokens": count, "total_tokens": count},
    }))
}

fn vector(text: &str, dimensions: u64) -> Vec<f32> {
    let mut vector = vec![0f32; usize::try_from(dimensions).unwrap_or_default()];
    let lower = text.to_lowercase();
    for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let mut state = hash(word);
        for _ in 0..STEPS {
            state = mixed(state);
            let place = usize::try_from((state >> 1) % dimensions.max(1)).unwrap_or_default();
            if let Some(value) = vector.get_mut(place) {
                *value += if state & 1 == 0 { 1.0 } else { -1.0 };
            }
        }
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    } else if let Some(first) = vector.first_mut() {
        *first = 1.0; // a text without words still has a direction
    }
    vector
}

fn pack(vector: &[f32]) -> Value {
    Value::String(STANDARD.encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()))
}

/// FNV-1a: short, stable across versions and machines.
fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One step of the SplitMix64 sequence.
fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
