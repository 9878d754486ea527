//! Spend by tag.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::totals;
use crate::base::error::Error;
use crate::domain::ledger::{Sums, TotalKind};
use crate::manage::period::Period;
use crate::manage::show::usd;
use crate::manage::{Call, fail, scope};
use crate::store::{GroupBy, LogFind, ReportFilter, Test};

/// `/spend/tags`: the caller's own tags, or everybody's for those who see everything.
///
/// # Errors
/// 400 for dates; 403 for another user's; 503.
pub async fn own_tags(call: Call) -> Result<Value, Error> {
    let period = Period::of(&call.query, call.now_ms)?;
    let found = match scope::user(&call)? {
        Some(user) => of_user(&call, period, user).await?,
        None => of_all(&call, period).await?,
    };
    let shown = found.iter().map(|(tag, sums)| {
        json!({
            "individual_request_tag": tag,
            "log_count": sums.requests,
            "total_spend": usd(sums.spend_nanos),
        })
    });
    Ok(shown.collect())
}

/// `/global/spend/tags`: both dates are mandatory; `tags` names some, between commas.
///
/// # Errors
/// 400 for dates; 503.
pub async fn spend_per_tag(call: Call) -> Result<Value, Error> {
    let period = Period::must(&call.query)?;
    let wanted = scope::names(&call.query, "tags")?.filter(|names| !names.iter().any(|n| n == "all-tags"));
    let found = of_all(&call, period).await?;
    let is_wanted = |tag: &str| wanted.as_ref().is_none_or(|names| names.iter().any(|name| name == tag));
    let shown = found
        .iter()
        .filter(|(tag, _)| is_wanted(tag))
        .map(|(tag, sums)| json!({"name": tag, "spend": usd(sums.spend_nanos), "log_count": sums.requests}));
    Ok(json!({"spend_per_tag": shown.collect::<Vec<_>>()}))
}

/// `/global/spend/all_tag_names`.
///
/// # Errors
/// 503.
pub async fn all_tag_names(call: Call) -> Result<Value, Error> {
    let rows = totals(&call, ReportFilter::spend_of(TotalKind::Tag), &[GroupBy::Owner]).await?;
    let names: Vec<&str> = rows.iter().map(|row| row.owner.as_str()).collect();
    Ok(json!({"tag_names": names}))
}

/// `/tag/distinct`: every tag that requests have carried, the busiest first.
///
/// # Errors
/// 503.
pub async fn distinct_tags(call: Call) -> Result<Value, Error> {
    let mut rows = totals(&call, ReportFilter::spend_of(TotalKind::Tag), &[GroupBy::Owner]).await?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.sums.requests));
    let results: Vec<Value> = rows.iter().map(|row| json!({"tag": row.owner})).collect();
    Ok(json!({"results": results}))
}

async fn of_all(call: &Call, period: Period) -> Result<Vec<(String, Sums)>, Error> {
    let filter = ReportFilter { top: Some(u32::MAX), ..ReportFilter::spend_of(TotalKind::Tag) };
    let rows = totals(call, filter.days(period.from, period.to), &[GroupBy::Owner]).await?;
    Ok(rows.into_iter().map(|row| (row.owner, row.sums)).collect())
}

/// From the rows themselves: the totals of tags know no users.
async fn of_user(call: &Call, period: Period, user: String) -> Result<Vec<(String, Sums)>, Error> {
    let span = period.span();
    let find = LogFind {
        from_ms: span.from_ms,
        until_ms: span.until_ms,
        tests: vec![Test::Is("user_id", user.into())],
        ..LogFind::default()
    };
    let rows = call.manage.store().log_sums(vec!["tags"], find).await.map_err(fail::store)?;
    let mut found: BTreeMap<String, Sums> = BTreeMap::new();
    for (columns, sums) in rows {
        let tags = columns.first().map_or("[]", String::as_str);
        for tag in serde_json::from_str::<Vec<String>>(tags).unwrap_or_default() {
            found.entry(tag).or_default().add(sums);
        }
    }
    let mut found: Vec<(String, Sums)> = found.into_iter().collect();
    found.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.spend_nanos));
    Ok(found)
}
