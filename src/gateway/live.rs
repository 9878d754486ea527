//! A stream under way: bytes in from the provider, translated, out to the client.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::StreamExt;

use super::attempt_guard::AttemptGuard;
use super::media::Media;
use super::silence::{Silence, Tick};
use super::translate::StreamTranslator;
use crate::base::clock;
use crate::base::deadline::Deadline;
use crate::base::error::{Error, Kind};
use crate::base::usage::Usage;
use crate::upstream::{Fault, Reply};
use crate::wire::endpoint::Endpoint;
use crate::wire::sse::Splitter;

/// The largest single event of a provider: images come as base64 inside one.
const MAX_EVENT: usize = 64 * 1024 * 1024;

/// The comment that tells proxies and clients that the stream is alive.
const PING: &[u8] = b": ping\n\n";

/// How long a finished stream's connection may take to end, so that it can be used again.
const TAIL: Duration = Duration::from_secs(1);

/// One attempt's stream.
pub struct Live {
    reply: Option<Reply>,
    /// `None`: the body is no event stream, its bytes pass as they come.
    splitter: Option<Splitter>,
    /// Bytes of a body of known length that have not come yet.
    missing: Option<u64>,
    translator: Box<dyn StreamTranslator>,
    guard: Option<AttemptGuard>,
    silence: Silence,
    provider: &'static str,
    first_token: Option<Instant>,
    begun: Instant,
    first: Option<Bytes>,
    out: BytesMut,
    /// What the request asked for that is not counted in tokens, and from which endpoint.
    media: Option<(Endpoint, Rc<Media>)>,
    /// Whether a piece of a body that is no event stream has come.
    sounded: bool,
}

impl Live {
    /// A stream whose reply has begun. `silence` runs since the request was sent.
    pub fn new(
        reply: Reply,
        translator: Box<dyn StreamTranslator>,
        guard: AttemptGuard,
        silence: Silence,
    ) -> Self {
        let provider = guard.deployment().provider.title;
        Live {
            reply: Some(reply),
            splitter: Some(Splitter::new(MAX_EVENT)),
            missing: None,
            translator,
            guard: Some(guard),
            silence,
            provider,
            first_token: None,
            begun: clock::now(),
            first: None,
            out: BytesMut::new(),
            media: None,
            sounded: false,
        }
    }

    /// Counts what it brings with what the request asked `endpoint` for.
    pub fn counted(mut self, endpoint: Endpoint, media: Option<Rc<Media>>) -> Self {
        self.media = media.map(|media| (endpoint, media));
        self
    }

    /// The same for a body that is no event stream (audio): it passes as it comes, and when it breaks off
    /// the client's connection does too.
    /// `announced` is the length that its headers promise, if they do.
    pub fn binary(mut self, announced: Option<u64>) -> Self {
        self.splitter = None;
        self.missing = announced;
        self
    }

    /// Whether it is no event stream.
    pub fn is_binary(&self) -> bool {
        self.splitter.is_none()
    }

