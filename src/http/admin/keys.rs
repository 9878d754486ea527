//! `/key/*`.

use super::{Route, route};
use crate::manage::keys;

/// The routes of keys.
pub const ROUTES: &[Route] = &[
    route!(Post "/key/generate" keys::generate),
    route!(Post "/key/service-account/generate" keys::service_account),
    route!(Post "/key/update" keys::update),
    route!(Post "/key/bulk_update" keys::bulk_update),
    route!(Post "/key/delete" keys::delete),
    route!(Get "/key/info" keys::info),
    route!(Get "/key/list" keys::list),
    route!(Get "/key/aliases" keys::aliases),
    route!(Post "/key/regenerate" keys::regenerate),
    route!(Post "/key/{key}/regenerate" keys::regenerate),
    route!(Post "/key/block" keys::block),
    route!(Post "/key/unblock" keys::unblock),
    route!(Post "/key/health" keys::health),
    route!(Post "/key/{key}/reset_spend" keys::reset_spend),
    route!(Post "/v2/key/info" keys::info_of_several),
];
