//! `/user|team|tag|customer|organization/daily/activity`: days with everything they come to, broken down.
//!
//! Pages are of totals (what one owner spent on a day with one key on one model), the latest days first, so that a
//! page is never more work than its size: a day may go on on the next one. Sums in `metadata` are those of the page.

mod breakdown;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{by_member, keys_of, team_names, totals};
use crate::base::error::Error;
use crate::domain::keys::{EndUser, Organization, User};
use crate::domain::ledger::TotalKind;
use crate::manage::period::Period;
use crate::manage::{Call, fail, rows, scope};
use crate::store::{GroupBy, ReportFilter, ReportRow};
pub(super) use breakdown::Names;
use breakdown::Pile;

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

/// Totals on a page when the query does not say.
const USUAL: u32 = 50;

/// How much of a period one answer shows.
#[derive(Clone, Copy)]
enum Shown {
    /// A page of totals.
    Page,
    /// All of its days (`/aggregated`).
    All,
}

/// `/user/daily/activity`: the caller's own, or those of `user_id`, or everybody's for those who see everything.
///
/// # Errors
/// 400 for dates; 403 for another user's; 422; 503.
pub async fn user_days(call: Call) -> Result<Value, Error> {
    let filter = of_users(&call)?;
    days(&call, filter, Shown::Page).await
}

/// `/team/daily/activity`: of `team_ids`, or all teams; those who do not see everything see the teams they run.
///
/// # Errors
/// As [`user_days`].
pub async fn team_days(call: Call) -> Result<Value, Error> {
    let filter = of_teams(&call)?;
    days(&call, filter, Shown::Page).await
}

/// `/tag/daily/activity`: of `tags`, or all tags.
///
/// # Errors
/// As [`user_days`].
pub async fn tag_days(call: Call) -> Result<Value, Error> {
    let filter = of_tags(&call)?;
    days(&call, filter, Shown::Page).await
}

/// `/customer/daily/activity`: of `end_user_ids`, or all customers.
///
/// # Errors
/// As [`user_days`].
pub async fn customer_days(call: Call) -> Result<Value, Error> {
    let filter = of_customers(&call)?;
    days(&call, filter, Shown::Page).await
}

/// `/organization/daily/activity`: of `organization_ids`, or all organizations.
///
/// # Errors
/// As [`user_days`].
pub async fn organization_days(call: Call) -> Result<Value, Error> {
    let filter = of_organizations(&call)?;
    days(&call, filter, Shown::Page).await
}

/// `/user/daily/activity/aggregated`: as [`user_days`], without pages.
///
/// # Errors
/// As [`user_days`].
pub async fn user_all(call: Call) -> Result<Value, Error> {
    let filter = of_users(&call)?;
    days(&call, filter, Shown::All).await
}

/// `/team/daily/activity/aggregated`: as [`team_days`], without pages.
///
/// # Errors
/// As [`user_days`].
pub async fn team_all(call: Call) -> Result<Value, Error> {
    let filter = of_teams(&call)?;
    days(&call, filter, Shown::All).await
}

/// `/tag/daily/activity/aggregated`: as [`tag_days`], without pages.
///
/// # Errors
/// As [`user_days`].
pub async fn tag_all(call: Call) -> Result<Value, Error> {
    let filter = of_tags(&call)?;
    days(&call, filter, Shown::All).await
}

/// `/customer/daily/activity/aggregated`: as [`customer_days`], without pages.
///
/// # Errors
/// As [`user_days`].
pub async fn customer_all(call: Call) -> Result<Value, Error> {
    let filter = of_customers(&call)?;
    days(&call, filter, Shown::All).await
}

/// `/organization/daily/activity/aggregated`: as [`organization_days`], without pages.
///
/// # Errors
/// As [`user_days`].
pub async fn organization_all(call: Call) -> Result<Value, Error> {
    let filter = of_organizations(&call)?;
    days(&call, filter, Shown::All).await
}

fn of_users(call: &Call) -> Result<ReportFilter, Error> {
    let user = scope::user(call)?;
    let key = scope::key(call, &call.query, "api_key")?.map(|key| vec![key]);
    Ok(match user {
        Some(user) => {
            ReportFilter { owners: Some(vec![user]), keys: key, ..ReportFilter::of(TotalKind::User) }
        }
        // Everybody's, told apart by key: those are the totals of the keys.
        None => ReportFilter { owners: key, ..ReportFilter::of(TotalKind::Key) },
    })
}

/// The teams that a query asks for and its caller may see.
pub(super) fn of_teams(call: &Call) -> Result<ReportFilter, Error> {
    owned(call, TotalKind::Team, by_member::teams(call)?)
}

/// The tags that a query asks for.
pub(super) fn of_tags(call: &Call) -> Result<ReportFilter, Error> {
    owned(call, TotalKind::Tag, scope::names(&call.query, "tags")?)
}

/// The customers that a query asks for.
pub(super) fn of_customers(call: &Call) -> Result<ReportFilter, Error> {
    let owners = scope::names(&call.query, "end_user_ids")?.or(scope::names(&call.query, "customer_ids")?);
    owned(call, TotalKind::EndUser, owners)
}

/// The organizations that a query asks for.
pub(super) fn of_organizations(call: &Call) -> Result<ReportFilter, Error> {
    owned(call, TotalKind::Organization, scope::names(&call.query, "organization_ids")?)
}

fn owned(call: &Call, kind: TotalKind, owners: Option<Vec<String>>) -> Result<ReportFilter, Error> {
    let keys = scope::key(call, &call.query, "api_key")?.map(|key| vec![key]);
    Ok(ReportFilter { owners, keys, ..ReportFilter::of(kind) })
}

async fn days(call: &Call, filter: ReportFilter, shown: Shown) -> Result<Value, Error> {
    let period = Period::must(&call.query)?;
    let kind = filter.kind;
    let filter = ReportFilter { model: call.query.id("model")?.value(), ..filter };
    let filter = filter.days(period.from, period.to);
    let (rows, page, pages) = match shown {
        Shown::Page => {
            let (page, size) = call.page("page_size", USUAL, 1_000)?;
            let found = call.manage.store().report_page(filter, page, size).await.map_err(fail::store)?;
            let pages = found.pages(size);
            (found.rows, page, pages)
        }
        Shown::All => {
            let rows = totals(call, filter, &PARTS).await?;
            let pages = u64::from(!rows.is_empty());
            (rows, 1, pages)
        }
    };
    let names = names(call, kind, &rows).await?;
    let mut by_day: BTreeMap<i64, Pile> = BTreeMap::new();
    let mut sums = crate::domain::ledger::Sums::default();
    for row in &rows {
        by_day.entry(row.day).or_default().add(row, kind);
        sums.add(row.sums);
    }
    let results: Vec<Value> = by_day.iter().rev().map(|(day, pile)| pile.shown(*day, &names)).collect();
    let mut metadata = breakdown::totals(&sums);
    metadata["page"] = page.into();
    metadata["total_pages"] = pages.into();
    metadata["has_more"] = (u64::from(page) < pages).into();
    Ok(json!({"results": results, "metadata": metadata}))
}

/// What the keys and owners of a page are called.
pub(super) async fn names(call: &Call, kind: TotalKind, rows: &[ReportRow]) -> Result<Names, Error> {
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
