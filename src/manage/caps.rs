//! Limits of an owner that can have its own or point to a shared budget, never both at a time.
//!
//! When limits of an owner that points to a shared budget are changed, it gets a copy of them for itself: the
//! shared row stays what it is for everybody else.

use serde_json::Value;

use super::body::Body;
use super::fail;
use super::keys::fields;
use super::show::{budget as budgets, offset};
use crate::base::error::Error;
use crate::domain::keys::{Budget, Limits, State};

/// The fields that set limits.
const LIMITS: [&str; 8] = [
    "max_budget",
    "soft_budget",
    "budget_duration",
    "max_parallel_requests",
    "rpm_limit",
    "tpm_limit",
    "tpd_limit",
    "model_max_budget",
];

/// Puts what a request says about limits into an owner; `shared` is the budget that it points to now.
///
/// # Errors
/// 422 for values of wrong types; 400 for values that make no sense, and for a budget along with limits.
pub fn apply(
    body: &Body,
    limits: &mut Limits,
    budget_id: &mut Option<String>,
    shared: Option<&Budget>,
) -> Result<(), Error> {
    let chosen = body.id("budget_id")?;
    let named = LIMITS.iter().any(|name| body.raw(name).is_some_and(|value| !value.is_null()));
    if body.raw("budget_id").is_some_and(|id| !id.is_null()) && named {
        let message = "There can be either `budget_id` or limits of its own, not both.";
        return Err(fail::invalid("budget_id", message));
    }
    let touched = LIMITS.iter().any(|name| body.has(name));
    if body.has("budget_id") {
        chosen.set(budget_id);
        if budget_id.is_some() {
            *limits = Limits::default();
            return Ok(());
        }
    }
    if touched && budget_id.take().is_some() {
        *limits = shared.map(|budget| budget.limits.clone()).unwrap_or_default();
    }
    fields::limits(body, limits)
}

/// `litellm_budget_table` of an owner: what it is held to, in its own period; null when nothing bounds it.
pub fn shown(limits: &Limits, linked: Option<&Budget>, state: &State) -> Value {
    let mut shown = match linked {
        Some(linked) => budgets::linked(linked),
        None if *limits != Limits::default() => budgets::own(limits),
        None => return Value::Null,
    };
    // The owner's period: that of the shared row is another one.
    shown["budget_reset_at"] = offset(state.budget_reset_at_ms);
    shown
}
