//! One request to a sink, and what its answer means.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;

use crate::base::reach::Reach;
use crate::domain::export::{Method, Outgoing, langfuse};
use crate::upstream::client::HttpUpstream;
use crate::upstream::{Fault, Route, Upstream};
use crate::wire::retry_after::retry_after;

/// How long a sink may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most of an answer that is looked at, bytes.
const MOST_ANSWER: usize = 256 * 1024;
/// The longest wait that a sink may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// The sink has it, but for so many entries that it does not want.
    Done(usize),
    /// It is too large.
    TooLarge,
    /// It will never be taken; why.
    Refused(String),
    /// Another try may help: why, and when the sink wants it.
    Again(String, Option<Duration>),
}

/// Sends a request. Nothing of the sink's answer but its status is repeated: it may quote what was sent.
pub async fn send(client: &HttpUpstream, outgoing: Outgoing) -> Sent {
    match actix_rt::time::timeout(PATIENCE, exchange(client, outgoing)).await {
        Ok(Ok(sent)) => sent,
        Ok(Err(fault @ Fault::Unsendable(_))) => Sent::Refused(fault.to_string()),
        Ok(Err(fault)) => Sent::Again(fault.to_string(), None),
        Err(_) => Sent::Again("the sink does not answer".into(), None),
    }
}

async fn exchange(client: &HttpUpstream, outgoing: Outgoing) -> Result<Sent, Fault> {
    let Outgoing { method, url, headers, body, .. } = outgoing;
    let make = match method {
        Method::Post => Route::new,
        Method::Put => Route::put,
    };
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
    Ok(judge(status, wait, &answer))
}

fn judge(status: u16, wait: Option<Duration>, answer: &[u8]) -> Sent {
    let said = || format!("the sink answers with status {status}");
    match status {
        207 => Sent::Done(langfuse::refused(answer)),
        200..=299 => Sent::Done(0),
        413 => Sent::TooLarge,
        408 | 425 | 429 | 500.. => Sent::Again(said(), wait.map(|wait| wait.min(LONGEST_WAIT))),
        _ => Sent::Refused(said()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert_eq!(judge(202, None, b""), Sent::Done(0));
        assert_eq!(judge(207, None, br#"{"successes":[],"errors":[{"id":"a"}]}"#), Sent::Done(1));
        let hour = Some(Duration::from_secs(3600));
        assert!(matches!(judge(429, hour, b""), Sent::Again(_, wait) if wait == Some(LONGEST_WAIT)));
        assert!(matches!(judge(503, None, b""), Sent::Again(_, None)));
        assert_eq!(judge(413, None, b""), Sent::TooLarge);
        for status in [301, 400, 401, 403, 404, 422] {
            assert!(
                matches!(judge(status, None, b"prompt"), Sent::Refused(said) if !said.contains("prompt"))
            );
        }
    }
}
