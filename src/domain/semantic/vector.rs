//! The meaning of a text as an embedding model sees it: a direction in a space of many dimensions.

use serde::Deserialize;
use wide::f32x8;

/// The most dimensions; models have up to a few thousand.
const MOST_DIMENSIONS: usize = 16_384;

/// A direction: a vector of length 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector(Box<[f32]>);

/// The reply of an embedding model to one text, as far as it matters.
#[derive(Deserialize)]
struct Reply {
    data: Vec<Embedded>,
}

#[derive(Deserialize)]
struct Embedded {
    embedding: Vec<f32>,
}

impl Vector {
    /// The direction of these values; `None` when they have none: nothing but zeros, or something that is no number.
    pub fn new(mut values: Vec<f32>) -> Option<Self> {
        let sum: f64 = values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
        let length = sum.sqrt();
        if !length.is_finite() || length == 0.0 || values.len() > MOST_DIMENSIONS {
            return None;
        }
        for value in &mut values {
            #[allow(clippy::cast_possible_truncation, reason = "at most 1")]
            let scaled = (f64::from(*value) / length) as f32;
            *value = scaled;
        }
        Some(Vector(values.into_boxed_slice()))
    }

    /// The vector in an embedding model's reply to one text (OpenAI's shape, numbers written out).
    pub fn of_reply(body: &[u8]) -> Option<Self> {
        let reply: Reply = serde_json::from_slice(body).ok()?;
        match <[Embedded; 1]>::try_from(reply.data) {
            Ok([only]) => Vector::new(only.embedding),
            Err(_) => None,
        }
    }

    /// How many numbers it has.
    pub fn dimension(&self) -> usize {
        self.0.len()
    }

    /// How alike two are: the cosine of the angle between them, 1 for the same direction. 0 for vectors of different
    /// spaces, which say nothing about each other.
    ///
    /// 1536 dimensions take half a microsecond on one core of a small server, 384 take 0.11.
    pub fn similarity(&self, other: &Vector) -> f32 {
        if self.dimension() != other.dimension() {
            return 0.0;
        }
        let (ours, our_rest) = self.0.as_chunks::<8>();
        let (theirs, their_rest) = other.0.as_chunks::<8>();
        // Two sums, so that one addition need not wait for the other.
        let mut sums = [f32x8::ZERO; 2];
        for (at, (one, other)) in ours.iter().zip(theirs).enumerate() {
            let [even, odd] = &mut sums;
            let sum = if at % 2 == 0 { even } else { odd };
            *sum += f32x8::new(*one) * f32x8::new(*other);
        }
        let rest: f32 = our_rest.iter().zip(their_rest).map(|(one, other)| one * other).sum();
        sums.iter().map(|sum| sum.reduce_add()).sum::<f32>() + rest
    }

    /// Its numbers as bytes, four each, the low ones first.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// From what [`Vector::bytes`] gave; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (values, rest) = bytes.as_chunks::<4>();
        let values: Box<[f32]> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
        let square: f32 = values.iter().map(|value| value * value).sum();
        let whole = rest.is_empty() && values.len() <= MOST_DIMENSIONS;
        // Also no number at all is not near 1.
        (whole && (square - 1.0).abs() < 0.01).then_some(Vector(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_compared_whatever_their_length() {
        let one = Vector::new(vec![3.0, 4.0]).unwrap();
        let same = Vector::new(vec![30.0, 40.0]).unwrap();
        let across = Vector::new(vec![-4.0, 3.0]).unwrap();
        assert!((one.similarity(&same) - 1.0).abs() < 1e-6);
        assert!(one.similarity(&across).abs() < 1e-6);
        assert_eq!(one.similarity(&Vector::new(vec![3.0, 4.0, 0.0]).unwrap()), 0.0);
    }

    #[test]
    fn what_has_no_direction_is_no_vector() {
        for values in [vec![], vec![0.0; 4], vec![f32::NAN, 1.0], vec![f32::INFINITY], vec![1.0; 20_000]] {
            assert_eq!(Vector::new(values), None);
        }
        let vector = Vector::new(vec![1.0, 2.0, -0.5]).unwrap();
        let bytes = vector.bytes();
        assert_eq!(Vector::from_bytes(&bytes), Some(vector));
        for wrong in [&bytes[1..], &bytes[4..], &[], &f32::NAN.to_le_bytes()] {
            assert_eq!(Vector::from_bytes(wrong), None);
        }
    }

    #[test]
    fn a_reply_has_one_vector() {
        let reply =
            br#"{"object":"list","data":[{"index":0,"embedding":[0.5,-2]}],"usage":{"total_tokens":1}}"#;
        assert_eq!(Vector::of_reply(reply), Vector::new(vec![0.5, -2.0]));
        for wrong in [
            r#"{"data":[]}"#,
            r#"{"data":[{"embedding":"AAAA"}]}"#,
            r#"{"data":[{"embedding":[]}]}"#,
            r#"{"data":[{"embedding":[1]},{"embedding":[1]}]}"#,
            r#"{"error":{}}"#,
            "no",
        ] {
            assert_eq!(Vector::of_reply(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
