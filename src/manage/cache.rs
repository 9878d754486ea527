//! `/cache/*`: the response cache as operators see it.

use serde_json::{Value, json};

use super::{Call, Changed, fail};
use crate::actors::response_cache::{ResponseCache, Unreachable};
use crate::base::error::{Error, Kind};
use crate::domain::cache::CacheKey;
use crate::redis_link::{self, cmd};

/// The most keys of one request.
const MOST_KEYS: usize = 1000;

/// `/cache/ping`: whether the cache works.
///
/// # Errors
/// 503 when there is none, or Redis does not answer.
pub async fn ping(call: Call) -> Result<Value, Error> {
    let Some(cache) = &call.manage.settings().cache else {
        let message = "Cache not initialized. Set litellm_settings.cache: true.";
        return Err(Error::new(Kind::StoreUnavailable, message).with_type("cache_ping_error"));
    };
    cache.ping().await.map_err(|cause| unreachable(&cause).with_type("cache_ping_error"))?;
    let kind = kind(cache);
    Ok(json!({
        "status": "healthy",
        "cache_type": kind,
        "ping_response": true,
        "set_cache_response": "success",
        "litellm_cache_params": json!({"type": kind}).to_string(),
        "health_check_cache_params": {"type": kind},
    }))
}

/// `/cache/delete`: forgets answers by the keys that their headers told.
///
/// # Errors
/// 400 when there is no cache or a key is none; 422; 503.
pub async fn delete(call: Call) -> Result<Value, Error> {
    let names = call.body.texts("keys")?.value().ok_or_else(|| fail::missing("keys"))?;
    if names.len() > MOST_KEYS {
        return Err(fail::invalid("keys", format!("At most {MOST_KEYS} keys at a time.")));
    }
    let cache = configured(&call)?;
    let own = cache.link().is_none();
    let wrong = || fail::invalid("keys", "Keys are those of the `x-litellm-cache-key` header.");
    let keys: Vec<CacheKey> =
        names.iter().map(|name| CacheKey::shown(name).ok_or_else(wrong)).collect::<Result<_, _>>()?;
    cache.forget(&keys).await.map_err(|cause| unreachable(&cause))?;
    if own {
        keys.iter().for_each(|key| call.manage.tell(Changed::Answer(key.hex())));
    }
    Ok(done(&call, own))
}

/// `/cache/flushall`: forgets all answers, on all replicas that can be told. Nothing else in Redis is touched.
///
/// # Errors
/// 400 when there is no cache; 503.
pub async fn flush(call: Call) -> Result<Value, Error> {
    let cache = configured(&call)?;
    let own = cache.link().is_none();
    cache.flush().await.map_err(|cause| unreachable(&cause))?;
    if own {
        call.manage.tell(Changed::Answers);
    }
    tracing::info!(by = call.by().as_deref(), "the response cache was emptied");
    Ok(done(&call, own))
}

/// The answer to whoever had answers forgotten; `own`: each replica keeps its own.
fn done(call: &Call, own: bool) -> Value {
    if own && !call.manage.reaches_others() {
        let message = "Answers are kept in the memory of each replica, and replicas cannot tell each other: only those \
                       of the replica that was asked are forgotten. Ask each, or give them a Redis or a PostgreSQL.";
        return json!({"status": "success", "replicas": "this", "message": message});
    }
    json!({"status": "success", "replicas": "all"})
}

/// `/cache/redis/info`: who is connected to Redis, and what it says of itself.
///
/// # Errors
/// 400 when answers are not kept in Redis; 503.
pub async fn redis_info(call: Call) -> Result<Value, Error> {
    let Some(link) = configured(&call)?.link() else {
        return Err(no_cache("The response cache is not in Redis."));
    };
    let mut list = cmd("CLIENT");
    list.arg("LIST");
    let ask = async |command: &redis_link::Cmd| {
        link.query(command).await.map_err(|cause| unreachable(&cause.into()))
    };
    let clients: Vec<Value> = text(ask(&list).await?).lines().map(client).collect();
    let info = text(ask(&cmd("INFO")).await?);
    let info: serde_json::Map<String, Value> = info
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_string(), Value::from(value.trim())))
        .collect();
    Ok(json!({"num_clients": clients.len(), "clients": clients, "info": info}))
}

/// One line of `CLIENT LIST`: `name=value` with spaces between.
fn client(line: &str) -> Value {
    let fields = line.split(' ').filter_map(|field| field.split_once('='));
    Value::Object(fields.map(|(name, value)| (name.to_string(), Value::from(value))).collect())
}

/// A reply in words; of a Cluster the first server's.
fn text(value: redis_link::Value) -> String {
    match value {
        redis_link::Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        redis_link::Value::VerbatimString { text, .. } | redis_link::Value::SimpleString(text) => text,
        redis_link::Value::Map(servers) => {
            servers.into_iter().next().map(|(_, said)| text(said)).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn kind(cache: &ResponseCache) -> &'static str {
    if cache.link().is_some() { "redis" } else { "local" }
}

fn configured(call: &Call) -> Result<&ResponseCache, Error> {
    let cache = call.manage.settings().cache.as_ref();
    cache.ok_or_else(|| no_cache("Cache not initialized. Set litellm_settings.cache: true."))
}

fn no_cache(message: &str) -> Error {
    Error::new(Kind::InvalidRequest, message).with_type("bad_request_error")
}

fn unreachable(cause: &Unreachable) -> Error {
    Error::new(Kind::StoreUnavailable, "Redis does not answer. Try again in a moment.")
        .with_type("cache_unavailable")
        .with_cause(cause.to_string())
}
