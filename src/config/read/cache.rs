//! The response cache: `litellm_settings.cache`, `cache_params` and `cache_ttl`, and the top-level `cache_settings`.

use std::time::Duration;

use crate::config::context::Context;
use crate::config::keys;
use crate::config::model::{CachePlace, CacheScope, CacheSettings, LocalBounds, RedisSettings};
use crate::config::scope::{Field, Scope};
use crate::wire::endpoint::Endpoint;

/// How long answers are kept in Redis when nothing is said; LiteLLM's default.
const REDIS_TTL: Duration = Duration::from_secs(60);
/// The same in memory.
const LOCAL_TTL: Duration = Duration::from_secs(600);
/// The longest time, about a year.
const LONGEST_TTL: Duration = Duration::from_secs(366 * 24 * 3600);
/// The local cache's bounds when nothing is said: the whole process is to stay under 64 MB.
const LOCAL: LocalBounds = LocalBounds { entries: 10_000, bytes: 16 * 1024 * 1024 };
/// The largest answer when nothing is said, bytes.
const ENTRY: u64 = 1024 * 1024;

/// What is cached when nothing is said.
const CALLS: [Endpoint; 6] = [
    Endpoint::Chat,
    Endpoint::Completions,
    Endpoint::Embeddings,
    Endpoint::Transcriptions,
    Endpoint::Rerank,
    Endpoint::Responses,
];

/// Reads all places; `redis` is the one that is used for everything. `None`: nothing is cached.
pub fn read(
    context: &Context<'_>,
    root: &Scope<'_>,
    litellm: &Scope<'_>,
    redis: Option<&RedisSettings>,
) -> Option<CacheSettings> {
    let (params, settings) = (litellm.scope("cache_params"), root.scope("cache_settings"));
    for scope in [&params, &settings] {
        scope.warn_of_unknown(keys::CACHE, &[("litellm_settings", keys::LITELLM)]);
        context.keep_later(scope, keys::CACHE, &scope.path);
    }
    let both = Both { params: &params, settings: &settings };
    let on = match litellm.bool("cache") {
        Some(on) => on,
        // The tutorial's block is reason enough; LiteLLM's parameters are for a cache that is switched on beside them.
        None if !settings.entries().is_empty() => true,
        None => {
            if !params.entries().is_empty() {
                context.problems.warn(
                    params.at,
                    &params.path,
                    "has no effect without litellm_settings.cache: true",
                );
            }
            false
        }
    };
    let place = place(&both, redis);
    let ttl = both.ttl(litellm, place);
    let cache = CacheSettings {
        place,
        ttl,
        namespace: both.first(|scope| scope.text("namespace")).filter(|name| !name.is_empty()),
        by_default: both.word("mode", &[("default_on", true), ("default_off", false)]).unwrap_or(true),
        calls: calls(&both),
        scope: both.word("scope", &SCOPES).unwrap_or_default(),
        streams: both.first(|scope| scope.bool("cache_streams")).unwrap_or(false),
        shares_calls: both.first(|scope| scope.bool("share_concurrent_calls")).unwrap_or(false),
        max_messages: both.count("max_messages"),
        max_entry_bytes: both
            .count("max_entry_bytes")
            .unwrap_or(usize::try_from(ENTRY).unwrap_or(usize::MAX)),
        local: LocalBounds {
            entries: both.first(|scope| scope.count("max_size_in_memory")).unwrap_or(LOCAL.entries),
            bytes: both.first(|scope| scope.count("max_bytes_in_memory")).unwrap_or(LOCAL.bytes),
        },
    };
    on.then_some(cache)
}

const SCOPES: [(&str, CacheScope); 3] =
    [("key", CacheScope::Key), ("team", CacheScope::Team), ("global", CacheScope::Global)];

/// The two blocks; what the first says counts.
struct Both<'s> {
    params: &'s Scope<'s>,
    settings: &'s Scope<'s>,
}

impl Both<'_> {
    fn scopes(&self) -> [&Scope<'_>; 2] {
        [self.params, self.settings]
    }

    fn first<T>(&self, read: impl Fn(&Scope<'_>) -> Option<T>) -> Option<T> {
        let found = self.scopes().map(read);
        found.into_iter().flatten().next()
    }

    fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        self.first(|scope| scope.get(key)?.word(words))
    }

    fn count(&self, key: &str) -> Option<usize> {
        self.first(|scope| scope.count(key)).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// How long answers are kept: what the blocks say for every place or for this one, or else `cache_ttl`.
    fn ttl(&self, litellm: &Scope<'_>, place: CachePlace) -> Duration {
        let (own, default) = match place {
            CachePlace::Local => ("default_in_memory_ttl", LOCAL_TTL),
            CachePlace::Redis => ("default_in_redis_ttl", REDIS_TTL),
        };
        let said = self.first(|scope| scope.limit("ttl")).or_else(|| litellm.limit("cache_ttl"));
        said.or_else(|| self.first(|scope| scope.limit(own))).unwrap_or(default).min(LONGEST_TTL)
    }
}

/// Where answers are kept. A block without a type means Redis; where there is no block, Redis is used if there is one.
fn place(both: &Both<'_>, redis: Option<&RedisSettings>) -> CachePlace {
    let named = both.scopes().into_iter().find_map(|scope| scope.get("type").map(|field| kind(&field)));
    let silent = both.scopes().iter().all(|scope| scope.entries().is_empty());
    let wants_redis = named.unwrap_or(!silent || redis.is_some());
    // That no Redis is named has been warned of where it was looked for.
    if wants_redis && redis.is_some() { CachePlace::Redis } else { CachePlace::Local }
}

/// Whether this type keeps answers in Redis.
fn kind(field: &Field<'_>) -> bool {
    const KINDS: [(&str, Option<bool>); 10] = [
        ("local", Some(false)),
        ("local-semantic", Some(false)),
        ("redis", Some(true)),
        ("redis-semantic", Some(true)),
        ("valkey-semantic", Some(true)),
        ("qdrant-semantic", None),
        ("s3", None),
        ("gcs", None),
        ("azure-blob", None),
        ("disk", None),
    ];
    match field.word(&KINDS) {
        Some(Some(redis)) => redis,
        Some(None) => {
            field.warn("this type of cache does not exist here: answers are kept in memory (type: local)");
            false
        }
        None => false,
    }
}

/// `supported_call_types`, with LiteLLM's names.
fn calls(both: &Both<'_>) -> Vec<Endpoint> {
    let Some(field) =
        both.first(|scope| scope.get("supported_call_types").map(|field| field.texts())).flatten()
    else {
        return CALLS.to_vec();
    };
    let mut found = Vec::new();
    for name in &field {
        match endpoint(name) {
            Some(endpoint) if !found.contains(&endpoint) => found.push(endpoint),
            Some(_) => {}
            None => both.unknown_call(name),
        }
    }
    found
}

impl Both<'_> {
    fn unknown_call(&self, name: &str) {
        // Messages of Anthropic's own API are none of this gateway's endpoints.
        let field = self.scopes().into_iter().find_map(|scope| scope.get("supported_call_types"));
        if let Some(field) = field.filter(|_| name != "anthropic_messages") {
            let shown: String = name.chars().take(40).collect();
            field.warn(format!("`{shown}` is no kind of call whose answers are cached"));
        }
    }
}

/// The endpoint of LiteLLM's name for a call, `acompletion` or `completion`.
fn endpoint(name: &str) -> Option<Endpoint> {
    CALLS.into_iter().find(|endpoint| {
        let own = endpoint.call_type();
        own == name || own.strip_prefix('a') == Some(name)
    })
}
