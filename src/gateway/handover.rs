//! What exporters are given of a settled request: counted references, no text is written here.

use super::bill::Bill;
use super::governance::Taken;
use super::record::Finished;
use crate::actors::export::Facts;
use crate::base::clock::unix_ms;
use crate::domain::ledger::RowId;

/// What is known of it. `taken` and `bill` are there once it was admitted; what they were made from may be taken from
/// `finished`, which nobody else needs any more.
pub fn facts(finished: &mut Finished, admitted: Option<(&Taken, &Bill)>) -> Box<Facts> {
    let taken = admitted.map(|(taken, _)| taken);
    let ended_ms = unix_ms();
    let mut facts = Box::new(Facts {
        id: finished.own_id.unwrap_or_else(|| RowId::new(ended_ms)),
        call_id: finished.call_id.as_ref().into(),
        endpoint: finished.endpoint,
        stream: finished.stream,
        status: finished.status,
        error: finished.error.clone(),
        ended_ms,
        duration: finished.duration,
        upstream: finished.upstream,
        first_token: finished.first_token,
        attempts: finished.attempts,
        fallbacks: finished.fallbacks,
        group: finished.group.clone(),
        deployment: finished.deployment.clone(),
        wild: finished.wild.as_ref().map(|wild| wild.model.clone()),
        hashed_key: finished.hashed_key.clone(),
        identity: taken.map(|taken| taken.caller.identity().clone()),
        user: taken.and_then(|taken| taken.user.clone()),
        end_user: taken.and_then(|taken| taken.end_user.clone()),
        session: taken.and_then(|taken| taken.session.clone()),
        tags: taken.map(|taken| taken.tags.clone()).unwrap_or_default(),
        requester: finished.requester,
        usage: finished.usage,
        cost: admitted.and_then(|(_, bill)| bill.cost),
        response_id: finished.answer_id.take(),
        cache: finished.cache.as_ref().map(|cache| (cache.hit, cache.question.shown())),
        trace: finished.trace,
        muted: finished.muted.take(),
        content: None,
    });
    if let Some(content) = finished.content.take() {
        facts.quote(content.raw());
    }
    facts
}
