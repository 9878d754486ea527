//! `/user|team|tag|customer|organization/daily/activity`: days with everything they come to, broken down.
//!
//! Pages are of days, the latest first, so that a day is never torn apart; sums in `metadata` are those of the
//! page.

mod breakdown;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{by_member, keys_of, team_names, totals};
use crate::base::error::Error;
use crate::domain::keys::{EndUser, Organization, User};
use crate::domain::ledger::TotalKind;
use crate::manage::period::Period;
use crate::manage::{Call, rows, scope};
use crate::store::{GroupBy, ReportFilter, ReportRow};
use breakdown::{Names, Pile};

/// Everything that totals are told apart by.
const PARTS: [GroupBy; 7] = [
    GroupBy::Day,
    GroupBy::Owner,
    GroupBy::Key,
    GroupBy::ModelGroup,
    GroupBy::Model,
    GroupBy::Provider,
    GroupBy::CallType,
];

/// Days on a page when the query does not say.
const USUAL: u32 = 366;

/// `/user/daily/activity`: the caller's own, or those of `user_id`, or everybody's for those who see everything.
///
/// # Errors
/// 400 for dates; 403 for another user's; 422; 503.
pub async fn user_days(call: Call) -> Result<Value, Error> {
    let user = scope::user(&call)?;
    let key = scope::key(&call, &call.query, "api_key")?.map(|key| vec![key]);
    let filter = match user {
        Some(user) => {
            ReportFilter { owners: Some(vec![user]), keys: key, ..ReportFilter::of(TotalKind::User) }
        }
        // Everybody's, told apart by key: those are the totals of the keys.
        None => ReportFilter { owners: key, ..ReportFilter::of(TotalKind::Key) },
    };
    days(&call, filter).await
}

/// `/team/daily/activity`: of `team_ids`, or all teams; those who do not see everything see the teams they run.
///
/// # Errors
/// As [`user_days`].
pub async fn team_days(call: Call) -> Result<Value, Error> {
    let owners = by_member::teams(&call)?;
    owned(&call, TotalKind::Team, owners).await
}

/// `/tag/daily/activity`: of `tags`, or all tags.
///
/// # Errors
/// As [`user_days`].
pub async fn tag_days(call: Call) -> Result<Value, Error> {
    let owners = scope::names(&call.query, "tags")?;
    owned(&call, TotalKind::Tag, owners).await
}

/// `/customer/daily/activity`: of `end_user_ids`, or all customers.
///
/// # Errors
/// As [`user_days`].
pub async fn customer_days(call: Call) -> Result<Value, Error> {
    let owners = scope::names(&call.query, "end_user_ids")?.or(scope::names(&call.query, "customer_ids")?);
    owned(&call, TotalKind::EndUser, owners).await
}

/// `/organization/daily/activity`: of `organization_ids`, or all organizations.
///
/// # Errors
/// As [`user_days`].
pub async fn organization_days(call: Call) -> Result<Value, Error> {
    let owners = scope::names(&call.query, "organization_ids")?;
    owned(&call, TotalKind::Organization, owners).await
}

async fn owned(call: &Call, kind: TotalKind, owners: Option<Vec<String>>) -> Result<Value, Error> {
    let keys = scope::key(call, &call.query, "api_key")?.map(|key| vec![key]);
    days(call, ReportFilter { owners, keys, ..ReportFilter::of(kind) }).await
}

async fn days(call: &Call, filter: ReportFilter) -> Result<Value, Error> {
    let period = Period::must(&call.query)?;
    let (page, size) = call.page("page_size", USUAL, 1_000)?;
    let kind = filter.kind;
    let filter = ReportFilter { model: call.query.id("model")?.value(), ..filter };
    // Which days there are is asked first, then only those of the page.
    let all = totals(call, filter.clone().days(period.from, period.to), &[GroupBy::Day]).await?;
    let pages = all.len().div_ceil(size as usize);
    let skipped = (page as usize - 1).saturating_mul(size as usize);
    let shown: Vec<i64> = all.iter().rev().skip(skipped).take(size as usize).map(|row| row.day).collect();
    let rows = match (shown.last(), shown.first()) {
        (Some(first), Some(last)) => totals(call, filter.days(*first, *last), &PARTS).await?,
        _ => Vec::new(),
    };
    let names = names(call, kind, &rows).await?;
    let mut by_day: BTreeMap<i64, Pile> = shown.iter().map(|day| (*day, Pile::default())).collect();
    let mut sums = crate::domain::ledger::Sums::default();
    for row in &rows {
        by_day.entry(row.day).or_default().add(row, kind);
        sums.add(row.sums);
    }
    let results: Vec<Value> = by_day.iter().rev().map(|(day, pile)| pile.shown(*day, &names)).collect();
    let mut metadata = breakdown::totals(&sums);
    metadata["page"] = page.into();
    metadata["total_pages"] = pages.into();
    metadata["has_more"] = ((page as usize).saturating_mul(size as usize) < all.len()).into();
    Ok(json!({"results": results, "metadata": metadata}))
}

/// What the keys and owners of a page are called.
async fn names(call: &Call, kind: TotalKind, rows: &[ReportRow]) -> Result<Names, Error> {
    let owners: BTreeSet<&str> = rows.iter().map(|row| row.owner.as_str()).collect();
    let hashes: BTreeSet<&str> = if kind == TotalKind::Key {
        owners.clone()
    } else {
        rows.iter().map(|r| r.key_hash.as_str()).collect()
    };
    let keys = keys_of(call, &hashes).await?;
    let aliases = match kind {
        TotalKind::Team => team_names(call, &owners).await?,
        TotalKind::Organization => {
            let found = rows::named::<Organization>(call, owners.iter().copied()).await?;
            found.into_iter().filter_map(|(id, row)| Some((id, row.organization_alias?))).collect()
        }
        TotalKind::EndUser => {
            let found = rows::named::<EndUser>(call, owners.iter().copied()).await?;
            found.into_iter().filter_map(|(id, row)| Some((id, row.alias?))).collect()
        }
        TotalKind::User => {
            let found = rows::named::<User>(call, owners.iter().copied()).await?;
            found.into_iter().filter_map(|(id, row)| Some((id, row.user_alias?))).collect()
        }
        _ => BTreeMap::new(),
    };
    Ok(Names { keys, aliases })
}
