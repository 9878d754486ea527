//! The closed list of what can go wrong.

/// Every failure that a caller, an operator or a retry decision has to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    // The caller's mistakes, found by Stagedoor itself.
    /// Body, field or parameter that cannot be right.
    InvalidRequest,
    /// A parameter that the chosen provider does not have.
    UnsupportedParams,
    /// No key, a malformed key or an unknown key.
    Unauthorized,
    /// A valid key that may not do this.
    Forbidden,
    /// No such path.
    RouteNotFound,
    /// Another method is wanted on this path.
    MethodNotAllowed,
    /// No model group, alias or wildcard of this name.
    ModelNotFound,
    /// The body is larger than allowed.
    PayloadTooLarge,
    /// A field of a management request has a value of the wrong type.
    WrongType,
    /// No key, user, team ... of this name.
    NotFound,
    /// A key, user, team ... of this name exists.
    Conflict,
    /// What the request needs to know is in a database that does not answer.
    StoreUnavailable,
    /// A budget does not allow the request.
    BudgetExceeded,

    // What a provider answered.
    /// 400 and other 4xx without a kind of their own.
    UpstreamBadRequest,
    /// The prompt does not fit the model's context.
    ContextWindow,
    /// The provider's content policy refused.
    ContentPolicy,
    /// 401: the deployment's key is wrong.
    UpstreamUnauthorized,
    /// 402: the provider wants to be paid.
    UpstreamPayment,
    /// 403.
    UpstreamForbidden,
    /// 404: model or path unknown to the provider.
    UpstreamNotFound,
    /// 408.
    UpstreamRequestTimeout,
    /// 409.
    UpstreamConflict,
    /// 413.
    UpstreamTooLarge,
    /// 422.
    UpstreamUnprocessable,
    /// 429.
    UpstreamRateLimit,
    /// 500 and other 5xx without a kind of their own.
    UpstreamInternal,
    /// 502.
    UpstreamBadGateway,
    /// 503.
    UpstreamUnavailable,
    /// 504.
    UpstreamGatewayTimeout,
    /// 529 and Anthropic's `overloaded_error`.
    UpstreamOverloaded,

    // What happened on the way.
    /// No connection: refused, unreachable, name unknown, TLS failed.
    Connect,
    /// The provider broke off before the answer was complete.
    Cut,
    /// A success status with a body that is no valid answer.
    InvalidReply,
    /// The provider was silent for longer than the attempt may wait.
    AttemptTimeout,
    /// The caller's own time is over.
    CallerDeadline,

    // The gateway's own state.
    /// A limit configured in Stagedoor is used up.
    LimitExceeded,
    /// Every deployment of the group is cooling down.
    AllCooling,
    /// The group has deployments, but none can work as configured.
    Misconfigured,
    /// The replica is shutting down.
    Draining,
    /// The client hung up; nobody reads this error, the log does.
    ClientGone,
    /// A defect of ours.
    Internal,
}

impl Kind {
    /// Every kind, for tables and tests.
    pub const ALL: [Kind; 41] = [
        Kind::InvalidRequest,
        Kind::UnsupportedParams,
        Kind::Unauthorized,
        Kind::Forbidden,
        Kind::RouteNotFound,
        Kind::MethodNotAllowed,
        Kind::ModelNotFound,
        Kind::PayloadTooLarge,
        Kind::WrongType,
        Kind::NotFound,
        Kind::Conflict,
        Kind::StoreUnavailable,
        Kind::BudgetExceeded,
        Kind::UpstreamBadRequest,
        Kind::ContextWindow,
        Kind::ContentPolicy,
        Kind::UpstreamUnauthorized,
        Kind::UpstreamPayment,
        Kind::UpstreamForbidden,
        Kind::UpstreamNotFound,
        Kind::UpstreamRequestTimeout,
        Kind::UpstreamConflict,
        Kind::UpstreamTooLarge,
        Kind::UpstreamUnprocessable,
        Kind::UpstreamRateLimit,
        Kind::UpstreamInternal,
        Kind::UpstreamBadGateway,
        Kind::UpstreamUnavailable,
        Kind::UpstreamGatewayTimeout,
        Kind::UpstreamOverloaded,
        Kind::Connect,
        Kind::Cut,
        Kind::InvalidReply,
        Kind::AttemptTimeout,
        Kind::CallerDeadline,
        Kind::LimitExceeded,
        Kind::AllCooling,
        Kind::Misconfigured,
        Kind::Draining,
        Kind::ClientGone,
        Kind::Internal,
    ];

    /// The kind of a provider's error status, before its body has been looked at.
    pub fn of_upstream_status(status: u16) -> Kind {
        match status {
            401 => Kind::UpstreamUnauthorized,
            402 => Kind::UpstreamPayment,
            403 => Kind::UpstreamForbidden,
            404 => Kind::UpstreamNotFound,
            408 => Kind::UpstreamRequestTimeout,
            409 => Kind::UpstreamConflict,
            413 => Kind::UpstreamTooLarge,
            422 => Kind::UpstreamUnprocessable,
            429 => Kind::UpstreamRateLimit,
            400..=499 => Kind::UpstreamBadRequest,
            502 => Kind::UpstreamBadGateway,
            503 => Kind::UpstreamUnavailable,
            504 => Kind::UpstreamGatewayTimeout,
            529 => Kind::UpstreamOverloaded,
            500..=599 => Kind::UpstreamInternal,
            _ => Kind::InvalidReply,
        }
    }
}
