//! `/team/*`.

use super::{Route, route};
use crate::manage::teams;

/// The routes of teams.
pub const ROUTES: &[Route] = &[
    route!(Post "/team/new" teams::new),
    route!(Post "/team/update" teams::update),
    route!(Get "/team/info" teams::info),
    route!(Get "/team/list" teams::list),
    route!(Get "/v2/team/list" teams::paged_list),
    route!(Get "/team/available" teams::available),
    route!(Post "/team/member_add" teams::add),
    route!(Post "/team/bulk_member_add" teams::add_several),
    route!(Post "/team/member_update" teams::change),
    route!(Post "/team/member_delete" teams::remove),
    route!(Post "/team/block" teams::block),
    route!(Post "/team/unblock" teams::unblock),
    route!(Post "/team/delete" teams::delete),
    route!(Post "/team/model/add" teams::add_models),
    route!(Post "/team/model/delete" teams::remove_models),
    route!(Get "/team/permissions_list" teams::permissions),
    route!(Post "/team/permissions_update" teams::set_permissions),
    route!(Get "/team/{team_id}/members/me" teams::me),
    route!(Post "/team/{team_id}/member/{user_id}/reset_spend" teams::reset_member_spend),
    route!(Post "/team/{team_id}/reset_spend" teams::reset_spend),
    route!(Patch "/team/{team_id}" teams::patch),
];
