//! The Exporter actor, one for each sink.
//!
//! - owns: an HTTP client, the batch that is under way, whether its sink is failing
//! - accepts: nothing; it takes batches from its [`Queue`]
//! - tells: its sink, one batch at a time, again with growing pauses while it fails; metrics; the log, when it begins
//!   and ends to fail
//! - never: looks at what waits behind a failing batch; that grows in the queue, and no further than its bound
//! - on panic: restarted; the batch that was under way is lost
//! - on shutdown: the queue says so; then each batch has one more try

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, AsyncContext, Context};
use futures_util::{StreamExt, stream};

use super::delivery::{Sent, send};
use super::queue::{Batch, Queue};
use crate::actors::alerter::pause;
use crate::actors::keeper::DeathNotice;
use crate::base::clock::unix_ms;
use crate::domain::export::{self, Event, Sink};
use crate::upstream::client::HttpUpstream;

/// How often a batch is tried, which takes about a quarter of an hour.
const TRIES: u32 = 20;
/// Requests of one batch that are under way at a time, where it takes several.
const AT_A_TIME: usize = 16;
/// How often a pause looks whether the program ends.
const LOOK: Duration = Duration::from_millis(20);

/// Delivers the events of one sink.
pub struct Exporter {
    sink: Arc<Sink>,
    queue: Arc<Queue>,
    tls: Arc<rustls::ClientConfig>,
    notice: DeathNotice<Exporter>,
}

impl Exporter {
    /// An incarnation for this sink.
    pub fn new(
        sink: Arc<Sink>,
        queue: Arc<Queue>,
        tls: Arc<rustls::ClientConfig>,
        notice: DeathNotice<Self>,
    ) -> Self {
        Exporter { sink, queue, tls, notice }
    }
}

impl Actor for Exporter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let client = Rc::new(HttpUpstream::new(Arc::clone(&self.tls)));
        let line =
            Line { sink: Arc::clone(&self.sink), queue: Arc::clone(&self.queue), client, failing: false };
        ctx.spawn(wrap_future(line.run()));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.notice.retire();
    }
}

/// The line to a sink.
struct Line {
    sink: Arc<Sink>,
    queue: Arc<Queue>,
    client: Rc<HttpUpstream>,
    /// Whether the last try failed, so that a change is said once.
    failing: bool,
}

/// What one try with some events came to.
#[derive(Default)]
struct Tried {
    /// Requests to be tried again, by their place.
    again: Vec<usize>,
    /// Why, of the last.
    cause: String,
    /// When the sink wants them again.
    wait: Option<Duration>,
    /// The sink wants less at a time.
    too_large: bool,
}

impl Line {
    async fn run(mut self) {
        loop {
            let batch = self.queue.next(self.sink.batching).await;
            self.deliver(&batch).await;
        }
    }

    async fn deliver(&mut self, batch: &Batch) {
        let events = batch.told.iter().map(|told| told.event(self.sink.content)).collect();
        let mut parts: Vec<Vec<Arc<Event>>> = vec![events];
        while let Some(mut part) = parts.pop() {
            if self.deliver_part(&part).await && part.len() > 1 {
                let rest = part.split_off(part.len() / 2);
                parts.extend([rest, part]);
            }
        }
    }

    /// Delivers some events, as far as that is possible. Answers whether they are too large for one request.
    async fn deliver_part(&mut self, part: &[Arc<Event>]) -> bool {
        let mut places: Option<Vec<usize>> = None;
        for failures in 1..=TRIES {
            let tried = self.attempt(part, places.take()).await;
            if tried.again.is_empty() {
                if !tried.too_large {
                    self.works_again();
                }
                return tried.too_large;
            }
            self.is_failing(&tried.cause);
            if failures == TRIES || self.queue.is_flushing() && failures > 1 {
                let lost = tried.again.len().min(part.len());
                self.queue.meters().failed.increment(u64::try_from(lost).unwrap_or(0));
                return false;
            }
            self.wait(tried.wait.unwrap_or_else(|| pause(failures, fastrand::f64()))).await;
            self.queue.meters().retries.increment(1);
            places = Some(tried.again);
        }
        false
    }

    /// Sends the requests at these places, or all. They are made anew each time: signatures age.
    async fn attempt(&self, part: &[Arc<Event>], places: Option<Vec<usize>>) -> Tried {
        let now_us = unix_ms().saturating_mul(1000);
        let all = export::requests(&self.sink.kind, part, now_us).into_iter().enumerate();
        let wanted = all.filter(|(place, _)| places.as_ref().is_none_or(|places| places.contains(place)));
        let alone = part.len() <= 1;
        let sending = wanted.map(|(place, outgoing)| async move {
            (place, outgoing.events, send(&self.client, outgoing).await)
        });
        let mut sent = stream::iter(sending).buffer_unordered(AT_A_TIME);
        let (meters, mut tried) = (self.queue.meters(), Tried::default());
        let count = |events: usize| u64::try_from(events).unwrap_or(0);
        while let Some((place, events, result)) = sent.next().await {
            match result {
                Sent::Done(refused) => {
                    // Several entries of a refusing sink may be about one event.
                    let lost = refused.min(events);
                    meters.sent.increment(count(events - lost));
                    meters.failed.increment(count(lost));
                }
                Sent::TooLarge if !alone && events > 1 => tried.too_large = true,
                Sent::TooLarge => self.refused(events, "it is too large"),
                Sent::Refused(cause) => self.refused(events, &cause),
                Sent::Again(cause, wait) => {
                    tried.again.push(place);
                    (tried.cause, tried.wait) = (cause, tried.wait.max(wait));
                }
            }
        }
        tried
    }

    fn refused(&self, events: usize, cause: &str) {
        self.queue.meters().failed.increment(u64::try_from(events).unwrap_or(0));
        tracing::warn!(sink = self.sink.name, events, cause, "a sink refuses finished requests");
    }

    fn is_failing(&mut self, cause: &str) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(
                sink = self.sink.name,
                cause,
                "a sink cannot be told of finished requests; they wait"
            );
        }
    }

    fn works_again(&mut self) {
        if std::mem::replace(&mut self.failing, false) {
            tracing::info!(sink = self.sink.name, "a sink takes finished requests again");
        }
    }

    /// Waits so long, or until the program is about to end.
    async fn wait(&self, pause: Duration) {
        let end = tokio::time::Instant::now() + pause;
        while !self.queue.is_flushing() {
            let left = end.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                return;
            }
            actix_rt::time::sleep(left.min(LOOK.max(pause / 64))).await;
        }
    }
}
