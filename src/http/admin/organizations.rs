//! `/organization/*` and `/tag/*`.

use super::{Route, route};
use crate::manage::{organizations, tags};

/// The routes of organizations and tags.
pub const ROUTES: &[Route] = &[
    route!(Post "/organization/new" organizations::new),
    route!(Patch "/organization/update" organizations::update),
    route!(Delete "/organization/delete" organizations::delete),
    route!(Get "/organization/list" organizations::list),
    route!(Get "/organization/info" organizations::info),
    route!(Post "/organization/member_add" organizations::member_add),
    route!(Patch "/organization/member_update" organizations::member_update),
    route!(Delete "/organization/member_delete" organizations::member_delete),
    route!(Post "/tag/new" tags::new),
    route!(Post "/tag/update" tags::update),
    route!(Post "/tag/info" tags::info),
    route!(Get "/tag/list" tags::list),
    route!(Post "/tag/delete" tags::delete),
];
