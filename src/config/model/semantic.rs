//! The semantic cache, beside the response cache that keeps its answers.

use std::sync::Arc;
use std::time::Duration;

/// When a question counts as one that was asked before in other words.
#[derive(Debug, Clone, PartialEq)]
pub struct SemanticSettings {
    /// `similarity_threshold`: how alike two questions must be, more than 0 and at most 1.
    pub least: f32,
    /// `redis_semantic_cache_embedding_model`: the group that embeds questions.
    pub model: Arc<str>,
    /// `redis_semantic_cache_index_name`: what the search index is called in Redis.
    pub index: Option<String>,
    /// `semantic_cache_scope: end_user`: a key's end users do not share answers either.
    pub by_end_user: bool,
    /// `semantic_cache_embedding_timeout`: how long a request waits for its question's embedding.
    pub timeout: Duration,
}
