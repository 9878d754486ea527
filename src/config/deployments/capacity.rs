//! Capacity, preference and patience of a deployment.

use super::Parts;
use crate::config::read::policies;
use crate::config::scope::Scope;
use crate::config::yaml::Yaml;
use crate::domain::deployment::{Capacity, Patience};
use crate::domain::limits::Limits;

/// Capacity and preference. `rpm` and `tpm` may stand in the entry, `litellm_params` or `model_info`.
pub fn capacity(parts: &Parts<'_>) -> Capacity {
    let anywhere = |key: &str| {
        let in_entry = parts.entry.count(key);
        let in_info = parts.info.count(key);
        parts.params.count(key).or(in_entry).or(in_info)
    };
    Capacity {
        rpm: anywhere("rpm"),
        tpm: anywhere("tpm"),
        weight: parts.params.number("weight"),
        order: order(&parts.params),
        max_parallel_requests: parts.params.small("max_parallel_requests"),
        tags: parts.params.texts("tags").unwrap_or_default(),
    }
}

/// What each key gets of the group, unless it says otherwise.
pub fn key_limits(params: &Scope<'_>) -> Limits {
    Limits {
        requests_per_minute: params.count("default_api_key_rpm_limit"),
        tokens_per_minute: params.count("default_api_key_tpm_limit"),
        ..Limits::default()
    }
}

/// A whole number of either sign.
fn order(params: &Scope<'_>) -> Option<i64> {
    let field = params.get("order")?;
    match &field.node.value {
        Yaml::Int(order) => Some(*order),
        Yaml::Text(text) if text.trim().parse::<i64>().is_ok() => text.trim().parse().ok(),
        _ => {
            field.error("must be a whole number");
            None
        }
    }
}

/// Time limits and retries of its own.
pub fn patience(parts: &Parts<'_>) -> Patience {
    let params = &parts.params;
    let (timeout, request_timeout) = (params.limit("timeout"), params.limit("request_timeout"));
    let cooldown_time = params.seconds("cooldown_time");
    Patience {
        timeout: timeout.or(request_timeout),
        stream_timeout: params.limit("stream_timeout"),
        num_retries: params.small("num_retries"),
        cooldown_time: cooldown_time.or_else(|| parts.info.seconds("cooldown_time")),
        allowed_fails: policies::allowed_fails(&parts.info),
    }
}
