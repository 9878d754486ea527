//! What columns of several tables have in common.

use serde_json::Value;

use crate::base::money::Nanos;
use crate::domain::keys::{JsonMap, Limits, Window};
use crate::store::litellm::Record;
use crate::store::{Entity, Taken};

/// The caps of a row.
pub(super) fn limits(record: &Record) -> Result<Limits, String> {
    Ok(Limits {
        max_budget_nanos: record.dollars("max_budget")?,
        soft_budget_nanos: record.dollars("soft_budget")?,
        budget_duration: record.text("budget_duration"),
        max_parallel_requests: record.int("max_parallel_requests"),
        rpm_limit: record.int("rpm_limit"),
        tpm_limit: record.int("tpm_limit"),
        tpd_limit: record.int("tpd_limit"),
        model_max_budget: record.object("model_max_budget"),
    })
}

/// Budgets over several lengths.
pub(super) fn windows(record: &Record) -> Result<Vec<Window>, String> {
    let Value::Array(given) = record.json("budget_limits") else { return Ok(Vec::new()) };
    let mut windows: Vec<Window> = Vec::new();
    for window in &given {
        let length = window.get("budget_duration").and_then(Value::as_str);
        let (Some(length), Some(max)) = (length, window.get("max_budget").and_then(dollars)) else {
            return Err("its budget_limits cannot be read".to_string());
        };
        if !windows.iter().any(|other| other.budget_duration == length) {
            windows.push(Window { budget_duration: length.to_string(), max_budget_nanos: max });
        }
    }
    Ok(windows)
}

/// Dollars of a JSON document, as nano-dollars.
pub(super) fn dollars(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => Nanos::from_json(number).ok().map(Nanos::get),
        Value::String(text) => text.parse().ok().map(Nanos::get),
        _ => None,
    }
}

/// A text that a JSON document has under a name, taken out of it.
pub(super) fn take_text(map: &mut JsonMap, name: &str) -> Option<String> {
    match map.get(name) {
        Some(Value::String(text)) if !text.is_empty() => {
            let text = text.clone();
            map.shift_remove(name);
            Some(text)
        }
        _ => None,
    }
}

/// A moment as LiteLLM writes it into documents: ISO 8601, in UTC when it names no zone.
pub(super) fn moment(text: &str) -> Option<i64> {
    let text = text.trim().replacen(' ', "T", 1);
    let parsed = text.parse::<jiff::Timestamp>().or_else(|_| format!("{text}Z").parse());
    parsed.ok().map(jiff::Timestamp::as_millisecond)
}

/// A JSON object, or nothing where there is none or an empty one.
pub(super) fn settings(record: &Record, column: &str) -> Option<Value> {
    let map = record.object(column);
    (!map.is_empty()).then_some(Value::Object(map))
}

/// What is said of owners with callbacks of their own.
pub(super) const CALLBACKS: &str =
    "keys and teams without their own callbacks (metadata.logging), which hold other systems' keys";

/// Whether an owner has callbacks of its own.
pub(super) fn has_callbacks(record: &Record) -> bool {
    record.object("metadata").contains_key("logging")
}

/// An owner's metadata without those.
pub(super) fn own_metadata(record: &Record) -> JsonMap {
    let mut metadata = record.object("metadata");
    metadata.shift_remove("logging");
    metadata
}

/// A row with its money.
pub(super) fn taken<E: Entity>(record: &Record, mut row: E) -> Result<Taken<E>, String> {
    let (created_ms, updated_ms) = row.times();
    *created_ms = record.int("created_at").unwrap_or_default();
    *updated_ms = record.int("updated_at").unwrap_or(*created_ms);
    let spend_nanos = record.dollars("spend")?.unwrap_or_default();
    let total = record.dollars("total_spend")?.unwrap_or_default();
    Ok(Taken {
        reset_at_ms: record.int("budget_reset_at"),
        spend_nanos,
        // Older versions count no total.
        total_nanos: total.max(spend_nanos),
        windows: Default::default(),
        unique: None,
        row,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_and_moments_of_documents() {
        assert_eq!(dollars(&json!(0.1)), Some(100_000_000));
        assert_eq!(dollars(&json!("2")), Some(2_000_000_000));
        assert_eq!(dollars(&json!(null)), None);
        for text in ["2026-11-21T08:50:35Z", "2026-11-21 08:50:35", "2026-11-21T08:50:35+00:00"] {
            assert_eq!(moment(text), Some(1_795_251_035_000), "{text}");
        }
        assert_eq!(moment("soon"), None);
    }
}
