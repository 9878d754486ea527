//! `/global/activity`: how many requests and tokens a day, by model, and how often the response cache answered.
//! Internal users see their own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::totals;
use crate::base::error::Error;
use crate::domain::ledger::{Sums, TotalKind};
use crate::manage::period::{Period, short_date};
use crate::manage::{Call, fail, scope};
use crate::store::{GroupBy, LogFind, Numbers, ReportFilter, ReportRow, Test};

/// What tells calls apart that the response cache answers.
const CALLS: [&str; 3] = ["key_hash", "call_type", "model"];

fn filter(call: &Call) -> Result<ReportFilter, Error> {
    let period = Period::of(&call.query, call.now_ms)?;
    let filter = match scope::user(call)? {
        Some(user) => ReportFilter { owners: Some(vec![user]), ..ReportFilter::of(TotalKind::User) },
        None => ReportFilter::of(TotalKind::All),
    };
    let filter = ReportFilter { numbers: Numbers::Costs, ..filter };
    Ok(filter.days(period.from, period.to))
}

/// `/global/activity`.
///
/// # Errors
/// 400 for dates; 403 for another user's; 503.
pub async fn activity(call: Call) -> Result<Value, Error> {
    let rows = totals(&call, filter(&call)?, &[GroupBy::Day]).await?;
    Ok(shown(&rows.iter().map(|row| (row.day, row.sums)).collect()))
}

/// `/global/activity/model`: the same for each model, the busiest first.
///
/// # Errors
/// As [`activity`].
pub async fn model_activity(call: Call) -> Result<Value, Error> {
    let rows = totals(&call, filter(&call)?, &[GroupBy::ModelGroup, GroupBy::Day]).await?;
    let mut models: BTreeMap<&str, BTreeMap<i64, Sums>> = BTreeMap::new();
    for row in &rows {
        models.entry(&row.model_group).or_default().insert(row.day, row.sums);
    }
    let mut models: Vec<(&str, BTreeMap<i64, Sums>)> = models.into_iter().collect();
    models.sort_by_key(|(_, days)| std::cmp::Reverse(days.values().map(|sums| sums.requests).sum::<i64>()));
    let shown = models.into_iter().map(|(model, days)| {
        let mut shown = shown(&days);
        shown["model"] = model.into();
        shown
    });
    Ok(shown.collect())
}

fn shown(days: &BTreeMap<i64, Sums>) -> Value {
    let daily = days.iter().map(|(day, sums)| {
        json!({"date": short_date(*day), "api_requests": sums.requests, "total_tokens": sums.total_tokens()})
    });
    let mut all = Sums::default();
    days.values().for_each(|sums| all.add(*sums));
    json!({
        "daily_data": daily.collect::<Vec<_>>(),
        "sum_api_requests": all.requests,
        "sum_total_tokens": all.total_tokens(),
    })
}

/// `/global/activity/cache_hits`: for each key, kind of call and model, how much the response cache answered.
///
/// # Errors
/// As [`activity`].
pub async fn cache_hits(call: Call) -> Result<Value, Error> {
    let period = Period::of(&call.query, call.now_ms)?;
    let user = scope::user(&call)?;
    let (filter, key) = match user.clone() {
        Some(user) => {
            (ReportFilter { owners: Some(vec![user]), ..ReportFilter::of(TotalKind::User) }, GroupBy::Key)
        }
        // The totals of a key name it as their owner.
        None => (ReportFilter::of(TotalKind::Key), GroupBy::Owner),
    };
    let parts = [key, GroupBy::CallType, GroupBy::Model];
    let filter = ReportFilter { numbers: Numbers::Costs, ..filter };
    let rows = totals(&call, filter.days(period.from, period.to), &parts).await?;
    let named = |row: &ReportRow| {
        let key = if key == GroupBy::Key { &row.key_hash } else { &row.owner };
        vec![key.clone(), row.call_type.clone(), row.model.clone()]
    };
    let mut all: Vec<(Vec<String>, Sums)> = rows.iter().map(|row| (named(row), row.sums)).collect();
    all.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.spend_nanos));
    let hits = if all.iter().any(|(_, sums)| sums.cache_hits > 0) {
        hits(&call, period, user).await?
    } else {
        BTreeMap::new()
    };
    let shown = all.into_iter().map(|(names, sums)| {
        let hit = hits.get(&names).copied().unwrap_or_default();
        let name = |place: usize| names.get(place).cloned().unwrap_or_default();
        json!({
            "api_key": name(0),
            "call_type": name(1),
            "model": name(2),
            "total_rows": sums.requests,
            "cache_hit_true_rows": hit.requests,
            "cached_completion_tokens": hit.completion_tokens,
            "generated_completion_tokens": sums.completion_tokens - hit.completion_tokens,
        })
    });
    Ok(shown.collect())
}

/// What the response cache has answered, from the rows: the totals do not know those tokens.
async fn hits(
    call: &Call,
    period: Period,
    user: Option<String>,
) -> Result<BTreeMap<Vec<String>, Sums>, Error> {
    let mut tests: Vec<Test> = user.map(|user| Test::Is("user_id", user.into())).into_iter().collect();
    tests.push(Test::Is("cache_hit", true.into()));
    let span = period.span();
    let find = LogFind { from_ms: span.from_ms, until_ms: span.until_ms, tests, ..LogFind::default() };
    let found = call.manage.store().log_sums(CALLS.to_vec(), find).await.map_err(fail::store)?;
    Ok(found.into_iter().collect())
}
