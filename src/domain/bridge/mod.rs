//! Serving one OpenAI endpoint through another one, for providers that have only one of them.
//!
//! [`responses`]: `/v1/responses` through chat. [`completions`]: `/v1/completions` through chat, and chat
//! through `/v1/completions`. Everything here is a pure function of JSON: no clock, no random source.

pub mod completions;
pub mod responses;

mod json;
