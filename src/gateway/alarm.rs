//! What operators are told of a settled request: that it has passed a line of a budget, was slow, or failed.

use super::governance::Taken;
use super::record::Finished;
use crate::actors::bulletin::Bulletin;
use crate::base::clock::unix_ms;
use crate::base::money::Nanos;
use crate::domain::alert::{Alert, Who};
use crate::domain::budget::Crossing;
use crate::domain::notice::{Notice, NoticeKind};

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

/// Leaves word of a request that was slow, or failed for what its provider did.
pub fn notices(finished: &Finished, bulletin: &Bulletin) {
    let slow = bulletin.is_slow(finished.duration);
    let failed = finished.error.as_ref().filter(|error| error.behaviour().cools);
    if finished.attempts == 0 || !slow && failed.is_none() {
        return;
    }
    let deployment = finished.deployment.as_deref();
    let notice = |kind, level, message, detail| Notice {
        kind,
        level,
        message,
        group: finished.group.as_deref().unwrap_or_default().to_owned(),
        deployment: deployment.map(|deployment| deployment.id.to_string()).unwrap_or_default(),
        model: deployment.map(|deployment| deployment.full_model()).unwrap_or_default(),
        detail,
    };
    if slow {
        let message = format!("A request took {:.1} s", finished.duration.as_secs_f64());
        bulletin.post(notice(NoticeKind::Slow, "Low", message, finished.endpoint.route()));
    }
    if let Some(error) = failed {
        let message = format!("A request failed with status {}: {}", finished.status, error.kept());
        bulletin.post(notice(NoticeKind::Failed, "High", message, error.behaviour().class));
    }
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
