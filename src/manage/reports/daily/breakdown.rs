//! One day: its sums, and the same by model, group, provider, key, kind of call and owner.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::keys::{JsonMap, Key};
use crate::domain::ledger::{Sums, TotalKind};
use crate::manage::period::date;
use crate::manage::show::usd;
use crate::store::ReportRow;

/// What keys and owners are called.
pub struct Names {
    /// Keys by hash; those that were deleted are not there.
    pub keys: BTreeMap<String, Key>,
    /// Owners by id.
    pub aliases: BTreeMap<String, String>,
}

/// Sums, and those of each key.
#[derive(Default)]
struct Entry {
    sums: Sums,
    keys: BTreeMap<String, Sums>,
}

impl Entry {
    fn add(&mut self, key: &str, sums: Sums) {
        self.sums.add(sums);
        self.keys.entry(key.to_string()).or_default().add(sums);
    }
}

/// Entries by name.
type Entries = BTreeMap<String, Entry>;

/// A day under construction.
#[derive(Default)]
pub struct Pile {
    sums: Sums,
    models: Entries,
    groups: Entries,
    providers: Entries,
    endpoints: Entries,
    owners: Entries,
    keys: BTreeMap<String, Sums>,
}

impl Pile {
    /// Adds a row of the totals of this kind.
    pub fn add(&mut self, row: &ReportRow, kind: TotalKind) {
        let key = if kind == TotalKind::Key { &row.owner } else { &row.key_hash };
        self.sums.add(row.sums);
        for (entries, name) in [
            (&mut self.models, &row.model),
            (&mut self.groups, &row.model_group),
            (&mut self.providers, &row.provider),
            (&mut self.endpoints, &row.call_type),
        ] {
            if !name.is_empty() {
                entries.entry(name.clone()).or_default().add(key, row.sums);
            }
        }
        if kind != TotalKind::Key {
            self.owners.entry(row.owner.clone()).or_default().add(key, row.sums);
        }
        self.keys.entry(key.clone()).or_default().add(row.sums);
    }

    /// The day as the API shows it.
    pub fn shown(&self, day: i64, names: &Names) -> Value {
        let none = |_: &str| json!({});
        let alias = |id: &str| json!({"alias": names.aliases.get(id)});
        json!({
            "date": date(day),
            "metrics": metrics(&self.sums),
            "breakdown": {
                "models": entries(&self.models, names, none),
                "model_groups": entries(&self.groups, names, none),
                "providers": entries(&self.providers, names, none),
                "endpoints": entries(&self.endpoints, names, none),
                "entities": entries(&self.owners, names, alias),
                "api_keys": keys(&self.keys, names),
                "mcp_servers": {},
            },
        })
    }
}

fn entries(entries: &Entries, names: &Names, metadata: impl Fn(&str) -> Value) -> JsonMap {
    let shown = entries.iter().map(|(name, entry)| {
        let shown = json!({
            "metrics": metrics(&entry.sums),
            "metadata": metadata(name),
            "api_key_breakdown": keys(&entry.keys, names),
        });
        (name.clone(), shown)
    });
    shown.collect()
}

fn keys(sums: &BTreeMap<String, Sums>, names: &Names) -> JsonMap {
    let shown = sums.iter().map(|(hash, sums)| {
        let key = names.keys.get(hash);
        let metadata = json!({
            "key_alias": key.and_then(|key| key.key_alias.as_deref()),
            "team_id": key.and_then(|key| key.team_id.as_deref()),
            "user_id": key.and_then(|key| key.user_id.as_deref()),
            "user_email": null,
            "key_exists": key.is_some(),
        });
        (hash.clone(), json!({"metrics": metrics(sums), "metadata": metadata}))
    });
    shown.collect()
}

fn metrics(sums: &Sums) -> Value {
    json!({
        "spend": usd(sums.spend_nanos),
        "prompt_tokens": sums.prompt_tokens,
        "completion_tokens": sums.completion_tokens,
        "total_tokens": sums.total_tokens(),
        "cache_read_input_tokens": sums.cached_tokens,
        "cache_creation_input_tokens": sums.cache_write_tokens,
        "api_requests": sums.requests,
        "successful_requests": sums.successes,
        "failed_requests": sums.failures,
        "total_response_time_ms": sums.duration_ms,
        "timed_requests": sums.requests,
        "flat_cost": 0.0,
    })
}

/// The sums of all days, `total_` before each name that has none there yet.
pub fn totals(sums: &Sums) -> Value {
    let Value::Object(metrics) = metrics(sums) else { return Value::Null };
    let named = metrics.into_iter().map(|(name, value)| {
        let name = if name.starts_with("total_") { name } else { format!("total_{name}") };
        (name, value)
    });
    Value::Object(named.collect())
}
