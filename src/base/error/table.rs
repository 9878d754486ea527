//! kind -> status, type, code, LiteLLM class, retry, fallback, cooldown, metric label, log level.

use super::Kind;

/// Whether another attempt may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// No: the same request fails everywhere.
    Never,
    /// Yes, here or elsewhere.
    Yes,
    /// Only on another deployment of the group (this one's key or model name is wrong).
    Elsewhere,
}

/// How loudly the log speaks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Normal operation.
    Debug,
    /// Worth knowing.
    Info,
    /// Somebody should look.
    Warn,
    /// A defect.
    Error,
}

/// What a kind means to everybody who handles it.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// HTTP status for the caller, unless the provider's exact status is kept.
    pub status: u16,
    /// `error.type` of OpenAI's envelope.
    pub type_: &'static str,
    /// `error.code`, where one is better than the status.
    pub code: Option<&'static str>,
    /// The exception class LiteLLM names in messages and metrics (`exception_class`).
    pub class: &'static str,
    /// Whether another attempt may help.
    pub retry: Retry,
    /// Whether `fallbacks` apply by default.
    pub fallback: bool,
    /// Whether it speaks against the deployment's health.
    pub cools: bool,
    /// The label in Stagedoor's own metrics and logs.
    pub label: &'static str,
    /// How loudly it is logged.
    pub level: Level,
}

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "internal_server_error";
const TIMEOUT: &str = "timeout_error";

/// A row for a mistake of the caller: never retried, never a fallback, cools nothing.
const fn caller(
    status: u16,
    type_: &'static str,
    code: Option<&'static str>,
    class: &'static str,
    label: &'static str,
) -> Behaviour {
    Behaviour {
        status,
        type_,
        code,
        class,
        retry: Retry::Never,
        fallback: false,
        cools: false,
        label,
        level: Level::Debug,
    }
}

/// A row for a failure of one deployment: retried, falls back, cools.
const fn faulty(status: u16, type_: &'static str, class: &'static str, label: &'static str) -> Behaviour {
    Behaviour {
        status,
        type_,
        code: None,
        class,
        retry: Retry::Yes,
        fallback: true,
        cools: true,
        label,
        level: Level::Warn,
    }
}

impl Behaviour {
    const fn elsewhere(self) -> Behaviour {
        Behaviour { retry: Retry::Elsewhere, ..self }
    }

    const fn falls_back(self) -> Behaviour {
        Behaviour { fallback: true, ..self }
    }

    const fn spares(self) -> Behaviour {
        Behaviour { cools: false, ..self }
    }

    const fn final_(self) -> Behaviour {
        Behaviour { retry: Retry::Never, fallback: false, ..self }
    }

    const fn code(self, code: &'static str) -> Behaviour {
        Behaviour { code: Some(code), ..self }
    }

    const fn level(self, level: Level) -> Behaviour {
        Behaviour { level, ..self }
    }
}

