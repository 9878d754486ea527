//! A customer as the API shows it.

use serde_json::{Value, json};

use crate::domain::keys::{Budget, EndUser};
use crate::manage::caps;
use crate::manage::show::{offset, usd};

/// The row; `linked` is the budget that it points to.
pub fn row(row: &EndUser, linked: Option<&Budget>) -> Value {
    json!({
        "user_id": row.user_id,
        "alias": row.alias,
        "blocked": row.blocked,
        "spend": usd(row.state.spend_nanos),
        "total_spend": usd(row.state.total_spend_nanos),
        "allowed_model_region": row.allowed_model_region,
        "default_model": row.default_model,
        "models": row.models,
        "budget_id": row.budget_id,
        "litellm_budget_table": caps::shown(&row.limits, linked, &row.state),
        "object_permission_id": row.object_permission_id,
        "object_permission": null,
        "created_at": offset(row.created_at_ms),
        "updated_at": offset(row.updated_at_ms),
    })
}
