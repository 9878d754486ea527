//! `*/daily/activity/export`: days as lines of a table, for spreadsheets (`format=csv`) and programs (`json`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::daily::{self, Names};
use super::totals;
use crate::base::error::Error;
use crate::domain::ledger::TotalKind;
use crate::manage::period::{self, Period};
use crate::manage::show::usd;
use crate::manage::{Call, fail};
use crate::store::{GroupBy, ReportFilter, ReportRow};

/// What lines are told apart by.
const PARTS: [GroupBy; 6] =
    [GroupBy::Day, GroupBy::Owner, GroupBy::Key, GroupBy::ModelGroup, GroupBy::Model, GroupBy::Provider];

/// `/team/daily/activity/export`: as [`daily::team_days`], a line for each day, team, key and model.
///
/// # Errors
/// 400 for dates; 403; 422 for a format that does not exist; 503.
pub async fn team_export(call: Call) -> Result<Value, Error> {
    let filter = daily::of_teams(&call)?;
    export(&call, filter, "team_id").await
}

/// `/tag/daily/activity/export`.
///
/// # Errors
/// As [`team_export`].
pub async fn tag_export(call: Call) -> Result<Value, Error> {
    let filter = daily::of_tags(&call)?;
    export(&call, filter, "tag").await
}

/// `/customer/daily/activity/export`.
///
/// # Errors
/// As [`team_export`].
pub async fn customer_export(call: Call) -> Result<Value, Error> {
    let filter = daily::of_customers(&call)?;
    export(&call, filter, "end_user_id").await
}

/// `/organization/daily/activity/export`.
///
/// # Errors
/// As [`team_export`].
pub async fn organization_export(call: Call) -> Result<Value, Error> {
    let filter = daily::of_organizations(&call)?;
    export(&call, filter, "organization_id").await
}

/// The answer is a list of objects, or one text.
async fn export(call: &Call, filter: ReportFilter, owner: &'static str) -> Result<Value, Error> {
    let csv = match call.query.id("format")?.value().as_deref() {
        None | Some("csv") => true,
        Some("json") => false,
        Some(_) => return Err(fail::wrong_type("format", "`format` must be csv or json.")),
    };
    let period = Period::must(&call.query)?;
    let kind = filter.kind;
    let filter = ReportFilter { model: call.query.id("model")?.value(), ..filter };
    let rows = totals(call, filter.days(period.from, period.to), &PARTS).await?;
    let names = daily::names(call, kind, &rows).await?;
    let lines: Vec<Map<String, Value>> = rows.iter().map(|row| line(row, owner, kind, &names)).collect();
    if csv { Ok(Value::String(table(&lines, owner))) } else { Ok(json!(lines)) }
}

fn line(row: &ReportRow, owner: &str, kind: TotalKind, names: &Names) -> Map<String, Value> {
    let key = names.keys.get(&row.key_hash);
    let alias = (kind != TotalKind::Tag).then(|| names.aliases.get(&row.owner)).flatten();
    let sums = &row.sums;
    let cells = [
        ("date", json!(period::date(row.day))),
        (owner, json!(row.owner)),
        ("alias", json!(alias)),
        ("api_key", json!(row.key_hash)),
        ("key_alias", json!(key.and_then(|key| key.key_alias.as_deref()))),
        ("model_group", json!(row.model_group)),
        ("model", json!(row.model)),
        ("provider", json!(row.provider)),
        ("spend", usd(sums.spend_nanos)),
        ("prompt_tokens", json!(sums.prompt_tokens)),
        ("completion_tokens", json!(sums.completion_tokens)),
        ("total_tokens", json!(sums.total_tokens())),
        ("cache_read_input_tokens", json!(sums.cached_tokens)),
        ("cache_creation_input_tokens", json!(sums.cache_write_tokens)),
        ("api_requests", json!(sums.requests)),
        ("successful_requests", json!(sums.successes)),
        ("failed_requests", json!(sums.failures)),
    ];
    cells.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

/// The columns, in the order of [`line`].
fn columns(owner: &str) -> [&str; 17] {
    [
        "date",
        owner,
        "alias",
        "api_key",
        "key_alias",
        "model_group",
        "model",
        "provider",
        "spend",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "api_requests",
        "successful_requests",
        "failed_requests",
    ]
}

/// Comma-separated values (RFC 4180), the columns' names first.
fn table(lines: &[Map<String, Value>], owner: &str) -> String {
    let columns = columns(owner);
    let mut out = columns.join(",") + "\r\n";
    for line in lines {
        let cells = columns.map(|name| line.get(name).map(cell).unwrap_or_default());
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

fn cell(value: &Value) -> String {
    let Value::String(text) = value else {
        return if value.is_null() { String::new() } else { value.to_string() };
    };
    // Callers choose names, and spreadsheets take some for formulas.
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.clone() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// `/tag/summary`: what each tag came to.
///
/// # Errors
/// 400 for dates; 503.
pub async fn tag_summary(call: Call) -> Result<Value, Error> {
    let period = Period::must(&call.query)?;
    let filter = daily::of_tags(&call)?.days(period.from, period.to);
    let rows = totals(&call, filter, &[GroupBy::Owner, GroupBy::Key]).await?;
    let names = daily::names(&call, TotalKind::Tag, &rows).await?;
    let mut tags: BTreeMap<&str, (crate::domain::ledger::Sums, Vec<&str>)> = BTreeMap::new();
    for row in &rows {
        let (sums, users) = tags.entry(&row.owner).or_default();
        sums.add(row.sums);
        let user = names.keys.get(&row.key_hash).and_then(|key| key.user_id.as_deref());
        users.push(user.unwrap_or(&row.key_hash));
    }
    let mut tags: Vec<_> = tags.into_iter().collect();
    tags.sort_by_key(|(_, (sums, _))| std::cmp::Reverse(sums.spend_nanos));
    let results = tags.into_iter().map(|(tag, (sums, mut users))| {
        users.sort_unstable();
        users.dedup();
        json!({
            "tag": tag,
            "unique_users": users.len(),
            "total_requests": sums.requests,
            "successful_requests": sums.successes,
            "failed_requests": sums.failures,
            "total_tokens": sums.total_tokens(),
            "total_spend": usd(sums.spend_nanos),
        })
    });
    Ok(json!({"results": results.collect::<Vec<_>>()}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_formulas_or_columns() {
        for (value, text) in [
            (json!("plain"), "plain"),
            (json!("=HYPERLINK(1)"), "'=HYPERLINK(1)"),
            (json!("a,\"b\""), "\"a,\"\"b\"\"\""),
            (json!(-0.5), "-0.5"),
            (Value::Null, ""),
        ] {
            assert_eq!(cell(&value), text);
        }
        let line =
            Map::from_iter([("date".to_string(), json!("2026-11-21")), ("tag".to_string(), json!("t"))]);
        let text = table(&[line], "tag");
        assert!(text.starts_with("date,tag,alias,") && text.contains("\r\n2026-11-21,t,,,"), "{text}");
    }
}
