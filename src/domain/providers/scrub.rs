//! Takes secrets out of upstream text before anybody reads it, and bounds its length.

use crate::base::secret::Secret;
use crate::domain::deployment::Connection;

/// The longest upstream text that is passed on, bytes.
pub const LONGEST: usize = 2_000;

/// Shorter configured values are too likely to be ordinary words of a message.
const SHORTEST_SECRET: usize = 6;

/// What stands where a secret stood.
const MASK: &str = "***";

/// Words that keys of known makers begin with.
const PREFIXES: [&str; 12] =
    ["sk-", "sk_", "gsk_", "xai-", "pplx-", "nvapi-", "hf_", "AIza", "AKIA", "eyJ", "ghp_", "fw_"];

/// Words after which the next word is a credential.
const INTRODUCTIONS: [&str; 3] = ["bearer ", "api-key: ", "x-api-key: "];

/// `text` without keys: neither the deployment's own values, wherever they appear, nor anything that
/// looks like a key; at most [`LONGEST`] bytes.
pub fn scrub(text: &str, connection: &Connection) -> String {
    let extra = connection.extra_headers.iter().map(|(_, value)| value);
    let own = connection.api_key.iter().chain(&connection.azure_ad_token).chain(extra);
    let mut text = head(text).to_owned();
    for secret in own {
        text = without(&text, secret);
    }
    let text = without_lookalikes(&text);
    let short = bounded(&text, LONGEST);
    if short.len() < text.len() { format!("{short}...") } else { text }
}

/// The part that is searched, so that a huge text costs little. A key that the cut splits could not be
/// recognised any more, so the word at the cut goes too.
fn head(text: &str) -> &str {
    let head = bounded(text, 2 * LONGEST);
    if head.len() < text.len() { head.trim_end_matches(in_key) } else { head }
}

fn without(text: &str, secret: &Secret) -> String {
    let plain = secret.expose();
    let word = plain.strip_prefix("Bearer ").unwrap_or(plain).trim();
    if word.len() < SHORTEST_SECRET { text.to_owned() } else { text.replace(word, MASK) }
}

/// Masks every word that begins like a key or follows an introduction.
pub fn without_lookalikes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word_end = rest.find(|c| !in_key(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        out.push_str(&masked(word, &out));
        let gap_end = after.find(in_key).unwrap_or(after.len());
        let (gap, next) = after.split_at(gap_end);
        out.push_str(gap);
        rest = next;
    }
    out
}

/// The word, or what may be shown of it, given the text before it.
fn masked(word: &str, before: &str) -> String {
    // Long enough for a key, too long for `sk-learn`.
    if word.len() >= 12
        && let Some(prefix) = PREFIXES.iter().find(|prefix| word.starts_with(**prefix))
    {
        return format!("{prefix}{MASK}");
    }
    let introduced = INTRODUCTIONS.iter().any(|intro| ends_with_ignoring_case(before, intro));
    if introduced && word.len() >= SHORTEST_SECRET { MASK.to_owned() } else { word.to_owned() }
}

fn ends_with_ignoring_case(text: &str, end: &str) -> bool {
    let tail = text.len().checked_sub(end.len()).and_then(|start| text.get(start..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

fn in_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '.' | '/' | '+' | '=')
}

/// The longest start of `text` that fits into `max` bytes and ends between characters.
pub fn bounded(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        let connection = Connection {
            api_key: Some(Secret::from("canary-0123")),
            azure_ad_token: Some(Secret::from("token-4567")),
            extra_headers: vec![("x-auth".into(), Secret::from("Bearer header-89"))],
            ..Connection::default()
        };
        scrub(text, &connection)
    }

    #[test]
    fn own_secrets_vanish_wherever_they_stand() {
        assert_eq!(clean("<canary-0123>token-4567,header-89"), "<***>***,***");
        assert_eq!(
            scrub("test", &Connection { api_key: Some("test".into()), ..Connection::default() }),
            "test"
        );
    }

    #[test]
    fn what_looks_like_a_key_is_masked() {
        assert_eq!(
            clean("Incorrect API key provided: sk-proj-AbC********wxyz. You can find"),
            "Incorrect API key provided: sk-*** You can find"
        );
        assert_eq!(clean("sent Authorization: Bearer abcdef.123456!"), "sent Authorization: Bearer ***!");
        assert_eq!(clean("X-API-KEY: 0123456789"), "X-API-KEY: ***");
        assert_eq!(clean("use sk-learn, the bearer of news"), "use sk-learn, the bearer of news");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let shown = clean(&"é".repeat(5_000));
        assert!(shown.len() <= LONGEST + 3 && shown.ends_with("é..."));
        let at_the_cut = format!("{}canary-0123", "x ".repeat(LONGEST / 2 - 2));
        assert!(!clean(&at_the_cut).contains("canary"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,200}") {
            clean(&text);
        }
    }
}
