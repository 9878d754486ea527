//! What is told when a settled request has passed a line of a budget.

use super::governance::Taken;
use crate::base::clock::unix_ms;
use crate::base::money::Nanos;
use crate::domain::alert::{Alert, Who};
use crate::domain::budget::Crossing;

/// The alert for one crossing; `None` when nobody knows any more whose budget it is.
pub fn alert(taken: &Taken, crossing: &Crossing) -> Option<Alert> {
    let purse = taken.purses.get(crossing.place)?;
    Some(Alert {
        scope: purse.scope.clone(),
        line: crossing.line,
        spend: crossing.spent,
        max: purse.max.map(Nanos::new),
        soft: purse.soft.map(Nanos::new),
        at_ms: unix_ms(),
        began_ms: crossing.began_at,
        resets_ms: crossing.resets_at,
        who: who(taken),
    })
}

fn who(taken: &Taken) -> Who {
    let customer_id = taken.end_user.as_deref().map(str::to_string);
    let Some(grant) = taken.caller.identity().grant.as_deref() else {
        return Who { customer_id, ..Who::default() };
    };
    Who {
        token: Some(grant.key.hash.clone()),
        key_alias: grant.key.key_alias.clone(),
        customer_id,
        user_id: grant.key.user_id.clone(),
        user_email: grant.user.as_ref().and_then(|user| user.user_email.clone()),
        team_id: grant.key.team_id.clone(),
        team_alias: grant.team.as_ref().and_then(|team| team.team_alias.clone()),
        organization_id: grant.organization.as_ref().map(|found| found.organization_id.clone()),
    }
}
