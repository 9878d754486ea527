//! What a request says about a customer, put into it.

use crate::base::error::Error;
use crate::domain::keys::{Budget, EndUser};
use crate::manage::body::Body;
use crate::manage::{caps, fail};

/// Puts the fields of a request into a customer; `shared` is the budget that it points to now.
///
/// # Errors
/// 422 for values of wrong types; 400 for values that make no sense, and for a budget along with limits.
pub fn apply(body: &Body, row: &mut EndUser, shared: Option<&Budget>) -> Result<(), Error> {
    body.id("alias")?.set(&mut row.alias);
    body.bool("blocked")?.fill(&mut row.blocked);
    body.id("default_model")?.set(&mut row.default_model);
    body.texts("models")?.fill(&mut row.models);
    body.id("object_permission_id")?.set(&mut row.object_permission_id);
    body.id("allowed_model_region")?.set(&mut row.allowed_model_region);
    if row.allowed_model_region.as_deref().is_some_and(|region| !["eu", "us"].contains(&region)) {
        return Err(fail::wrong_type("allowed_model_region", "`allowed_model_region` must be eu or us."));
    }
    caps::apply(body, &mut row.limits, &mut row.budget_id, shared)
}
