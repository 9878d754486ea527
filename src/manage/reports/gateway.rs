//! `/gateway/daily/activity`: how many requests ended well and how many did not, by day and by route. What was refused
//! before it had a row in the ledger (an unknown key, a model that is not there) is for the metrics.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::totals;
use crate::base::error::Error;
use crate::domain::ledger::{Sums, TotalKind};
use crate::manage::Call;
use crate::manage::period::{Period, date};
use crate::store::{GroupBy, ReportFilter};
use crate::wire::endpoint::Endpoint;

/// `/gateway/daily/activity`; by default the last 30 days.
///
/// # Errors
/// 400 for dates; 503.
pub async fn gateway_days(call: Call) -> Result<Value, Error> {
    let period = Period::of(&call.query, call.now_ms)?;
    let filter = ReportFilter::of(TotalKind::All).days(period.from, period.to);
    let rows = totals(&call, filter, &[GroupBy::Day, GroupBy::CallType]).await?;
    let (mut days, mut routes): (BTreeMap<i64, Sums>, BTreeMap<String, Sums>) = Default::default();
    let mut all = Sums::default();
    for row in &rows {
        all.add(row.sums);
        days.entry(row.day).or_default().add(row.sums);
        routes.entry(route(&row.call_type)).or_default().add(row.sums);
    }
    let counted = |sums: &Sums, mut entry: Value| {
        entry["successful_requests"] = sums.successes.into();
        entry["failed_requests"] = sums.failures.into();
        entry
    };
    let by_date: Vec<Value> =
        days.iter().map(|(day, sums)| counted(sums, json!({"date": date(*day)}))).collect();
    let mut by_route: Vec<(String, Sums)> = routes.into_iter().collect();
    by_route.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.requests));
    let by_route: Vec<Value> = by_route
        .iter()
        .map(|(route, sums)| counted(sums, json!({"category": "llm", "route": route})))
        .collect();
    Ok(json!({
        "total_successful_requests": all.successes,
        "total_failed_requests": all.failures,
        "by_date": by_date,
        "by_route": by_route,
    }))
}

/// The route of a kind of call; one that is not known here (rows that were taken over) stands for itself.
fn route(call_type: &str) -> String {
    let known = Endpoint::ALL.into_iter().find(|endpoint| endpoint.call_type() == call_type);
    known.map_or_else(|| call_type.to_string(), |endpoint| format!("/{}", endpoint.path()))
}
