//! What one request holds of the common counters.

use super::commons::Commons;
use crate::domain::commons::{Claim, Counted, End};
use crate::domain::limits::Used;

/// What one request holds. Dropped, it gives its slots and money back, and counts as a request without tokens.
pub struct Hold {
    commons: Commons,
    claim: Option<Box<Claim>>,
    /// Where it was counted; `None`: nobody could be asked.
    counted: Option<Vec<Counted>>,
}

impl Hold {
    pub(super) fn new(commons: Commons, claim: Claim, counted: Option<Vec<Counted>>) -> Self {
        Hold { commons, claim: Some(Box::new(claim)), counted }
    }

    /// What it holds.
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_deref()
    }

    /// How a scope stood just after it was taken, with all replicas' requests.
    pub fn used(&self, key: u128) -> Option<Used> {
        let rates = &self.claim.as_ref()?.rates;
        let place = rates.iter().position(|(scope, _)| scope.key() == key)?;
        self.counted.as_ref()?.get(place).map(|counted| counted.used)
    }

    /// The request is over and has used so many tokens; what it has cost is counted elsewhere by now.
    pub fn finish(mut self, tokens: u64) {
        self.end(End::Used(tokens));
    }

    /// As if it had never been.
    pub fn cancel(mut self) {
        self.end(End::Cancelled);
    }

    /// What it held and where that was counted; the caller gives it back.
    pub(super) fn into_parts(mut self) -> Option<(Box<Claim>, Option<Vec<Counted>>)> {
        Some((self.claim.take()?, self.counted.take()))
    }

    fn end(&mut self, end: End) {
        if let Some(claim) = self.claim.take() {
            self.commons.release(&claim, self.counted.as_deref(), end);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.end(End::Unknown);
    }
}
