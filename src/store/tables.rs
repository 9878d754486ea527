//! Which table keeps which entity, and which of its fields are columns of their own.

use super::Value;
use super::entity::Entity;
use crate::domain::keys::{
    Budget, EndUser, Key, Limits, Member, OrgMember, Organization, State, StoredCredential, StoredModel, Tag,
    Team, User, Window,
};
use crate::domain::ledger::AccountKind;

/// The table of an account's owner, if it has one.
pub(super) fn table_of(kind: AccountKind) -> Option<&'static str> {
    Some(match kind {
        AccountKind::Budget => Budget::TABLE,
        AccountKind::EndUser => EndUser::TABLE,
        AccountKind::Key => Key::TABLE,
        AccountKind::Member => Member::TABLE,
        AccountKind::OrgMember => OrgMember::TABLE,
        AccountKind::Organization => Organization::TABLE,
        AccountKind::Tag => Tag::TABLE,
        AccountKind::Team => Team::TABLE,
        AccountKind::User => User::TABLE,
        _ => return None,
    })
}

/// Tables whose rows can point to a shared budget.
pub(super) const WITH_BUDGETS: [(AccountKind, &str); 7] = [
    (AccountKind::EndUser, EndUser::TABLE),
    (AccountKind::Key, Key::TABLE),
    (AccountKind::Member, Member::TABLE),
    (AccountKind::OrgMember, OrgMember::TABLE),
    (AccountKind::Organization, Organization::TABLE),
    (AccountKind::Tag, Tag::TABLE),
    (AccountKind::User, User::TABLE),
];

fn lower(text: &Option<String>) -> Value {
    text.as_ref().map(|text| text.to_lowercase()).into()
}

/// What is the same for all.
macro_rules! entity {
    (@part $row:ident) => { "" };
    (@part $row:ident $part:ident) => { &$row.$part };
    (
        $type:ty, $name:literal, $table:literal, $kind:expr, ($id:ident $(, $part:ident)?),
        [$($column:literal = $value:expr),* $(,)?]
        $(, limits: $limits:ident)? $(, budget: $budget:ident)? $(, windows: $windows:ident $window_kind:expr)?
    ) => {
        impl Entity for $type {
            const NAME: &'static str = $name;
            const TABLE: &'static str = $table;
            const KIND: Option<AccountKind> = $kind;
            const COLUMNS: &'static [&'static str] = &[$($column),*];

            fn id(&self) -> (&str, &str) {
                (&self.$id, entity!(@part self $($part)?))
            }

            fn columns(&self) -> Vec<Value> {
                vec![$($value(self)),*]
            }

            fn times(&mut self) -> (&mut i64, &mut i64) {
                (&mut self.created_at_ms, &mut self.updated_at_ms)
            }

            fn state(&mut self) -> &mut State {
                &mut self.state
            }

            $(fn limits(&self) -> Option<&Limits> {
                Some(&self.$limits)
            })?

            $(fn budget_id(&self) -> Option<&str> {
                self.$budget.as_deref()
            })?

            $(fn windows(&self) -> Option<(AccountKind, &[Window])> {
                Some(($window_kind, &self.$windows))
            })?
        }
    };
}

entity!(Key, "key", "stagedoor_keys", Some(AccountKind::Key), (hash), [
    "alias" = |key: &Key| Value::from(&key.key_alias),
    "user_id" = |key: &Key| Value::from(&key.user_id),
    "team_id" = |key: &Key| Value::from(&key.team_id),
    "organization_id" = |key: &Key| Value::from(&key.organization_id),
    "project_id" = |key: &Key| Value::from(&key.project_id),
    "agent_id" = |key: &Key| Value::from(&key.agent_id),
    "created_by" = |key: &Key| Value::from(&key.created_by),
    "budget_id" = |key: &Key| Value::from(&key.budget_id),
    "max_budget" = |key: &Key| Value::from(key.limits.max_budget_nanos),
    "blocked" = |key: &Key| Value::from(key.blocked),
    "expires_ms" = |key: &Key| Value::from(key.expires_ms),
], limits: limits, budget: budget_id, windows: budget_limits AccountKind::KeyWindow);

