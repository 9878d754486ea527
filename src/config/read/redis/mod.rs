//! The one Redis that replicas share, from whichever place names it.
//!
//! LiteLLM has several places for it, one for each feature. Here one connection serves everything, so one place is
//! enough; the first of [`places`] that names a server is used, then the environment. A place that names another server
//! than the one that is used is warned of.

mod draft;
mod url;

#[cfg(test)]
mod tests;

use draft::Draft;

use crate::config::context::Context;
use crate::config::keys::{self, Keys};
use crate::config::model::{RedisAddress, RedisSettings};
use crate::config::problem::At;
use crate::config::scope::Scope;

/// Reads all places.
pub fn read(context: &Context<'_>, root: &Scope<'_>) -> Option<RedisSettings> {
    let environment = Draft::of_environment(context);
    let places = places(root);
    let named = places.iter().position(|place| place.draft.address().is_some());
    // `type: redis` alone points to the environment.
    let chosen = named.or_else(|| places.iter().position(|place| place.wants));
    let Some(chosen) = chosen else {
        return from_environment(context, environment);
    };
    let place = places.get(chosen)?;
    let mut draft = place.draft.clone();
    let others = places.iter().enumerate().filter(|(index, _)| *index != chosen);
    for (_, other) in others {
        merge(context, place, &mut draft, other);
    }
    if !draft.complete {
        fill(context, place, &mut draft, environment);
    }
    check(context, place.at, place.name, &draft);
    if draft.address().is_none() {
        let text =
            "names no host and no url, nor does the environment (REDIS_URL, REDIS_HOST): no Redis is used";
        context.problems.warn(place.at, place.name, text);
    }
    draft.settle(place.name)
}

/// A place in the file.
struct Place {
    name: &'static str,
    at: At,
    draft: Draft,
    /// Whether it asks for a Redis even where it names none.
    wants: bool,
}

/// The places, most important first.
fn places(root: &Scope<'_>) -> Vec<Place> {
    let (general, litellm) = (root.scope("general_settings"), root.scope("litellm_settings"));
    let mut found = Vec::new();
    let mut add = |name, scope: &Scope<'_>, prefix, wants| {
        found.push(Place { name, at: scope.at, draft: Draft::of(scope, prefix), wants });
    };
    let coordination = general.scope("coordination_redis");
    coordination.warn_of_unknown(Keys { now: keys::COORDINATION, later: &[] }, &[]);
    add("general_settings.coordination_redis", &coordination, "", !coordination.entries().is_empty());
    let caches = litellm.bool("cache").unwrap_or(true);
    let cache = litellm.scope("cache_params");
    if caches && is_redis(&cache) {
        add("litellm_settings.cache_params", &cache, "", cache.get("type").is_some());
    }
    add("router_settings.redis_*", &root.scope("router_settings"), "redis_", false);
    let limits = root.scope("rate_limit_config");
    limits.warn_of_unknown(Keys { now: keys::RATE_LIMIT, later: &[] }, &[]);
    add("rate_limit_config", &limits, "redis_", !limits.entries().is_empty());
    add("general_settings.redis_*", &general, "redis_", false);
    let cache = root.scope("cache_settings");
    if is_redis(&cache) {
        add("cache_settings", &cache, "", cache.get("type").is_some());
    }
    found
}

/// Whether a cache's settings are about Redis: those without a type are.
fn is_redis(cache: &Scope<'_>) -> bool {
    let kind = cache.get("type").and_then(|field| field.node.text().map(str::to_owned));
    let redis =
        kind.is_none_or(|kind| matches!(kind.as_str(), "redis" | "redis-semantic" | "valkey-semantic"));
    redis && !cache.entries().is_empty()
}

/// The environment fills what the file leaves open. But what a URL says of one server is no other server's business: its
/// password must not get there.
fn fill(context: &Context<'_>, chosen: &Place, draft: &mut Draft, environment: Draft) {
    let used = draft.address().filter(|_| environment.complete && !same_server(draft, &environment));
    let Some(used) = used else { return draft.fill(environment) };
    let text = format!(
        "the environment's REDIS_URL names another Redis: {used} is used, and nothing of what the environment says"
    );
    context.problems.warn(chosen.at, chosen.name, text);
}

/// What another place of the same server knows counts, too; another server is warned of.
fn merge(context: &Context<'_>, chosen: &Place, draft: &mut Draft, other: &Place) {
    let Some(address) = other.draft.address() else { return };
    if same(&chosen.draft, &other.draft) {
        draft.fill(other.draft.clone());
        return;
    }
    let used = draft.address().map(|address| address.to_string()).unwrap_or_default();
    let text = format!(
        "names another Redis ({address}) than {}: {used} is used for everything that replicas share",
        chosen.name
    );
    context.problems.warn(other.at, other.name, text);
}

fn same(one: &Draft, other: &Draft) -> bool {
    let number = |draft: &Draft| draft.db.unwrap_or(0);
    same_server(one, other) && number(one) == number(other)
}

fn same_server(one: &Draft, other: &Draft) -> bool {
    let place = |draft: &Draft| match draft.address() {
        Some(RedisAddress::Sentinel { nodes, service, .. }) => {
            Some(RedisAddress::Sentinel { nodes, service, password: None })
        }
        other => other,
    };
    place(one) == place(other)
}

/// As in LiteLLM, variables that name a server are enough. Those that name none, `REDIS_PORT` of a service in Kubernetes
/// among them, are not.
fn from_environment(context: &Context<'_>, draft: Draft) -> Option<RedisSettings> {
    const NAME: &str = "the environment";
    let address = draft.address()?;
    context.problems.info(
        At::default(),
        "",
        format!("Redis at {address} is shared with other replicas, as the environment (REDIS_*) says"),
    );
    check(context, At::default(), "", &draft);
    draft.settle(NAME)
}

/// What does not fit together.
fn check(context: &Context<'_>, at: At, path: &str, draft: &Draft) {
    let error = |text: &str| context.problems.error(at, path, text);
    match draft.address() {
        Some(RedisAddress::Sentinel { service, .. }) if service.is_empty() => {
            error("sentinel_nodes need the service_name that the Sentinels watch");
        }
        Some(RedisAddress::Cluster(_)) if draft.db.is_some_and(|db| db > 0) => {
            context.problems.warn(at, path, "a Redis Cluster has no numbered databases: db has no effect");
        }
        _ => {}
    }
    if draft.certificate.is_some() != draft.key.is_some() {
        error("ssl_certfile and ssl_keyfile need each other");
    }
    if draft.ssl != Some(true) && (draft.ca_file.is_some() || draft.certificate.is_some()) {
        context.problems.warn(at, path, "certificates have no effect without ssl: true or a rediss:// URL");
    }
    if draft.namespace.as_ref().is_some_and(|name| name.contains(['{', '}'])) {
        error("a namespace must not contain { or }: they decide where a Cluster keeps a key");
    }
}
