//! How long a provider may be silent, and whose choice that is.

use std::time::Duration;

use super::call::Call;
use crate::domain::deployment::Deployment;

/// The longest silence of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long.
    pub idle: Duration,
    /// Whether the caller wants less silence than the configuration allows: then running out of it says
    /// nothing about the deployment.
    pub callers: bool,
}

/// The patience with this deployment for a request like this: what the caller says for streams
/// (`stream_timeout`, or the point where its SDK gives up), else what the deployment, its key, its team or the
/// configuration says.
pub fn patience(call: &Call, deployment: &Deployment) -> Patience {
    let (own, router) = (&deployment.patience, &call.table.config.router);
    let (mut timeout, mut stream_timeout) = (router.timeout, router.stream_timeout);
    if let Some(changed) = &call.own {
        timeout = changed.settings.timeout.unwrap_or(timeout);
        stream_timeout = changed.settings.stream_timeout.or(changed.settings.timeout).or(stream_timeout);
    }
    let stream = if call.stream { own.stream_timeout.or(stream_timeout) } else { None };
    let configured = stream.or(own.timeout).unwrap_or(timeout);
    let options = &call.options;
    let shorter = |asked: &Duration| *asked < configured;
    let asked = options.stream_timeout.or(options.read_timeout.filter(shorter)).filter(|_| call.stream);
    Patience { idle: asked.unwrap_or(configured), callers: asked.as_ref().is_some_and(shorter) }
}

/// The interval of comments on a silent stream, also before its first token, where the configuration (or,
/// if the deployments let it, the request) wants them.
pub fn keepalive(call: &Call) -> Option<Duration> {
    if !call.stream {
        return None;
    }
    let members = &call.resolved.members;
    let may_choose = members.iter().all(|member| member.deployment.request.client_keepalive);
    let own = members.iter().find_map(|member| member.deployment.request.keepalive);
    call.options.keepalive.filter(|_| may_choose).or(own).or(call.table.config.settings.keepalive)
}
