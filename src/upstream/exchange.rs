//! One request and its answer on one connection, with actix's own HTTP/1.1 codec.

use std::future::{Future, poll_fn};
use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_codec::Decoder;
use actix_http::h1::{ClientCodec, ClientPayloadCodec, MessageType};
use actix_http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use actix_http::{ConnectionType, ResponseHead, ServiceConfig};
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Fault;
use super::pool::{Connection, Lane};

/// Bodies up to this size are copied behind their head: that costs less than to send two pieces with one write.
const COPIED: usize = 4 * 1024;
/// Room that a read asks for.
const ROOM: usize = 8 * 1024;
/// The largest head of an answer.
const MOST_HEAD: usize = 128 * 1024;

/// How much room a body takes behind its head.
pub fn room_behind_head(body: &Bytes) -> usize {
    if body.len() <= COPIED { body.len() } else { 0 }
}

/// Sends a request and waits for the head of its answer.
///
/// # Errors
/// [`Fault::Closed`] when the connection ends before an answer, [`Fault::Protocol`] for what is no HTTP.
pub async fn exchange(
    mut connection: Connection,
    lane: Rc<Lane>,
    config: &ServiceConfig,
    mut head: BytesMut,
    body: Bytes,
) -> Result<NetReply, Fault> {
    let mut rest = body;
    if rest.len() <= COPIED {
        head.extend_from_slice(&rest);
        rest = Bytes::new();
    }
    let mut out = head.freeze().chain(rest);
    let mut codec = ClientCodec::new(config.clone());
    let mut unsent = None;
    let mut sending = true;
    let head = poll_fn(|cx| {
        if sending {
            match poll_send(&mut connection, &mut out, cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => sending = false,
                // A server that refuses a body says why before it closes.
                Poll::Ready(Err(cause)) => (sending, unsent) = (false, Some(cause)),
            }
        }
        poll_head(&mut connection, &mut codec, cx)
    })
    .await
    .map_err(|fault| match (unsent.take(), fault) {
        (Some(cause), Fault::Closed(_)) => Fault::Closed(cause.to_string()),
        (_, fault) => fault,
    })?;
    let body = Framing::of(&head, codec);
    // A connection with an unsent rest cannot carry another request.
    let reusable = !sending && body.ends_itself() && head.connection_type() == ConnectionType::KeepAlive;
    let mut reply = NetReply { head, body, connection: Some(connection), lane: reusable.then_some(lane) };
    if matches!(reply.body, Framing::None) {
        reply.finish();
    }
    Ok(reply)
}

fn poll_send(
    connection: &mut Connection,
    out: &mut impl Buf,
    cx: &mut Context<'_>,
) -> Poll<std::io::Result<()>> {
    while out.has_remaining() {
        let mut parts = [IoSlice::new(&[]); 2];
        let filled = out.chunks_vectored(&mut parts);
        let parts = parts.get(..filled).unwrap_or_default();
        let sent = ready!(Pin::new(&mut connection.io).poll_write_vectored(cx, parts))?;
        if sent == 0 {
            return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into()));
        }
        out.advance(sent);
    }
    pin!(connection.io.flush()).poll(cx)
}

fn poll_head(
    connection: &mut Connection,
    codec: &mut ClientCodec,
    cx: &mut Context<'_>,
) -> Poll<Result<ResponseHead, Fault>> {
    loop {
        if !connection.read.is_empty() {
            let decoded = codec.decode(&mut connection.read);
            match decoded.map_err(|cause| Fault::Protocol(cause.to_string()))? {
                // Only hints that the answer is under way.
                Some(head) if head.status.is_informational() => continue,
                Some(head) => return Poll::Ready(Ok(head)),
                None if connection.read.len() > MOST_HEAD => {
                    return Poll::Ready(Err(Fault::Protocol("the head of the answer is too large".into())));
                }
                None => {}
            }
        }
        match ready!(poll_fill(connection, cx)) {
            Ok(0) => {
                return Poll::Ready(Err(Fault::Closed("the provider closed the connection".into())));
            }
            Ok(_) => {}
            Err(cause) => return Poll::Ready(Err(Fault::Closed(cause.to_string()))),
        }
    }
}

fn poll_fill(connection: &mut Connection, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
    let Connection { io, read, .. } = connection;
    if read.capacity() - read.len() < ROOM / 8 {
        read.reserve(ROOM);
    }
    pin!(io.read_buf(read)).poll(cx)
}

/// How an answer's body ends.
enum Framing {
    /// There is none.
    None,
    /// By its length or its last chunk.
    Coded(ClientPayloadCodec),
    /// With the connection.
    ToClose,
}

impl Framing {
    fn of(head: &ResponseHead, codec: ClientCodec) -> Self {
        let announced =
            head.headers.contains_key(CONTENT_LENGTH) || head.headers.contains_key(TRANSFER_ENCODING);
        let bodiless = matches!(head.status.as_u16(), 204 | 304);
        match codec.message_type() {
            _ if bodiless => Framing::None,
            _ if !announced => Framing::ToClose,
            MessageType::None => Framing::None,
            MessageType::Payload | MessageType::Stream => Framing::Coded(codec.into_payload_codec()),
        }
    }

    fn ends_itself(&self) -> bool {
        !matches!(self, Framing::ToClose)
    }
}

/// An answer whose body is still under way. Dropped before the body's end it closes its connection.
pub struct NetReply {
    head: ResponseHead,
    body: Framing,
    connection: Option<Connection>,
    /// Where the connection goes at the body's end, if it can carry another request.
    lane: Option<Rc<Lane>>,
}

impl NetReply {
    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    /// HTTP headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The next piece of the body.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        loop {
            let Some(connection) = &mut self.connection else { return Poll::Ready(None) };
            match &mut self.body {
                Framing::Coded(codec) => match codec.decode(&mut connection.read) {
                    Ok(Some(Some(chunk))) if chunk.is_empty() => continue,
                    Ok(Some(Some(chunk))) => return Poll::Ready(Some(Ok(chunk))),
                    Ok(Some(None)) => {
                        self.finish();
                        return Poll::Ready(None);
                    }
                    Ok(None) => {}
                    Err(cause) => return self.broken(&cause),
                },
                Framing::ToClose if !connection.read.is_empty() => {
                    return Poll::Ready(Some(Ok(connection.read.split().freeze())));
                }
                Framing::ToClose | Framing::None => {}
            }
            match ready!(poll_fill(connection, cx)) {
                Ok(0) if self.body.ends_itself() => return self.broken(&"the connection was closed"),
                Ok(0) => {
                    self.connection = None;
                    return Poll::Ready(None);
                }
                Ok(_) => {}
                Err(cause) => return self.broken(&cause),
            }
        }
    }

    fn broken(&mut self, cause: &dyn std::fmt::Display) -> Poll<Option<Result<Bytes, Fault>>> {
        self.connection = None;
        Poll::Ready(Some(Err(Fault::Cut(cause.to_string()))))
    }

    /// The body is over.
    fn finish(&mut self) {
        if let (Some(connection), Some(lane)) = (self.connection.take(), self.lane.take()) {
            lane.give_back(connection);
        }
    }
}
