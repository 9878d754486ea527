//! The response cache in the life of a request: between *access* and *reserve*, so that a hit takes neither money nor a
//! slot, and after the answer.
//!
//! [`question`] says what a request asks, for whom, and what it wants of the cache ([`Question`]); [`ask`] looks for an
//! answer, and [`hit::answer`] gives it; [`keep`] keeps a good one. These are the places for another kind of cache: [`ask`]
//! is where it may answer what the exact one does not know, with a [`Stored`] of its own, and [`keep`] is where it learns
//! of an answer. What two questions must have in common beside their prompts is [`Question::digest`] without the members
//! that the prompt stands in; it has the tenant in it.

pub mod hit;
mod inputs;
mod keep;
#[cfg(test)]
mod properties;
mod question;
mod together;

use std::rc::Rc;
use std::sync::Arc;

use actix_http::header::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

use super::admission::Admitted;
use super::answer::Answer;
use super::attempts::Served;
use super::call::Call;
use super::caller::Caller;
use super::headers::{EVENTS, put};
use super::pipeline::Gateway;
use super::record::Record;
use super::translate::Whole;
use crate::actors::response_cache::{Outcome, ResponseCache};
use crate::base::clock::unix_ms;
use crate::base::error::Error;
use crate::domain::cache::{CacheKey, Stored, replay};
pub use inputs::Inputs;
use keep::keep_whole;
pub use keep::{Recording, keep};
pub use question::{Question, own_tenant};
use together::Together;

static KEY: HeaderName = HeaderName::from_static("x-litellm-cache-key");
static HIT: HeaderName = HeaderName::from_static("x-litellm-cache-hit");

/// What the cache had to do with a request.
pub struct Consulted {
    /// What was asked.
    pub question: Rc<Question>,
    /// Whether it answered.
    pub hit: bool,
    /// A stream that is to be kept, as far as it has come.
    pub stream: Option<Recording>,
    /// Others wait for this request's answer.
    pub leads: Option<together::Lead>,
    /// The inputs that the cache knew, where it knew some.
    pub inputs: Option<Inputs>,
    /// The cache, where it was asked and did not know: a miss, unless somebody else's answer ends the request.
    missed: Option<ResponseCache>,
}

impl Consulted {
    fn new(question: Rc<Question>, hit: bool) -> Self {
        Consulted { question, hit, stream: None, leads: None, inputs: None, missed: None }
    }
}

/// What the response cache answers; the record is closed then. Otherwise it notes that the answer is to be kept.
///
/// # Errors
/// 400 for `cache` controls that cannot be, 403 for those that the key may not use; what a hit is refused for.
pub async fn consult(
    gateway: &Gateway,
    admitted: &mut Admitted<'_>,
    headers: &HeaderMap,
    record: &mut Record,
) -> Result<Option<Answer>, Error> {
    let (Some(cache), caller) = (&gateway.shared.cache, admitted.caller().clone()) else { return Ok(None) };
    let Some(question) = question(cache, admitted.call(), &caller, headers)? else { return Ok(None) };
    let mut consulted = Consulted::new(Rc::clone(&question), false);
    let mut found = None;
    if let Some(inputs) = Inputs::of(&question).filter(|_| question.by_input) {
        match inputs.ask(cache, &question).await {
            inputs::Known::All(stored) => found = Some(Arc::new(stored)),
            inputs::Known::Some(inputs, rest) => {
                admitted.narrow(rest);
                consulted.inputs = Some(inputs);
            }
        }
        cache.count_model(found.is_some(), &question.call.resolved.group);
    } else {
        found = ask(gateway, &question).await;
        if found.is_none() && question.shares {
            match together::join(cache, &question).await {
                Together::Answered(stored) => found = Some(stored),
                Together::Leads(lead) => consulted.leads = Some(lead),
                Together::Alone => {}
            }
        }
        if question.reads {
            match &found {
                Some(_) => cache.count_model(true, &question.call.resolved.group),
                None => consulted.missed = Some(cache.clone()),
            }
        }
    }
    if let Some(stored) = found {
        return hit::answer(gateway, &question, &stored, caller, record).await.map(Some);
    }
    record.note(|facts| facts.cache = Some(Box::new(consulted)));
    Ok(None)
}

