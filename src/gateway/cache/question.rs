//! What a request asks, as the cache sees it: of which model, for whom, with which words.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use actix_http::header::{CACHE_CONTROL, HeaderMap};
use serde_json::Value;

use crate::actors::response_cache::{Outcome, ResponseCache};
use crate::base::error::Error;
use crate::base::secret::Secret;
use crate::config::model::{CacheScope, CacheSettings};
use crate::domain::cache::{CacheKey, Controls, Digest, Stored, canon, controls, vectors};
use crate::domain::keys::JsonMap;
use crate::domain::providers::params;
use crate::domain::routing::groups::Member;
use crate::gateway::call::{Body, Call};
use crate::gateway::caller::Caller;
use crate::gateway::semantic::Meaning;
use crate::wire::endpoint::Endpoint;
use crate::wire::json::Elements;
use crate::wire::multipart::Multipart;
use crate::wire::surface::Surface;

/// What is understood differently by another version of this file must have other keys.
const VERSION: &[u8] = b"2";
/// The largest body that is looked at, bytes: hashing more would hold up other requests.
const LARGEST_JSON: usize = 4 * 1024 * 1024;
/// The same for forms with a file.
const LARGEST_FORM: usize = 32 * 1024 * 1024;

/// Where the inputs of embeddings stand.
pub(super) const INPUT: &str = "input";

/// A question that the cache is asked.
pub struct Question {
    /// The request.
    pub call: Rc<Call>,
    /// Who shares answers: part of every key.
    pub tenant: String,
    /// The name of exactly this question.
    pub key: CacheKey,
    /// A key space of its own.
    pub namespace: Option<String>,
    /// Whether the cache may answer.
    pub reads: bool,
    /// Whether it may keep the answer.
    pub stores: bool,
    /// Whether each of its inputs is a question of its own, and the whole is none.
    pub by_input: bool,
    /// Whether requests that ask the same at the same time share a call of the provider.
    pub shares: bool,
    /// How long it keeps it.
    pub ttl: Duration,
    /// How old an answer may be, seconds.
    pub max_age: Option<u64>,
    /// The largest answer that is kept, bytes.
    pub most_bytes: usize,
    /// When to keep an answer, as the look-up told.
    pub epoch: Cell<Option<u64>>,
    /// What it means, where that has been found out.
    pub meaning: RefCell<Option<Meaning>>,
}

impl Question {
    /// The key as clients see it.
    pub fn shown(&self) -> String {
        self.shown_as(&self.key)
    }

    /// The key of another question's answer as clients see it.
    pub fn shown_as(&self, answer: &CacheKey) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}:{}", answer.hex()),
            None => answer.hex(),
        }
    }

    /// Whether an answer is young enough.
    pub fn accepts(&self, stored: &Stored, now_ms: i64) -> bool {
        self.max_age.is_none_or(|seconds| !stored.is_older(seconds, now_ms))
    }

    /// Keeps an answer under this key and in this epoch, unless it is too large.
    pub fn keep(&self, cache: &ResponseCache, (key, epoch): (CacheKey, u64), stored: Stored) {
        if stored.body.len() > self.most_bytes {
            cache.count(Outcome::TooLarge);
            return;
        }
        if let Some(meaning) = self.meaning.take() {
            let ttl = i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX);
            meaning.learn(&key, stored.at_ms.saturating_add(ttl));
        }
        cache.keep(key, epoch, stored, self.ttl);
    }

    /// Names everything that the question consists of except these members of the body.
    pub fn digest(&self, without: &[&str]) -> CacheKey {
        digest(&self.call, &self.tenant, self.namespace.as_deref(), without)
    }
}

