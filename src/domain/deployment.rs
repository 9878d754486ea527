//! One entry of `model_list`: where a group's requests can be sent and under which rules.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::base::secret::Secret;
use crate::domain::pricing::Price;
use crate::domain::providers::Provider;
use crate::domain::reliability::AllowedFails;

/// A deployment as the config file describes it, complete and immutable.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// `model_info.id`, or a hash of what identifies the deployment (never of its secrets).
    pub id: Arc<str>,
    /// The group that clients ask for (`model_name`); may contain `*`.
    pub group: Arc<str>,
    /// Position among all deployments, from 0.
    pub position: usize,
    /// Whose API it speaks.
    pub provider: Provider,
    /// The provider's own model name, without the prefix (`gpt-4o`); may contain `*`.
    pub model: String,
    /// Where it is and how to identify there.
    pub connection: Connection,
    /// What shapes its requests.
    pub request: RequestRules,
    /// Capacity and preference.
    pub capacity: Capacity,
    /// Time limits and retries of its own.
    pub patience: Patience,
    /// What is known of the model.
    pub info: ModelInfo,
    /// Where its entry comes from, and how that is shown.
    pub origin: Origin,
    /// Why it cannot work, if it cannot (`no API key: set OPENAI_API_KEY or litellm_params.api_key`).
    /// Such a deployment is shown in health and readiness and never picked.
    pub problem: Option<String>,
}

impl Deployment {
    /// The base URL as clients, metrics and operators may see it.
    pub fn shown_base(&self) -> Cow<'_, str> {
        without_login(&self.connection.api_base)
    }

    /// Whether the request names the model.
    pub fn is_wildcard(&self) -> bool {
        self.model.contains('*')
    }

    /// `provider/model`, as LiteLLM's `x-litellm-model-name` header and metrics show it.
    pub fn full_model(&self) -> String {
        [self.provider.name, "/", &self.model].concat()
    }
}

/// An address without a user name, password or query, which can hold secrets.
pub fn without_login(url: &str) -> Cow<'_, str> {
    // Each ledger row asks.
    if !url.bytes().any(|byte| matches!(byte, b'@' | b'?' | b'#')) {
        return Cow::Borrowed(url);
    }
    let base = url.split(['?', '#']).next().unwrap_or_default();
    match base.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or_default();
            Cow::Owned(format!("{scheme}://{host}{path}"))
        }
        None => Cow::Borrowed(base.rsplit('@').next().unwrap_or_default()),
    }
}

/// The entry that a deployment was read from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origin {
    /// Whether it was added through the API and lives in the database.
    pub stored: bool,
    /// Its `litellm_params` as they were written, references to variables included, secrets left out.
    pub params: Map<String, Value>,
}

/// Where a deployment is and how to identify there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Connection {
    /// Base URL without a trailing slash; the provider's default when the config names none.
    pub api_base: String,
    /// The key, from the config or from the provider's environment variables.
    pub api_key: Option<Secret>,
    /// Azure's `api-version`.
    pub api_version: Option<String>,
    /// `OpenAI-Organization`.
    pub organization: Option<String>,
    /// Azure Entra token, sent as `Authorization: Bearer`.
    pub azure_ad_token: Option<Secret>,
    /// Headers added to each upstream request (`extra_headers`, `headers`); they may hold secrets.
    pub extra_headers: Vec<(String, Secret)>,
}

/// What shapes a deployment's requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestRules {
    /// Default parameters (`temperature`, `max_tokens` ...): the caller's value wins.
    pub defaults: Map<String, Value>,
    /// `extra_body`: merged into the upstream body last.
    pub extra_body: Map<String, Value>,
    /// Drop parameters the provider does not have, instead of refusing; `None` follows the global setting.
    pub drop_params: Option<bool>,
    /// `additional_drop_params`: names or paths (`tools[*].function.strict`) removed before mapping.
    pub additional_drop_params: Vec<String>,
    /// Parameters passed on although the provider's table does not list them.
    pub allowed_openai_params: Vec<String>,
    /// Answer with this text instead of calling a provider.
    pub mock_response: Option<String>,
    /// SSE comment interval while the upstream is silent, also before the first token.
    pub keepalive: Option<Duration>,
    /// Whether a request may set the interval itself (`allow_client_keepalive_override`).
    pub client_keepalive: bool,
    /// Whether the upstream call goes on when the client hangs up (`on_disconnect: drain`).
    pub drain_on_disconnect: bool,
    /// Connection fields the caller may bring along (`configurable_clientside_auth_params`).
    pub client_side_params: Vec<String>,
}

/// Capacity and preference.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Capacity {
    /// Requests in any 60 seconds.
    pub rpm: Option<u64>,
    /// Tokens in any 60 seconds.
    pub tpm: Option<u64>,
    /// Share of simple-shuffle.
    pub weight: Option<f64>,
    /// Priority tier, lower first.
    pub order: Option<i64>,
    /// Requests at a time.
    pub max_parallel_requests: Option<u32>,
    /// Tags for tag routing.
    pub tags: Vec<String>,
}

/// Time limits and retries of one deployment; what is `None` follows the router's settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patience {
    /// Longest silence of an attempt that is no stream.
    pub timeout: Option<Duration>,
    /// Longest silence of a streaming attempt.
    pub stream_timeout: Option<Duration>,
    /// Retries of requests that this deployment's group serves.
    pub num_retries: Option<u32>,
    /// How long it cools down.
    pub cooldown_time: Option<Duration>,
    /// Failures a minute it may have before it cools down.
    pub allowed_fails: Option<AllowedFails>,
}

/// What is known of the model behind a deployment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelInfo {
    /// `chat`, `embedding` ...; `None` when not said (the seeds' `fallback`/`loadbalance` are kept in `raw`).
    pub mode: Option<String>,
    /// Name under which prices and capabilities are looked up.
    pub base_model: Option<String>,
    /// Longest input, tokens.
    pub max_input_tokens: Option<u64>,
    /// Longest output, tokens.
    pub max_output_tokens: Option<u64>,
    /// USD per input token, for cost-based routing; `None` when unknown.
    pub input_cost_per_token: Option<f64>,
    /// USD per output token.
    pub output_cost_per_token: Option<f64>,
    /// What its answers cost; `None` when nothing is known, and for a wildcard, whose models differ.
    pub price: Option<Arc<Price>>,
    /// Whether the price list says the model takes `response_format: json_schema` natively.
    pub supports_response_schema: bool,
    /// Whether the price list says the model reasons.
    pub supports_reasoning: bool,
    /// `model_info` as written, unknown keys included.
    pub raw: Map<String, Value>,
}
