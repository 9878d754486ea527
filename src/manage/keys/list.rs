//! Lists of keys.

use serde_json::{Value, json};

use super::{access, budget_of};
use crate::base::error::Error;
use crate::domain::keys::{Key, User};
use crate::manage::{Call, fail, show};
use crate::store::{Find, Page, Test, Value as Column};

/// Query fields that filter by equality, and their columns.
const EXACT: [(&str, &str); 7] = [
    ("user_id", "user_id"),
    ("team_id", "team_id"),
    ("organization_id", "organization_id"),
    ("project_id", "project_id"),
    ("agent_id", "agent_id"),
    ("key_hash", "id"),
    ("key_alias", "alias"),
];

/// `sort_by` and its columns.
const SORTS: [(&str, &str); 6] = [
    ("spend", "spend"),
    ("max_budget", "max_budget"),
    ("created_at", "created_ms"),
    ("updated_at", "updated_ms"),
    ("token", "id"),
    ("key_alias", "alias"),
];

/// `/key/list`.
///
/// # Errors
/// 403 for callers without a user; 400 and 422 for filters that do not exist.
pub async fn list(call: Call) -> Result<Value, Error> {
    let (page, size) = call.page("size", 10, 100)?;
    let tests = tests(&call)?;
    let expand = call.query.id("expand")?.value();
    let full = call.query.is_on("return_full_object")? || expand.is_some();
    let deleted = call.query.id("status")?.value().as_deref() == Some("deleted");
    let found = if deleted { gone(&call, page, size).await? } else { kept(&call, tests, page, size).await? };
    let mut keys = Vec::new();
    for key in &found.rows {
        if full {
            keys.push(object(&call, key, expand.as_deref() == Some("user")).await?);
        } else {
            keys.push(key.hash.clone().into());
        }
    }
    let (total, pages) = (found.total, found.pages(size));
    Ok(json!({"keys": keys, "total_count": total, "current_page": page, "total_pages": pages}))
}

async fn kept(call: &Call, tests: Vec<Test>, page: u32, size: u32) -> Result<Page<Key>, Error> {
    let (sort_by, descending) = call.order(&SORTS)?;
    let find = Find { tests, sort_by, descending, page, size };
    call.manage.store().find::<Key>(find).await.map_err(fail::store)
}

async fn gone(call: &Call, page: u32, size: u32) -> Result<Page<Key>, Error> {
    let mut tests = exact(call, &["user_id", "team_id", "organization_id", "id", "alias"])?;
    if !call.caller.sees_all() {
        tests.push(Test::Is("user_id", own_user(call)?));
    }
    let page = call.manage.store().deleted_keys(tests, page, size).await.map_err(fail::store)?;
    let rows = page.rows.into_iter().map(|gone| gone.key).collect();
    Ok(Page { rows, total: page.total, capped: page.capped })
}

fn exact(call: &Call, columns: &[&str]) -> Result<Vec<Test>, Error> {
    let mut tests = Vec::new();
    let substring = call.query.is_on("substring_matching")?;
    for (name, column) in EXACT.into_iter().filter(|(_, column)| columns.contains(column)) {
        let Some(value) = call.query.id(name)?.value() else { continue };
        let contains = substring && (name == "key_alias" || (name == "user_id" && call.caller.sees_all()));
        let value = if name == "key_hash" { access::hash_of(&value) } else { value };
        tests.push(if contains {
            Test::Contains(column, value)
        } else {
            Test::Is(column, Column::from(value))
        });
    }
    Ok(tests)
}

fn tests(call: &Call) -> Result<Vec<Test>, Error> {
    let columns: Vec<&str> = EXACT.iter().map(|(_, column)| *column).collect();
    let mut tests = exact(call, &columns)?;
    if let Some(search) = call.query.id("search")?.value() {
        let by_hash = Test::Is("id", Column::from(access::hash_of(&search)));
        tests.push(Test::Any(vec![by_hash, Test::Contains("alias", search)]));
    }
    let now = call.now_ms;
    let alive = || Test::Any(vec![Test::Nothing("expires_ms"), Test::Above("expires_ms", now)]);
    match call.query.id("status")?.value().as_deref() {
        None | Some("deleted") => {}
        Some("active") => tests.extend([alive(), Test::Is("blocked", false.into())]),
        Some("expired") => tests.extend([Test::UpTo("expires_ms", now), Test::Is("blocked", false.into())]),
        Some("revoked") => tests.push(Test::Is("blocked", true.into())),
        Some(_) => {
            let message = "`status` must be one of active, expired, revoked, deleted.";
            return Err(fail::invalid("status", message));
        }
    }
    match call.query.id("expires")?.value().as_deref() {
        None => {}
        Some("active") => tests.push(alive()),
        Some("expired") => tests.push(Test::UpTo("expires_ms", now)),
        Some(_) => return Err(fail::invalid("expires", "`expires` must be active or expired.")),
    }
    if !call.caller.sees_all() {
        tests.push(visible(call)?);
    }
    Ok(tests)
}

fn own_user(call: &Call) -> Result<Column, Error> {
    let user = call.caller.user_id.as_ref().ok_or_else(|| {
        fail::forbidden("No 'user_id' is associated with your API key.").with_param("user_id")
    })?;
    Ok(Column::from(user))
}

/// Keys of the caller's user, and of the teams it runs where the request wants those.
fn visible(call: &Call) -> Result<Test, Error> {
    let user = own_user(call)?;
    let mut any = vec![Test::Is("user_id", user.clone())];
    if call.query.is_on("include_created_by_keys")? {
        any.push(Test::Is("created_by", user));
    }
    if call.query.is_on("include_team_keys")? || call.query.has("team_id") {
        any.push(Test::OneOf("team_id", call.caller.teams_it_runs().map(Column::from).collect()));
    }
    Ok(Test::Any(any))
}

async fn object(call: &Call, key: &Key, with_user: bool) -> Result<Value, Error> {
    let budget = budget_of(call, key).await?;
    let mut shown = Value::Object(show::key::changed(key, budget.as_ref()));
    if with_user {
        let user = match &key.user_id {
            Some(id) => call.manage.store().get::<User>(id, "").await.map_err(fail::store)?,
            None => None,
        };
        shown["user"] = user.map_or(Value::Null, |user| {
            json!({"user_id": user.user_id, "user_email": user.user_email, "user_alias": user.user_alias})
        });
    }
    Ok(shown)
}

/// `/key/aliases`.
///
/// # Errors
/// As [`list`].
pub async fn aliases(call: Call) -> Result<Value, Error> {
    let (page, size) = call.page("size", 50, 100)?;
    let search = call.query.id("search")?.value().unwrap_or_default();
    // Contains the empty text: has an alias at all.
    let mut tests = vec![Test::Contains("alias", search)];
    if let Some(team) = call.query.id("team_id")?.value() {
        tests.push(Test::Is("team_id", Column::from(team)));
    }
    if !call.caller.sees_all() {
        tests.push(visible(&call)?);
    }
    let find = Find { tests, sort_by: "alias", descending: false, page, size };
    let found = call.manage.store().find::<Key>(find).await.map_err(fail::store)?;
    let (total, pages) = (found.total, found.pages(size));
    let aliases: Vec<String> = found.rows.into_iter().filter_map(|key| key.key_alias).collect();
    Ok(
        json!({"aliases": aliases, "total_count": total, "current_page": page, "total_pages": pages, "size": size}),
    )
}
