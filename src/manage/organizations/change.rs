//! Organizations are made, changed and deleted.

use serde_json::Value;

use super::{show, unknown};
use crate::base::error::Error;
use crate::base::ids;
use crate::domain::keys::{Budget, Organization};
use crate::manage::body::Body;
use crate::manage::{Call, Changed, budgets, caps, fail};
use crate::store::{StoreError, StoreErrorKind};

/// `/organization/new`.
///
/// # Errors
/// 400 when the id is taken, for an unknown budget, for a budget along with limits; 422.
pub async fn new(call: Call) -> Result<Value, Error> {
    call.body.must("organization_alias")?;
    let organization_id = call.body.name("organization_id")?.value().unwrap_or_else(ids::call_id);
    let mut row = Organization {
        organization_id: organization_id.clone(),
        created_by: call.by(),
        updated_by: call.by(),
        ..Organization::default()
    };
    apply(&call.body, &mut row, None)?;
    if let Some(id) = &row.budget_id {
        budgets::must_exist(&call, id).await?;
    }
    let made = call.manage.store().create(row, 0, call.now_ms).await;
    let made = made.map_err(|error| match error.kind {
        StoreErrorKind::Conflict(_) => {
            let message = format!("Organization id = {organization_id} already exists.");
            fail::invalid("organization_id", message)
        }
        _ => fail::store(error),
    })?;
    call.manage.tell(Changed::Organization(organization_id));
    show::whole(&call, &made).await
}

/// `/organization/update`: changes the fields that the request names. Limits that are changed are its own from
/// then on.
///
/// # Errors
/// 404 when there is none; as [`new`].
pub async fn update(call: Call) -> Result<Value, Error> {
    let id = call.body.must("organization_id")?;
    apply(&call.body, &mut Organization::default(), None)?;
    if let Some(budget) = call.body.id("budget_id")?.value() {
        budgets::must_exist(&call, &budget).await?;
    }
    let (body, asked, by) = (call.body.clone(), id.clone(), call.by());
    let changed = call.manage.store().transaction(call.now_ms, move |transaction| {
        let row = transaction.get::<Organization>(&asked, "")?;
        let shared = match row.and_then(|row| row.budget_id) {
            Some(budget) => transaction.get::<Budget>(&budget, "")?,
            None => None,
        };
        transaction.update::<Organization>(&asked, "", &|row| {
            row.updated_by.clone_from(&by);
            apply(&body, row, shared.as_ref())
                .map_err(|error| StoreError::invalid(error.message().to_string()))
        })
    });
    let changed = changed.await.map_err(|error| match error.kind {
        StoreErrorKind::NotFound => unknown("organization_id", &id),
        _ => fail::store(error),
    })?;
    call.manage.tell(Changed::Organization(id));
    show::whole(&call, &changed).await
}

/// `/organization/delete`: with their teams, keys and members. When one does not exist, none is deleted.
///
/// # Errors
/// 404; 422 without `organization_ids`.
pub async fn delete(call: Call) -> Result<Value, Error> {
    let ids =
        call.body.texts("organization_ids")?.value().ok_or_else(|| fail::missing("organization_ids"))?;
    let store = call.manage.store();
    let mut gone = Vec::new();
    for id in &ids {
        let row = store.get::<Organization>(id, "").await.map_err(fail::store)?;
        gone.push(row.ok_or_else(|| unknown("organization_ids", id))?);
    }
    let shown = show::several(&call, &gone).await?;
    store.delete_organizations(ids, call.by(), call.now_ms).await.map_err(fail::store)?;
    // Teams, members and keys went with them.
    call.manage.tell(Changed::Everything);
    Ok(shown.into())
}

fn apply(body: &Body, row: &mut Organization, shared: Option<&Budget>) -> Result<(), Error> {
    body.name("organization_alias")?.set(&mut row.organization_alias);
    body.texts("models")?.fill(&mut row.models);
    body.object("metadata")?.fill(&mut row.metadata);
    caps::apply(body, &mut row.limits, &mut row.budget_id, shared)
}
