//! A worker's facts on their way to the deployments' actors.
//!
//! A message to another thread wakes that thread, which costs more than all else a request does. So
//! successes travel in batches, a few milliseconds late; failures, on which cooldowns hang, at once.
//! They go with `try_send`, which respects the mailbox's bound: what does not fit is dropped, these are
//! statistics and an actor so far behind has plenty.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::deployment::Facts;
use super::topology::Member;
use crate::domain::routing::state::AttemptFact;

/// How late a success may be told.
const DELAY: Duration = Duration::from_millis(10);
/// So many facts are sent without waiting.
const BATCH: usize = 256;

/// Collects facts of one worker.
#[derive(Default)]
pub struct Outbox {
    pending: RefCell<Vec<(Member, AttemptFact)>>,
    timer_set: Cell<bool>,
}

impl Outbox {
    /// Takes a fact for a deployment's actor.
    pub fn tell(self: &Rc<Self>, member: &Member, fact: AttemptFact) {
        let urgent = fact.outcome.is_err();
        let waiting = {
            let mut pending = self.pending.borrow_mut();
            pending.push((member.clone(), fact));
            pending.len()
        };
        if urgent || waiting >= BATCH {
            self.flush();
        } else if !self.timer_set.replace(true) {
            let outbox = Rc::clone(self);
            actix_rt::spawn(async move {
                actix_rt::time::sleep(DELAY).await;
                outbox.timer_set.set(false);
                outbox.flush();
            });
        }
    }

    /// Sends everything that waits.
    pub fn flush(&self) {
        let mut pending = self.pending.take();
        while let Some((member, first)) = pending.pop() {
            let mut facts = vec![first];
            pending.retain(|(other, fact)| {
                let same = other.same(&member);
                if same {
                    facts.push(fact.clone());
                }
                !same
            });
            send(&member, facts);
        }
    }
}

fn send(member: &Member, facts: Vec<AttemptFact>) {
    let cell = member.cell();
    cell.sent();
    let sent = member.actor().with(|address| address.try_send(Facts(facts)).is_ok());
    if sent != Some(true) {
        cell.taken(false);
        tracing::debug!(deployment = &*member.cell().deployment().id, "facts were dropped");
    }
}
