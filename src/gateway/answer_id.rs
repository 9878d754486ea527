//! What an answer calls itself (`id`), as the client reads it: the name by which the client asks for its ledger row.

use crate::wire::endpoint::Endpoint;
use crate::wire::json::Members;
use crate::wire::surface::str_of;

/// The longest id that a row keeps, bytes.
const LONGEST: usize = 256;

/// The id in a whole answer.
pub fn of_whole(endpoint: Endpoint, body: &[u8]) -> Option<Box<str>> {
    if !has_one(endpoint) {
        return None;
    }
    std::str::from_utf8(body).ok().and_then(of_object)
}

/// The id in the first events of a stream: of the chunk, or of the `response` inside the event.
pub fn of_events(endpoint: Endpoint, events: &[u8]) -> Option<Box<str>> {
    if !has_one(endpoint) {
        return None;
    }
    let text = std::str::from_utf8(events).ok()?;
    let data = text.lines().find_map(|line| line.strip_prefix("data:"))?.trim_start();
    match Members::of(data).find(|(name, _)| *name == "response") {
        Some((_, response)) if endpoint == Endpoint::Responses => of_object(response),
        _ => of_object(data),
    }
}

/// Answers without an id are not searched for one: vectors and pictures are long.
fn has_one(endpoint: Endpoint) -> bool {
    matches!(endpoint, Endpoint::Chat | Endpoint::Completions | Endpoint::Responses)
}

/// The first member of that name; providers write it at the beginning.
fn of_object(object: &str) -> Option<Box<str>> {
    let (_, raw) = Members::of(object).find(|(name, _)| *name == "id")?;
    str_of(raw).filter(|id| !id.is_empty() && id.len() <= LONGEST).map(|id| id.into_owned().into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_one_that_the_client_reads() {
        let whole = |text: &str| of_whole(Endpoint::Chat, text.as_bytes());
        assert_eq!(whole(r#"{"id":"chatcmpl-1","choices":[]}"#).as_deref(), Some("chatcmpl-1"));
        assert_eq!(whole(r#"{"choices":[{"id":"x"}],"id":"chatcmpl-2"}"#).as_deref(), Some("chatcmpl-2"));
        for none in [r#"{"id":null}"#, r#"{"id":7}"#, r#"{"id":""}"#, "[]", "no json"] {
            assert_eq!(whole(none), None, "{none}");
        }
        assert_eq!(whole(&format!(r#"{{"id":"{}"}}"#, "x".repeat(LONGEST + 1))), None);
        assert_eq!(of_whole(Endpoint::Embeddings, br#"{"id":"e"}"#), None);
    }

    #[test]
    fn a_streams_id_is_in_its_first_event() {
        let chat = b"data: {\"id\":\"chatcmpl-3\",\"choices\":[]}\n\ndata: {\"id\":\"other\"}\n\n";
        assert_eq!(of_events(Endpoint::Chat, chat).as_deref(), Some("chatcmpl-3"));
        let created =
            b"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n";
        assert_eq!(of_events(Endpoint::Responses, created).as_deref(), Some("resp_1"));
        assert_eq!(of_events(Endpoint::Chat, b": ping\n\n"), None);
    }
}
