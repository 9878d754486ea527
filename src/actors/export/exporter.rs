//! The Exporter actor, one for each sink.
//!
//! - owns: an HTTP client, the batch that is under way, how its sink stands
//! - accepts: nothing; it takes batches from its [`Queue`]
//! - tells: its sink, one batch at a time, again with growing pauses while it fails; metrics; the log, once
//!   when it begins to fail or to refuse, and when it takes requests again
//! - never: looks at what waits behind a failing batch; that grows in the queue, and no further than its bound
//! - on panic: restarted; the batch that was under way is lost
//! - on shutdown: the queue says so; then each batch has one more try

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::{Actor, AsyncContext, Context};
use futures_util::{StreamExt, stream};

use super::delivery::{Sent, send};
use super::meters::Loss;
use super::queue::{Batch, Queue};
use super::standing::Standing;
use crate::actors::alerter::pause;
use crate::actors::keeper::DeathNotice;
use crate::base::clock::unix_ms;
use crate::domain::export::{self, Event, Rejection, Sink};
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
        let line = Line {
            sink: Arc::clone(&self.sink),
            queue: Arc::clone(&self.queue),
            client,
            standing: Standing::default(),
            remarked: false,
        };
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
    standing: Standing,
    /// Whether the last answer that took everything had something to say beside, so that it is said once.
    remarked: bool,
}

/// What one try with some events came to.
#[derive(Default)]
struct Tried {
    /// Requests to be tried again.
    again: Vec<Again>,
    /// Why, of the last.
    cause: String,
    /// When the sink wants them again.
    wait: Option<Duration>,
    /// The sink wants less at a time.
    too_large: bool,
}

/// A request that is to be tried again.
struct Again {
    place: usize,
    events: usize,
    concerns: usize,
}

/// Events that go into the same requests.
struct Part {
    events: Vec<Arc<Event>>,
    /// What sums them up has been taken, so that it is not told again where the events themselves are too large.
    summed: bool,
}

/// What became of a batch, for the log.
#[derive(Default)]
struct Outcome {
    /// The sink took something.
    took: bool,
    /// Requests are given up, so it goes on to fail.
    gave_up: bool,
    /// So many events it did not take, or not all of them.
    refused: usize,
    /// Why, of the first.
    cause: String,
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
        let mut parts = vec![Part { events, summed: false }];
        let mut outcome = Outcome::default();
        while let Some(mut part) = parts.pop() {
            if self.deliver_part(&mut part, &mut outcome).await && part.events.len() > 1 {
                let rest = Part { events: part.events.split_off(part.events.len() / 2), ..part };
                parts.extend([rest, part]);
            }
        }
        self.say(&outcome);
    }

    /// Says what a batch has changed.
    fn say(&mut self, outcome: &Outcome) {
        let sink = self.sink.name.as_str();
        if outcome.gave_up {
            return;
        }
        if outcome.refused > 0 {
            if self.standing.refuses(Instant::now()) {
                let (events, cause) = (outcome.refused, outcome.cause.as_str());
                tracing::warn!(
                    sink,
                    events,
                    cause,
                    "a sink refuses finished requests; they are only counted now"
                );
            }
        } else if outcome.took && self.standing.takes(Instant::now()) {
            tracing::info!(sink, "a sink takes finished requests again");
        }
    }

    /// Delivers some events, as far as that is possible. Answers whether they are too large for one request.
    async fn deliver_part(&mut self, part: &mut Part, outcome: &mut Outcome) -> bool {
        let mut places: Option<Vec<usize>> = None;
        let mut too_large = false;
        for failures in 1..=TRIES {
            let tried = self.attempt(part, places.take(), outcome).await;
            too_large |= tried.too_large;
            if tried.again.is_empty() {
                return too_large;
            }
            if self.standing.fails() {
                let cause = tried.cause.as_str();
                tracing::warn!(
                    sink = self.sink.name,
                    cause,
                    "a sink cannot be told of finished requests; they wait"
                );
            }
            if failures == TRIES || self.queue.is_flushing() && failures > 1 {
                outcome.gave_up = true;
                for Again { events, concerns, .. } in tried.again {
                    self.queue.meters().lost(Loss::GaveUp, events, concerns);
                }
                return too_large;
            }
            self.wait(tried.wait.unwrap_or_else(|| pause(failures, fastrand::f64()))).await;
            self.queue.meters().retries.increment(1);
            places = Some(tried.again.into_iter().map(|again| again.place).collect());
        }
        too_large
    }

    /// Sends the requests at these places, or all. They are made anew each time: signatures age.
    async fn attempt(&mut self, part: &mut Part, places: Option<Vec<usize>>, outcome: &mut Outcome) -> Tried {
        let now_us = unix_ms().saturating_mul(1000);
        let (alone, summed) = (part.events.len() <= 1, part.summed);
        let all = export::requests(&self.sink.kind, &part.events, now_us).into_iter().enumerate();
        let wanted = all.filter(|(place, outgoing)| {
            let untold = !(summed && outgoing.events == 0);
            places.as_ref().map_or(untold, |places| places.contains(place))
        });
        let client = Rc::clone(&self.client);
        let sending = wanted.map(|(place, outgoing)| {
            let (events, concerns) = (outgoing.events, outgoing.concerns);
            let client = &client;
            async move { (Again { place, events, concerns }, send(client, outgoing).await) }
        });
        let mut sent = stream::iter(sending).buffer_unordered(AT_A_TIME);
        let mut tried = Tried::default();
        while let Some((request, result)) = sent.next().await {
            match result {
                Sent::Done(rejection) => {
                    part.summed |= request.events == 0 && !alone;
                    self.done(&request, rejection, outcome);
                }
                Sent::TooLarge if !alone && request.events > 1 => tried.too_large = true,
                Sent::TooLarge => self.lost(Loss::TooLarge, &request, "it is too large", outcome),
                Sent::Refused(cause) => self.lost(Loss::Refused, &request, &cause, outcome),
                Sent::Again(cause, wait) => {
                    tried.again.push(request);
                    (tried.cause, tried.wait) = (cause, tried.wait.max(wait));
                }
            }
        }
        tried
    }

    /// The sink has taken a request, but for what it rejects.
    fn done(&mut self, request: &Again, rejection: Rejection, outcome: &mut Outcome) {
        // Several entries of a rejecting sink may be about one event.
        let (lost, concerned) =
            (rejection.entries.min(request.events), rejection.entries.min(request.concerns));
        outcome.took |= concerned < request.concerns || request.concerns == 0;
        self.queue.meters().sent.increment(u64::try_from(request.events - lost).unwrap_or(0));
        // Words may quote what was sent, and prompts are for no log.
        let words = rejection.words.filter(|_| !self.sink.content).unwrap_or_default();
        let colon = if words.is_empty() { "" } else { ": " };
        if rejection.entries > 0 {
            let cause = format!("the sink takes the request and rejects what is in it{colon}{words}");
            let rejected = Again { place: request.place, events: lost, concerns: concerned };
            self.lost(Loss::Rejected, &rejected, &cause, outcome);
        } else if !std::mem::replace(&mut self.remarked, !words.is_empty()) && self.remarked {
            tracing::warn!(sink = self.sink.name, words, "a sink takes finished requests with a remark");
        }
    }

    /// Counts what a sink will not take; what is to be said of it is said once, at the end of the batch.
    fn lost(&self, loss: Loss, request: &Again, cause: &str, outcome: &mut Outcome) {
        self.queue.meters().lost(loss, request.events, request.concerns);
        if outcome.refused == 0 {
            outcome.cause = cause.to_owned();
        }
        outcome.refused += request.concerns;
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