impl Kind {
    /// The class in metrics (`exception_class`). There our own limits are no provider's: `HTTPException` is a limit of
    /// the gateway, `RouterRateLimitError` that all deployments rest or are full, `RateLimitError` a provider's 429.
    pub const fn metric_class(self) -> &'static str {
        match self {
            Kind::LimitExceeded => "HTTPException",
            Kind::AllCooling => "RouterRateLimitError",
            _ => self.behaviour().class,
        }
    }

    /// The row of this kind.
    pub const fn behaviour(self) -> Behaviour {
        match self {
            Kind::InvalidRequest => caller(400, INVALID, None, "BadRequestError", "invalid_request"),
            Kind::UnsupportedParams => {
                caller(400, INVALID, None, "UnsupportedParamsError", "unsupported_params")
            }
            Kind::Unauthorized => {
                caller(401, "auth_error", Some("invalid_api_key"), "ProxyException", "unauthorized")
            }
            Kind::Forbidden => caller(403, "permission_error", None, "ProxyException", "forbidden"),
            Kind::RouteNotFound => {
                caller(404, INVALID, Some("unknown_url"), "ProxyException", "route_not_found")
            }
            Kind::MethodNotAllowed => {
                caller(405, INVALID, Some("method_not_allowed"), "ProxyException", "method_not_allowed")
            }
            Kind::ModelNotFound => {
                caller(404, INVALID, Some("model_not_found"), "NotFoundError", "model_not_found")
            }
            Kind::PayloadTooLarge => {
                caller(413, INVALID, Some("request_too_large"), "ProxyException", "payload_too_large")
            }
            Kind::WrongType => caller(422, "validation_error", None, "ProxyException", "wrong_type"),
            Kind::NotFound => caller(404, "not_found_error", None, "ProxyException", "not_found"),
            Kind::Conflict => caller(409, "bad_request_error", None, "ProxyException", "conflict"),
            Kind::StoreUnavailable => {
                caller(503, "no_db_connection", None, "ServiceUnavailableError", "store_unavailable")
                    .level(Level::Warn)
            }
            Kind::BudgetExceeded => caller(
                422,
                "budget_exceeded",
                Some("budget_exceeded"),
                "BudgetExceededError",
                "budget_exceeded",
            )
            .level(Level::Info),
            Kind::UpstreamBadRequest => caller(400, INVALID, None, "BadRequestError", "upstream_bad_request"),
            Kind::ContextWindow => caller(
                400,
                INVALID,
                Some("context_length_exceeded"),
                "ContextWindowExceededError",
                "context_window",
            ),
            Kind::ContentPolicy => caller(
                400,
                INVALID,
                Some("content_policy_violation"),
                "ContentPolicyViolationError",
                "content_policy",
            ),
            Kind::UpstreamUnauthorized => {
                faulty(401, "authentication_error", "AuthenticationError", "upstream_unauthorized")
                    .elsewhere()
            }
            Kind::UpstreamPayment => faulty(402, INVALID, "APIError", "upstream_payment").elsewhere(),
            Kind::UpstreamForbidden => {
                faulty(403, "permission_error", "PermissionDeniedError", "upstream_forbidden").elsewhere()
            }
            Kind::UpstreamNotFound => faulty(404, INVALID, "NotFoundError", "upstream_not_found").elsewhere(),
            Kind::UpstreamRequestTimeout => faulty(408, TIMEOUT, "Timeout", "upstream_request_timeout"),
            Kind::UpstreamConflict => faulty(409, INVALID, "APIError", "upstream_conflict").spares(),
            Kind::UpstreamTooLarge => caller(413, INVALID, None, "APIError", "upstream_too_large"),
            Kind::UpstreamUnprocessable => {
                caller(422, INVALID, None, "BadRequestError", "upstream_unprocessable")
            }
            Kind::UpstreamRateLimit => {
                faulty(429, "rate_limit_error", "RateLimitError", "upstream_rate_limit")
            }
            Kind::UpstreamInternal => faulty(500, SERVER, "InternalServerError", "upstream_internal"),
            Kind::UpstreamBadGateway => faulty(502, SERVER, "BadGatewayError", "upstream_bad_gateway"),
            Kind::UpstreamUnavailable => {
                faulty(503, SERVER, "ServiceUnavailableError", "upstream_unavailable")
            }
            Kind::UpstreamGatewayTimeout => faulty(504, TIMEOUT, "Timeout", "upstream_gateway_timeout"),
            Kind::UpstreamOverloaded => {
                faulty(529, "overloaded_error", "InternalServerError", "upstream_overloaded")
            }
            Kind::Connect => {
                faulty(502, SERVER, "APIConnectionError", "connect").code("upstream_connection_failed")
            }
            Kind::Cut => faulty(502, SERVER, "APIConnectionError", "cut").code("upstream_cut"),
            Kind::InvalidReply => {
                faulty(502, SERVER, "APIError", "invalid_reply").code("upstream_invalid_reply")
            }
            Kind::AttemptTimeout => {
                faulty(408, TIMEOUT, "Timeout", "attempt_timeout").code("upstream_timeout")
            }
            Kind::CallerDeadline => {
                caller(408, TIMEOUT, Some("deadline_exceeded"), "Timeout", "caller_deadline")
            }
            Kind::LimitExceeded => caller(
                429,
                "rate_limit_error",
                Some("rate_limit_exceeded"),
                "RateLimitError",
                "limit_exceeded",
            )
            .falls_back()
            .level(Level::Info),
            Kind::AllCooling => {
                caller(429, "all_deployments_in_cooldown", None, "RateLimitError", "all_cooling")
                    .falls_back()
                    .level(Level::Warn)
            }
            Kind::Misconfigured => faulty(500, SERVER, "APIError", "misconfigured")
                .elsewhere()
                .spares()
                .code("deployment_misconfigured"),
            Kind::Draining => faulty(503, SERVER, "ServiceUnavailableError", "draining").spares().final_(),
            Kind::ClientGone => {
                caller(499, INVALID, Some("client_disconnected"), "ClientDisconnected", "client_gone")
            }
            Kind::Internal => {
                faulty(500, SERVER, "InternalServerError", "internal").spares().final_().level(Level::Error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn labels_are_unique_and_statuses_are_errors() {
        let labels: HashSet<_> = Kind::ALL.iter().map(|kind| kind.behaviour().label).collect();
        assert_eq!(labels.len(), Kind::ALL.len());
        assert!(Kind::ALL.iter().all(|kind| (400..600).contains(&kind.behaviour().status)));
    }

    #[test]
    fn callers_mistakes_cool_nothing() {
        for kind in Kind::ALL {
            let row = kind.behaviour();
            if row.retry == Retry::Never && row.status < 500 {
                assert!(!row.cools, "{kind:?}");
            }
        }
    }

    #[test]
    fn a_provider_status_keeps_its_class() {
        for status in [401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529] {
            assert_eq!(Kind::of_upstream_status(status).behaviour().status, status);
        }
        assert_eq!(Kind::of_upstream_status(418), Kind::UpstreamBadRequest);
        assert_eq!(Kind::of_upstream_status(599), Kind::UpstreamInternal);
    }
}
