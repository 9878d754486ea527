//! Defaults and ceilings of new keys, users and teams.

use super::caps::caps;
use super::users::ROLES;
use crate::config::keys::Keys;
use crate::config::model::{
    GrantSettings, KeyCeilings, KeyDefaults, KeyRule, TeamDefaults, TeamGrant, UserDefaults,
};
use crate::config::scope::{Field, Scope};
use crate::config::yaml::Yaml;
use crate::domain::keys::TeamRole;

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

fn key_defaults(scope: &Scope<'_>) -> KeyDefaults {
    scope.warn_of_unknown(KEY_DEFAULTS, &[]);
    KeyDefaults {
        user_id: scope.text("user_id"),
        team_id: scope.text("team_id"),
        duration: scope.get("duration").and_then(|field| field.lifetime()),
        models: scope.texts("models").unwrap_or_default(),
        limits: caps(scope),
        metadata: scope.json("metadata").unwrap_or_default(),
    }
}

fn key_ceilings(scope: &Scope<'_>) -> KeyCeilings {
    scope.warn_of_unknown(KEY_CEILINGS, &[]);
    let duration = scope.get("duration").and_then(|field| field.lifetime());
    KeyCeilings { limits: caps(scope), duration }
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

fn user_defaults(scope: &Scope<'_>) -> UserDefaults {
    scope.warn_of_unknown(USER_DEFAULTS, &[]);
    let teams = scope.get("teams");
    let teams = teams.as_ref().and_then(|field| field.list()).unwrap_or_default();
    UserDefaults {
        role: scope.get("user_role").and_then(|field| field.word(ROLES)),
        models: scope.texts("models").unwrap_or_default(),
        limits: caps(scope),
        teams: teams.iter().filter_map(team_grant).collect(),
    }
}

/// A team's id, or a mapping that says more.
fn team_grant(item: &Field<'_>) -> Option<TeamGrant> {
    if !matches!(item.node.value, Yaml::Map(_)) {
        return Some(TeamGrant { team_id: item.text()?, role: TeamRole::default(), max_budget: None });
    }
    let scope = item.scope();
    scope.warn_of_unknown(Keys { now: &["team_id", "user_role", "max_budget_in_team"], later: &[] }, &[]);
    let role = scope.get("user_role").and_then(|field| field.word(TEAM_ROLES)).unwrap_or_default();
    let max_budget = scope.dollars("max_budget_in_team");
    let Some(team_id) = scope.text("team_id") else {
        item.error("needs a team_id");
        return None;
    };
    Some(TeamGrant { team_id, role, max_budget })
}

fn team_defaults(scope: &Scope<'_>) -> TeamDefaults {
    scope.warn_of_unknown(TEAM_DEFAULTS, &[]);
    TeamDefaults {
        models: scope.texts("models").unwrap_or_default(),
        limits: caps(scope),
        member_permissions: scope.texts("team_member_permissions"),
    }
}
