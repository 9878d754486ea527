//! Embeddings by input: each input of a list is a question of its own, so that a list of which some is known asks for the
//! rest only.

use bytes::{Bytes, BytesMut};

use crate::base::usage::Usage;
use crate::wire::json::{Elements, member};
use crate::wire::surface::{Edits, Surface};

/// The most inputs that are looked up one by one; longer lists are one question.
const MOST: usize = 256;
/// As deep as an answer nests.
const DEPTH: usize = 16;

/// The inputs, raw: of a list of texts or of lists of tokens its elements, and anything else as it is. `None`: too many.
pub fn inputs(raw: &str) -> Option<Vec<&str>> {
    let raw = raw.trim();
    let mut elements = Elements::of(raw);
    let is_list = elements.next().is_some_and(|first| first.starts_with(['"', '[']));
    if !is_list {
        return Some(vec![raw]);
    }
    let inputs: Vec<&str> = Elements::of(raw).take(MOST + 1).collect();
    (inputs.len() <= MOST).then_some(inputs)
}

/// The vectors of an answer in the order of their inputs, each as the answer to its input alone, with its part of the
/// tokens. `None` when the answer is not one vector for each of `inputs`.
pub fn split(body: &Bytes, usage: Option<Usage>, inputs: &[&str]) -> Option<Vec<(Bytes, Option<Usage>)>> {
    let surface = Surface::skim(body.clone(), DEPTH).ok()?;
    let mut vectors: Vec<Option<&str>> = vec![None; inputs.len()];
    let elements: Vec<&str> = Elements::of(surface.get("data")?).collect();
    for (place, element) in elements.iter().enumerate() {
        let told = member(element, "index").and_then(|raw| raw.parse().ok());
        let slot = vectors.get_mut(told.unwrap_or(place))?;
        if slot.replace(element).is_some() {
            return None;
        }
    }
    if inputs.len() == 1 && elements.len() == 1 {
        return Some(vec![(body.clone(), usage)]);
    }
    let parts = shares(usage, inputs);
    let one = |(vector, usage): (Option<&str>, Option<Usage>)| {
        let data = format!("[{}]", numbered(vector?, 0)?);
        Some((with_data(&surface, &data, usage), usage))
    };
    (elements.len() == inputs.len()).then(|| vectors.into_iter().zip(parts).map(one).collect())?
}

/// Whether an answer is whole and has one vector, as those that are kept have.
pub fn is_one(answer: &Bytes) -> bool {
    let Ok(answer) = Surface::skim(answer.clone(), DEPTH) else { return false };
    let mut vectors = Elements::of(answer.get("data").unwrap_or_default());
    vectors.next().is_some_and(|vector| vector.starts_with('{')) && vectors.next().is_none()
}

/// One answer of several, each of which has one vector; the frame is that of the last. `None` when one is none.
pub fn join(answers: &[Bytes], usage: Option<Usage>) -> Option<Bytes> {
    let mut data = String::from("[");
    for (place, answer) in answers.iter().enumerate() {
        let text = std::str::from_utf8(answer).ok()?;
        let vector = Elements::of(member(text, "data")?).next()?;
        if place > 0 {
            data.push(',');
        }
        data.push_str(&numbered(vector, place)?);
    }
    data.push(']');
    let frame = Surface::skim(answers.last()?.clone(), DEPTH).ok()?;
    Some(with_data(&frame, &data, usage))
}

/// A vector's object with another `index`.
fn numbered(vector: &str, index: usize) -> Option<String> {
    let mut edits = Edits::new();
    edits.set("index", index.to_string());
    let surface = Surface::skim(Bytes::copy_from_slice(vector.as_bytes()), DEPTH).ok()?;
    let mut out = BytesMut::new();
    surface.rewrite_into(&edits, &mut out);
    String::from_utf8(out.to_vec()).ok()
}

