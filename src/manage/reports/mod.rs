//! What was spent, by whom, on what, and when: sums over the ledger, from the totals of its days.

mod active_users;
mod activity;
mod by_member;
mod daily;
mod export;
mod gateway;
mod grouped;
mod overall;
mod owners;
mod reset;
mod shares;
mod tags;

pub use active_users::{daily_users, monthly_users, weekly_users};
pub use activity::{activity, cache_hits, model_activity};
pub use by_member::by_member;
pub use daily::{
    customer_all, customer_days, organization_all, organization_days, tag_all, tag_days, team_all, team_days,
    user_all, user_days,
};
pub use export::{customer_export, organization_export, tag_export, tag_summary, team_export};
pub use gateway::gateway_days;
pub use grouped::{key_report, report};
pub use overall::{logs, spend, teams};
pub use owners::{keys, users};
pub use reset::reset;
pub use shares::{customers, providers, top_keys, top_models};
pub use tags::{all_tag_names, distinct_tags, own_tags, spend_per_tag};

use std::collections::{BTreeMap, BTreeSet};

use super::{Call, fail, rows};
use crate::base::error::Error;
use crate::domain::keys::{Key, Team};
use crate::store::{GroupBy, ReportFilter, ReportRow};

/// Totals.
async fn totals(call: &Call, filter: ReportFilter, by: &[GroupBy]) -> Result<Vec<ReportRow>, Error> {
    call.manage.store().report(filter, by.to_vec()).await.map_err(fail::store)
}

/// Keys by hash.
async fn keys_of(call: &Call, hashes: &BTreeSet<&str>) -> Result<BTreeMap<String, Key>, Error> {
    rows::named::<Key>(call, hashes.iter().copied()).await
}

/// What teams are called: their alias, or else their id.
async fn team_names(call: &Call, ids: &BTreeSet<&str>) -> Result<BTreeMap<String, String>, Error> {
    let teams = rows::named::<Team>(call, ids.iter().copied()).await?;
    let names = ids.iter().map(|id| {
        let alias = teams.get(*id).and_then(|team| team.team_alias.clone());
        ((*id).to_string(), alias.unwrap_or_else(|| (*id).to_string()))
    });
    Ok(names.collect())
}

/// How many rows a list shows.
fn limit(call: &Call, usual: u32) -> Result<u32, Error> {
    const MOST: u32 = 10_000;
    match call.query.limit("limit")?.value() {
        None => Ok(usual),
        Some(asked) => Ok(u32::try_from(asked).unwrap_or(MOST).min(MOST)),
    }
}

#[cfg(test)]
mod tests;
