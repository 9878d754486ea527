//! The semantic cache in the life of a request: between *reserve* and the attempts, for requests that the response
//! cache has looked for in vain.
//!
//! Behind *reserve*, because it calls a model: who is refused by a limit or a budget asks none, and what asks one counts
//! as a request. A hit gives back everything else that was taken. Whatever goes wrong here is a miss.

mod embed;

use std::sync::Arc;

use actix_http::header::{HeaderName, HeaderValue};

use super::answer::Answer;
use super::cache::{self, Question, hit};
use super::caller::Caller;
use super::headers::put;
use super::pipeline::Gateway;
use super::record::Record;
use super::reserve::Reserved;
use crate::actors::response_cache::Outcome as Looked;
use crate::actors::semantic_cache::{Outcome, SemanticCache};
use crate::base::clock::{self, unix_ms};
use crate::config::model::SemanticSettings;
use crate::domain::cache::{CacheKey, Stored, canon};
use crate::domain::semantic::{self, Bucket, Known, Vector, Wording};
use embed::{Embedded, embed};

static SIMILARITY: HeaderName = HeaderName::from_static("x-litellm-semantic-similarity");

/// What is understood differently by another version of this file must be in other buckets.
const VERSION: &[u8] = b"3";

/// What a request means, to be remembered with its answer.
pub struct Meaning {
    cache: SemanticCache,
    bucket: Bucket,
    vector: Vector,
    wording: Wording,
}

impl Meaning {
    /// The answer is being kept under this key, until then (Unix milliseconds).
    pub fn learn(self, key: &CacheKey, until_ms: i64) {
        let Meaning { cache, bucket, vector, wording } = self;
        cache.learn(Known { bucket, vector, wording, key: key.hex().into(), until_ms });
    }
}

/// An answer to another question that means the same.
struct Similar {
    stored: Arc<Stored>,
    key: CacheKey,
    similarity: f32,
}

/// Answers with what was said to a similar question; the record is closed then.
pub async fn answer(gateway: &Gateway, reserved: &Reserved, record: &mut Record) -> Option<Answer> {
    let settings = reserved.call().table.config.semantic.as_ref()?;
    let asked = cache::asked(record)?;
    let caller = record.facts()?.taken.as_ref()?.caller.clone();
    let similar = similar(gateway, settings, &asked, &caller).await?;
    if let Some(cache) = &gateway.shared.cache {
        cache.count(Looked::Similar);
        cache.count_model(true, &asked.call.resolved.group);
    }
    let mut answer = hit::give(gateway, &asked, &similar.stored, reserved.standings(), record);
    let headers = answer.head.headers_mut();
    cache::tell(&asked, &similar.key, true, headers);
    if let Ok(value) = HeaderValue::from_str(&similar.similarity.to_string()) {
        put(headers, &SIMILARITY, value);
    }
    Some(answer)
}

/// Looks for one. What it finds out on the way is left with the question, for when it has been answered.
async fn similar(
    gateway: &Gateway,
    settings: &SemanticSettings,
    asked: &Question,
    caller: &Caller,
) -> Option<Similar> {
    let (known, answers) = (gateway.shared.semantic.as_ref()?, gateway.shared.cache.as_ref()?);
    // Who does not want to be answered from the cache, or could not be, pays for no embedding.
    if !asked.reads || asked.epoch.get().is_none() {
        return None;
    }
    let question = semantic::question(asked.call.endpoint, asked.call.body.json()?)?;
    if !known.may_embed(clock::now()) {
        known.count(Outcome::Resting);
        return None;
    }
    let Some(embedded) = embed(gateway, settings, known, asked, caller, &question.text).await else {
        known.count(Outcome::NotEmbedded);
        return None;
    };
    let bucket = bucket(settings, asked, caller, &question, &embedded);
    let (vector, wording) = (embedded.vector, Wording::of(&question.text));
    let found = known.nearest(&bucket, (&vector, &wording), settings.least).await;
    if let Some(found) = found
        && let Some(key) = CacheKey::shown(&found.key)
    {
        let stored = answers.find(&key).await;
        let gone = stored.stored.is_none() && stored.epoch.is_some();
        let similarity = found.similarity;
        if let Some(stored) = stored.stored.filter(|stored| asked.accepts(stored, unix_ms())) {
            known.count(Outcome::Hit);
            return Some(Similar { stored, key, similarity });
        }
        if gone {
            known.forget(&bucket, &found.key, &vector).await;
        }
    }
    known.count(Outcome::Miss);
    if asked.stores {
        asked.meaning.replace(Some(Meaning { cache: known.clone(), bucket, vector, wording }));
    }
    None
}

/// The questions that this one may be compared with: of the same caller, with the same parameters and the same
/// conversation before, embedded by the same model.
fn bucket(
    settings: &SemanticSettings,
    asked: &Question,
    caller: &Caller,
    question: &semantic::Question,
    embedded: &Embedded,
) -> Bucket {
    let end_user = asked.call.end_user.as_deref().filter(|_| settings.by_end_user);
    let mut rest = Vec::with_capacity(question.rest.len());
    canon::write(&question.rest, &mut rest);
    Bucket::of(&[
        VERSION,
        asked.digest(&[question.member]).hex().as_bytes(),
        // Also where others share what is exactly the same.
        cache::own_tenant(caller).as_bytes(),
        end_user.unwrap_or_default().as_bytes(),
        &rest,
        embedded.model.as_bytes(),
        &embedded.vector.dimension().to_le_bytes(),
    ])
}
