//! Shared budgets.

use serde_json::{Value, json};

use super::{maybe_usd, offset};
use crate::domain::keys::{Budget, Limits};

/// What is shown of limits beside the owner they belong to.
fn limits(limits: &Limits) -> Value {
    json!({
        "soft_budget": maybe_usd(limits.soft_budget_nanos),
        "max_budget": maybe_usd(limits.max_budget_nanos),
        "max_parallel_requests": limits.max_parallel_requests,
        "tpm_limit": limits.tpm_limit,
        "rpm_limit": limits.rpm_limit,
        "model_max_budget": limits.model_max_budget,
        "budget_duration": limits.budget_duration,
    })
}

/// `litellm_budget_table` of an owner that points to a budget.
pub fn linked(budget: &Budget) -> Value {
    let mut shown = limits(&budget.limits);
    shown["budget_id"] = budget.budget_id.clone().into();
    shown["allowed_models"] = budget.allowed_models.clone().into();
    shown["budget_reset_at"] = offset(budget.state.budget_reset_at_ms);
    shown["created_at"] = offset(budget.created_at_ms);
    shown
}

/// `litellm_budget_table` of an owner with limits of its own that LiteLLM keeps in that table.
pub fn own(own: &Limits) -> Value {
    let mut shown = limits(own);
    shown["budget_id"] = Value::Null;
    shown
}
