//! What a provider says is left of its own limits, for the metrics.

use actix_http::header::HeaderMap;

use crate::actors::cell::Cell;

/// The headers that tell it of requests and of tokens, in OpenAI's and in Anthropic's words.
const HEADERS: [[&str; 2]; 2] = [
    ["x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining"],
    ["x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining"],
];

/// Notes what an answer's headers say.
pub fn note(cell: &Cell, headers: &HeaderMap) {
    for (tokens, names) in [false, true].into_iter().zip(HEADERS) {
        let told = names.iter().find_map(|name| headers.get(*name)?.to_str().ok()?.parse::<u32>().ok());
        if let Some(left) = told {
            cell.told_left(tokens, left);
        }
    }
}
