//! The Coordinator actor: one conversation of this replica with the counters that all replicas have in common.
//!
//! - owns: the conversation, which runs on the connection's own thread; at most one call is under way, and the next carries all that has gathered meanwhile
//! - accepts: [`Flush`]; claims, and what is given back, wait in [`Commons`], which outlives it
//! - tells: each claim its answer, or after 50 ms that it is late, if it is far from its limits; the database's readers,
//!   which accounts others have changed
//! - never: waits for a request, holds more than one call
//! - on panic: restarted; claims of the lost call are told that nobody answered, and what is held is said again
//! - on shutdown: says a last time what is held: nothing

mod commons;
mod full;
mod heard;
mod hold;
mod room;

use commons::Waiter;
pub use commons::{Commons, Stale, Told};
pub use hold::Hold;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture};
use tokio::task::{AbortHandle, JoinError};

use super::keeper::DeathNotice;
use crate::domain::commons::{Batch, Reply};
use crate::redis_link::{Counters, Lost, PATIENCE, silence};

/// How often it says that this replica is alive.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long what is given back waits for company when nobody claims anything.
const GATHER: Duration = Duration::from_millis(5);
/// How often it tries while nobody answers.
const AGAIN: Duration = Duration::from_millis(100);

/// What is done about accounts that others have changed.
pub type Reread = Arc<dyn Fn(Vec<Stale>) + Send + Sync>;

/// Carries claims to the counters, and answers back.
pub struct Coordinator {
    commons: Commons,
    counters: Counters,
    reread: Reread,
    talking: Option<AbortHandle>,
    notice: DeathNotice<Coordinator>,
}

impl Coordinator {
    /// An incarnation.
    pub fn new(commons: Commons, counters: Counters, reread: Reread, notice: DeathNotice<Self>) -> Self {
        Coordinator { commons, counters, reread, talking: None, notice }
    }
}

impl Actor for Coordinator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let talk = talk(self.commons.clone(), self.counters.clone(), Arc::clone(&self.reread));
        let talking = self.counters.spawn(talk);
        self.talking = Some(talking.abort_handle());
        let ended = talking.into_actor(self).map(|ended, _, _| {
            if let Some(panic) = ended.err().filter(JoinError::is_panic) {
                // It is this actor's: the keeper begins another conversation.
                std::panic::resume_unwind(panic.into_panic());
            }
        });
        ctx.spawn(ended);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.notice.retire();
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        if let Some(talking) = &self.talking {
            talking.abort();
        }
    }
}

async fn talk(commons: Commons, counters: Counters, reread: Reread) {
    commons.begin();
    let mut looked_after = Instant::now();
    let mut link = counters.watch();
    loop {
        if looked_after.elapsed() >= HEARTBEAT {
            looked_after = Instant::now();
            commons.look_after();
        }
        let answers = step(&commons, &counters, &reread).await;
        if !answers {
            // At the latest then, at once when the link says that something is different.
            let _ = actix_rt::time::timeout(AGAIN, link.changed()).await;
        } else if !commons.has_news() {
            commons.wait(HEARTBEAT).await;
            commons.gather(GATHER).await;
        }
    }
}

/// One call; says whether it was answered.
async fn step(commons: &Commons, counters: &Counters, reread: &Reread) -> bool {
    let (batch, mut waiters) = commons.batch();
    match ask(commons, counters, &batch, &mut waiters).await {
        Ok(reply) => {
            let stale = commons.answered(batch, waiters, reply);
            if !stale.is_empty() {
                reread(stale);
            }
            true
        }
        Err(_) => {
            // The link has said so in the log.
            commons.lost(batch, waiters);
            false
        }
    }
}

/// Asks, and sends on whoever does not need to wait when the answer is late.
async fn ask(
    commons: &Commons,
    counters: &Counters,
    batch: &Batch,
    waiters: &mut [Waiter],
) -> Result<Reply, Lost> {
    let asked = counters.ask(batch);
    tokio::pin!(asked);
    tokio::select! {
        biased;
        answer = &mut asked => return answer,
        () = silence(PATIENCE) => {}
    }
    commons.late(batch, waiters);
    asked.await
}

/// Says what there is to say, and then no more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Flush;

impl Handler<Flush> for Coordinator {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        let (commons, counters, reread) =
            (self.commons.clone(), self.counters.clone(), Arc::clone(&self.reread));
        Box::pin(async move { while commons.has_news() && step(&commons, &counters, &reread).await {} })
    }
}
