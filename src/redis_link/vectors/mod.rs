//! Known questions of the semantic cache in Redis, in one of two ways.
//!
//! Where the server searches vectors (RediSearch: Redis 8, Redis Stack), it is asked for the nearest ([`search`]).
//! Everywhere else the questions are written into a stream ([`log`]), which each replica reads into an index of its
//! own. All names begin with the response cache's, so that emptying that one takes them along.

mod log;
mod search;

pub use log::{Log, News, Place};
pub use search::Search;

use std::time::Duration;

use redis::Value;

use super::connection::PATIENCE;
use crate::base::clock::unix_ms;
use crate::domain::semantic::Known;

/// How long a request waits for one call here. A little less than the link's patience, because a search that takes
/// its time is no reason to give up a Redis that counts everybody's limits.
const HASTE: Duration = PATIENCE.saturating_sub(Duration::from_millis(5));
/// How long writing may take; no request waits for it.
const UNHURRIED: Duration = Duration::from_millis(900);

/// How much longer a question is known, milliseconds; nothing when its answer is too old already.
fn time_left(known: &Known) -> Option<i64> {
    Some(known.until_ms.saturating_sub(unix_ms())).filter(|left| *left > 0)
}

/// The value of a field in a list of names and values.
fn field<'v>(fields: &'v [Value], name: &str) -> Option<&'v [u8]> {
    let pairs = fields.as_chunks::<2>().0;
    pairs.iter().find_map(|[key, value]| match (key, value) {
        (Value::BulkString(key), Value::BulkString(value)) if key == name.as_bytes() => {
            Some(value.as_slice())
        }
        _ => None,
    })
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
