//! `on_disconnect: drain`: for providers that bill an answer anyway, it is read to its end although the
//! client has gone, so that what it cost is known.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::answer::Held;
use super::attempts::Served;
use super::live::{Live, More};
use super::pipeline::Gateway;
use super::reserve::Reserved;
use super::tally::Tally;
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
        // Not taken any more, or taken and never looked at: either way it is dropped.
        let _ = sender.send(Unread(Some(outcome)));
    });
    let outcome = receiver.await.ok().and_then(|mut unread| unread.0.take());
    outcome.ok_or_else(|| Error::new(Kind::Draining, "The gateway is shutting down."))
}

/// An outcome on its way to whoever waits for it. Dropped before it is taken, it is read to its end.
struct Unread(Option<Outcome>);

impl Drop for Unread {
    fn drop(&mut self) {
        let Some((held, _, result)) = self.0.take() else { return };
        match result {
            // Outside a running worker there is nobody left to read on.
            Ok(Served::Live { live, .. }) if tokio::runtime::Handle::try_current().is_ok() => {
                actix_rt::spawn(to_the_end(live, held));
            }
            Ok(Served::Live { live, .. }) => gone(held, live.usage(), live.output_bytes(), live.flowed()),
            Ok(Served::Whole { whole, .. }) => {
                gone(held, whole.usage, whole.uncounted_bytes(), Duration::ZERO);
            }
            Err(error) => {
                held.record.finish(error.status(), Some(error));
            }
        }
    }
}

/// Reads a stream that nobody listens to any more.
pub async fn to_the_end(mut live: Box<Live>, held: Held) {
    let complete = loop {
        match poll_fn(|cx| live.poll_more(cx)).await {
            Ok(More::Bytes(_)) => {}
            Ok(More::End) => break true,
            Err(_) => break false,
        }
    };
    // What the provider has counted to the end needs no estimate.
    let counted = complete && live.usage().is_some();
    gone(held, live.usage(), if counted { 0 } else { live.output_bytes() }, live.flowed());
}

fn gone(mut held: Held, usage: Option<Usage>, output_bytes: u64, flowed: Duration) {
    held.record.note(|facts| {
        facts.usage = usage;
        facts.output_bytes = output_bytes;
        facts.upstream += flowed;
    });
    let error =
        Error::new(Kind::ClientGone, "The client closed the connection; the answer was read to its end.");
    held.record.finish(error.status(), Some(error));
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::Arc;
    use std::task::{Context, Waker};
    use std::time::Instant;

    use bytes::Bytes;

    use crate::domain::routing::strategy;
    use crate::gateway::pipeline::Inbound;
    use crate::gateway::testing::{Piece, Rig, Script, key_headers, settle_down};
    use crate::wire::endpoint::Endpoint;

    const CONFIG: &str = "
model_list:
  - {model_name: g, litellm_params: {model: openai/a, api_key: k, api_base: 'http://a.test/v1', on_disconnect: drain}}
";
    const WHOLE: &str = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#;
    const EVENTS: [&str; 2] = [
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
         data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
    ];

    #[actix_rt::test]
    async fn an_outcome_that_is_sent_and_never_taken_is_read_and_billed() {
        for stream in [false, true] {
            let rig = Rig::new(CONFIG, Arc::new(|name, args| strategy(name, args))).await;
            let pieces: &[&'static str] = if stream { &EVENTS } else { &[WHOLE] };
            let pieces = pieces.iter().map(|text| (1, Piece::Bytes(Bytes::from_static(text.as_bytes()))));
            let script = Script { begins_after: Some(1), status: 200, stream, pieces: pieces.collect() };
            rig.upstream.scripts.borrow_mut().push_back(script);
            let headers = key_headers();
            let opened = rig.gateway.open(Endpoint::Chat, &headers, Instant::now());
            let Ok(identified) = rig.gateway.identify(opened, &headers, None).await else {
                panic!("a good key")
            };
            let body = format!(r#"{{"model":"g","stream":{stream},"messages":[]}}"#).into();
            let inbound = Inbound { headers: &headers, path_model: None, api_version: None, body };
            let mut asking = Box::pin(rig.gateway.serve(identified, inbound));
            assert!(asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            // The attempt ends and its outcome is on its way, when the client hangs up.
            settle_down().await;
            assert!(rig.told.finished.borrow().is_empty());
            drop(asking);
            settle_down().await;
            let told = rig.told.finished.borrow();
            let usage = told[0].usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens));
            assert_eq!((told.len(), told[0].status, usage), (1, 499, Some((7, 2))), "stream: {stream}");
        }
    }
}