entity!(User, "user", "stagedoor_users", Some(AccountKind::User), (user_id), [
    "alias" = |user: &User| Value::from(&user.user_alias),
    "email" = |user: &User| lower(&user.user_email),
    "role" = |user: &User| Value::from(user.user_role.map(|role| role.as_str())),
    "sso_user_id" = |user: &User| Value::from(&user.sso_user_id),
    "organization_id" = |user: &User| Value::from(&user.organization_id),
    "budget_id" = |user: &User| Value::from(&user.budget_id),
    "max_budget" = |user: &User| Value::from(user.limits.max_budget_nanos),
], limits: limits, budget: budget_id);

entity!(Team, "team", "stagedoor_teams", Some(AccountKind::Team), (team_id), [
    "alias" = |team: &Team| Value::from(&team.team_alias),
    "organization_id" = |team: &Team| Value::from(&team.organization_id),
    "max_budget" = |team: &Team| Value::from(team.limits.max_budget_nanos),
    "blocked" = |team: &Team| Value::from(team.blocked),
], limits: limits, windows: budget_limits AccountKind::TeamWindow);

entity!(Member, "member", "stagedoor_members", Some(AccountKind::Member), (team_id, user_id), [
    "role" = |member: &Member| Value::from(if member.role == crate::domain::keys::TeamRole::Admin { "admin" } else { "user" }),
    "budget_id" = |member: &Member| Value::from(&member.budget_id),
    "max_budget" = |member: &Member| Value::from(member.limits.max_budget_nanos),
], limits: limits, budget: budget_id);

entity!(EndUser, "customer", "stagedoor_end_users", Some(AccountKind::EndUser), (user_id), [
    "alias" = |user: &EndUser| Value::from(&user.alias),
    "budget_id" = |user: &EndUser| Value::from(&user.budget_id),
    "max_budget" = |user: &EndUser| Value::from(user.limits.max_budget_nanos),
    "blocked" = |user: &EndUser| Value::from(user.blocked),
], limits: limits, budget: budget_id);

entity!(Budget, "budget", "stagedoor_budgets", Some(AccountKind::Budget), (budget_id), [
    "max_budget" = |budget: &Budget| Value::from(budget.limits.max_budget_nanos),
], limits: limits);

entity!(
    Organization, "organization", "stagedoor_organizations", Some(AccountKind::Organization), (organization_id), [
        "alias" = |organization: &Organization| Value::from(&organization.organization_alias),
        "budget_id" = |organization: &Organization| Value::from(&organization.budget_id),
        "max_budget" = |organization: &Organization| Value::from(organization.limits.max_budget_nanos),
    ], limits: limits, budget: budget_id
);

entity!(
    OrgMember, "member", "stagedoor_org_members", Some(AccountKind::OrgMember), (organization_id, user_id), [
        "role" = |member: &OrgMember| Value::from(&member.user_role),
        "budget_id" = |member: &OrgMember| Value::from(&member.budget_id),
    ], budget: budget_id
);

entity!(Tag, "tag", "stagedoor_tags", Some(AccountKind::Tag), (name), [
    "budget_id" = |tag: &Tag| Value::from(&tag.budget_id),
    "max_budget" = |tag: &Tag| Value::from(tag.limits.max_budget_nanos),
], limits: limits, budget: budget_id);

entity!(StoredCredential, "credential", "stagedoor_credentials", None, (name), []);

entity!(
    StoredModel,
    "model",
    "stagedoor_models",
    None,
    (model_id),
    [
        "model_name" = |model: &StoredModel| Value::from(&model.model_name),
        "blocked" = |model: &StoredModel| Value::from(model.blocked),
    ]
);
