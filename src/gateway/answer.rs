//! Stage 5, answer: what goes back to the client, owning everything that must be given back.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_http::Response;
use actix_http::body::{BodySize, MessageBody};
use bytes::{Bytes, BytesMut};
use futures_core::future::LocalBoxFuture;

use super::drain;
use super::live::{Live, More};
use super::record::Record;
use super::reserve::Ticket;
use crate::base::clock::{self, Turn};
use crate::base::error::{Error, Kind};
use crate::wire::endpoint::Endpoint;
use crate::wire::envelope::envelope;

/// An answer for the client.
pub struct Answer {
    /// Status and headers; their memory comes from actix's pool.
    pub head: Response<()>,
    /// The body.
    pub body: AnswerBody,
}

/// An answer's body.
pub enum AnswerBody {
    /// All of it; the request is settled.
    Whole(Bytes),
    /// A stream, which settles the request when it ends or is dropped.
    Stream(Box<AnswerStream>),
}

/// What an open stream holds until its end.
pub struct Held {
    /// The request's record.
    pub record: Record,
    /// What it took from limits.
    pub ticket: Ticket,
}

/// A stream to the client.
pub struct AnswerStream {
    state: State,
    received: Instant,
}

/// The attempts of a request whose status has been sent already.
///
/// What is held does not come back when the task that worked was aborted; it has been given back then.
pub type Working = LocalBoxFuture<'static, (Option<Held>, Result<Box<Live>, Error>)>;

enum State {
    /// Headers are out, the provider is still silent: comments keep the connection alive.
    Waiting { working: Working, ticker: Ticker, error_event: fn(&Error) -> Bytes },
    /// The answer flows.
    Flowing { live: Box<Live>, held: Held },
    /// The last bytes, and then the end.
    Ending(Option<Bytes>),
    /// A body that has no words for an error: the connection is broken off, so that nobody takes it for
    /// complete.
    Broken(Option<BrokenOff>),
}

/// The answer broke off.
#[derive(Debug, thiserror::Error)]
#[error("the provider's answer broke off")]
pub struct BrokenOff;

impl AnswerStream {
    /// A stream whose first bytes are there.
    pub fn flowing(live: Box<Live>, held: Held, received: Instant) -> Box<Self> {
        Box::new(AnswerStream { state: State::Flowing { live, held }, received })
    }

    /// A stream that begins with comments every `interval` while `working` goes on.
    pub fn waiting(
        working: Working,
        interval: Duration,
        error_event: fn(&Error) -> Bytes,
        received: Instant,
    ) -> Box<Self> {
        let ticker = Ticker::new(interval);
        Box::new(AnswerStream { state: State::Waiting { working, ticker, error_event }, received })
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            match &mut self.state {
                State::Ending(last) => return Poll::Ready(last.take().map(Ok)),
                State::Broken(broken) => return Poll::Ready(broken.take().map(Err)),
                State::Waiting { working, ticker, error_event } => match working.as_mut().poll(cx) {
                    Poll::Pending => return ticker.poll(cx).map(|comment| Some(Ok(comment))),
                    Poll::Ready((Some(held), Ok(live))) => self.state = State::Flowing { live, held },
                    Poll::Ready((held, result)) => {
                        let error = result.err().unwrap_or_else(|| Error::new(Kind::Internal, "No stream."));
                        self.state = State::Ending(Some(error_event(&error)));
                        if let Some(held) = held {
                            held.record.finish(error.status(), Some(error));
                        }
                    }
                },
                State::Flowing { live, .. } => {
                    let more = std::task::ready!(live.poll_more(cx));
                    if let Some(bytes) = self.flow(more) {
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                }
            }
        }
    }