fn question(
    cache: &ResponseCache,
    call: &Rc<Call>,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Option<Rc<Question>>, Error> {
    match &call.table.config.cache {
        Some(settings) => {
            question::warn_of(cache, caller);
            question::of(settings, call, caller, headers)
        }
        None => Ok(None),
    }
}

/// Looks for an answer. A Redis that does not answer costs a miss.
async fn ask(gateway: &Gateway, question: &Question) -> Option<Arc<Stored>> {
    let cache = gateway.shared.cache.as_ref()?;
    let found = cache.find(&question.key).await;
    question.epoch.set(found.epoch);
    if !question.reads {
        return None;
    }
    let mut stored = found.stored.filter(|stored| question.accepts(stored, unix_ms()));
    if stored.is_none() && question.call.stream {
        stored = as_stream(cache, question).await;
    }
    if stored.is_some() {
        cache.count(Outcome::Hit);
    }
    stored
}

/// The answer to the same question by somebody who wanted no stream, as one.
async fn as_stream(cache: &ResponseCache, question: &Question) -> Option<Arc<Stored>> {
    let found = cache.find(&question.digest(&["stream", "stream_options"])).await;
    let stored = found.stored.filter(|stored| question.accepts(stored, unix_ms()))?;
    let events = replay::events(&stored.body, question.call.include_usage)?;
    Some(Arc::new(Stored {
        content_type: EVENTS.into(),
        body: Bytes::from(events),
        ..Stored::clone(&stored)
    }))
}

/// The answers to a part of a request's inputs become the answer to all of them.
///
/// # Errors
/// What was an error before; 502 when the provider has not answered what was asked.
pub fn completed(
    gateway: &Gateway,
    record: &mut Record,
    result: Result<Served, Error>,
) -> Result<Served, Error> {
    let Some(cache) = &gateway.shared.cache else { return result };
    let mut taken = None;
    record.note(|facts| taken = facts.cache.as_mut().and_then(|cache| cache.inputs.take()));
    match (result, taken, asked(record)) {
        (Ok(Served::Whole { status: 200, mut whole, reply }), Some(inputs), Some(question)) => {
            match inputs.answered(cache, &question, &whole, record) {
                Ok(Some(body)) => whole.body = body,
                Ok(None) => {}
                Err(error) => {
                    record.note(|facts| facts.usage = whole.usage);
                    return Err(error);
                }
            }
            Ok(Served::Whole { status: 200, whole, reply })
        }
        (result, ..) => result,
    }
}

/// A provider has answered as a whole: keeps the answer where it is to be kept, and tells its key.
pub fn answered(gateway: &Gateway, record: &Record, status: u16, whole: &Whole, headers: &mut HeaderMap) {
    let Some(question) = asked(record) else { return };
    if !question.by_input {
        keep_whole(gateway, record, status, (&whole.body, whole.usage), headers);
    }
    tell(&question, &question.key, false, headers);
}

/// A provider has begun to answer with a stream: it is recorded where it is to be kept, and its key told.
pub fn begun(gateway: &Gateway, record: &mut Record, headers: &mut HeaderMap) {
    let (Some(question), Some(cache)) = (asked(record), &gateway.shared.cache) else { return };
    let recording = question.stores.then(|| Recording::new(cache.clone(), question.most_bytes));
    record.note(|facts| {
        if let Some(consulted) = &mut facts.cache {
            consulted.stream = recording;
        }
    });
    tell(&question, &question.key, false, headers);
}

/// What the request has asked of the cache.
pub fn asked(record: &Record) -> Option<Rc<Question>> {
    record.facts()?.cache.as_ref().map(|cache| Rc::clone(&cache.question))
}

/// Tells the key of the answer, and whether the cache gave it.
pub fn tell(question: &Question, answer: &CacheKey, hit: bool, headers: &mut HeaderMap) {
    if let Ok(key) = HeaderValue::from_str(&question.shown_as(answer)) {
        put(headers, &KEY, key);
    }
    put(headers, &HIT, HeaderValue::from_static(if hit { "True" } else { "False" }));
}
