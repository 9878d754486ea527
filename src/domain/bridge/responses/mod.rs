//! OpenAI's Responses API served through chat, for providers that have only chat.
//!
//! [`to_chat`] turns the request, [`from_chat`] a whole answer, [`ResponsesStream`] a streamed one.
//! Nothing is stored: what refers to stored responses is refused, and `store` reads `false` in the answer.
//! Shapes and event order: OpenAI's API reference, "Responses" and "Responses streaming".

mod context;
mod input;
mod items;
mod output;
mod reply;
mod request;
mod stream;
mod thinking;
mod tools;

pub use context::ResponsesContext;
pub use reply::from_chat;
pub use request::to_chat;
pub use stream::{Events, ResponsesStream};
