//! Providers and deployments for the tests of this folder.

use super::provider::Quirks;
use super::{Dialect, Provider};
use crate::domain::deployment::{Capacity, Connection, Deployment, ModelInfo, Patience, RequestRules};

/// Everything that OpenAI itself can do.
pub const OPENAI_QUIRKS: Quirks = Quirks {
    native_responses: true,
    native_completions: false,
    developer_role: true,
    max_completion_tokens: true,
    stream_usage: true,
    flat_content: false,
    required_is_any: false,
    random_seed: false,
    unsupported: &[],
};

pub const OPENAI: Provider = Provider {
    name: "openai",
    title: "OpenAI",
    dialect: Dialect::OpenAi,
    base: "https://api.openai.com/v1",
    base_env: &[],
    key_env: &[],
    keyless: false,
    quirks: OPENAI_QUIRKS,
};

pub const AZURE: Provider =
    Provider { name: "azure", title: "Azure", dialect: Dialect::Azure, base: "", ..OPENAI };

pub const COHERE: Provider = Provider {
    name: "cohere",
    title: "Cohere",
    dialect: Dialect::Cohere,
    base: "https://api.cohere.ai",
    ..OPENAI
};

/// A server that differs from OpenAI in every way there is.
pub const MISTRAL: Provider = Provider {
    name: "mistral",
    title: "Mistral",
    base: "https://api.mistral.ai/v1",
    quirks: Quirks {
        native_responses: false,
        native_completions: false,
        developer_role: false,
        max_completion_tokens: false,
        stream_usage: false,
        flat_content: true,
        required_is_any: true,
        random_seed: true,
        unsupported: &["logit_bias", "logprobs"],
    },
    ..OPENAI
};

/// A deployment of `provider` with the key `sk-test-0123456789`.
pub fn deployment(provider: Provider, model: &str) -> Deployment {
    Deployment {
        id: "d1".into(),
        group: "group".into(),
        position: 0,
        provider,
        model: model.to_owned(),
        connection: Connection {
            api_base: provider.base.to_owned(),
            api_key: Some("sk-test-0123456789".into()),
            ..Connection::default()
        },
        request: RequestRules::default(),
        capacity: Capacity::default(),
        patience: Patience::default(),
        info: ModelInfo::default(),
        origin: Default::default(),
        problem: None,
    }
}
