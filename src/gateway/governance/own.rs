//! What a call takes that the gateway makes by itself for a request: money, and nothing of any limit.

use std::iter;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Governance, Taken, of_model};
use crate::actors::key_directory::Purse;
use crate::base::error::Error;
use crate::gateway::call::Call;
use crate::gateway::caller::Caller;

impl Governance {
    /// Takes it, from everybody whose budget the request counts on.
    ///
    /// # Errors
    /// The budget's refusal; 403 for a model without a price that a budget would have to pay for; 503 when an account
    /// cannot be read.
    pub async fn take_money(&self, call: &Call, caller: Caller) -> Result<Box<Taken>, Error> {
        let identity = Arc::clone(caller.identity());
        let (_, model_purses) = of_model(call, &identity, &call.resolved);
        let owners = self.owners(call, &identity).await?;
        let of_owners = owners.iter().filter_map(|(_, _, purse)| purse.as_ref());
        let purses = identity.purses.iter().chain(&model_purses).chain(of_owners).chain(&self.proxy);
        let purses: SmallVec<[Purse; 4]> = purses.cloned().collect();
        let mut taken = Box::new(Taken::nothing(call, caller));
        Box::pin(self.pay(call, (&call.resolved, &call.size), purses, iter::empty(), &mut taken)).await?;
        Ok(taken)
    }
}
