//! The checked configuration that the rest of the program reads.

mod addresses;
mod alerts;
mod cache;
mod export;
mod governance;
mod grants;
mod identity;
mod limits;
mod money;
mod redis;
mod semantic;
mod store;
mod users;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

pub use super::stored::Basis;
use crate::base::secret::Secret;
use crate::domain::deployment::Deployment;
use crate::domain::reliability::{AllowedFails, Fallbacks, RetryPolicy};
pub use crate::domain::routing::{Alias, StrategyArgs, StrategyName};
use crate::telemetry::logging::RequestLog;
pub use addresses::AddressRange;
pub use alerts::{AlertSettings, AlertTarget};
pub use cache::{CachePlace, CacheScope, CacheSettings, LocalBounds};
pub use export::ExportSettings;
pub use governance::Governance;
pub use grants::{GrantSettings, KeyRule};
pub use identity::{IdentitySettings, UserHeader, UserKind};
pub use limits::{LimitSettings, TokenCount};
pub use money::{MoneySettings, Prices, ProxyBudget};
pub use redis::{RedisAddress, RedisChecks, RedisNode, RedisSettings, RedisTls};
pub use semantic::SemanticSettings;
pub use store::{Retention, SpoolFsync, SpoolFull, SpoolSettings, StoreSettings};
pub use users::ConfiguredUser;

/// Everything the config file (with its includes and the environment) says.
#[derive(Debug, Clone)]
pub struct Config {
    /// `model_list`, in file order.
    pub deployments: Vec<Arc<Deployment>>,
    /// `model_group_alias`.
    pub aliases: BTreeMap<String, Alias>,
    /// Routing, retries, cooldowns, fallbacks.
    pub router: RouterSettings,
    /// The server itself.
    pub general: GeneralSettings,
    /// What LiteLLM keeps under `litellm_settings`.
    pub settings: Settings,
    /// Keys, users, limits, budgets, the ledger.
    pub governance: Governance,
    /// Where finished requests are told of.
    pub export: ExportSettings,
    /// What replicas share; `None`: this process is alone.
    pub redis: Option<RedisSettings>,
    /// The response cache; `None`: answers are not kept.
    pub cache: Option<CacheSettings>,
    /// When questions count as the same in other words; `None`: never.
    pub semantic: Option<SemanticSettings>,
    /// What models of the database are read with.
    pub basis: Basis,
    /// Every file that took part, for the watcher.
    pub files: Vec<PathBuf>,
}

/// `router_settings`, with the fallbacks and retries of `litellm_settings` merged in.
#[derive(Debug, Clone)]
pub struct RouterSettings {
    /// How a deployment of the group is chosen.
    pub strategy: StrategyName,
    /// `routing_strategy_args`.
    pub strategy_args: StrategyArgs,
    /// `num_retries`, `retry_after`, `retry_policy`, `model_group_retry_policy`.
    pub retry: RetryPolicy,
    /// All fallbacks.
    pub fallbacks: Fallbacks,
    /// `allowed_fails` or `allowed_fails_policy`; `None`: the default policy.
    pub allowed_fails: Option<AllowedFails>,
    /// `cooldown_time` (5 s by default).
    pub cooldown_time: Duration,
    /// `disable_cooldowns`.
    pub disable_cooldowns: bool,
    /// Longest silence of an attempt (`request_timeout`, `timeout`); 600 s by default.
    pub timeout: Duration,
    /// The same for streams, when it differs.
    pub stream_timeout: Option<Duration>,
    /// `enable_pre_call_checks`: leave out deployments whose context is too small.
    pub pre_call_checks: bool,
    /// `enable_tag_filtering`.
    pub tag_filtering: bool,
    /// `tag_filtering_match_any` (true by default).
    pub tag_match_any: bool,
    /// `default_max_parallel_requests`.
    pub default_max_parallel_requests: Option<u32>,
}

/// `general_settings`.
#[derive(Debug, Clone)]
pub struct GeneralSettings {
    /// The admin key, if the config or `LITELLM_MASTER_KEY` names one.
    pub master_key: Option<Secret>,
    /// Largest request body, bytes (`max_request_size_mb`; 100 MiB by default).
    pub max_request_bytes: usize,
    /// Largest non-streamed answer of a provider, bytes (`max_response_size_mb`; 200 MiB by default).
    pub max_response_bytes: usize,
    /// Whether requests may bring their own `api_base` (`allow_client_side_credentials`).
    pub allow_client_side_credentials: bool,
    /// `completion_model`: one model for every request.
    pub completion_model: Option<String>,
    /// `always_include_stream_usage`: `Some(true)` always delivers usage, `Some(false)` never asks for it.
    pub always_include_stream_usage: Option<bool>,
    /// `forward_client_headers_to_llm_api`: pass the client's `x-` headers on.
    pub forward_client_headers: bool,
    /// `log_level`.
    pub log_level: Option<String>,
    /// `request_log`: which requests leave a line in the log.
    pub request_log: RequestLog,
    /// `include_call_id_in_error_body`.
    pub call_id_in_errors: bool,
    /// `dangerously_allow_mock_testing_request_params`.
    pub allow_mock_testing: bool,
}

/// `litellm_settings` and what else is not the router's.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `drop_params`.
    pub drop_params: bool,
    /// SSE comment interval while an upstream is silent, also before the first token
    /// (`sse_keepalive_ping_interval_seconds`).
    pub keepalive: Option<Duration>,
    /// `json_logs`.
    pub json_logs: bool,
    /// `set_verbose`.
    pub verbose: bool,
    /// Whether `/metrics` wants the key (`require_auth_for_metrics_endpoint`, false by default here).
    pub metrics_need_key: bool,
    /// `prometheus_latency_buckets`, seconds.
    pub latency_buckets: Option<Vec<f64>>,
    /// `ssl_verify` for upstream connections.
    pub ssl_verify: bool,
    /// A file with further root certificates (`ssl_certificate`, `SSL_CERT_FILE`).
    pub ca_file: Option<PathBuf>,
    /// Whether callers that are no admins may have the router's decisions explained (`expose_router_debug_in_errors`).
    pub explains_to_callers: bool,
    /// Settings whose feature this version does not have, kept as written.
    pub later: Map<String, Value>,
}
