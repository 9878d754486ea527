//! The OpenAI dialect and its relatives: where a request goes, what its body becomes, and how replies and
//! streams are carried back with as little touched as possible.

mod chunk;
mod messages;
mod reply;
mod request;
mod responses_stream;
mod stream;
mod target;

pub use reply::{InvalidReply, restamp};
pub use request::{BodyOptions, body, fold_extra_body};
pub use responses_stream::ResponsesStream;
pub use stream::{ChatStream, End, Fed, StreamOptions};
pub use target::{Target, target};

/// Replies come from servers the operator chose; the bound only keeps a broken one from costing memory.
const REPLY_DEPTH: usize = 512;