    /// Bytes to pass on, or a change of state.
    fn flow(&mut self, more: Result<More, Error>) -> Option<Bytes> {
        match more {
            Ok(More::Bytes(bytes)) => {
                if let State::Flowing { held, .. } = &mut self.state {
                    held.record.more(&bytes);
                }
                let done = matches!(&self.state, State::Flowing { live, .. } if live.is_over());
                // Settled before the last bytes leave, so that an answer somebody has is always recorded.
                if done {
                    self.settle(None);
                }
                Some(bytes)
            }
            Ok(More::End) => {
                self.settle(None);
                None
            }
            Err(error) => {
                self.settle(Some(error));
                None
            }
        }
    }

    fn settle(&mut self, error: Option<Error>) {
        let State::Flowing { mut live, mut held } = std::mem::replace(&mut self.state, State::Ending(None))
        else {
            return;
        };
        let received = self.received;
        held.record.note(|facts| {
            // An error before the first token costs nothing, whatever the provider has counted by then.
            facts.usage = live.usage().filter(|_| error.is_none() || live.has_begun());
            facts.output_bytes = live.output_bytes();
            facts.first_token = live.first_token().map(|at| at.saturating_duration_since(received));
            facts.upstream += live.flowed();
        });
        if let Some(error) = &error {
            self.state = match live.is_binary() {
                true => State::Broken(Some(BrokenOff)),
                false => State::Ending(Some(live.error_event(error))),
            };
        }
        // The client saw 200 whatever came later; the record keeps the true status of a failure.
        let error = error.or_else(|| live.failure());
        let status = error.as_ref().map_or(200, Error::status);
        held.record.finish(status, error);
    }
}

impl Drop for AnswerStream {
    fn drop(&mut self) {
        let State::Flowing { live, mut held } = std::mem::replace(&mut self.state, State::Ending(None))
        else {
            return;
        };
        // Outside a running worker there is nobody left to read on.
        if live.drains() && tokio::runtime::Handle::try_current().is_ok() {
            actix_rt::spawn(drain::to_the_end(live, held));
            return;
        }
        held.record.note(|facts| {
            facts.usage = live.usage();
            facts.output_bytes = live.output_bytes();
            facts.upstream += live.flowed();
        });
    }
}

impl MessageBody for AnswerStream {
    type Error = BrokenOff;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let _turn = Turn::begin();
        self.poll_bytes(cx)
    }
}

/// Keep-alive comments before the first token.
struct Ticker {
    interval: Duration,
    timer: Pin<Box<actix_rt::time::Sleep>>,
    first: bool,
}

impl Ticker {
    fn new(interval: Duration) -> Self {
        Ticker { interval, timer: Box::pin(actix_rt::time::sleep(interval)), first: true }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        use std::future::Future;
        // The first comment goes out with the headers: it is why they were sent.
        if !std::mem::replace(&mut self.first, false) {
            std::task::ready!(self.timer.as_mut().poll(cx));
            let next = clock::now() + self.interval;
            self.timer.as_mut().reset(next.into());
        }
        Poll::Ready(Bytes::from_static(b": ping\n\n"))
    }
}

/// The error as one event of this endpoint's streams.
pub fn error_event(endpoint: Endpoint) -> fn(&Error) -> Bytes {
    match endpoint {
        Endpoint::Responses => |error| event(write_responses_error, error),
        _ => |error| event(write_error_event, error),
    }
}

fn event(write: fn(&Error, &mut BytesMut), error: &Error) -> Bytes {
    let mut out = BytesMut::new();
    write(error, &mut out);
    out.freeze()
}

/// Appends the `error` event of the Responses API, which the SDKs know.
pub fn write_responses_error(error: &Error, out: &mut BytesMut) {
    let event = serde_json::json!({
        "type": "error", "code": error.code(), "message": error.message(), "param": error.param(),
        "sequence_number": null,
    });
    out.extend_from_slice(b"event: error\n");
    out.extend_from_slice(format!("data: {event}\n\n").as_bytes());
}

/// Appends OpenAI's error object as one event. The SDKs raise it; there is no `[DONE]` behind it.
pub fn write_error_event(error: &Error, out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(envelope(error, None).as_bytes());
    out.extend_from_slice(b"\n\n");
}
