//! The response cache's decisions, without IO: which requests ask the same ([`key`], [`canon`]), what a request wants of
//! the cache ([`controls`]), an answer as it is kept ([`stored`]) and as a stream ([`replay`]), and the inputs of
//! embeddings, each of which is a question of its own ([`vectors`]).

pub mod canon;
pub mod controls;
pub mod key;
pub mod replay;
pub mod stored;
pub mod vectors;

pub use controls::Controls;
pub use key::{CacheKey, Digest};
pub use stored::Stored;
