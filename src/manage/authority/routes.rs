//! The table: route x role -> everything, own rows only, nothing.

use super::Right::{All, No, Own};
use super::Verb::{Get, Patch, Post};
use super::{Right, Rule, Verb};

/// A row; the rights are those of admin, viewer, internal user, internal viewer, and of a key without a role.
const fn row(verb: Verb, path: &'static str, rights: [Right; 5]) -> Rule {
    let [admin, viewer, user, user_viewer, nobody] = rights;
    Rule { verb, path, admin, viewer, user, user_viewer, nobody }
}

/// Only admins.
const ADMINS: [Right; 5] = [All, No, No, No, No];
/// Those who see everything.
const SEERS: [Right; 5] = [All, All, No, No, No];
/// Everybody sees what is theirs.
const OWNERS_SEE: [Right; 5] = [All, All, Own, Own, Own];
/// Internal users change what is theirs.
const OWNERS_CHANGE: [Right; 5] = [All, No, Own, No, No];
/// A matter of the caller's own key or user.
const EACH_ITS_OWN: [Right; 5] = [All, Own, Own, Own, Own];

/// Every route of the management API.
pub const ROUTES: &[Rule] = &[
    row(Post, "/key/generate", OWNERS_CHANGE),
    row(Post, "/key/service-account/generate", OWNERS_CHANGE),
    row(Post, "/key/update", OWNERS_CHANGE),
    row(Post, "/key/bulk_update", ADMINS),
    row(Post, "/key/delete", OWNERS_CHANGE),
    row(Get, "/key/info", OWNERS_SEE),
    row(Post, "/v2/key/info", OWNERS_SEE),
    row(Get, "/key/list", OWNERS_SEE),
    row(Get, "/key/aliases", OWNERS_SEE),
    row(Post, "/key/regenerate", OWNERS_CHANGE),
    row(Post, "/key/{key}/regenerate", OWNERS_CHANGE),
    row(Post, "/key/block", OWNERS_CHANGE),
    row(Post, "/key/unblock", OWNERS_CHANGE),
    row(Post, "/key/health", EACH_ITS_OWN),
    row(Post, "/key/{key}/reset_spend", OWNERS_CHANGE),
    row(Post, "/user/new", ADMINS),
    row(Post, "/user/update", ADMINS),
    row(Post, "/user/bulk_update", ADMINS),
    row(Get, "/user/info", OWNERS_SEE),
    row(Get, "/v2/user/info", OWNERS_SEE),
    row(Get, "/user/list", SEERS),
    row(Post, "/user/delete", ADMINS),
    row(Get, "/user/available_roles", [All, All, Own, Own, No]),
    row(Get, "/user/spend", OWNERS_SEE),
    row(Post, "/user/reset_budget", ADMINS),
    row(Post, "/team/new", ADMINS),
    row(Post, "/team/update", OWNERS_CHANGE),
    row(Patch, "/team/{team_id}", OWNERS_CHANGE),
    row(Get, "/team/info", OWNERS_SEE),
    row(Get, "/team/list", OWNERS_SEE),
    row(Get, "/v2/team/list", OWNERS_SEE),
    row(Get, "/team/available", OWNERS_SEE),
    row(Post, "/team/member_add", OWNERS_CHANGE),
    row(Post, "/team/bulk_member_add", OWNERS_CHANGE),
    row(Post, "/team/member_update", OWNERS_CHANGE),
    row(Post, "/team/member_delete", OWNERS_CHANGE),
    row(Get, "/team/{team_id}/members/me", OWNERS_SEE),
    row(Post, "/team/{team_id}/member/{user_id}/reset_spend", OWNERS_CHANGE),
    row(Post, "/team/{team_id}/reset_spend", ADMINS),
    row(Post, "/team/block", ADMINS),
    row(Post, "/team/unblock", ADMINS),
    row(Post, "/team/delete", ADMINS),
    row(Post, "/team/model/add", ADMINS),
    row(Post, "/team/model/delete", OWNERS_CHANGE),
    row(Get, "/team/permissions_list", OWNERS_SEE),
    row(Post, "/team/permissions_update", OWNERS_CHANGE),
];