    /// Reads until there is something for the client, or the stream is over. Dropping the future loses
    /// nothing.
    ///
    /// # Errors
    /// What ended the stream before it was complete; the deployment's actor has been told.
    pub fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<More, Error>> {
        loop {
            if let Some(first) = self.first.take() {
                return Poll::Ready(Ok(More::Bytes(first)));
            }
            if !self.out.is_empty() {
                return Poll::Ready(Ok(More::Bytes(self.out.split().freeze())));
            }
            let Some(reply) = &mut self.reply else { return Poll::Ready(Ok(More::End)) };
            let step = match reply.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(chunk))) => self.take(chunk),
                Poll::Ready(Some(Err(fault))) => Err(fault.into_error(self.provider)),
                Poll::Ready(None) => self.ended(),
                Poll::Pending => match self.silence.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Tick::Ping) => return Poll::Ready(Ok(More::Bytes(Bytes::from_static(PING)))),
                    Poll::Ready(tick) => Err(timed_out(tick, &self.silence, self.provider)),
                },
            };
            if let Err(error) = step {
                return Poll::Ready(Err(self.fail(error)));
            }
        }
    }

    fn take(&mut self, chunk: Bytes) -> Result<(), Error> {
        let now = clock::now();
        self.silence.heard(now);
        let Some(splitter) = &mut self.splitter else {
            self.sounded = true;
            if let Some(guard) = &mut self.guard {
                guard.first_token(now);
            }
            self.missing = self.missing.map(|missing| missing.saturating_sub(chunk.len() as u64));
            self.out.extend_from_slice(&chunk);
            return Ok(());
        };
        splitter.push(chunk);
        while let Some(event) = splitter.next().map_err(|fault| invalid(self.provider, &fault))? {
            if event.has_data() {
                self.translator.event(&event, &mut self.out)?;
            }
        }
        if self.first_token.is_none() && self.translator.has_content() {
            self.first_token = Some(now);
            if let Some(guard) = &mut self.guard {
                guard.first_token(now);
            }
        }
        if self.translator.complete() { self.ended() } else { Ok(()) }
    }

    fn ended(&mut self) -> Result<(), Error> {
        if let Some(splitter) = &mut self.splitter {
            if let Some(event) = splitter.finish() {
                self.translator.event(&event, &mut self.out)?;
            }
            self.translator.end(&mut self.out)?;
        } else if self.missing.is_some_and(|missing| missing > 0) {
            return Err(Fault::Cut("shorter than announced".into()).into_error(self.provider));
        }
        if let Some(guard) = self.guard.take() {
            match self.translator.failure() {
                Some(failure) => guard.fail(failure),
                None => guard.succeed(self.translator.usage().as_ref()),
            }
        }
        if let Some(reply) = self.reply.take() {
            read_tail(reply);
        }
        Ok(())
    }

    fn fail(&mut self, error: Error) -> Error {
        self.reply = None;
        if let Some(guard) = self.guard.take() {
            guard.fail(&error);
        }
        error
    }

    /// The stream has begun with these bytes: from here on other bounds hold.
    pub fn begin(
        &mut self,
        first: Option<Bytes>,
        idle: Duration,
        deadline: Deadline,
        keepalive: Option<Duration>,
    ) {
        self.first = first;
        self.begun = clock::now();
        self.silence.rearm(idle, deadline, keepalive);
    }

    /// How long the stream has been flowing.
    pub fn flowed(&self) -> Duration {
        clock::now().saturating_duration_since(self.begun)
    }

    /// The error as it looks inside this stream.
    pub fn error_event(&mut self, error: &Error) -> Bytes {
        let mut out = BytesMut::new();
        self.translator.error(error, &mut out);
        out.freeze()
    }

    /// Whether it is to be read to its end although the client has gone.
    pub fn drains(&self) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.deployment().request.drain_on_disconnect)
    }

    /// The failure that the provider has told in words of its own.
    pub fn failure(&self) -> Option<Error> {
        self.translator.failure().cloned()
    }

    /// Tokens and what else is billed, as far as they are known.
    pub fn usage(&self) -> Option<Usage> {
        let told = self.translator.usage();
        match &self.media {
            None => told,
            Some((endpoint, media)) => media.of_stream(*endpoint, told, self.has_begun()),
        }
    }

    /// Whether a piece of the answer itself has come.
    pub fn has_begun(&self) -> bool {
        self.sounded || self.translator.has_content()
    }

    /// Bytes of answer text that came.
    pub fn output_bytes(&self) -> u64 {
        self.translator.output_bytes()
    }

    /// When the first token came.
    pub fn first_token(&self) -> Option<Instant> {
        self.first_token
    }

    /// Whether the stream ended and was told so.
    pub fn is_over(&self) -> bool {
        self.reply.is_none() && self.out.is_empty() && self.first.is_none()
    }
}

/// What [`Live::poll_more`] found.
pub enum More {
    /// Bytes for the client.
    Bytes(Bytes),
    /// The answer is complete.
    End,
}

/// The error of a clock that ran out.
pub fn timed_out(tick: Tick, silence: &Silence, provider: &str) -> Error {
    if tick == Tick::Over {
        return Error::new(Kind::CallerDeadline, "litellm.Timeout: the request's own time limit is over.");
    }
    let seconds = silence.idle().as_secs_f64();
    let message = format!("litellm.Timeout: {provider}Exception - the provider was silent for {seconds} s.");
    Error::new(Kind::AttemptTimeout, message).with_provider(provider)
}

fn invalid(provider: &str, fault: &dyn std::fmt::Display) -> Error {
    let message =
        format!("litellm.APIError: APIError: {provider}Exception - the stream cannot be read: {fault}");
    Error::new(Kind::InvalidReply, message).with_provider(provider)
}

/// Reads to the end of the body, which gives the connection back to the pool.
fn read_tail(mut reply: Reply) {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    if let Poll::Ready(None) = Pin::new(&mut reply).poll_next(&mut cx) {
        return;
    }
    actix_rt::spawn(async move {
        let rest = async { while let Some(Ok(_)) = reply.next().await {} };
        if actix_rt::time::timeout(TAIL, rest).await.is_err() {
            tracing::debug!("a finished stream's connection did not end");
        }
    });
}
