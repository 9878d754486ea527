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
    notice: DeathNotice<Dispatcher>,
}

impl Dispatcher {
    /// An incarnation for these sinks and their queues.
    pub fn new(intake: Arc<Intake>, sinks: Vec<(Arc<Sink>, Arc<Queue>)>, notice: DeathNotice<Self>) -> Self {
        Dispatcher { intake, sinks, taken: VecDeque::new(), notice }
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
        let now = Instant::now();
        for _ in 0..most {
            let Some(facts) = self.taken.pop_front() else { return };
            self.tell(*facts, now);
        }
    }

    fn tell(&self, facts: Facts, now: Instant) {
        let failed = facts.error.is_some();
        let wanted = |sink: &Sink| if failed { sink.failures } else { sink.successes };
        let owners = self.sinks.iter().all(|(sink, _)| sink.owners);
        let told = Arc::new(Told::new(facts, owners));
        let size = told.size();
        for (_, queue) in self.sinks.iter().filter(|(sink, _)| wanted(sink)) {
            queue.push(Arc::clone(&told), size, now);
        }
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
