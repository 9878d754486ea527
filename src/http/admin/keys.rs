//! `/key/*`.

use super::{Route, route};
use crate::manage::keys;

/// The routes of keys.
pub const ROUTES: &[Route] = &[
    route!(Post "/key/generate" keys::generate),
    route!(Post "/key/service-account/generate" keys::service_account),
    route!(Get "/key/info" keys::info),
    route!(Post "/v2/key/info" keys::info_of_several),
];
