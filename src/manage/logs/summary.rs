//! What each day comes to, by key, user and model; days without requests are there, too.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::error::Error;
use crate::domain::keys::JsonMap;
use crate::domain::ledger::TotalKind;
use crate::manage::period::{Period, date};
use crate::manage::show::usd;
use crate::manage::{Call, fail, scope};
use crate::store::{GroupBy, ReportFilter, ReportRow};

/// Spend by name.
type Shares = BTreeMap<String, i64>;

/// A day under construction.
#[derive(Default)]
struct Day {
    spend: i64,
    keys: Shares,
    users: Shares,
    models: Shares,
}

/// What a row of the totals says, and for which part of a day.
#[derive(Clone, Copy)]
enum Part {
    Spend,
    Keys,
    Users,
    Models,
}

/// One object a day. The shares of keys stand under `api_keys`; with `flat_keys=true` also at the top, where
/// older clients of LiteLLM look for them.
///
/// # Errors
/// 400 for dates; 403 for another user; 503.
pub async fn by_day(call: &Call) -> Result<Value, Error> {
    let period = Period::must(&call.query)?;
    let flat = call.query.is_on("flat_keys")?;
    let user = scope::user(call)?;
    let key = scope::key(call, &call.query, "api_key")?;
    let mut days: BTreeMap<i64, Day> = period.days().map(|day| (day, Day::default())).collect();
    for (kind, by, part) in questions(user.is_some(), key.is_some()) {
        let filter = ReportFilter { keys: key.clone().map(|key| vec![key]), ..ReportFilter::spend_of(kind) };
        let filter = narrowed(filter, kind, user.as_ref(), key.as_ref()).days(period.from, period.to);
        let rows = call.manage.store().report(filter, vec![GroupBy::Day, by]).await.map_err(fail::store)?;
        for row in rows {
            add(days.entry(row.day).or_default(), part, &row);
        }
    }
    Ok(days.into_iter().map(|(day, sums)| shown(day, &sums, flat)).collect())
}

/// Which totals tell what: those of the user if there is one, else those of the key, else everybody's.
fn questions(user: bool, key: bool) -> [(TotalKind, GroupBy, Part); 4] {
    use TotalKind::{All, Key, User};
    match (user, key) {
        (true, _) => [
            (User, GroupBy::Owner, Part::Spend),
            (User, GroupBy::Key, Part::Keys),
            (User, GroupBy::Owner, Part::Users),
            (User, GroupBy::Model, Part::Models),
        ],
        (false, true) => [
            (Key, GroupBy::Owner, Part::Spend),
            (Key, GroupBy::Owner, Part::Keys),
            (User, GroupBy::Owner, Part::Users),
            (Key, GroupBy::Model, Part::Models),
        ],
        (false, false) => [
            (All, GroupBy::Owner, Part::Spend),
            (Key, GroupBy::Owner, Part::Keys),
            (User, GroupBy::Owner, Part::Users),
            (All, GroupBy::Model, Part::Models),
        ],
    }
}

fn narrowed(
    mut filter: ReportFilter,
    kind: TotalKind,
    user: Option<&String>,
    key: Option<&String>,
) -> ReportFilter {
    match kind {
        TotalKind::User => filter.owners = user.map(|user| vec![user.clone()]),
        // The totals of a key are not told apart by key.
        TotalKind::Key => (filter.owners, filter.keys) = (key.map(|key| vec![key.clone()]), None),
        _ => {}
    }
    filter
}

fn add(day: &mut Day, part: Part, row: &ReportRow) {
    let spend = row.sums.spend_nanos;
    let share = |shares: &mut Shares, name: &str| {
        *shares.entry(name.to_string()).or_default() += spend;
    };
    match part {
        Part::Spend => day.spend += spend,
        Part::Keys => {
            share(&mut day.keys, if row.key_hash.is_empty() { &row.owner } else { &row.key_hash });
        }
        Part::Users => share(&mut day.users, &row.owner),
        Part::Models => share(&mut day.models, &row.model),
    }
}

fn shown(day: i64, sums: &Day, flat: bool) -> Value {
    let shares = |shares: &Shares| -> JsonMap {
        shares.iter().map(|(name, spend)| (name.clone(), usd(*spend))).collect()
    };
    let mut shown = if flat { shares(&sums.keys) } else { JsonMap::new() };
    shown.insert("startTime".into(), date(day).into());
    shown.insert("spend".into(), usd(sums.spend));
    shown.insert("api_keys".into(), json!(shares(&sums.keys)));
    shown.insert("users".into(), json!(shares(&sums.users)));
    shown.insert("models".into(), json!(shares(&sums.models)));
    Value::Object(shown)
}
