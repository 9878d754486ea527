//! `/v1/completions` through chat, and chat through `/v1/completions`.
//!
//! [`to_chats`], [`from_chats`] and [`CompletionStream`] serve text completions on a chat provider, one chat
//! request per prompt. [`chat_to_completion`], [`completion_to_chat`] and [`ChatStream`] serve chat on a
//! deployment that has text completions only. Shapes: OpenAI's API reference, "Completions (legacy)".

mod as_chat;
mod as_chat_stream;
mod frame;
mod logprobs;
mod reply;
mod request;
mod stream;

pub use as_chat::{chat_to_completion, completion_to_chat};
pub use as_chat_stream::ChatStream;
pub use reply::from_chats;
pub use request::{MOST_PROMPTS, to_chats};
pub use stream::CompletionStream;
