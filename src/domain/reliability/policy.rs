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

/// LiteLLM's error classes, as far as settings tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The request itself is wrong.
    BadRequest,
    /// The provider refuses the key.
    Authentication,
    /// Nothing came in time.
    Timeout,
    /// The provider's limit is used up.
    RateLimit,
    /// The provider's content policy refused.
    ContentPolicy,
    /// The provider failed.
    InternalServer,
    /// The provider is away.
    ServiceUnavailable,
    /// Something between failed.
    BadGateway,
    /// Unknown model or path.
    NotFound,
}

impl Class {
    /// The class of what came from a provider or the way to it; `None` for the gateway's own errors.
    pub const fn of(kind: Kind) -> Option<Class> {
        Some(match kind {
            Kind::UpstreamBadRequest
            | Kind::ContextWindow
            | Kind::UpstreamTooLarge
            | Kind::UpstreamUnprocessable => Class::BadRequest,
            Kind::ContentPolicy => Class::ContentPolicy,
            Kind::UpstreamUnauthorized | Kind::UpstreamForbidden => Class::Authentication,
            Kind::UpstreamNotFound => Class::NotFound,
            Kind::UpstreamRequestTimeout | Kind::UpstreamGatewayTimeout | Kind::AttemptTimeout => {
                Class::Timeout
            }
            Kind::UpstreamRateLimit => Class::RateLimit,
            Kind::UpstreamInternal | Kind::UpstreamOverloaded | Kind::InvalidReply | Kind::Cut => {
                Class::InternalServer
            }
            Kind::UpstreamUnavailable | Kind::Connect => Class::ServiceUnavailable,
            Kind::UpstreamBadGateway => Class::BadGateway,
            _ => return None,
        })
    }
}

impl ClassCounts {
    /// The number given for errors of this kind, if one is.
    pub fn of(&self, kind: Kind) -> Option<u32> {
        self.explicit(kind).or(self.default)
    }

    /// The same without `DefaultRetries`: only what was said about this very class.
    pub fn explicit(&self, kind: Kind) -> Option<u32> {
        match Class::of(kind)? {
            Class::BadRequest => self.bad_request,
            Class::Authentication => self.authentication,
            Class::Timeout => self.timeout,
            Class::RateLimit => self.rate_limit,
            Class::ContentPolicy => self.content_policy,
            Class::InternalServer => self.internal_server,
            Class::ServiceUnavailable => self.service_unavailable,
            Class::BadGateway => self.bad_gateway,
            Class::NotFound => self.not_found,
        }
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
#[derive(Debug, Clone, PartialEq)]
pub struct Fallbacks {
    /// `fallbacks` and `fallback_mapping`, per group; `*` serves groups without an entry.
    pub general: HashMap<Arc<str>, Vec<Fallback>>,
    /// `context_window_fallbacks`.
    pub context_window: HashMap<Arc<str>, Vec<Fallback>>,
    /// `content_policy_fallbacks`.
    pub content_policy: HashMap<Arc<str>, Vec<Fallback>>,
    /// `default_fallbacks`: for groups without an entry of their own.
    pub default: Vec<Fallback>,
    /// The longest chain of hops (`max_fallbacks`): a target's own fallbacks lie one hop deeper than it.
    pub max: u32,
    /// Whether `fallbacks` also apply to the caller's own 4xx, as LiteLLM does (`fallback_on_client_errors`).
    pub on_client_errors: bool,
}

impl Default for Fallbacks {
    fn default() -> Self {
        Fallbacks {
            general: HashMap::new(),
            context_window: HashMap::new(),
            content_policy: HashMap::new(),
            default: Vec::new(),
            max: 5,
            on_client_errors: false,
        }
    }
}

/// One fallback target: a group, or (in a request) a group with parameters that replace the caller's.
#[derive(Debug, Clone, PartialEq)]
pub struct Fallback {
    /// The group to try.
    pub group: Arc<str>,
    /// Body fields that replace the request's (`{"model": "b", "temperature": 0}`).
    pub overrides: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_retries_say_nothing_about_a_class_of_its_own() {
        let counts = ClassCounts { timeout: Some(1), default: Some(4), ..ClassCounts::default() };
        assert_eq!(counts.of(Kind::AttemptTimeout), Some(1));
        assert_eq!(counts.of(Kind::UpstreamRateLimit), Some(4));
        assert_eq!(counts.explicit(Kind::UpstreamRateLimit), None);
    }

    #[test]
    fn only_what_comes_from_upstream_has_a_class() {
        assert_eq!(Class::of(Kind::Connect), Some(Class::ServiceUnavailable));
        for kind in [Kind::InvalidRequest, Kind::LimitExceeded, Kind::AllCooling, Kind::ClientGone] {
            assert_eq!(Class::of(kind), None, "{kind:?}");
        }
    }
}
