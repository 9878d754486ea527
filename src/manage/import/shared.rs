//! Budgets that several share, organizations with their members, end users and tags.

use super::shapes::{limits, taken};
use super::{Area, Mover, Read};
use crate::domain::keys::{Budget, EndUser, OrgMember, Organization, Tag};
use crate::store::StoreError;
use crate::store::litellm::Record;

/// The rows of `/budget/*`, anonymous ones included: keys, members and end users point to them.
pub(super) async fn budgets(mover: &mut Mover<'_>) -> Result<(), StoreError> {
    mover.each(Area::Budgets, "LiteLLM_BudgetTable", &["budget_id"], |record| Some(budget(record))).await
}

fn budget(record: &Record) -> Read<Budget> {
    let name = record.text("budget_id").unwrap_or_default();
    let read = || {
        let row = Budget {
            budget_id: name.clone(),
            limits: limits(record)?,
            allowed_models: record.texts("allowed_models"),
            temp_budget_increase_nanos: record.dollars("temp_budget_increase")?,
            temp_budget_expiry_ms: record.int("temp_budget_expiry"),
            created_by: record.text("created_by"),
            updated_by: record.text("updated_by"),
            ..Budget::default()
        };
        taken(record, row)
    };
    Read { taken: read(), name }
}

/// Organizations.
pub(super) async fn organizations(mover: &mut Mover<'_>) -> Result<(), StoreError> {
    let table = "LiteLLM_OrganizationTable";
    mover.each(Area::Organizations, table, &["organization_id"], |record| Some(organization(record))).await
}

fn organization(record: &Record) -> Read<Organization> {
    let name = record.text("organization_id").unwrap_or_default();
    let row = Organization {
        organization_id: name.clone(),
        organization_alias: record.text("organization_alias"),
        models: record.texts("models"),
        budget_id: record.text("budget_id"),
        metadata: record.object("metadata"),
        created_by: record.text("created_by"),
        updated_by: record.text("updated_by"),
        ..Organization::default()
    };
    Read { name, taken: taken(record, row) }
}

/// Who belongs to organizations.
pub(super) async fn org_members(mover: &mut Mover<'_>) -> Result<(), StoreError> {
    let keys = ["user_id", "organization_id"];
    let table = "LiteLLM_OrganizationMembership";
    mover.each(Area::OrgMembers, table, &keys, |record| Some(org_member(record))).await
}

fn org_member(record: &Record) -> Read<OrgMember> {
    let row = OrgMember {
        organization_id: record.text("organization_id").unwrap_or_default(),
        user_id: record.text("user_id").unwrap_or_default(),
        user_role: record.text("user_role"),
        budget_id: record.text("budget_id"),
        ..OrgMember::default()
    };
    Read { name: format!("{} in {}", row.user_id, row.organization_id), taken: taken(record, row) }
}

/// End users.
pub(super) async fn end_users(mover: &mut Mover<'_>) -> Result<(), StoreError> {
    let table = "LiteLLM_EndUserTable";
    mover.each(Area::EndUsers, table, &["user_id"], |record| Some(end_user(record))).await
}

fn end_user(record: &Record) -> Read<EndUser> {
    let name = record.text("user_id").unwrap_or_default();
    let row = EndUser {
        user_id: name.clone(),
        alias: record.text("alias"),
        blocked: record.truth("blocked"),
        budget_id: record.text("budget_id"),
        allowed_model_region: record.text("allowed_model_region"),
        default_model: record.text("default_model"),
        models: record.texts("models"),
        object_permission_id: record.text("object_permission_id"),
        ..EndUser::default()
    };
    Read { name, taken: taken(record, row) }
}

/// Tags with settings of their own.
pub(super) async fn tags(mover: &mut Mover<'_>) -> Result<(), StoreError> {
    mover.each(Area::Tags, "LiteLLM_TagTable", &["tag_name"], |record| Some(tag(record))).await
}

fn tag(record: &Record) -> Read<Tag> {
    let name = record.text("tag_name").unwrap_or_default();
    let row = Tag {
        name: name.clone(),
        description: record.text("description"),
        models: record.texts("models"),
        model_info: record.object("model_info"),
        budget_id: record.text("budget_id"),
        created_by: record.text("created_by"),
        ..Tag::default()
    };
    Read { name, taken: taken(record, row) }
}
