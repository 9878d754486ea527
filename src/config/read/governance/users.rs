//! `user_config`: the users that the file names.

use std::collections::HashMap;

use super::caps::caps;
use crate::config::context::Context;
use crate::config::keys::Keys;
use crate::config::model::ConfiguredUser;
use crate::config::scope::{Field, Scope};
use crate::domain::keys::Role;

/// The keys of an entry.
#[rustfmt::skip]
const USER: Keys = Keys {
    now: &[
        "user_id", "user_email", "user_alias", "user_role", "models", "max_budget", "soft_budget",
        "budget_duration", "max_parallel_requests", "rpm_limit", "tpm_limit", "tpd_limit",
        "model_max_budget", "metadata",
    ],
    later: &[],
};

/// The words of `user_role`.
pub const ROLES: &[(&str, Role)] = &[
    ("proxy_admin", Role::ProxyAdmin),
    ("proxy_admin_viewer", Role::ProxyAdminViewer),
    ("internal_user", Role::InternalUser),
    ("internal_user_viewer", Role::InternalUserViewer),
    ("app_user", Role::InternalUser),
];

/// Reads the list. `more_models`: whether models may also come from the database.
pub fn read(context: &Context<'_>, root: &Scope<'_>, more_models: bool) -> Vec<ConfiguredUser> {
    let Some(list) = root.get("user_config") else { return Vec::new() };
    let (mut users, mut lines) = (Vec::new(), HashMap::new());
    for item in list.list().unwrap_or_default() {
        let Some(user) = user(context, &item, more_models) else { continue };
        if let Some(line) = lines.insert(user.user_id.clone(), item.at.line) {
            item.error(format!(
                "the user \"{}\" stands on line {line} already; ids must differ",
                user.user_id
            ));
            continue;
        }
        users.push(user);
    }
    users
}

fn user(context: &Context<'_>, item: &Field<'_>, more_models: bool) -> Option<ConfiguredUser> {
    let scope = item.scope();
    scope.warn_of_unknown(USER, &[]);
    let user = ConfiguredUser {
        user_id: scope.text("user_id").map(|id| id.trim().to_owned()).unwrap_or_default(),
        user_email: scope.text("user_email"),
        user_alias: scope.text("user_alias"),
        role: scope.get("user_role").and_then(|field| field.word(ROLES)),
        models: scope.texts("models"),
        limits: caps(&scope),
        metadata: scope.json("metadata"),
    };
    let models = scope.get("models");
    for model in user.models.iter().flatten().filter(|model| !more_models && is_group(model)) {
        if let Some(field) = &models {
            context.mention(field.at, &field.path, model, "model");
        }
    }
    if user.user_id.is_empty() {
        // A user_id of a wrong kind has been told already.
        if scope.get("user_id").is_none_or(|field| field.node.text().is_some()) {
            item.error("a user needs a user_id");
        }
        return None;
    }
    Some(user)
}

/// Whether an allowed model is the name of a group, not a pattern or a word for several.
fn is_group(model: &str) -> bool {
    !model.contains('*') && !matches!(model, "all-team-models" | "all-proxy-models" | "no-default-models")
}
