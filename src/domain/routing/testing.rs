//! Deployments for this module's tests.

use std::sync::Arc;
use std::time::Instant;

use super::{Candidate, PickContext, View};
use crate::domain::deployment::{Capacity, Connection, Deployment, ModelInfo, Patience, RequestRules};
use crate::domain::providers::provider::Quirks;
use crate::domain::providers::{Dialect, Provider};

const OPENAI: Provider = Provider {
    name: "openai",
    title: "OpenAI",
    dialect: Dialect::OpenAi,
    base: "",
    base_env: &[],
    key_env: &[],
    keyless: false,
    quirks: Quirks {
        native_responses: true,
        native_completions: true,
        developer_role: true,
        max_completion_tokens: true,
        stream_usage: true,
        flat_content: false,
        required_is_any: false,
        random_seed: false,
        unsupported: &[],
    },
};

/// `openai/gpt-4o` in group `gpt-4`.
pub fn deployment(id: &str) -> Deployment {
    Deployment {
        id: id.into(),
        group: "gpt-4".into(),
        position: 0,
        provider: OPENAI,
        model: "gpt-4o".into(),
        connection: Connection::default(),
        request: RequestRules::default(),
        capacity: Capacity::default(),
        patience: Patience::default(),
        info: ModelInfo::default(),
        origin: Default::default(),
        problem: None,
    }
}

/// `provider/model` in `group`.
pub fn named(id: &str, group: &str, provider: &'static str, model: &str) -> Arc<Deployment> {
    let provider = Provider { name: provider, ..OPENAI };
    Arc::new(Deployment { group: group.into(), provider, model: model.into(), ..deployment(id) })
}

/// With this capacity.
pub fn sized(id: &str, capacity: Capacity) -> Arc<Deployment> {
    Arc::new(Deployment { capacity, ..deployment(id) })
}

/// With nothing used and nothing in flight.
pub fn candidate<'a>(deployment: &'a Arc<Deployment>, view: &'a View) -> Candidate<'a> {
    Candidate { deployment, view, in_flight: 0, picks_pending: 0, used_rpm: 0, used_tpm: 0 }
}

/// A non-streaming request of 10 tokens.
pub fn context(now: Instant) -> PickContext<'static> {
    PickContext { stream: false, estimated_tokens: 10, now, group: "gpt-4" }
}