fn with_data(frame: &Surface, data: &str, usage: Option<Usage>) -> Bytes {
    let mut edits = Edits::new();
    edits.set("data", data);
    if let Some(usage) = usage.filter(|_| frame.has("usage")) {
        let tokens = usage.prompt_tokens;
        edits.set("usage", format!("{{\"prompt_tokens\":{tokens},\"total_tokens\":{}}}", usage.total()));
    }
    frame.rewrite(&edits)
}

/// The tokens of each input: its part of all by length, so that the parts add up.
fn shares(usage: Option<Usage>, inputs: &[&str]) -> Vec<Option<Usage>> {
    let Some(usage) = usage else { return vec![None; inputs.len()] };
    let length = |raw: &&str| u64::try_from(raw.len()).unwrap_or(u64::MAX).max(1);
    let all: u64 = inputs.iter().map(length).fold(0, u64::saturating_add).max(1);
    let (mut seen, mut given) = (0_u64, 0_u64);
    let mut share = |raw: &&str| {
        seen = seen.saturating_add(length(raw));
        let until = u128::from(usage.prompt_tokens) * u128::from(seen) / u128::from(all);
        let until = u64::try_from(until).unwrap_or(u64::MAX);
        let tokens = until.saturating_sub(given);
        given = until;
        // Of several inputs nobody has counted one.
        let estimated = usage.estimated || inputs.len() > 1;
        Some(Usage { prompt_tokens: tokens, estimated, ..Usage::default() })
    };
    inputs.iter().map(&mut share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_texts_or_tokens_or_lists_of_them() {
        assert_eq!(inputs(r#""a""#).unwrap(), [r#""a""#]);
        assert_eq!(inputs("[1, 2]").unwrap(), ["[1, 2]"]);
        assert_eq!(inputs(r#"["a", "b"]"#).unwrap(), [r#""a""#, r#""b""#]);
        assert_eq!(inputs("[[1],[2,3]]").unwrap(), ["[1]", "[2,3]"]);
        assert_eq!(inputs("[]").unwrap(), ["[]"]);
        assert_eq!(inputs(&format!("[{}\"x\"]", "\"x\",".repeat(MOST))), None);
    }

    #[test]
    fn what_is_broken_is_no_answer() {
        assert!(is_one(&Bytes::from_static(br#"{"data":[{"embedding":[1]}],"model":"m"}"#)));
        for broken in ["", "{\"data\":[", "{}", "{\"data\":[]}", "{\"data\":[1]}", "{\"data\":[{},{}]}"] {
            assert!(!is_one(&Bytes::from_static(broken.as_bytes())), "{broken}");
        }
    }

    #[test]
    fn an_answer_comes_apart_and_together_again() {
        let body = Bytes::from_static(
            br#"{"object":"list","data":[{"object":"embedding","index":1,"embedding":[0.2]},{"object":"embedding","index":0,"embedding":"AAA="}],"model":"m","usage":{"prompt_tokens":9,"total_tokens":9}}"#,
        );
        let usage = Some(Usage { prompt_tokens: 9, ..Usage::default() });
        let parts = split(&body, usage, &["\"a\"", "\"long\""]).unwrap();
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(
            text(&parts[0].0),
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAA="}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#
        );
        assert_eq!(parts.iter().map(|(_, usage)| usage.unwrap().prompt_tokens).sum::<u64>(), 9);
        let turned = [parts[1].0.clone(), parts[0].0.clone()];
        assert_eq!(
            text(&join(&turned, usage).unwrap()),
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.2]},{"object":"embedding","index":1,"embedding":"AAA="}],"model":"m","usage":{"prompt_tokens":9,"total_tokens":9}}"#
        );
        assert_eq!(split(&body, usage, &["\"a\""]), None, "not one for each");
        let one = join(&turned[..1], usage).unwrap();
        assert_eq!(split(&one, usage, &["1"]), Some(vec![(one.clone(), usage)]), "as it came");
        assert_eq!(split(&Bytes::from_static(b"{}"), usage, &["1"]), None);
    }
}
