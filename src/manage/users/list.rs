//! Lists of users, and the roles there are.

use serde_json::{Value, json};

use super::shown;
use crate::base::error::Error;
use crate::domain::keys::{Key, Member, OrgMember, Team, User};
use crate::manage::{Call, fail};
use crate::store::{Entity, Find, Test, Value as Column};

/// `sort_by` and its columns.
const SORTS: [(&str, &str); 6] = [
    ("user_id", "id"),
    ("user_email", "email"),
    ("created_at", "created_ms"),
    ("spend", "spend"),
    ("user_alias", "alias"),
    ("user_role", "role"),
];

/// `/user/list`.
///
/// # Errors
/// 400 and 422 for filters that do not exist.
pub async fn list(call: Call) -> Result<Value, Error> {
    let (page, size) = call.page("page_size", 25, 100)?;
    let (sort_by, descending) = call.order(&SORTS)?;
    let find = Find { tests: tests(&call).await?, sort_by, descending, page, size };
    let found = call.manage.store().find::<User>(find).await.map_err(fail::store)?;
    let mut users = Vec::new();
    for user in &found.rows {
        let mut row = shown(&call, user).await?;
        let of_user = vec![Test::Is("user_id", Column::from(&user.user_id))];
        let keys = call.manage.store().find::<Key>(Find { size: 1, ..Find::all(of_user) }).await;
        row["key_count"] = keys.map_err(fail::store)?.total.into();
        users.push(row);
    }
    let (total, pages) = (found.total, found.pages(size));
    Ok(json!({"users": users, "total": total, "page": page, "page_size": size, "total_pages": pages}))
}

async fn tests(call: &Call) -> Result<Vec<Test>, Error> {
    let query = &call.query;
    let mut tests = Vec::new();
    if let Some(role) = query.id("role")?.value() {
        tests.push(Test::Is("role", Column::from(role)));
    }
    for (name, column) in [("user_ids", "id"), ("sso_user_ids", "sso_user_id")] {
        if let Some(ids) = query.id(name)?.value() {
            let ids = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).map(Column::from);
            tests.push(Test::OneOf(column, ids.collect()));
        }
    }
    if let Some(email) = query.id("user_email")?.value() {
        tests.push(Test::Contains("email", email));
    }
    if let Some(search) = query.id("search")?.value() {
        let columns = ["id", "email", "alias"].into_iter();
        tests.push(Test::Any(columns.map(|column| Test::Contains(column, search.clone())).collect()));
    }
    if let Some(team) = query.id("team")?.value() {
        tests.push(Test::OneOf("id", members::<Member>(call, &team, |member| &member.user_id).await?));
    }
    if let Some(organizations) = query.id("organization_ids")?.value() {
        let mut ids = Vec::new();
        for organization in organizations.split(',') {
            ids.extend(members::<OrgMember>(call, organization.trim(), |member| &member.user_id).await?);
        }
        tests.push(Test::OneOf("id", ids));
    }
    Ok(tests)
}

async fn members<M: Entity>(call: &Call, of: &str, user: fn(&M) -> &String) -> Result<Vec<Column>, Error> {
    let find = Find::all(vec![Test::Is("id", Column::from(of))]);
    let found = call.manage.store().find::<M>(find).await.map_err(fail::store)?;
    Ok(found.rows.iter().map(|member| Column::from(user(member))).collect())
}

/// `/user/available_users`: how many users and teams there are. There may be as many as one likes, so what is left of
/// a licence is null.
///
/// # Errors
/// 503.
pub async fn available_users(call: Call) -> Result<Value, Error> {
    let store = call.manage.store();
    let one = || Find { size: 1, ..Find::default() };
    let users = store.find::<User>(one()).await.map_err(fail::store)?.total;
    let teams = store.find::<Team>(one()).await.map_err(fail::store)?.total;
    Ok(json!({
        "total_users": null,
        "total_users_used": users,
        "total_users_remaining": null,
        "total_teams": null,
        "total_teams_used": teams,
        "total_teams_remaining": null,
    }))
}

/// `/user/available_roles`.
///
/// # Errors
/// None.
pub async fn available_roles(_: Call) -> Result<Value, Error> {
    Ok(json!({
        "proxy_admin": {"description": "admin over the whole platform", "ui_label": "Admin (All Permissions)"},
        "proxy_admin_viewer": {"description": "sees all keys, users, teams and spend; changes nothing",
                               "ui_label": "Admin (View Only)"},
        "internal_user": {"description": "calls models, manages its own keys, sees its own spend",
                          "ui_label": "Internal User (Create/Delete/View)"},
        "internal_user_viewer": {"description": "calls models, sees its own keys and spend",
                                 "ui_label": "Internal User (View Only)"},
    }))
}
