//! `/cache/*`.

use super::{Route, route};
use crate::manage::cache;

/// The routes of the response cache.
pub const ROUTES: &[Route] = &[
    route!(Get "/cache/ping" cache::ping),
    route!(Post "/cache/delete" cache::delete),
    route!(Post "/cache/flushall" cache::flush),
    route!(Get "/cache/redis/info" cache::redis_info),
];
