//! `/budget/settings`: a budget's fields with their types and meaning, for forms.

use serde_json::{Value, json};

use super::{show, unknown};
use crate::base::error::Error;
use crate::domain::keys::Budget;
use crate::manage::{Call, fail};

/// Field, type, meaning.
const FIELDS: [(&str, &str, &str); 8] = [
    ("max_budget", "Float", "Most that may be spent in a period, USD; requests beyond it are refused."),
    ("soft_budget", "Float", "Amount from which on somebody is told, USD; blocks nothing."),
    (
        "budget_duration",
        "String",
        "Length of a period, such as 1h, 1d, 7d or 30d; without one it never ends.",
    ),
    ("max_parallel_requests", "Integer", "Requests at the same time."),
    ("rpm_limit", "Integer", "Requests in any 60 seconds."),
    ("tpm_limit", "Integer", "Tokens in any 60 seconds."),
    ("tpd_limit", "Integer", "Tokens in a day."),
    ("model_max_budget", "Object", "Budgets of single models, by name."),
];

/// The fields of the budget that the query names in `budget_id`.
///
/// # Errors
/// 404 when there is no such budget; 422 when none is named.
pub async fn settings(call: Call) -> Result<Value, Error> {
    let id = call.query.must("budget_id")?;
    let budget = call.manage.store().get::<Budget>(&id, "").await.map_err(fail::store)?;
    let row = show::row(&budget.ok_or_else(|| unknown("budget_id", &id))?);
    let describe = |(name, kind, meaning): &(&str, &str, &str)| {
        let value = row.get(*name).cloned().unwrap_or_default();
        json!({
            "field_name": name,
            "field_type": kind,
            "field_description": meaning,
            "field_value": value,
            "stored_in_db": !value.is_null(),
            "field_default_value": null,
        })
    };
    Ok(FIELDS.iter().map(describe).collect())
}
