//! A step to a fallback group: where the request goes, with which body, and what it has to hold for that.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::access;
use super::call::{Body, Call};
use super::explain::Audience;
use super::pipeline::Gateway;
use super::record::Record;
use super::size::Size;
use super::tally::{Step, Trail};
use crate::base::error::{Error, Kind};
use crate::domain::reliability::FallbackPlan;
use crate::domain::routing::groups::Resolved;

/// Where the request goes now: its own group, or a fallback with its parameters.
pub struct Hop {
    /// The group.
    pub resolved: Resolved,
    /// The body for it.
    pub body: Body,
    /// What that body may consume.
    pub size: Size,
}

/// The next group after one that `failed` with an error of this kind. A group that the request cannot pay for, or
/// whose limits are used up, is passed over like one that fails. The trail knows what the next one may be called.
///
/// # Errors
/// `first`, with a remark for each group that was passed over, when there is none.
pub async fn onward(
    gateway: &Gateway,
    call: &Call,
    plan: &mut FallbackPlan<'_>,
    failed: (Kind, &Hop),
    trail: &mut Trail<'_>,
    mut first: Error,
) -> Result<(Hop, Error), Error> {
    let (mut kind, from) = failed;
    let (mut name, mut group) = (Arc::clone(&from.resolved.name), Arc::clone(&from.resolved.group));
    loop {
        let Some(target) = plan.next(kind, &[&*name, &*group]) else { return Err(first) };
        let Some(resolved) = call.table.groups.resolve(&target.group) else { return Err(first) };
        let next = hop_to(call, resolved, &target.overrides);
        let identity = trail.record.facts().and_then(|facts| facts.identity.as_deref());
        let hidden = identity.is_some_and(|identity| !access::may_know(identity, &next.resolved));
        let Err(refused) = pay_for(gateway, call, &next, trail.record).await else {
            trail.tally.hidden = hidden;
            return Ok((next, first));
        };
        (name, group) = (next.resolved.name, next.resolved.group);
        first = also_failed(first, (&group, hidden), &refused);
        kind = refused.kind();
        if call.options.explain != Audience::Nobody {
            let (group, hidden) = (Arc::clone(&group), hidden && call.options.explain != Audience::Admin);
            trail.tally.keep(Step { group, hidden, decision: None, failed: Some(kind) });
        }
    }
}

/// The next group's price is held before it is called, and its limits.
async fn pay_for(gateway: &Gateway, call: &Call, next: &Hop, record: &mut Record) -> Result<(), Error> {
    let Some(taken) = record.taken() else { return Ok(()) };
    let mut held = Paying { record, taken: Some(taken) };
    let Some(taken) = held.taken.as_deref_mut() else { return Ok(()) };
    gateway.shared.governance.move_to(call, next, taken).await
}

/// Gives the record back what the request has taken, whatever happens meanwhile.
struct Paying<'a> {
    record: &'a mut Record,
    taken: Option<Box<super::governance::Taken>>,
}

impl Drop for Paying<'_> {
    fn drop(&mut self) {
        let taken = self.taken.take();
        self.record.note(|facts| facts.taken = taken);
    }
}

fn hop_to(call: &Call, resolved: Resolved, overrides: &Map<String, Value>) -> Hop {
    let mut overrides = overrides.clone();
    overrides.remove("model");
    if overrides.is_empty() {
        return Hop { resolved, body: call.body.clone(), size: call.size.clone() };
    }
    let body = call.body.with(&overrides);
    let size = Size::of(call.endpoint, &body);
    Hop { resolved, body, size }
}

/// The caller reads why its own group failed; the fallback's failure is a remark. Of a group that it could not have
/// asked for (`hidden`) it reads neither the name nor words that may hold it.
pub fn also_failed(first: Error, (group, hidden): (&str, bool), error: &Error) -> Error {
    let both = |first: &str, then: &str| -> String {
        format!("{first} Fallback to {group} also failed: {then}").chars().take(4_000).collect()
    };
    let kept = both(first.kept(), error.kept());
    let message = match hidden {
        false => both(first.message(), error.message()),
        true => format!(
            "{} A fallback also failed, with status {}{}.",
            first.message(),
            error.status(),
            own(error)
        )
        .chars()
        .take(4_000)
        .collect(),
    };
    first.with_message(message).with_kept(kept)
}

/// What the caller may read of a fallback's failure because it is about the caller.
fn own(error: &Error) -> &'static str {
    match error.kind() {
        Kind::BudgetExceeded => ": Budget has been exceeded",
        Kind::LimitExceeded => ": Rate limit exceeded",
        _ => "",
    }
}
