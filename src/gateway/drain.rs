//! `on_disconnect: drain`: for providers that bill an answer anyway, it is read to its end although the
//! client has gone, so that what it cost is known.

use std::future::poll_fn;
use std::rc::Rc;

use tokio::sync::oneshot;

use super::answer::Held;
use super::attempts::{Served, Tally};
use super::live::{Live, More};
use super::pipeline::Gateway;
use super::reserve::Reserved;
use crate::base::error::{Error, Kind};
use crate::base::usage::Usage;

/// What the attempts came to.
pub type Outcome = (Held, Tally, Result<Served, Error>);

/// Whether a deployment of the request's group wants its answers read to the end.
pub fn wanted(reserved: &Reserved) -> bool {
    let members = &reserved.call().resolved.members;
    members.iter().any(|member| member.deployment.request.drain_on_disconnect)
}

/// Makes the attempts in a task of their own, which goes on when the caller of this function does not.
///
/// # Errors
/// When the task was aborted (the worker is ending).
pub async fn detached(gateway: &Rc<Gateway>, reserved: Rc<Reserved>, held: Held) -> Result<Outcome, Error> {
    let (sender, receiver) = oneshot::channel();
    let gateway = Rc::clone(gateway);
    actix_rt::spawn(async move {
        let outcome = gateway.work(&reserved, held).await;
        if let Err((held, _, result)) = sender.send(outcome) {
            unread(held, result).await;
        }
    });
    receiver.await.map_err(|_| Error::new(Kind::Draining, "The gateway is shutting down."))
}

async fn unread(held: Held, result: Result<Served, Error>) {
    match result {
        Ok(Served::Live { live, .. }) => to_the_end(live, held).await,
        Ok(Served::Whole { whole, .. }) => gone(held, whole.usage, whole.text_bytes()),
        Err(error) => held.record.finish(error.status(), Some(error)),
    }
}

/// Reads a stream that nobody listens to any more.
pub async fn to_the_end(mut live: Box<Live>, held: Held) {
    while let Ok(More::Bytes(_)) = poll_fn(|cx| live.poll_more(cx)).await {}
    gone(held, live.usage(), live.output_bytes());
}

fn gone(mut held: Held, usage: Option<Usage>, output_bytes: u64) {
    held.record.note(|facts| {
        facts.usage = usage;
        facts.output_bytes = output_bytes;
    });
    let error =
        Error::new(Kind::ClientGone, "The client closed the connection; the answer was read to its end.");
    held.record.finish(error.status(), Some(error));
}
