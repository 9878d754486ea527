//! Events for the formatters' tests.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::json;

use super::event::{Content, Event, Failure, Owner};
use super::request::Outgoing;
use crate::base::money::Nanos;
use crate::base::usage::Usage;
use crate::domain::pricing::Cost;

pub const STARTED_US: i64 = 1_700_000_000_000_000;

/// A body as it was before it was compressed.
pub fn body(out: &Outgoing) -> Vec<u8> {
    if !out.headers.contains(&("content-encoding".to_owned(), "gzip".into())) {
        return out.body.to_vec();
    }
    let mut plain = Vec::new();
    GzDecoder::new(&*out.body).read_to_end(&mut plain).unwrap();
    plain
}

/// A streamed answer.
pub fn answered() -> Event {
    Event {
        id: "0190a3b4-0000-7000-8000-000000000001".into(),
        call_id: "call-1".into(),
        response_id: "chatcmpl-1".into(),
        call_type: "acompletion",
        route: "/v1/chat/completions",
        stream: true,
        status: 200,
        started_us: STARTED_US,
        first_token_us: Some(STARTED_US + 500_000),
        ended_us: STARTED_US + 2_500_000,
        upstream_us: 2_400_000,
        attempts: 2,
        provider: "openai".into(),
        model: "gpt-4o".into(),
        model_group: "chat".into(),
        model_id: "dep-1".into(),
        api_base: "https://api.openai.com/v1".into(),
        owner: Owner {
            key_hash: "aa".repeat(32),
            key_alias: "ci".into(),
            user_id: "ann".into(),
            team_id: "red".into(),
            team_alias: "Red".into(),
            end_user: "customer-7".into(),
            ..Owner::default()
        },
        usage: Some(Usage { prompt_tokens: 11, completion_tokens: 7, cached_tokens: 3, ..Usage::default() }),
        cost: Some(Cost {
            total: Nanos::new(1_250_000),
            original: Nanos::new(1_250_000),
            input: Nanos::new(250_000),
            output: Nanos::new(1_000_000),
            ..Cost::default()
        }),
        tags: vec!["prod".into()],
        session: "session-1".into(),
        ..Event::default()
    }
}

/// A refusal of a provider.
pub fn failed() -> Event {
    Event {
        id: "0190a3b4-0000-7000-8000-000000000002".into(),
        status: 429,
        failure: Some(Failure { class: "RateLimitError", message: "too many requests".into(), grave: true }),
        first_token_us: None,
        stream: false,
        usage: None,
        cost: None,
        ..answered()
    }
}

/// An answer with what was asked.
pub fn quoted() -> Event {
    let content = Content {
        question: json!([{"role": "user", "content": "What is 2+2?"}]).into(),
        answer: json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "4"}, "finish_reason": "stop"}]}).into(),
        parameters: json!({"temperature": 0.5, "max_tokens": 20}).into(),
    };
    Event { content: Some(content), ..answered() }
}
