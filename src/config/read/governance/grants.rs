//! Defaults and ceilings of new keys, users and teams.

use super::caps::caps;
use super::users::ROLES;
use crate::config::keys::Keys;
use crate::config::model::{GrantSettings, KeyRule};
use crate::config::scope::{Field, Scope};
use crate::config::yaml::Yaml;
use crate::domain::keys::{JsonMap, TeamRole};

/// The words of a role in a team.
const TEAM_ROLES: &[(&str, TeamRole)] = &[("admin", TeamRole::Admin), ("user", TeamRole::User)];

/// `default_key_generate_params`.
#[rustfmt::skip]
const KEY_DEFAULTS: Keys = Keys {
    now: &[
        "max_budget", "soft_budget", "budget_duration", "max_parallel_requests", "rpm_limit", "tpm_limit",
        "tpd_limit", "model_max_budget", "user_id", "team_id", "duration", "models", "metadata",
    ],
    later: &["object_permission"],
};

/// `upperbound_key_generate_params`.
#[rustfmt::skip]
const KEY_CEILINGS: Keys = Keys {
    now: &["max_budget", "budget_duration", "max_parallel_requests", "rpm_limit", "tpm_limit", "duration"],
    later: &[],
};

/// `default_internal_user_params`.
#[rustfmt::skip]
const USER_DEFAULTS: Keys = Keys {
    now: &[
        "user_role", "models", "max_budget", "soft_budget", "budget_duration", "max_parallel_requests",
        "rpm_limit", "tpm_limit", "tpd_limit", "model_max_budget", "teams",
    ],
    later: &[],
};

/// `default_team_params`.
#[rustfmt::skip]
const TEAM_DEFAULTS: Keys = Keys {
    now: &[
        "models", "max_budget", "soft_budget", "budget_duration", "max_parallel_requests", "rpm_limit",
        "tpm_limit", "tpd_limit", "model_max_budget", "team_member_permissions",
    ],
    later: &[],
};

/// Reads them.
pub fn read(litellm: &Scope<'_>) -> GrantSettings {
    let rules = litellm.scope("key_generation_settings");
    rules.warn_of_unknown(Keys { now: &["team_key_generation", "personal_key_generation"], later: &[] }, &[]);
    GrantSettings {
        key_defaults: key_defaults(&litellm.scope("default_key_generate_params")),
        key_ceilings: key_ceilings(&litellm.scope("upperbound_key_generate_params")),
        team_keys: rule(&rules, "team_key_generation", "allowed_team_member_roles", TEAM_ROLES),
        personal_keys: rule(&rules, "personal_key_generation", "allowed_user_roles", ROLES),
        user_defaults: user_defaults(&litellm.scope("default_internal_user_params")),
        internal_user_budget: litellm.dollars("max_internal_user_budget"),
        internal_user_budget_duration: litellm.period("internal_user_budget_duration"),
        user_budget: litellm.dollars("max_user_budget"),
        end_user_budget: litellm.dollars("max_end_user_budget"),
        end_user_budget_id: litellm.text("max_end_user_budget_id"),
        team_defaults: team_defaults(&litellm.scope("default_team_params")),
    }
}

fn key_defaults(scope: &Scope<'_>) -> JsonMap {
    scope.warn_of_unknown(KEY_DEFAULTS, &[]);
    let _ = (scope.text("user_id"), scope.text("team_id"), scope.json("metadata"));
    checked(scope)
}

fn key_ceilings(scope: &Scope<'_>) -> JsonMap {
    scope.warn_of_unknown(KEY_CEILINGS, &[]);
    checked(scope)
}

/// A mapping whose caps, lifetime and models have been looked at, as it is written.
fn checked(scope: &Scope<'_>) -> JsonMap {
    caps(scope);
    scope.texts("models");
    if let Some(field) = scope.get("duration") {
        field.lifetime();
    }
    let said = scope.entries().iter().filter(|entry| !entry.node.is_null());
    said.map(|entry| (entry.key.clone(), entry.node.to_json())).collect()
}

/// One of the rules about who may make keys.
fn rule<R: Copy>(
    rules: &Scope<'_>,
    name: &str,
    roles_key: &'static str,
    roles: &[(&str, R)],
) -> Option<KeyRule<R>> {
    let scope = rules.get(name).map(|_| rules.scope(name))?;
    let unknown =
        scope.entries().iter().filter(|entry| ![roles_key, "required_params"].contains(&entry.key.as_str()));
    for entry in unknown {
        let text = format!("unknown key; the keys are {roles_key} and required_params");
        scope.problems.warn(entry.at, &scope.path_of(&entry.key), text);
    }
    let listed = scope
        .get(roles_key)
        .and_then(|field| Some(field.list()?.iter().filter_map(|item| item.word(roles)).collect::<Vec<R>>()));
    Some(KeyRule { roles: listed, required: scope.texts("required_params").unwrap_or_default() })
}

fn user_defaults(scope: &Scope<'_>) -> JsonMap {
    scope.warn_of_unknown(USER_DEFAULTS, &[]);
    if let Some(field) = scope.get("user_role") {
        field.word(ROLES);
    }
    let teams = scope.get("teams");
    for item in teams.as_ref().and_then(|field| field.list()).unwrap_or_default() {
        team_of_user(&item);
    }
    checked(scope)
}

/// A team's id, or a mapping that says more.
fn team_of_user(item: &Field<'_>) {
    if !matches!(item.node.value, Yaml::Map(_)) {
        item.text();
        return;
    }
    let scope = item.scope();
    scope.warn_of_unknown(Keys { now: &["team_id", "user_role", "max_budget_in_team"], later: &[] }, &[]);
    if let Some(field) = scope.get("user_role") {
        field.word(TEAM_ROLES);
    }
    scope.dollars("max_budget_in_team");
    if scope.get("team_id").is_none_or(|field| field.text().is_none()) {
        item.error("needs a team_id");
    }
}

fn team_defaults(scope: &Scope<'_>) -> JsonMap {
    scope.warn_of_unknown(TEAM_DEFAULTS, &[]);
    scope.texts("team_member_permissions");
    checked(scope)
}
