//! `/model/info`: each deployment by itself; `/v2/model/info` page by page.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::item::{Item, items};
use super::table;
use super::visible::Sight;
use crate::base::error::Error;
use crate::domain::keys::{Team, access};
use crate::manage::{Call, fail};

/// `/model/info` and `/v1/model/info`: what the caller may use, or the one of `litellm_model_id`.
///
/// # Errors
/// 400 when there is no such deployment, or it is not the caller's; 503.
pub async fn info(call: Call) -> Result<Value, Error> {
    let table = table(&call)?;
    let sight = Sight::of(&call).await?;
    let wanted = call.query.id("litellm_model_id")?.value();
    let why = call.caller.sees_all();
    let found: Vec<Value> = items(&table)
        .iter()
        .filter(|item| wanted.as_ref().is_none_or(|id| **id == *item.deployment.id))
        .filter(|item| sight.has(&table, item.deployment))
        .map(|item| item.shown(&table, why))
        .collect();
    match wanted {
        Some(id) if found.is_empty() => {
            let message = format!("Model id = {id} not found on this gateway, or not available to you.");
            Err(fail::invalid("litellm_model_id", message))
        }
        _ => Ok(json!({"data": found})),
    }
}

/// `/v2/model/info`: the same, filtered, sorted and in pages.
///
/// # Errors
/// 400 for an order that there is not; 403 for a team that the caller is not in; 404 when there is no such team; 422;
/// 503.
pub async fn page(call: Call) -> Result<Value, Error> {
    let (page, size) = call.page("size", 50, 1000)?;
    let table = table(&call)?;
    let sight = Sight::of(&call).await?;
    let (group, id) = (call.query.id("model")?.value(), call.query.id("modelId")?.value());
    let search = call.query.id("search")?.value().map(|text| text.to_lowercase());
    let team = team(&call).await?;
    let order = order(&call)?;
    let all = items(&table);
    let mut found: Vec<&Item<'_>> = all
        .iter()
        .filter(|item| {
            let deployment = item.deployment;
            group.as_ref().is_none_or(|group| **group == *deployment.group)
                && id.as_ref().is_none_or(|id| **id == *deployment.id)
                && search.as_ref().is_none_or(|text| matches(item, text))
                && team.as_ref().is_none_or(|team| of_team(team, item))
                && sight.has(&table, deployment)
        })
        .collect();
    if let Some((by, descending)) = order {
        found.sort_by(|one, other| {
            let sorted = by(one, other);
            if descending { sorted.reverse() } else { sorted }
        });
    }
    let total = found.len();
    let skip = usize::try_from(page - 1).unwrap_or(usize::MAX).saturating_mul(size as usize);
    let why = call.caller.sees_all();
    let data: Vec<Value> =
        found.iter().skip(skip).take(size as usize).map(|item| item.shown(&table, why)).collect();
    let pages = total.div_ceil(size as usize);
    Ok(json!({"data": data, "total_count": total, "current_page": page, "total_pages": pages, "size": size}))
}

/// Whether the text is in the group's name, the provider's model or the id.
fn matches(item: &Item<'_>, text: &str) -> bool {
    let deployment = item.deployment;
    let model = deployment.full_model();
    [&*deployment.group, model.as_str(), &*deployment.id]
        .iter()
        .any(|name| name.to_lowercase().contains(text))
}

fn of_team(team: &Team, item: &Item<'_>) -> bool {
    let groups = item.deployment.info.raw.get("access_groups").and_then(Value::as_array);
    let in_group = |name: &str| groups.is_some_and(|groups| groups.iter().any(|group| group == name));
    access::allows(&team.models, &item.deployment.group, in_group)
}

async fn team(call: &Call) -> Result<Option<Team>, Error> {
    let Some(id) = call.query.id("teamId")?.value() else { return Ok(None) };
    if !call.caller.sees_all() && call.caller.membership(&id).is_none() {
        return Err(fail::forbidden_field("teamId", "You are not in this team."));
    }
    let team = call.manage.store().get::<Team>(&id, "").await.map_err(fail::store)?;
    team.map(Some).ok_or_else(|| fail::not_found("teamId", format!("Team {id} not found.")))
}

type Order = fn(&Item<'_>, &Item<'_>) -> Ordering;

/// How to sort, and whether the largest come first; without a wish the table's order stays.
fn order(call: &Call) -> Result<Option<(Order, bool)>, Error> {
    let by: Option<Order> = match call.query.id("sortBy")?.value().as_deref() {
        None => None,
        Some("model_name") => Some(|one, other| one.deployment.group.cmp(&other.deployment.group)),
        Some("created_at") => Some(|one, other| {
            one.row.map(|row| row.created_at_ms).cmp(&other.row.map(|row| row.created_at_ms))
        }),
        Some("updated_at") => Some(|one, other| {
            one.row.map(|row| row.updated_at_ms).cmp(&other.row.map(|row| row.updated_at_ms))
        }),
        Some("costs") => Some(|one, other| cost(one).total_cmp(&cost(other))),
        Some("status") => Some(|one, other| one.row.is_some().cmp(&other.row.is_some())),
        Some(_) => {
            let message = "`sortBy` must be one of model_name, created_at, updated_at, costs, status.";
            return Err(fail::invalid("sortBy", message));
        }
    };
    let descending = match call.query.id("sortOrder")?.value().as_deref() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(fail::invalid("sortOrder", "`sortOrder` must be asc or desc.")),
    };
    Ok(by.map(|by| (by, descending)))
}

/// What a token in and a token out cost together.
fn cost(item: &Item<'_>) -> f64 {
    let info = &item.deployment.info;
    info.input_cost_per_token.unwrap_or_default() + info.output_cost_per_token.unwrap_or_default()
}
