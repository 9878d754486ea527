//! An organization and its members as the API shows them.

use serde_json::{Value, json};

use crate::base::error::Error;
use crate::domain::keys::{Budget, OrgMember, Organization, Team};
use crate::manage::show::{budget as budgets, offset, usd};
use crate::manage::{Call, caps, fail, rows};
use crate::store::{Find, Test};

/// How many organizations are asked about at once.
const PIECE: usize = 100;

/// The row with members and teams.
///
/// # Errors
/// 503.
pub async fn whole(call: &Call, row: &Organization) -> Result<Value, Error> {
    Ok(several(call, std::slice::from_ref(row)).await?.pop().unwrap_or_default())
}

/// The rows with members and teams, in their order.
///
/// # Errors
/// 503.
pub async fn several(call: &Call, all: &[Organization]) -> Result<Vec<Value>, Error> {
    let store = call.manage.store();
    let mut shown = Vec::new();
    for piece in all.chunks(PIECE) {
        let of = |column| {
            let ids = piece.iter().map(|row| (&row.organization_id).into()).collect();
            Find::all(vec![Test::OneOf(column, ids)])
        };
        let members = store.find::<OrgMember>(of("id")).await.map_err(fail::store)?.rows;
        let teams = store.find::<Team>(of("organization_id")).await.map_err(fail::store)?.rows;
        let named = members.iter().filter_map(|member| member.budget_id.as_deref());
        let named = named.chain(piece.iter().filter_map(|row| row.budget_id.as_deref()));
        let linked = rows::named::<Budget>(call, named).await?;
        let budget = |id: &Option<String>| id.as_ref().and_then(|id| linked.get(id));
        for row in piece {
            let id = &row.organization_id;
            let own = members.iter().filter(|one| one.organization_id == *id);
            let members = own.map(|one| member(one, budget(&one.budget_id))).collect();
            let own = teams.iter().filter(|team| team.organization_id.as_ref() == Some(id));
            shown.push(organization(row, budget(&row.budget_id), members, own.map(team).collect()));
        }
    }
    Ok(shown)
}

fn organization(
    row: &Organization,
    linked: Option<&Budget>,
    members: Vec<Value>,
    teams: Vec<Value>,
) -> Value {
    json!({
        "organization_id": row.organization_id,
        "organization_alias": row.organization_alias,
        "budget_id": row.budget_id,
        "spend": usd(row.state.spend_nanos),
        "total_spend": usd(row.state.total_spend_nanos),
        "model_spend": {},
        "metadata": row.metadata,
        "models": row.models,
        "litellm_budget_table": caps::shown(&row.limits, linked, &row.state),
        "members": members,
        "teams": teams,
        "created_at": offset(row.created_at_ms),
        "created_by": row.created_by,
        "updated_at": offset(row.updated_at_ms),
        "updated_by": row.updated_by,
    })
}

fn team(team: &Team) -> Value {
    json!({
        "team_id": team.team_id,
        "team_alias": team.team_alias,
        "organization_id": team.organization_id,
        "models": team.models,
        "spend": usd(team.state.spend_nanos),
        "blocked": team.blocked,
    })
}

/// A member; `linked` is its budget.
pub fn member(member: &OrgMember, linked: Option<&Budget>) -> Value {
    json!({
        "user_id": member.user_id,
        "organization_id": member.organization_id,
        "user_role": member.user_role,
        "spend": usd(member.state.spend_nanos),
        "budget_id": member.budget_id,
        "litellm_budget_table": linked.map(budgets::linked),
        "created_at": offset(member.created_at_ms),
        "updated_at": offset(member.updated_at_ms),
    })
}
