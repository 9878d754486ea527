//! Answers that are made here: a deployment's `mock_response`.

use std::rc::Rc;

use actix_http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Map, Value};

use super::back::{Back, Bridge, Dialog, Shown};
use super::call::{Body, Call};
use super::hop::Hop;
use super::prepare::{Prepared, Upstreamed};
use crate::domain::providers::mock::{self, Mock};
use crate::upstream::{Fault, Reply};
use crate::wire::endpoint::Endpoint;

/// The call that answers with `text`.
pub fn mock(text: &str, call: &Call, hop: &Hop, shown: &Shown) -> Prepared {
    let request = match &hop.body {
        Body::Json(surface) => surface.to_map(),
        Body::Form { .. } => Map::new(),
    };
    let id = Rc::clone(&call.call_id).to_string();
    let made = mock::mock(text, call.endpoint, &request, &shown.model, shown.created, id);
    // Sound and the texts of a transcription are no JSON objects with usage.
    let plain = matches!(call.endpoint, Endpoint::Speech | Endpoint::Transcriptions);
    let back = Back {
        endpoint: call.endpoint,
        dialog: if plain { Dialog::Untouched } else { Dialog::OpenAi },
        bridge: Bridge::None,
        shown: shown.clone(),
        include_usage: call.include_usage,
        choices: 1,
        media: hop.size.media.clone(),
    };
    Prepared { upstream: Upstreamed::Made(made.map(reply)), back }
}

fn reply(mock: Mock) -> Reply {
    match mock {
        Mock::Whole(value) => made("application/json", vec![Bytes::from(value.to_string())]),
        Mock::Binary { content_type, bytes } => made(content_type, vec![Bytes::from(bytes)]),
        Mock::Stream(chunks) => {
            let mut frames: Vec<Bytes> = chunks.iter().map(frame).collect();
            frames.push(Bytes::from_static(b"data: [DONE]\n\n"));
            made("text/event-stream", frames)
        }
    }
}

/// One event; events of the Responses API carry their type as name.
fn frame(chunk: &Value) -> Bytes {
    match chunk.get("type").and_then(Value::as_str) {
        Some(name) => Bytes::from(format!("event: {name}\ndata: {chunk}\n\n")),
        None => Bytes::from(format!("data: {chunk}\n\n")),
    }
}

fn made(content_type: &'static str, frames: Vec<Bytes>) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let body = stream::iter(frames.into_iter().map(Ok::<Bytes, Fault>));
    Reply::made(200, headers, Box::pin(body))
}
