//! `/user/*`.

use super::{Route, route};
use crate::manage::users;

/// The routes of users.
pub const ROUTES: &[Route] = &[
    route!(Post "/user/new" users::new),
    route!(Post "/user/update" users::update),
    route!(Post "/user/bulk_update" users::bulk_update),
    route!(Get "/user/info" users::info),
    route!(Get "/v2/user/info" users::flat_info),
    route!(Get "/user/list" users::list),
    route!(Post "/user/delete" users::delete),
    route!(Get "/user/available_roles" users::available_roles),
    route!(Get "/user/available_users" users::available_users),
    route!(Get "/user/spend" users::spend),
    route!(Post "/user/reset_budget" users::reset_budget),
    route!(Post "/user/password/change" users::password),
    route!(Post "/invitation/new" users::invitation),
    route!(Get "/invitation/info" users::invitation),
    route!(Post "/invitation/update" users::invitation),
    route!(Post "/invitation/delete" users::invitation),
];
