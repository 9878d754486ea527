//! A shared budget as the API shows it.

use serde_json::{Value, json};

use crate::domain::keys::Budget;
use crate::manage::show::{maybe_usd, zulu};

/// The row.
pub fn row(budget: &Budget) -> Value {
    let limits = &budget.limits;
    json!({
        "budget_id": budget.budget_id,
        "max_budget": maybe_usd(limits.max_budget_nanos),
        "soft_budget": maybe_usd(limits.soft_budget_nanos),
        "max_parallel_requests": limits.max_parallel_requests,
        "tpm_limit": limits.tpm_limit,
        "rpm_limit": limits.rpm_limit,
        "tpd_limit": limits.tpd_limit,
        "model_max_budget": limits.model_max_budget,
        "budget_duration": limits.budget_duration,
        "budget_reset_at": zulu(budget.state.budget_reset_at_ms),
        "allowed_models": budget.allowed_models,
        "temp_budget_increase": maybe_usd(budget.temp_budget_increase_nanos),
        "temp_budget_expiry": zulu(budget.temp_budget_expiry_ms),
        "created_at": zulu(budget.created_at_ms),
        "created_by": budget.created_by,
        "updated_at": zulu(budget.updated_at_ms),
        "updated_by": budget.updated_by,
    })
}
