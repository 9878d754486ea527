//! Stage 3, reserve: what a request takes before anything is sent, and gives back when it is dropped.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::call::Call;
use super::caller::Caller;
use super::governance::{Governance, Taken};
use super::record::Record;
use crate::base::clock;
use crate::base::error::Error;
use crate::domain::limits::Standing;

/// How many requests this process has under way; shutdown waits for zero.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// The number at this moment.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// Counts one more until the ticket is dropped.
    pub fn take(&self) -> Ticket {
        self.0.fetch_add(1, Ordering::AcqRel);
        Ticket(self.clone())
    }
}

/// Whether the process is shutting down.
#[derive(Debug, Clone, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// It is, from now on.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a request has taken from its limits.
#[derive(Debug)]
pub struct Ticket(InFlight);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request that has taken what it needs; nothing is sent to a provider without one. Only
/// [`reserve`] and [`own`] make it.
pub struct Reserved {
    call: Rc<Call>,
    standings: Vec<Standing>,
}

impl Reserved {
    /// The request.
    pub fn call(&self) -> &Rc<Call> {
        &self.call
    }

    /// How its limits stand, for the reply's headers.
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }
}

/// Takes what the request needs, all or nothing; the record gives it back or settles it.
///
/// # Errors
/// What is in the way. Nothing was taken.
pub async fn reserve(
    governance: &Governance,
    call: Rc<Call>,
    caller: Caller,
    record: &mut Record,
) -> Result<Reserved, Error> {
    let taken = governance.take(&call, caller).await?;
    let standings = taken.standings().collect();
    record.note(|facts| {
        facts.queued = Some(clock::now().saturating_duration_since(facts.received));
        facts.taken = Some(taken);
    });
    Ok(Reserved { call, standings })
}

/// A call that the gateway makes by itself for a request that has been counted already; `taken` pays for it.
pub fn own(call: Call, taken: Box<Taken>, record: &mut Record) -> Reserved {
    record.note(|facts| facts.taken = Some(taken));
    Reserved { call: Rc::new(call), standings: Vec::new() }
}
