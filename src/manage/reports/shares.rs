//! Who and what cost most: keys, models, providers, customers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{keys_of, limit, totals};
use crate::base::error::Error;
use crate::domain::ledger::TotalKind;
use crate::manage::period::Period;
use crate::manage::show::usd;
use crate::manage::{Call, scope};
use crate::store::{GroupBy, ReportFilter};

/// How many are shown when the query does not say.
const USUAL: u32 = 100;

fn dearest(kind: TotalKind, period: Period, top: u32) -> ReportFilter {
    ReportFilter { top: Some(top), ..ReportFilter::spend_of(kind) }.days(period.from, period.to)
}

/// `/global/spend/keys`: the dearest keys of the last 30 days.
///
/// # Errors
/// 400 for dates; 422; 503.
pub async fn top_keys(call: Call) -> Result<Value, Error> {
    let period = Period::of(&call.query, call.now_ms)?;
    let filter = dearest(TotalKind::Key, period, limit(&call, USUAL)?);
    let rows = totals(&call, filter, &[GroupBy::Owner]).await?;
    let keys = keys_of(&call, &rows.iter().map(|row| row.owner.as_str()).collect::<BTreeSet<_>>()).await?;
    let shown = rows.iter().map(|row| {
        let key = keys.get(&row.owner);
        json!({
            "api_key": row.owner,
            "key_alias": key.and_then(|key| key.key_alias.as_deref()),
            "key_name": key.and_then(|key| key.key_name.as_deref()),
            "total_spend": usd(row.sums.spend_nanos),
        })
    });
    Ok(shown.collect())
}

/// `/global/spend/models`: the dearest models of the last 30 days.
///
/// # Errors
/// 400 for dates; 422; 503.
pub async fn top_models(call: Call) -> Result<Value, Error> {
    let period = Period::of(&call.query, call.now_ms)?;
    let filter = dearest(TotalKind::All, period, limit(&call, USUAL)?);
    let rows = totals(&call, filter, &[GroupBy::Model]).await?;
    let shown = rows.iter().map(|row| json!({"model": row.model, "total_spend": usd(row.sums.spend_nanos)}));
    Ok(shown.collect())
}

/// `/global/spend/provider`.
///
/// # Errors
/// 400 for dates; 503.
pub async fn providers(call: Call) -> Result<Value, Error> {
    let period = Period::of(&call.query, call.now_ms)?;
    let filter = dearest(TotalKind::All, period, limit(&call, USUAL)?);
    let rows = totals(&call, filter, &[GroupBy::Provider]).await?;
    let shown = rows.iter().map(|row| json!({"provider": row.provider, "spend": usd(row.sums.spend_nanos)}));
    Ok(shown.collect())
}

/// `/global/spend/end_users`: the dearest customers, of one key (`api_key`) or all, from `startTime` to `endTime`.
///
/// # Errors
/// 400 for dates; 422; 503.
pub async fn customers(call: Call) -> Result<Value, Error> {
    let period = Period::named(&call.body, "startTime", "endTime", call.now_ms)?;
    let key = scope::key(&call, &call.body, "api_key")?;
    let filter = ReportFilter {
        keys: key.map(|key| vec![key]),
        ..dearest(TotalKind::EndUser, period, limit(&call, USUAL)?)
    };
    let rows = totals(&call, filter, &[GroupBy::Owner]).await?;
    let shown = rows.iter().map(|row| {
        json!({
            "end_user": row.owner,
            "total_count": row.sums.requests,
            "total_spend": usd(row.sums.spend_nanos),
        })
    });
    Ok(shown.collect())
}
