//! Comments on a silent stream before its first token, where somebody wants them: they commit the status.

use std::rc::Rc;
use std::time::Duration;

use futures_core::future::LocalBoxFuture;

use super::answer::{Answer, AnswerBody, AnswerStream, Held, error_event};
use super::attempts::{self, Served};
use super::failure::Failure;
use super::live::Live;
use super::pipeline::{Gateway, head};
use super::reserve::Reserved;
use super::{drain, headers, limit_headers};
use crate::base::error::Error;

impl Gateway {
    /// Waits one interval for an honest status; after it the stream begins with comments, and attempts,
    /// retries and fallbacks go on behind them.
    pub(super) async fn with_keepalive(
        self: &Rc<Self>,
        reserved: Rc<Reserved>,
        held: Held,
        interval: Duration,
    ) -> Result<Answer, Failure> {
        let gateway = Rc::clone(self);
        let own = Rc::clone(&reserved);
        let mut working: LocalBoxFuture<'static, Result<drain::Outcome, Error>> = Box::pin(async move {
            match drain::wanted(&own) {
                true => drain::detached(&gateway, own, held).await,
                false => Ok(gateway.work(&own, held).await),
            }
        });
        if let Ok(outcome) = actix_rt::time::timeout(interval, &mut working).await {
            return self.conclude_detached(&reserved, outcome);
        }
        let call = Rc::clone(reserved.call());
        let stream = AnswerStream::waiting(
            Box::pin(behind_comments(working)),
            interval,
            error_event(call.endpoint),
            call.received,
        );
        let mut head = head(200);
        headers::early(&call, head.headers_mut());
        limit_headers::tell(reserved.standings(), head.headers_mut());
        Ok(Answer { head, body: AnswerBody::Stream(stream) })
    }
}

/// What the attempts come to when the status has been sent: a stream, or an error inside one.
async fn behind_comments(
    working: LocalBoxFuture<'static, Result<drain::Outcome, Error>>,
) -> (Option<Held>, Result<Box<Live>, Error>) {
    let (mut held, tally, result) = match working.await {
        Ok(outcome) => outcome,
        Err(error) => return (None, Err(error)),
    };
    match result {
        Ok(Served::Live { live, .. }) => (Some(held), Ok(live)),
        Ok(Served::Whole { whole, .. }) => {
            held.record.note(|facts| {
                facts.usage = whole.usage;
                facts.output_bytes = whole.uncounted_bytes();
            });
            (Some(held), Err(attempts::not_a_stream()))
        }
        Err(error) => {
            tracing::debug!(attempts = tally.attempts, "failed behind keep-alive comments");
            (Some(held), Err(error))
        }
    }
}
