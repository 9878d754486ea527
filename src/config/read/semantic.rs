//! The semantic cache: what `cache_params` and `cache_settings` say of similarity.
//!
//! It is on where a `similarity_threshold` stands, whatever the type, and an embedding model can be told. LiteLLM's
//! types for it (`redis-semantic`) demand both; elsewhere a threshold without a model is only warned of.

use std::sync::Arc;
use std::time::Duration;

use crate::config::context::Context;
use crate::config::deployments::Placed;
use crate::config::model::SemanticSettings;
use crate::config::scope::{Field, Scope};

/// The types that are for similar questions; `local-semantic` is Stagedoor's own.
pub const TYPES: [&str; 3] = ["redis-semantic", "valkey-semantic", "local-semantic"];

/// How long the embedding may take when nothing is said; LiteLLM's default.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The model that LiteLLM takes when none is named.
const USUAL_MODEL: &str = "text-embedding-ada-002";

/// Reads both places, the first one first. `None`: only what is exactly the same is answered from the cache.
pub fn read(
    context: &Context<'_>,
    root: &Scope<'_>,
    litellm: &Scope<'_>,
    placed: &[Placed],
) -> Option<SemanticSettings> {
    let scopes = [litellm.scope("cache_params"), root.scope("cache_settings")];
    let first = |key: &str| scopes.iter().find_map(|scope| scope.get(key));
    let kind = first("type").filter(|field| field.node.text().is_some_and(|kind| TYPES.contains(&kind)));
    let index = first("redis_semantic_cache_index_name").and_then(|field| field.text());
    let by_end_user = first("semantic_cache_scope").is_some_and(|field| of_end_user(&field));
    let timeout = first("semantic_cache_embedding_timeout").and_then(|field| field.positive_seconds());
    let Some(field) = first("similarity_threshold") else {
        if let Some(kind) = kind {
            kind.error("needs a similarity_threshold, more than 0 and at most 1");
        }
        return None;
    };
    let least = threshold(&field)?;
    let named = first("redis_semantic_cache_embedding_model");
    let model: Arc<str> = match named {
        Some(named) => {
            let model = named.text()?;
            context.mention(named.at, &named.path, &model, "embedding model of the semantic cache");
            model.into()
        }
        None => match by_itself(placed) {
            Some(model) => model,
            None => {
                nameless(kind.as_ref(), &field);
                return None;
            }
        },
    };
    Some(SemanticSettings { least, model, index, by_end_user, timeout: timeout.unwrap_or(TIMEOUT) })
}

fn threshold(field: &Field<'_>) -> Option<f32> {
    let number = field.number()?;
    if number > 0.0 && number <= 1.0 {
        #[allow(clippy::cast_possible_truncation, reason = "at most 1")]
        return Some(number as f32);
    }
    field.error("must be more than 0 and at most 1");
    None
}

fn of_end_user(field: &Field<'_>) -> bool {
    match field.text().as_deref() {
        Some("end_user") => true,
        Some("key") | None => false,
        Some(_) => {
            field.error("must be key or end_user");
            false
        }
    }
}

/// The embedding model where none is named: LiteLLM's usual one if there is such a group, or the only group there is
/// for embeddings.
fn by_itself(placed: &[Placed]) -> Option<Arc<str>> {
    let deployments = || placed.iter().map(|one| &one.deployment);
    if let Some(usual) = deployments().find(|one| &*one.group == USUAL_MODEL) {
        return Some(Arc::clone(&usual.group));
    }
    let embeds = deployments().filter(|one| one.info.mode.as_deref() == Some("embedding"));
    let mut groups: Vec<&Arc<str>> = embeds.map(|one| &one.group).collect();
    groups.dedup();
    match groups.as_slice() {
        [only] => Some(Arc::clone(only)),
        _ => None,
    }
}

fn nameless(kind: Option<&Field<'_>>, threshold: &Field<'_>) {
    const WANTED: &str = "redis_semantic_cache_embedding_model, the model_name of an embedding model";
    match kind {
        Some(kind) => kind.error(format!("needs {WANTED}")),
        None => threshold.warn(format!("has no effect without {WANTED}: only exact matches are answered")),
    }
}
