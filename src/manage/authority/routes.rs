//! The table: route x role -> everything, own rows only, nothing.

use super::Right::{All, No, Own};
use super::Verb::{Delete, Get, Patch, Post};
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

/// Everybody with a role sees what is theirs.
const ROLES_SEE: [Right; 5] = [All, All, Own, Own, No];
/// Only the holder of the master key, whom no row has to name.
const MASTER_ONLY: [Right; 5] = [No, No, No, No, No];

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
    // What is spent, by whom, and what bounds it.
    row(Post, "/budget/new", ADMINS),
    row(Post, "/budget/update", ADMINS),
    row(Post, "/budget/info", SEERS),
    row(Get, "/budget/list", SEERS),
    row(Get, "/budget/settings", SEERS),
    row(Post, "/budget/delete", ADMINS),
    row(Post, "/customer/new", ADMINS),
    row(Post, "/customer/update", ADMINS),
    row(Post, "/customer/delete", ADMINS),
    row(Post, "/customer/block", ADMINS),
    row(Post, "/customer/unblock", ADMINS),
    row(Get, "/customer/info", SEERS),
    row(Get, "/customer/list", SEERS),
    row(Post, "/end_user/new", ADMINS),
    row(Post, "/end_user/update", ADMINS),
    row(Post, "/end_user/delete", ADMINS),
    row(Post, "/end_user/block", ADMINS),
    row(Post, "/end_user/unblock", ADMINS),
    row(Get, "/end_user/info", SEERS),
    row(Get, "/end_user/list", SEERS),
    row(Get, "/spend/logs", ROLES_SEE),
    row(Get, "/spend/logs/v2", ROLES_SEE),
    row(Get, "/spend/logs/ui", ROLES_SEE),
    row(Get, "/spend/logs/session/ui", ROLES_SEE),
    row(Get, "/spend/logs/ui/{request_id}", ROLES_SEE),
    row(Get, "/spend/keys", ROLES_SEE),
    row(Get, "/spend/users", ROLES_SEE),
    row(Get, "/spend/tags", ROLES_SEE),
    row(Post, "/spend/calculate", ROLES_SEE),
    row(Post, "/cost/estimate", ROLES_SEE),
    row(Get, "/global/spend", SEERS),
    row(Get, "/global/spend/logs", SEERS),
    row(Get, "/global/spend/keys", SEERS),
    row(Get, "/global/spend/models", SEERS),
    row(Get, "/global/spend/teams", SEERS),
    row(Get, "/global/spend/provider", SEERS),
    row(Get, "/global/spend/tags", SEERS),
    row(Get, "/global/spend/all_tag_names", SEERS),
    row(Get, "/global/spend/report", SEERS),
    row(Post, "/global/spend/end_users", SEERS),
    row(Post, "/global/spend/reset", MASTER_ONLY),
    row(Get, "/global/activity", [All, All, Own, No, No]),
    row(Get, "/global/activity/model", [All, All, Own, No, No]),
    row(Get, "/global/activity/cache_hits", [All, All, Own, No, No]),
    row(Get, "/user/daily/activity", ROLES_SEE),
    row(Get, "/team/daily/activity", ROLES_SEE),
    row(Get, "/tag/daily/activity", SEERS),
    row(Get, "/customer/daily/activity", SEERS),
    row(Get, "/end_user/daily/activity", SEERS),
    row(Get, "/organization/daily/activity", SEERS),
    row(Get, "/user/daily/activity/aggregated", ROLES_SEE),
    row(Get, "/team/daily/activity/aggregated", ROLES_SEE),
    row(Get, "/team/daily/activity/export", ROLES_SEE),
    row(Get, "/tag/daily/activity/aggregated", SEERS),
    row(Get, "/tag/daily/activity/export", SEERS),
    row(Get, "/customer/daily/activity/aggregated", SEERS),
    row(Get, "/customer/daily/activity/export", SEERS),
    row(Get, "/end_user/daily/activity/aggregated", SEERS),
    row(Get, "/end_user/daily/activity/export", SEERS),
    row(Get, "/organization/daily/activity/aggregated", SEERS),
    row(Get, "/organization/daily/activity/export", SEERS),
    row(Get, "/tag/summary", SEERS),
    row(Get, "/team/spend/by_user", ROLES_SEE),
    row(Post, "/organization/new", ADMINS),
    row(Patch, "/organization/update", ADMINS),
    row(Delete, "/organization/delete", ADMINS),
    row(Get, "/organization/list", ROLES_SEE),
    row(Get, "/organization/info", ROLES_SEE),
    row(Post, "/organization/member_add", OWNERS_CHANGE),
    row(Patch, "/organization/member_update", OWNERS_CHANGE),
    row(Delete, "/organization/member_delete", OWNERS_CHANGE),
    row(Post, "/tag/new", ADMINS),
    row(Post, "/tag/update", ADMINS),
    row(Post, "/tag/info", SEERS),
    row(Get, "/tag/list", SEERS),
    row(Post, "/tag/delete", ADMINS),
    row(Get, "/model/info", OWNERS_SEE),
    row(Get, "/v1/model/info", OWNERS_SEE),
    row(Get, "/v2/model/info", OWNERS_SEE),
    row(Get, "/model_group/info", OWNERS_SEE),
    row(Post, "/model/new", ADMINS),
    row(Post, "/model/update", ADMINS),
    row(Patch, "/model/{model_id}/update", ADMINS),
    row(Post, "/model/delete", ADMINS),
    row(Post, "/model/block", ADMINS),
    row(Post, "/model/unblock", ADMINS),
];
