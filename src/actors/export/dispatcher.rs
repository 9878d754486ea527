//! The Dispatcher actor: each finished request gets into the queues of the sinks that want it.
//!
//! - owns: the reading end of the [`Intake`], the writing ends of the sinks' [`Queue`]s
//! - accepts: [`Flush`]; else it looks by itself, ten times a second
//! - tells: the queues
//! - never: waits for a sink
//! - on panic: restarted; the requests that it was looking at are lost
//! - on shutdown: one last [`Flush`], bounded; what is left is lost, and said to be

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture};

use super::facts::{Facts, Told};
use super::intake::Intake;
use super::queue::Queue;
use crate::actors::keeper::DeathNotice;
use crate::domain::export::Sink;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(100);
/// How often a last flush looks.
const LOOK: Duration = Duration::from_millis(10);
/// So many requests are looked at without a pause; other actors of the thread have work, too.
const AT_ONCE: usize = 500;

/// Fills the queues.
pub struct Dispatcher {
    intake: Arc<Intake>,
    sinks: Vec<(Arc<Sink>, Arc<Queue>)>,
    /// Taken from the intake and not looked at yet.
    taken: VecDeque<Box<Facts>>,
    /// Whether callers may name callbacks that are not told of their requests.
    callers_mute: bool,
    notice: DeathNotice<Dispatcher>,
}

impl Dispatcher {
    /// An incarnation for these sinks and their queues. `callers_mute`: callers may name sinks that are not told of their
    /// requests.
    pub fn new(
        intake: Arc<Intake>,
        sinks: Vec<(Arc<Sink>, Arc<Queue>)>,
        callers_mute: bool,
        notice: DeathNotice<Self>,
    ) -> Self {
        Dispatcher { intake, sinks, taken: VecDeque::new(), callers_mute, notice }
    }

    fn wait(&self, ctx: &mut Context<Self>) {
        let intake = Arc::clone(&self.intake);
        let waiting = wrap_future::<_, Self>(async move {
            // Either way it is looked.
            let _ = tokio::time::timeout(EVERY, intake.many()).await;
        });
        ctx.spawn(waiting.map(|(), actor, ctx| actor.go_on(ctx)));
    }

    fn go_on(&mut self, ctx: &mut Context<Self>) {
        // Before that is empty the rest waits in the intake, which is bounded.
        if self.taken.is_empty() {
            self.taken = self.intake.take();
        }
        self.dispatch(AT_ONCE);
        if self.taken.is_empty() {
            return self.wait(ctx);
        }
        let pausing = wrap_future::<_, Self>(tokio::task::yield_now());
        ctx.spawn(pausing.map(|(), actor, ctx| actor.go_on(ctx)));
    }

    fn dispatch(&mut self, most: usize) {
        self.count_missed();
        if self.taken.is_empty() {
            return;
        }
        let owners = self.sinks.iter().all(|(sink, _)| sink.owners);
        let wanted: Vec<Wanted> = self
            .taken
            .drain(..most.min(self.taken.len()))
            .map(|facts| {
                let failed = facts.error.is_some();
                let muted = facts.muted_sinks(self.callers_mute);
                let told = Arc::new(Told::new(facts, owners));
                Wanted { failed, muted, size: told.size(), told }
            })
            .collect();
        let now = Instant::now();
        for (sink, queue) in &self.sinks {
            queue.push(wanted.iter().filter(|one| one.by(sink)).map(|one| (&one.told, one.size)), now);
        }
    }

    /// Counts the requests that workers have left nothing of, because no queue had room.
    fn count_missed(&self) {
        for failed in [false, true] {
            let missed = self.intake.missed(failed);
            if missed == 0 {
                continue;
            }
            let of_sinks = self.sinks.iter().filter(|(sink, _)| sink.wants(failed));
            of_sinks.for_each(|(_, queue)| queue.meters().dropped.increment(missed));
        }
    }
}

/// A request, and who is told of it.
struct Wanted {
    failed: bool,
    /// Callbacks that are not, by their names.
    muted: Vec<String>,
    told: Arc<Told>,
    size: usize,
}

impl Wanted {
    fn by(&self, sink: &Sink) -> bool {
        sink.wants(self.failed) && !self.muted.iter().any(|name| sink.is_called(name))
    }
}

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.wait(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.notice.retire();
    }
}

/// Answers when nothing waits for any sink any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Flush;

impl Handler<Flush> for Dispatcher {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        self.taken.extend(self.intake.take());
        self.dispatch(usize::MAX);
        let queues: Vec<Arc<Queue>> = self.sinks.iter().map(|(_, queue)| Arc::clone(queue)).collect();
        queues.iter().for_each(|queue| queue.flush());
        Box::pin(async move {
            while queues.iter().any(|queue| queue.waiting() > 0) {
                actix_rt::time::sleep(LOOK).await;
            }
        })
    }
}
