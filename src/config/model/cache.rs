//! The response cache.

use std::time::Duration;

use crate::wire::endpoint::Endpoint;

/// What is cached, where, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// `type`: where answers are kept.
    pub place: CachePlace,
    /// `ttl`, `cache_ttl`: how long an answer is kept unless the request says otherwise.
    pub ttl: Duration,
    /// `namespace`: a key space of its own; requests may name another one.
    pub namespace: Option<String>,
    /// `mode`: whether requests that do not ask for it are cached, too.
    pub by_default: bool,
    /// `supported_call_types`: what is cached.
    pub calls: Vec<Endpoint>,
    /// `scope`: who shares answers.
    pub scope: CacheScope,
    /// `cache_streams`: whether requests for streams use the cache.
    pub streams: bool,
    /// `share_concurrent_calls`: whether requests that are asked at the same time share one call of the provider.
    pub shares_calls: bool,
    /// `max_messages`: longer conversations are not cached; `None`: all are.
    pub max_messages: Option<usize>,
    /// `max_entry_bytes`: larger answers are not cached.
    pub max_entry_bytes: usize,
    /// Bounds of the `local` cache.
    pub local: LocalBounds,
}

/// Where answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePlace {
    /// In this process.
    Local,
    /// In the Redis that replicas share.
    Redis,
}

/// Who shares answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheScope {
    /// Requests with the same key.
    #[default]
    Key,
    /// Requests of the same team; keys without a team as [`CacheScope::Key`].
    Team,
    /// Everybody.
    Global,
}

/// What the local cache may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalBounds {
    /// `max_size_in_memory`: answers.
    pub entries: u64,
    /// `max_bytes_in_memory`: bytes, keys included.
    pub bytes: u64,
}

impl CacheSettings {
    /// Whether answers of this endpoint are cached.
    pub fn caches(&self, endpoint: Endpoint) -> bool {
        self.calls.contains(&endpoint)
    }
}
