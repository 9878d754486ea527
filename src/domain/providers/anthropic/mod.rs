//! Anthropic's Messages API behind OpenAI's chat completions: both directions of the translation, pure.
//!
//! A chat request becomes a Messages body plus the beta flags it needs ([`request()`]); a whole reply
//! ([`reply()`]), a stream of events ([`Stream`]) or an error ([`error()`]) becomes what an OpenAI client
//! expects. What the way back has to know of the way out travels in a [`ReplyContext`].
//! Source: <https://docs.claude.com/en/api/messages>.

mod betas;
mod cache;
mod choice;
mod content;
mod context;
mod error;
mod fields;
mod files;
mod finish;
mod format;
mod http;
mod json_text;
mod messages;
mod model;
mod names;
mod params;
mod reply;
mod request;
#[cfg(test)]
mod robustness;
mod schema;
mod server_tools;
mod stream;
mod stream_blocks;
mod stream_text;
mod system;
mod thinking;
mod tool_messages;
mod tools;
mod usage;

pub use context::{ReplyContext, Settings, Shown, Translated};
pub use error::error;
pub use http::{headers, url};
pub use reply::reply;
pub use request::request;
pub use stream::Stream;

/// The provider's name in errors, logs and metrics.
const PROVIDER: &str = "anthropic";