/// The question, if the cache has to do with the request.
pub(super) fn of(
    settings: &CacheSettings,
    call: &Rc<Call>,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Option<Rc<Question>>, Error> {
    let controls = wanted(call, caller, headers)?;
    let on = (settings.by_default || controls.use_cache) && !switched_off(call);
    let reads = !controls.no_cache;
    let stores = !controls.no_store;
    if !on || !(reads || stores) || !cacheable(settings, call) {
        return Ok(None);
    }
    let tenant = tenant(settings.scope, caller);
    let namespace = controls.namespace.or_else(|| settings.namespace.clone());
    // Longer than the operator has said nobody keeps anything.
    let ttl = controls.ttl.map_or(settings.ttl, |seconds| Duration::from_secs(seconds).min(settings.ttl));
    let inputs = inputs(call);
    let key = match inputs.as_deref() {
        Some([only]) => digest(call, &tenant, namespace.as_deref(), &[INPUT]).with(INPUT, only),
        _ => digest(call, &tenant, namespace.as_deref(), &[]),
    };
    Ok(Some(Rc::new(Question {
        key,
        by_input: inputs.is_some(),
        call: Rc::clone(call),
        tenant,
        namespace,
        shares: settings.shares_calls && reads && stores && !call.stream,
        reads,
        stores,
        ttl,
        max_age: controls.max_age,
        most_bytes: settings.max_entry_bytes,
        epoch: Cell::new(None),
        meaning: RefCell::new(None),
    })))
}

/// What the request says, and what its key says over it.
fn wanted(call: &Call, caller: &Caller, headers: &HeaderMap) -> Result<Controls, Error> {
    let mut controls = Controls::default();
    let key = caller.identity().key();
    let allowed = key.map_or(&[][..], |key| &key.allowed_cache_controls);
    for header in headers.get_all(CACHE_CONTROL).filter_map(|value| value.to_str().ok()) {
        controls::permitted(controls::in_header(header), allowed, "Cache-Control")?;
        controls.apply_header(header);
    }
    if let Some(off) = off(call) {
        controls::permitted(off, allowed, "caching")?;
    }
    if let Some(ttl) = own_ttl(call)? {
        controls::permitted(["ttl"], allowed, "ttl")?;
        controls.ttl = Some(ttl);
    }
    if let Some(sent) = sent(&call.body)? {
        controls::permitted(sent.keys().map(String::as_str), allowed, "cache")?;
        controls.apply(&sent)?;
    }
    if let Some(Value::Object(of_key)) = key.and_then(|key| key.metadata.get("cache")) {
        // What an older database holds wrongly is no fault of the request's: see `warn_of`.
        let _ = controls.apply_what_can_be(of_key);
    }
    Ok(controls)
}

/// Says once of a key that its `metadata.cache` is left aside where it cannot be.
pub(super) fn warn_of(cache: &ResponseCache, caller: &Caller) {
    let Some(key) = caller.identity().key() else { return };
    if let Some(Value::Object(controls)) = key.metadata.get("cache")
        && let Err(wrong) = Controls::default().apply_what_can_be(controls)
        && cache.is_first_word_of(&key.hash)
    {
        let (key, wrong) = (key.hash.as_str(), wrong.message());
        tracing::warn!(key, wrong, "metadata.cache of a key is left aside where it cannot be");
    }
}

/// The body's `cache` object.
fn sent(body: &Body) -> Result<Option<JsonMap>, Error> {
    let raw = match body {
        Body::Json(surface) => surface.get("cache").filter(|raw| *raw != "null"),
        Body::Form { form, .. } => form.field("cache").filter(|raw| !raw.trim().is_empty()),
    };
    let Some(raw) = raw else { return Ok(None) };
    match serde_json::from_str(raw) {
        Ok(Value::Object(object)) => Ok(Some(object)),
        _ => Err(Error::invalid("cache", "`cache` must be an object.")),
    }
}

/// LiteLLM's older way to say it, `caching: false`, as the controls that it stands for.
fn off(call: &Call) -> Option<[&'static str; 2]> {
    switched_off(call).then_some(["no-cache", "no-store"])
}

fn switched_off(call: &Call) -> bool {
    call.body.json().is_some_and(|body| body.bool("caching") == Some(false))
}

/// LiteLLM's older way to say how long: `ttl` beside the other members.
fn own_ttl(call: &Call) -> Result<Option<u64>, Error> {
    let raw = call.body.json().and_then(|body| body.get("ttl")).filter(|raw| *raw != "null");
    raw.map(controls::ttl).transpose()
}

/// The inputs of a request for embeddings that are looked up one by one.
pub(super) fn inputs(call: &Call) -> Option<Vec<&str>> {
    let of_vectors = call.endpoint == Endpoint::Embeddings;
    vectors::inputs(call.body.json().filter(|_| of_vectors)?.get(INPUT)?)
}

/// Whether answers to such requests are kept at all.
/// Fields that name something that changes at the provider.
const STATEFUL: [&str; 2] = ["conversation", "container"];

fn cacheable(settings: &CacheSettings, call: &Call) -> bool {
    let small = match &call.body {
        Body::Json(surface) => surface.raw().len() <= LARGEST_JSON,
        Body::Form { form, .. } => form.raw().len() <= LARGEST_FORM,
    };
    let turns = settings.max_messages.is_none_or(|most| turns(call) <= most);
    // An answer that is to be fetched later is none yet, and one that goes on with what the provider keeps is a turn of its
    // own each time.
    let now = call.body.json().is_none_or(|body| {
        body.bool("background") != Some(true) && !STATEFUL.iter().any(|name| body.get(name).is_some())
    });
    settings.caches(call.endpoint)
        && (!call.stream || settings.streams)
        && call.own_connection.is_empty()
        && small
        && turns
        && now
}

/// How many messages a conversation has.
fn turns(call: &Call) -> usize {
    let field = match call.endpoint {
        Endpoint::Chat => "messages",
        Endpoint::Responses => "input",
        _ => return 0,
    };
    call.body.json().and_then(|body| body.get(field)).map_or(0, |raw| Elements::of(raw).count())
}

/// The caller as far as it shares answers with nobody.
pub fn own_tenant(caller: &Caller) -> String {
    tenant(CacheScope::Key, caller)
}

/// Who shares answers with the caller. Rotated keys keep theirs.
fn tenant(scope: CacheScope, caller: &Caller) -> String {
    let key = caller.identity().key();
    let team = key.and_then(|key| key.team_id.as_deref()).filter(|_| scope == CacheScope::Team);
    match (scope, team) {
        (CacheScope::Global, _) => "everybody".to_string(),
        (_, Some(team)) => format!("team {team}"),
        _ => format!("key {}", key.map_or(&**caller.hashed_key(), |key| key.counted_as())),
    }
}

fn digest(call: &Call, tenant: &str, namespace: Option<&str>, without: &[&str]) -> CacheKey {
    let mut digest = Digest::default();
    digest.part("version", VERSION);
    digest.part("tenant", tenant.as_bytes());
    digest.part("namespace", namespace.unwrap_or_default().as_bytes());
    digest.part("endpoint", call.endpoint.path().as_bytes());
    // All names of it: answers show the one that was asked for.
    for name in [&*call.requested, &*call.resolved.name, &*call.resolved.group] {
        digest.part("model", name.as_bytes());
    }
    // Whose answers they are: a group that was given other models is another one.
    let mut models: Vec<[&str; 3]> = call.resolved.members.iter().map(model).collect();
    models.sort_unstable();
    for part in models.into_iter().flatten() {
        digest.part("deployment", part.as_bytes());
    }
    digest.part("api version", call.api_version.as_deref().unwrap_or_default().as_bytes());
    for tag in &*call.options.tags {
        digest.part("tag", tag.as_bytes());
    }
    let mut forward: Vec<&(String, Secret)> = call.forward.iter().collect();
    forward.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (name, value) in forward {
        digest.part(name, value.expose().as_bytes());
    }
    match &call.body {
        Body::Json(surface) => json(surface, call.endpoint, without, &mut digest),
        Body::Form { form, .. } => parts(form, &mut digest),
    }
    digest.finish()
}

fn model(member: &Member) -> [&str; 3] {
    let deployment = &*member.deployment;
    [deployment.provider.name, &member.model, &deployment.connection.api_base]
}

fn json(surface: &Surface, endpoint: Endpoint, without: &[&str], digest: &mut Digest) {
    let metadata = params::forwards_metadata(surface, endpoint == Endpoint::Responses);
    // No stream is the same said and unsaid.
    let streams = surface.bool("stream") == Some(true);
    let keeps = |name: &str| {
        let asks = match name {
            "metadata" => metadata,
            "stream" => streams,
            other => !params::only_handling(other),
        };
        asks && !without.contains(&name)
    };
    let mut canon = Vec::with_capacity(surface.raw().len());
    canon::write_members(surface, keeps, &mut canon);
    digest.part("body", &canon);
}

fn parts(form: &Multipart, digest: &mut Digest) {
    for (name, content) in form.parts().filter(|(name, _)| !params::only_handling(name)) {
        digest.part("field", name.as_bytes());
        digest.part("content", content);
    }
}
