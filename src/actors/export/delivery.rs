//! One request to a sink, and what its answer means.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;

use crate::base::reach::Reach;
use crate::base::secret::Secret;
use crate::domain::export::{Answers, Method, Outgoing, Rejection};
use crate::domain::redact::{REDACTED, Redactor};
use crate::upstream::client::HttpUpstream;
use crate::upstream::{Fault, Route, Upstream};
use crate::wire::retry_after::retry_after;

/// How long a sink may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most of an answer that is looked at, bytes.
const MOST_ANSWER: usize = 256 * 1024;
/// The longest wait that a sink may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The most of a sink's own words that is repeated, characters.
const LONGEST_WORDS: usize = 200;
/// Shorter parts of headers are no keys.
const SHORTEST_KEY: usize = 6;

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// The sink has it, but for what it rejects.
    Done(Rejection),
    /// It is too large.
    TooLarge,
    /// It will never be taken; why.
    Refused(String),
    /// Another try may help: why, and when the sink wants it.
    Again(String, Option<Duration>),
}

/// Sends a request. Of the sink's answer its status is repeated, and what it says of entries that it rejects, without the
/// keys that it was sent.
pub async fn send(client: &HttpUpstream, outgoing: Outgoing) -> Sent {
    match actix_rt::time::timeout(PATIENCE, exchange(client, outgoing)).await {
        Ok(Ok(sent)) => sent,
        Ok(Err(fault @ Fault::Unsendable(_))) => Sent::Refused(fault.to_string()),
        Ok(Err(fault)) => Sent::Again(fault.to_string(), None),
        Err(_) => Sent::Again("the sink does not answer".into(), None),
    }
}

async fn exchange(client: &HttpUpstream, outgoing: Outgoing) -> Result<Sent, Fault> {
    let Outgoing { method, url, headers, body, answers, .. } = outgoing;
    let make = match method {
        Method::Post => Route::new,
        Method::Put => Route::put,
    };
    let (keys, sent) = (headers.clone(), body.clone());
    let route: Rc<Route> = make(url.expose().to_owned(), headers, Reach::Anywhere);
    let mut reply = client.send(&route, &[], body).await?;
    let status = reply.status();
    let wait = retry_after(|name| reply.headers().get(name)?.to_str().ok(), SystemTime::now());
    // Read to its end, so that the connection can carry the next.
    let mut answer = Vec::new();
    while let Some(Ok(chunk)) = reply.next().await {
        if answer.len() + chunk.len() > MOST_ANSWER {
            break;
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(match judge(status, wait, answers, &sent, &answer) {
        Sent::Done(Rejection { entries, words: Some(words) }) => {
            Sent::Done(Rejection { entries, words: Some(repeatable(&words, &keys)) })
        }
        other => other,
    })
}

fn judge(status: u16, wait: Option<Duration>, answers: Answers, sent: &[u8], answer: &[u8]) -> Sent {
    let said = || format!("the sink answers with status {status}");
    match status {
        200..=299 => Sent::Done(answers.rejection(sent, answer)),
        _ if answers.is_there(status) => Sent::Done(Rejection::default()),
        413 => Sent::TooLarge,
        408 | 425 | 429 | 500.. => Sent::Again(said(), wait.map(|wait| wait.min(LONGEST_WAIT))),
        _ => Sent::Refused(said()),
    }
}

/// A sink's words on one line, shortened, without known kinds of keys and those of these headers.
fn repeatable(words: &str, headers: &[(String, Secret)]) -> String {
    let mut text: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let parts = headers.iter().flat_map(|(_, value)| value.expose().split([' ', ',', '=', ':']));
    for key in parts.filter(|part| part.len() >= SHORTEST_KEY && !part.contains('/')) {
        text = text.replace(key, REDACTED);
    }
    Redactor::default().redact(&text).chars().take(LONGEST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let judge = |status, wait, answer: &[u8]| judge(status, wait, Answers::Langfuse, b"", answer);
        assert_eq!(judge(202, None, b""), Sent::Done(Rejection::default()));
        let partly = judge(207, None, br#"{"successes":[],"errors":[{"id":"a","message":"no"}]}"#);
        assert_eq!(partly, Sent::Done(Rejection { entries: 1, words: Some("no".into()) }));
        let hour = Some(Duration::from_secs(3600));
        assert!(matches!(judge(429, hour, b""), Sent::Again(_, wait) if wait == Some(LONGEST_WAIT)));
        assert!(matches!(judge(503, None, b""), Sent::Again(_, None)));
        assert_eq!(judge(413, None, b""), Sent::TooLarge);
        for status in [301, 400, 401, 403, 404, 409, 422] {
            assert!(
                matches!(judge(status, None, b"prompt"), Sent::Refused(said) if !said.contains("prompt"))
            );
        }
        let again = super::judge(409, None, Answers::Langsmith, b"", b"run exists");
        assert_eq!(again, Sent::Done(Rejection::default()));
    }

    #[test]
    fn a_sinks_words_are_repeated_without_keys() {
        let headers =
            [("x-api-key".to_owned(), "canary-1".into()), ("a".to_owned(), "Bearer canary-2".into())];
        let words = "key canary-1\nand canary-2 and sk-0123456789abcdef0123 are not for this project";
        assert_eq!(
            repeatable(words, &headers),
            "key [redacted] and [redacted] and [redacted] are not for this project"
        );
        assert_eq!(repeatable(&"x".repeat(900), &[]).len(), LONGEST_WORDS);
    }
}
