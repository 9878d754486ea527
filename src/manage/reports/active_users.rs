//! `/tag/dau`, `/tag/wau`, `/tag/mau`: how many users were active under each tag, in the last seven days, weeks and
//! months of thirty days, today's included. A key without a user counts as one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{keys_of, totals};
use crate::base::error::Error;
use crate::domain::ledger::{TotalKind, day_of};
use crate::manage::period::{date, short_date};
use crate::manage::{Call, scope};
use crate::store::{GroupBy, ReportFilter};

/// How many stretches are shown.
const STRETCHES: i64 = 7;

/// A kind of stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stretch {
    Day,
    Week,
    Month,
}

impl Stretch {
    fn days(self) -> i64 {
        match self {
            Stretch::Day => 1,
            Stretch::Week => 7,
            Stretch::Month => 30,
        }
    }

    /// What the `n`th one that begins on day `from` is called.
    fn label(self, n: i64, from: i64) -> String {
        let short = short_date(from);
        match self {
            Stretch::Day => date(from),
            Stretch::Week => format!("Week {n} ({short})"),
            Stretch::Month => format!("Month {n} ({})", short.split(' ').next().unwrap_or_default()),
        }
    }
}

/// `/tag/dau`.
///
/// # Errors
/// 422; 503.
pub async fn daily_users(call: Call) -> Result<Value, Error> {
    active(&call, Stretch::Day).await
}

/// `/tag/wau`.
///
/// # Errors
/// As [`daily_users`].
pub async fn weekly_users(call: Call) -> Result<Value, Error> {
    active(&call, Stretch::Week).await
}

/// `/tag/mau`.
///
/// # Errors
/// As [`daily_users`].
pub async fn monthly_users(call: Call) -> Result<Value, Error> {
    active(&call, Stretch::Month).await
}

async fn active(call: &Call, stretch: Stretch) -> Result<Value, Error> {
    let wanted = wanted(call)?;
    let (today, days) = (day_of(call.now_ms), stretch.days());
    let mut results = Vec::new();
    for n in 1..=STRETCHES {
        let to = today - (STRETCHES - n) * days;
        let from = to - days + 1;
        let mut found: Vec<(String, usize)> = users(call, from, to, &wanted).await?.into_iter().collect();
        found.sort_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
        results.extend(found.into_iter().map(|(tag, users)| {
            json!({
                "tag": tag,
                "active_users": users,
                "date": stretch.label(n, from),
                "period_start": date(from),
                "period_end": date(to),
            })
        }));
    }
    Ok(json!({"results": results}))
}

/// Parts of tags, in lower case: `tag_filters` between commas, or else the one of `tag_filter`.
fn wanted(call: &Call) -> Result<Vec<String>, Error> {
    let several = scope::names(&call.query, "tag_filters")?;
    let wanted = match several.filter(|names| !names.is_empty()) {
        Some(names) => names,
        None => call.query.id("tag_filter")?.value().into_iter().collect(),
    };
    Ok(wanted.iter().map(|name| name.to_lowercase()).collect())
}

/// How many users each tag had from one day to another. Totals know keys, and keys know their users.
async fn users(call: &Call, from: i64, to: i64, wanted: &[String]) -> Result<BTreeMap<String, usize>, Error> {
    let filter = ReportFilter { numbers: crate::store::Numbers::Spend, ..ReportFilter::of(TotalKind::Tag) };
    let rows = totals(call, filter.days(from, to), &[GroupBy::Owner, GroupBy::Key]).await?;
    let fits = |tag: &str| {
        let tag = tag.to_lowercase();
        wanted.is_empty() || wanted.iter().any(|part| tag.contains(part.as_str()))
    };
    let rows: Vec<_> = rows.iter().filter(|row| fits(&row.owner)).collect();
    let keys = keys_of(call, &rows.iter().map(|row| row.key_hash.as_str()).collect()).await?;
    let mut users: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        let user = keys.get(&row.key_hash).and_then(|key| key.user_id.as_deref()).unwrap_or(&row.key_hash);
        users.entry(row.owner.clone()).or_default().insert(user);
    }
    Ok(users.into_iter().map(|(tag, users)| (tag, users.len())).collect())
}
