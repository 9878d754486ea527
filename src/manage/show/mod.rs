//! Rows as the API shows them: LiteLLM's names, dollars as numbers, moments as text.

pub mod budget;
pub mod key;
pub mod team;
mod times;
pub mod user;

use serde_json::{Value, json};

use crate::base::money::Nanos;
use crate::domain::keys::{JsonMap, Window};

pub use times::{offset, zulu};

/// Dollars as the JSON number that clients read.
pub fn usd(nanos: i64) -> Value {
    json!(Nanos::new(nanos).to_usd_f64())
}

/// Dollars, or null.
pub fn maybe_usd(nanos: Option<i64>) -> Value {
    nanos.map_or(Value::Null, usd)
}

/// Budgets over several lengths; null when there are none.
pub fn windows(windows: &[Window]) -> Value {
    if windows.is_empty() {
        return Value::Null;
    }
    let each = windows.iter().map(|window| {
        json!({"budget_duration": window.budget_duration, "max_budget": usd(window.max_budget_nanos)})
    });
    each.collect()
}

/// The object that `json!` has made.
pub fn object(value: Value) -> JsonMap {
    match value {
        Value::Object(map) => map,
        _ => JsonMap::new(),
    }
}
