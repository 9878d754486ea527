//! `/global/spend`: what everybody spent together, in all, by day, and by team.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{team_names, totals};
use crate::base::error::Error;
use crate::domain::keys::JsonMap;
use crate::domain::ledger::TotalKind;
use crate::manage::period::{Period, date};
use crate::manage::show::usd;
use crate::manage::{Call, scope};
use crate::store::{GroupBy, ReportFilter};

/// What the spend of no team is called.
const UNASSIGNED: &str = "Unassigned";

/// `/global/spend`: the last 30 days, and the budget of the whole gateway (0: none).
///
/// # Errors
/// 503.
pub async fn spend(call: Call) -> Result<Value, Error> {
    let period = Period::usual(call.now_ms);
    let filter = ReportFilter::spend_of(TotalKind::All).days(period.from, period.to);
    let sum: i64 = totals(&call, filter, &[GroupBy::Owner]).await?.iter().map(|r| r.sums.spend_nanos).sum();
    let budget = call.manage.settings().proxy_budget_nanos.unwrap_or_default();
    Ok(json!({"spend": usd(sum), "max_budget": usd(budget)}))
}

/// `/global/spend/logs`: what each day came to, for everybody or one key.
///
/// # Errors
/// 400 for dates; 503.
pub async fn logs(call: Call) -> Result<Value, Error> {
    let period = Period::of(&call.query, call.now_ms)?;
    let filter = match scope::key(&call, &call.query, "api_key")? {
        Some(key) => ReportFilter { owners: Some(vec![key]), ..ReportFilter::spend_of(TotalKind::Key) },
        None => ReportFilter::spend_of(TotalKind::All),
    };
    let rows = totals(&call, filter.days(period.from, period.to), &[GroupBy::Day]).await?;
    Ok(rows.iter().map(|row| json!({"date": date(row.day), "spend": usd(row.sums.spend_nanos)})).collect())
}

/// `/global/spend/teams`: days and teams; what belongs to none is `Unassigned`.
///
/// # Errors
/// 400 for dates; 503.
pub async fn teams(call: Call) -> Result<Value, Error> {
    let period = Period::of(&call.query, call.now_ms)?;
    let of = |kind| ReportFilter::spend_of(kind).days(period.from, period.to);
    let all = totals(&call, of(TotalKind::All), &[GroupBy::Day]).await?;
    let by_team = totals(&call, of(TotalKind::Team), &[GroupBy::Day, GroupBy::Owner]).await?;
    let ids: BTreeSet<&str> = by_team.iter().map(|row| row.owner.as_str()).collect();
    let names = shown_names(&team_names(&call, &ids).await?);
    let name = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_string());
    let mut days: BTreeMap<i64, BTreeMap<String, i64>> = BTreeMap::new();
    let mut sums: BTreeMap<String, i64> = ids.iter().map(|id| (name(id), 0)).collect();
    for row in &by_team {
        let spend = row.sums.spend_nanos;
        *days.entry(row.day).or_default().entry(name(&row.owner)).or_default() += spend;
        *sums.entry(name(&row.owner)).or_default() += spend;
    }
    for row in &all {
        let day = days.entry(row.day).or_default();
        let rest = row.sums.spend_nanos - day.values().sum::<i64>();
        if rest != 0 {
            day.insert(UNASSIGNED.to_string(), rest);
            *sums.entry(UNASSIGNED.to_string()).or_default() += rest;
        }
    }
    Ok(shown(&days, &sums))
}

/// Two teams of one name are told apart by their ids.
fn shown_names(names: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let shared = |name: &str| name == UNASSIGNED || names.values().filter(|other| *other == name).count() > 1;
    let shown = names.iter().map(|(id, name)| {
        let shown = if shared(name) && name != id { format!("{name} ({id})") } else { name.clone() };
        (id.clone(), shown)
    });
    shown.collect()
}

fn shown(days: &BTreeMap<i64, BTreeMap<String, i64>>, sums: &BTreeMap<String, i64>) -> Value {
    let daily = days.iter().map(|(day, spent)| {
        let mut shown: JsonMap = sums.keys().map(|name| (name.clone(), usd(0))).collect();
        shown.extend(spent.iter().map(|(name, spend)| (name.clone(), usd(*spend))));
        shown.insert("date".into(), date(*day).into());
        Value::Object(shown)
    });
    let mut dearest: Vec<(&String, &i64)> = sums.iter().collect();
    dearest.sort_by_key(|(_, spend)| std::cmp::Reverse(**spend));
    let each = dearest.iter().map(|(name, spend)| json!({"team_id": name, "total_spend": usd(**spend)}));
    json!({
        "daily_spend": daily.collect::<Vec<_>>(),
        "teams": sums.keys().collect::<Vec<_>>(),
        "total_spend_per_team": each.collect::<Vec<_>>(),
    })
}
