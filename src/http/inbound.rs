//! Reading a request: its body in bounded memory, and the model that the path may name.

use std::future::poll_fn;
use std::net::IpAddr;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_http::error::PayloadError;
use actix_http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use actix_http::{Payload, RequestHead};
use actix_web::HttpRequest;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::base::clock;
use crate::base::coarse_clock::Wait;
use crate::base::error::{Error, Kind};

/// The longest silence inside a request body.
const PATIENCE: Duration = Duration::from_secs(60);

/// Collects the body.
///
/// # Errors
/// 413 as soon as more than `limit` bytes are announced or have come; 400 when the body breaks off or
/// is compressed; 408 when the client stops sending.
pub async fn read_body(headers: &HeaderMap, payload: Payload, limit: usize) -> Result<Bytes, Error> {
    read_patiently(headers, payload, limit, PATIENCE).await
}

async fn read_patiently(
    headers: &HeaderMap,
    mut payload: Payload,
    limit: usize,
    patience: Duration,
) -> Result<Bytes, Error> {
    if let Some(encoding) = headers.get(CONTENT_ENCODING)
        && encoding != "identity"
    {
        return Err(Error::invalid("content-encoding", "Send the body uncompressed."));
    }
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let mut collected = Collected::Nothing;
    while let Some(chunk) = patiently(&mut payload, patience).await? {
        let chunk = chunk.map_err(broken)?;
        if collected.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        collected = collected.with(chunk, announced);
    }
    Ok(collected.into_bytes())
}

/// The next chunk; the wait is only set when the client keeps us waiting.
async fn patiently(
    payload: &mut Payload,
    patience: Duration,
) -> Result<Option<Result<Bytes, PayloadError>>, Error> {
    let mut wait = None;
    poll_fn(|cx| {
        if let Poll::Ready(chunk) = poll_chunk(payload, cx) {
            return Poll::Ready(Ok(chunk));
        }
        let wait = wait.get_or_insert_with(|| Wait::until(clock::now() + patience));
        if wait.poll(cx) { Poll::Ready(Err(stalled(patience))) } else { Poll::Pending }
    })
    .await
}

/// The next chunk, without a waker where none is needed: actix's HTTP/1 dispatcher polls the handler each time
/// after it has looked for more of the body, in the same turn. It calls the handler first, though, so a waker
/// would be called by every request's body and cost it another, useless turn of its connection.
fn poll_chunk(payload: &mut Payload, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
    match payload {
        Payload::H1 { .. } => payload.poll_next_unpin(&mut Context::from_waker(Waker::noop())),
        _ => payload.poll_next_unpin(cx),
    }
}

/// The chunks so far; a body of one chunk is never copied.
enum Collected {
    Nothing,
    One(Bytes),
    Many(BytesMut),
}

impl Collected {
    fn len(&self) -> usize {
        match self {
            Collected::Nothing => 0,
            Collected::One(chunk) => chunk.len(),
            Collected::Many(chunks) => chunks.len(),
        }
    }

    fn with(self, chunk: Bytes, announced: Option<usize>) -> Self {
        match self {
            Collected::Nothing => Collected::One(chunk),
            Collected::One(first) => {
                let sum = first.len() + chunk.len();
                let mut chunks = BytesMut::with_capacity(announced.unwrap_or(2 * sum).max(sum));
                chunks.extend_from_slice(&first);
                chunks.extend_from_slice(&chunk);
                Collected::Many(chunks)
            }
            Collected::Many(mut chunks) => {
                chunks.extend_from_slice(&chunk);
                Collected::Many(chunks)
            }
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Collected::Nothing => Bytes::new(),
            Collected::One(chunk) => chunk,
            Collected::Many(chunks) => chunks.freeze(),
        }
    }
}

fn too_large(limit: usize) -> Error {
    Error::new(
        Kind::PayloadTooLarge,
        format!("The request body is larger than {limit} bytes (general_settings.max_request_size_mb)."),
    )
}

fn stalled(patience: Duration) -> Error {
    let message = format!("The request body stopped coming for {} seconds.", patience.as_secs_f32());
    Error::new(Kind::CallerDeadline, message)
}

fn broken(error: PayloadError) -> Error {
    Error::new(Kind::InvalidRequest, "The request body could not be read to its end.").with_cause(error)
}

/// Where a request comes from, as the socket tells it.
pub fn peer(head: &RequestHead) -> Option<IpAddr> {
    head.peer_addr.map(|address| address.ip())
}

/// The model that the path names (`/openai/deployments/{model}/...`, `/engines/{model}/...`).
pub fn path_model(request: &HttpRequest) -> Option<String> {
    let model = request.match_info().get("model")?;
    Some(percent_encoding::percent_decode_str(model).decode_utf8_lossy().into_owned())
}

/// Azure's `?api-version=`.
pub fn api_version(head: &RequestHead) -> Option<&str> {
    head.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("api-version="))
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[actix_rt::test]
    async fn a_client_that_stops_sending_is_not_waited_for() {
        let pieces = stream::iter([Ok(Bytes::from_static(b"{"))]).chain(stream::pending());
        let pieces: actix_http::BoxedPayloadStream = Box::pin(pieces);
        let payload = Payload::Stream { payload: pieces };
        let patience = Duration::from_millis(20);
        let error = read_patiently(&HeaderMap::new(), payload, 1000, patience).await.unwrap_err();
        assert_eq!(error.status(), 408);
    }
}
