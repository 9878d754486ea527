//! How the caller's own limits stand, as headers: `x-ratelimit-api_key-remaining-requests` and its like.

use std::cell::RefCell;

use actix_http::header::{HeaderMap, HeaderName, HeaderValue};
use hashbrown::HashMap;

use super::headers::put;
use crate::domain::limits::{Kind, Standing};
use crate::domain::scope::ScopeKind;

/// The names for a limit and for what is left of it.
type Names = [HeaderName; 2];

thread_local! {
    /// Made once for each kind of scope and limit; there are some dozens of them.
    static NAMES: RefCell<HashMap<(ScopeKind, Kind), Names>> = RefCell::default();
}

/// Adds the headers.
pub fn tell(standings: &[Standing], headers: &mut HeaderMap) {
    if standings.is_empty() {
        return;
    }
    NAMES.with_borrow_mut(|known| {
        for standing in standings {
            for room in standing.rooms() {
                let names = known.entry((standing.kind, room.kind));
                let [limit, remaining] = names.or_insert_with(|| names_of(standing.kind, room.kind));
                put(headers, limit, HeaderValue::from(room.limit));
                put(headers, remaining, HeaderValue::from(room.remaining()));
            }
        }
    });
}

fn names_of(scope: ScopeKind, kind: Kind) -> Names {
    let kind = match kind {
        Kind::Requests => "requests",
        Kind::Tokens => "tokens",
        Kind::TokensPerDay => "tokens_per_day",
        Kind::Parallel => "max_parallel_requests",
    };
    ["limit", "remaining"].map(|what| {
        let name = HeaderName::try_from(format!("x-ratelimit-{scope}-{what}-{kind}"));
        // All parts are lower-case words, so this name is never used.
        name.unwrap_or(HeaderName::from_static("x-ratelimit"))
    })
}
