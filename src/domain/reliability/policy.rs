//! The settings that retries, fallbacks and cooldowns obey.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::base::error::Kind;

/// Numbers per LiteLLM error class, as `retry_policy` and `allowed_fails_policy` give them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassCounts {
    /// `BadRequestError...`
    pub bad_request: Option<u32>,
    /// `AuthenticationError...`
    pub authentication: Option<u32>,
    /// `TimeoutError...`
    pub timeout: Option<u32>,
    /// `RateLimitError...`
    pub rate_limit: Option<u32>,
    /// `ContentPolicyViolationError...`
    pub content_policy: Option<u32>,
    /// `InternalServerError...`
    pub internal_server: Option<u32>,
    /// `ServiceUnavailableError...`
    pub service_unavailable: Option<u32>,
    /// `BadGatewayError...`
    pub bad_gateway: Option<u32>,
    /// `NotFoundError...`
    pub not_found: Option<u32>,
    /// `DefaultRetries`
    pub default: Option<u32>,
}

impl ClassCounts {
    /// The number given for errors of this kind, if one is.
    pub fn of(&self, kind: Kind) -> Option<u32> {
        let class = match kind {
            Kind::UpstreamBadRequest
            | Kind::ContextWindow
            | Kind::UpstreamTooLarge
            | Kind::UpstreamUnprocessable => self.bad_request,
            Kind::ContentPolicy => self.content_policy,
            Kind::UpstreamUnauthorized | Kind::UpstreamForbidden => self.authentication,
            Kind::UpstreamNotFound => self.not_found,
            Kind::UpstreamRequestTimeout | Kind::UpstreamGatewayTimeout | Kind::AttemptTimeout => {
                self.timeout
            }
            Kind::UpstreamRateLimit => self.rate_limit,
            Kind::UpstreamInternal | Kind::UpstreamOverloaded | Kind::InvalidReply | Kind::Cut => {
                self.internal_server
            }
            Kind::UpstreamUnavailable | Kind::Connect => self.service_unavailable,
            Kind::UpstreamBadGateway => self.bad_gateway,
            _ => None,
        };
        class.or(self.default)
    }
}

/// How often and how soon a group's failed attempts are repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts after the first, per group.
    pub num_retries: u32,
    /// Least wait before a retry on the same deployment.
    pub retry_after: Duration,
    /// Numbers per error class; they win over `num_retries`.
    pub by_class: ClassCounts,
    /// The same per group; they win over `by_class`.
    pub by_group: HashMap<Arc<str>, ClassCounts>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy {
            num_retries: 2,
            retry_after: Duration::ZERO,
            by_class: ClassCounts::default(),
            by_group: HashMap::new(),
        }
    }
}

/// When a deployment's failures cool it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedFails {
    /// LiteLLM's `allowed_fails`: more than this many in a minute.
    Count(u32),
    /// `allowed_fails_policy`: the same per error class.
    ByClass(ClassCounts),
}

/// Where a request goes when its group has failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fallbacks {
    /// `fallbacks` and `fallback_mapping`, per group; `*` serves groups without an entry.
    pub general: HashMap<Arc<str>, Vec<Fallback>>,
    /// `context_window_fallbacks`.
    pub context_window: HashMap<Arc<str>, Vec<Fallback>>,
    /// `content_policy_fallbacks`.
    pub content_policy: HashMap<Arc<str>, Vec<Fallback>>,
    /// `default_fallbacks`: for groups without an entry of their own.
    pub default: Vec<Fallback>,
    /// The most hops one request may take (`max_fallbacks`).
    pub max: u32,
    /// Whether `fallbacks` also apply to the caller's own 4xx, as LiteLLM does (`fallback_on_client_errors`).
    pub on_client_errors: bool,
}

/// One fallback target: a group, or (in a request) a group with parameters that replace the caller's.
#[derive(Debug, Clone, PartialEq)]
pub struct Fallback {
    /// The group to try.
    pub group: Arc<str>,
    /// Body fields that replace the request's (`{"model": "b", "temperature": 0}`).
    pub overrides: Map<String, Value>,
}
