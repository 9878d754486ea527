//! What a finished request's line in the log says. Neither prompts nor answers nor a provider's own words, which may
//! quote them, are among it.

use super::record::{Finished, Settled};
use crate::base::clock::unix_ms;
use crate::store::Grant;
use crate::telemetry::logging;
use crate::telemetry::request_line::RequestLine;

/// Logs a request, if its kind is to be logged.
pub fn tell(finished: &Finished, settled: &Settled) {
    let level = logging::level_of(finished.error.as_ref());
    if !logging::wants_request(finished.error.is_some(), level) {
        return;
    }
    logging::request(|json, room| line(finished, settled, level.as_str()).write(json, room));
}

fn line<'a>(finished: &'a Finished, settled: &Settled, level: &'static str) -> RequestLine<'a> {
    let grant = finished.identity.as_ref().and_then(|identity| identity.grant.as_deref());
    let of_key = |name: fn(&Grant) -> Option<&str>| grant.and_then(name).unwrap_or_default();
    let error = finished.error.as_ref();
    RequestLine {
        at_ms: u64::try_from(unix_ms()).unwrap_or(0),
        level,
        call_id: &finished.call_id,
        request_id: finished.request_id.as_deref().unwrap_or_default(),
        route: finished.endpoint.route(),
        status: finished.status,
        stream: finished.stream,
        key: finished.hashed_key.as_deref().unwrap_or_default(),
        key_alias: of_key(|grant| grant.key.key_alias.as_deref()),
        user: of_key(|grant| grant.key.user_id.as_deref()),
        team: of_key(|grant| grant.key.team_id.as_deref()),
        model: finished.requested_model.as_deref().unwrap_or_default(),
        model_group: finished.group.as_deref().unwrap_or_default(),
        deployment: finished.deployment.as_ref().map_or("", |deployment| &*deployment.id),
        attempts: finished.attempts,
        fallbacks: finished.fallbacks,
        tokens: finished
            .usage
            .map(|usage| [usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens]),
        cost_nanos: settled.cost.map(|cost| cost.total.get()),
        total: finished.duration,
        first_token: finished.first_token,
        upstream: finished.upstream,
        cache_hit: finished.cache_hit(),
        error: error.map_or("", |error| error.behaviour().label),
        error_message: error.map_or("", |error| error.kept()),
        cause: error.and_then(|error| error.cause()).unwrap_or_default(),
    }
}
