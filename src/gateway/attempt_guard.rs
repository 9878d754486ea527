//! What one attempt holds and what it has to tell: its lease, and the fact for the deployment's actor.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::Call;
use super::patience::patience;
use crate::actors::cell::Lease;
use crate::actors::outbox::Outbox;
use crate::actors::topology::Member;
use crate::base::clock;
use crate::base::error::{Error, Kind};
use crate::base::usage::Usage;
use crate::domain::deployment::Deployment;
use crate::domain::routing::{AttemptFact, FailureFact};

/// An attempt under way. Dropped unfinished, because the client hung up, it releases its lease and tells just that: it
/// makes no failure of the deployment's.
pub struct AttemptGuard {
    lease: Lease,
    member: Option<Member>,
    outbox: Rc<Outbox>,
    stream: bool,
    first_token: Option<Duration>,
    /// The caller wants less silence than the configuration allows.
    impatient: bool,
}

impl AttemptGuard {
    /// An attempt on a leased deployment. With a connection of the caller's own it tells nothing: its
    /// failures would be the caller's.
    pub fn begin(lease: Lease, call: &Call, outbox: Rc<Outbox>) -> Self {
        let member =
            call.table.member(lease.deployment()).filter(|_| call.own_connection.is_empty()).cloned();
        let impatient = patience(call, lease.deployment()).callers;
        AttemptGuard { lease, member, outbox, stream: call.stream, first_token: None, impatient }
    }

    /// The deployment it runs on.
    pub fn deployment(&self) -> &Arc<Deployment> {
        self.lease.deployment()
    }

    /// When it began.
    pub fn started(&self) -> Instant {
        self.lease.taken_at()
    }

    /// The first token has come.
    pub fn first_token(&mut self, now: Instant) {
        if self.first_token.is_none() {
            self.first_token = Some(now.saturating_duration_since(self.lease.taken_at()));
        }
    }

    /// Nothing was sent, so there is nothing to tell.
    pub fn withdraw(mut self) {
        self.member = None;
    }

    /// It went well.
    pub fn succeed(mut self, usage: Option<&Usage>) {
        let now = clock::now();
        if let Some(usage) = usage {
            self.lease.settle(usage.total(), now);
        }
        self.tell(usage.map_or(0, |usage| usage.completion_tokens), Ok(()), now);
    }

    /// It failed. That time ran out which the caller chose says nothing about the deployment.
    pub fn fail(mut self, error: &Error) {
        let caller_timeout = match error.kind() {
            Kind::CallerDeadline => true,
            Kind::AttemptTimeout => self.impatient,
            _ => false,
        };
        let failure = FailureFact {
            kind: error.kind(),
            retry_after: error.retry_after(),
            caller_timeout,
            message: error.kept().to_string(),
        };
        self.tell(0, Err(failure), clock::now());
    }

    fn tell(&mut self, output_tokens: u64, outcome: Result<(), FailureFact>, now: Instant) {
        let Some(member) = self.member.take() else { return };
        let started = self.lease.taken_at();
        let fact = AttemptFact {
            started,
            finished: now,
            first_token: self.first_token,
            latency: now.saturating_duration_since(started),
            output_tokens,
            stream: self.stream,
            outcome,
        };
        self.outbox.tell(&member, fact);
    }
}

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        if self.member.is_some() {
            let left = FailureFact {
                kind: Kind::ClientGone,
                retry_after: None,
                caller_timeout: true,
                message: String::new(),
            };
            self.tell(0, Err(left), clock::now());
        }
    }
}
