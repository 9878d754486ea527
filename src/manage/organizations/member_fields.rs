//! What a request says about a member of an organization.

use crate::base::error::Error;
use crate::base::ids;
use crate::domain::keys::{Budget, Limits, OrgMember};
use crate::manage::body::{Body, Given};
use crate::manage::fail;
use crate::store::{StoreError, Transaction};

/// The roles of members.
const ROLES: [&str; 3] = ["org_admin", "internal_user", "internal_user_viewer"];

/// The role that a request gives a member, under either of the field's names.
///
/// # Errors
/// 422 for a role that members cannot have.
pub fn role(body: &Body) -> Result<Option<String>, Error> {
    let role = body.id("role")?.value().or(body.id("user_role")?.value());
    match role {
        Some(role) if !ROLES.contains(&role.as_str()) => {
            Err(fail::wrong_type("role", format!("`role` must be one of {}.", ROLES.join(", "))))
        }
        role => Ok(role),
    }
}

/// The id of the budget row that only this member points to.
fn own_budget(organization_id: &str, user_id: &str) -> String {
    format!("organization_member_{}", ids::sha256_hex(&format!("{organization_id}\n{user_id}")))
}

/// Gives a member a budget of its own, or takes it away. A budget that others may share stays what it is.
///
/// # Errors
/// What the store says.
pub fn set_budget(
    transaction: &mut Transaction<'_>,
    member: &mut OrgMember,
    max_budget_nanos: &Given<i64>,
) -> Result<(), StoreError> {
    let amount = match max_budget_nanos {
        Given::Absent => return Ok(()),
        Given::Null => {
            member.budget_id = None;
            return Ok(());
        }
        Given::Is(amount) => Some(*amount),
    };
    let id = own_budget(&member.organization_id, &member.user_id);
    let shared = match member.budget_id.as_deref() {
        Some(linked) if linked != id => transaction.get::<Budget>(linked, "")?,
        _ => None,
    };
    if transaction.get::<Budget>(&id, "")?.is_some() {
        transaction.update::<Budget>(&id, "", &|budget| {
            if let Some(shared) = &shared {
                budget.limits = shared.limits.clone();
            }
            budget.limits.max_budget_nanos = amount;
            Ok(())
        })?;
    } else {
        let base = shared.map(|budget| budget.limits).unwrap_or_default();
        let limits = Limits { max_budget_nanos: amount, ..base };
        transaction.create(Budget { budget_id: id.clone(), limits, ..Budget::default() }, 0)?;
    }
    member.budget_id = Some(id);
    Ok(())
}
