//! `/global/spend/report`: a bill by team, customer or key; `/key/spend/report`: the keys' part of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{team_names, totals};
use crate::base::error::Error;
use crate::domain::ledger::{Sums, TotalKind};
use crate::manage::period::{Period, date};
use crate::manage::show::usd;
use crate::manage::{Call, fail, scope};
use crate::store::{GroupBy, LARGEST_REPORT, Numbers, ReportFilter, ReportRow};

/// What a day's bill of one owner is made of.
const PARTS: [GroupBy; 4] = [GroupBy::Day, GroupBy::Owner, GroupBy::Key, GroupBy::Model];

/// Both dates are mandatory; `group_by` is `team` (the usual one), `customer` or `api_key`. `api_key`,
/// `internal_user_id`, `team_id` and `customer_id` narrow it down, one at a time. `page` and `page_size` cut a bill that
/// is too long into pages of lines; what belongs to one owner may go on on the next page, and the page behind the last
/// is empty.
///
/// # Errors
/// 400 for dates, and for a bill of more than 100 000 lines without pages; 422 for another `group_by` or such pages; 503.
pub async fn report(call: Call) -> Result<Value, Error> {
    let period = Period::must(&call.query)?;
    let group_by = call.query.id("group_by")?.value().unwrap_or_else(|| "team".to_string());
    let key = scope::key(&call, &call.query, "api_key")?;
    let user = call.query.id("internal_user_id")?.value();
    let page = page(&call)?;
    let (team, customer) = (call.query.id("team_id")?.value(), call.query.id("customer_id")?.value());
    let of = |kind, owner: Option<String>| {
        let owners = owner.map(|owner| vec![owner]);
        ReportFilter { owners, page, numbers: Numbers::Costs, ..ReportFilter::of(kind) }
            .days(period.from, period.to)
    };
    match (group_by.as_str(), user) {
        (_, Some(user)) => {
            let keys = key.map(|key| vec![key]);
            by_key(&call, ReportFilter { keys, ..of(TotalKind::User, Some(user)) }, GroupBy::Key).await
        }
        ("api_key", None) => by_key(&call, of(TotalKind::Key, key), GroupBy::Owner).await,
        ("team", None) => {
            let keys = key.map(|key| vec![key]);
            let rows = totals(&call, ReportFilter { keys, ..of(TotalKind::Team, team) }, &PARTS).await?;
            let ids: BTreeSet<&str> = rows.iter().map(|row| row.owner.as_str()).collect();
            let names = team_names(&call, &ids).await?;
            Ok(by_day(&rows, "teams", "team_name", |id| names.get(id).cloned()))
        }
        ("customer", None) => {
            let keys = key.map(|key| vec![key]);
            let filter = ReportFilter { keys, ..of(TotalKind::EndUser, customer) };
            let rows = totals(&call, filter, &PARTS).await?;
            Ok(by_day(&rows, "customers", "customer", |_| None))
        }
        _ => Err(fail::wrong_type("group_by", "`group_by` must be one of team, customer, api_key.")),
    }
}

/// The page that is asked for, if one is.
fn page(call: &Call) -> Result<Option<(u32, u32)>, Error> {
    let asked = ["page", "page_size"].iter().any(|name| call.query.raw(name).is_some());
    if asked { call.page("page_size", LARGEST_REPORT, LARGEST_REPORT).map(Some) } else { Ok(None) }
}

/// `/key/spend/report`: what each key cost, or `api_key`; both dates are mandatory; pages as in [`report`].
///
/// # Errors
/// 400 for dates; 503.
pub async fn key_report(call: Call) -> Result<Value, Error> {
    let period = Period::must(&call.query)?;
    let owners = scope::key(&call, &call.query, "api_key")?.map(|key| vec![key]);
    let page = page(&call)?;
    let filter =
        ReportFilter { owners, page, ..ReportFilter::of(TotalKind::Key) }.days(period.from, period.to);
    by_key(&call, filter, GroupBy::Owner).await
}

/// Keys with what each model cost; `key` says what names the key.
async fn by_key(call: &Call, filter: ReportFilter, key: GroupBy) -> Result<Value, Error> {
    let rows = totals(call, filter, &[key, GroupBy::Model]).await?;
    let mut keys: BTreeMap<&str, Vec<&ReportRow>> = BTreeMap::new();
    for row in &rows {
        let hash = if key == GroupBy::Owner { &row.owner } else { &row.key_hash };
        keys.entry(hash).or_default().push(row);
    }
    let shown = keys.into_iter().map(|(hash, models)| {
        let mut all = Sums::default();
        models.iter().for_each(|row| all.add(row.sums));
        let each = models.iter().map(|row| costs(json!({"model": row.model}), &row.sums));
        let details: Vec<Value> = each.collect();
        costs(json!({"api_key": hash, "model_details": details}), &all)
    });
    Ok(shown.collect())
}

fn costs(mut shown: Value, sums: &Sums) -> Value {
    shown["total_cost"] = usd(sums.spend_nanos);
    shown["total_input_tokens"] = sums.prompt_tokens.into();
    shown["total_output_tokens"] = sums.completion_tokens.into();
    shown
}

/// Days with owners, and for each of them what each model cost with each key.
fn by_day(rows: &[ReportRow], list: &str, label: &str, name: impl Fn(&str) -> Option<String>) -> Value {
    let mut days: BTreeMap<i64, BTreeMap<&str, Vec<&ReportRow>>> = BTreeMap::new();
    for row in rows {
        days.entry(row.day).or_default().entry(&row.owner).or_default().push(row);
    }
    let owner = |(id, parts): (&&str, &Vec<&ReportRow>)| {
        let spend: i64 = parts.iter().map(|row| row.sums.spend_nanos).sum();
        let each = parts.iter().map(|row| {
            json!({
                "model": row.model,
                "api_key": row.key_hash,
                "spend": usd(row.sums.spend_nanos),
                "total_tokens": row.sums.total_tokens(),
            })
        });
        let metadata: Vec<Value> = each.collect();
        let shown = name(id).unwrap_or_else(|| (*id).to_string());
        json!({label: shown, "total_spend": usd(spend), "metadata": metadata})
    };
    let shown = days.iter().map(|(day, owners)| {
        let owners: Vec<Value> = owners.iter().map(owner).collect();
        json!({"group_by_day": date(*day), list: owners})
    });
    shown.collect()
}
