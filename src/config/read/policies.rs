//! `retry_policy` and `allowed_fails_policy`: a number per error class.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::context::Context;
use crate::config::keys;
use crate::config::scope::{Scope, nearest};
use crate::domain::reliability::{AllowedFails, ClassCounts};

/// Reads a policy whose keys are an error class and `ending` (`RateLimitError` + `Retries`).
pub fn class_counts(scope: &Scope<'_>, ending: &str) -> ClassCounts {
    let mut counts = ClassCounts::default();
    for entry in scope.entries() {
        let slot = match entry.key.strip_suffix(ending).unwrap_or_default() {
            "BadRequestError" => &mut counts.bad_request,
            "AuthenticationError" => &mut counts.authentication,
            "TimeoutError" => &mut counts.timeout,
            "RateLimitError" => &mut counts.rate_limit,
            "ContentPolicyViolationError" => &mut counts.content_policy,
            "InternalServerError" => &mut counts.internal_server,
            "ServiceUnavailableError" => &mut counts.service_unavailable,
            "BadGatewayError" => &mut counts.bad_gateway,
            "NotFoundError" => &mut counts.not_found,
            "Default" => &mut counts.default,
            _ => {
                unknown(scope, &entry.key, ending);
                continue;
            }
        };
        *slot = scope.small(&entry.key);
    }
    counts
}

fn unknown(scope: &Scope<'_>, key: &str, ending: &str) {
    let names: Vec<String> = keys::CLASSES.iter().map(|class| format!("{class}{ending}")).collect();
    let message = match nearest(key, names.iter().map(String::as_str)) {
        Some(near) => format!("unknown key, did you mean \"{near}\"?"),
        None => format!("unknown key; the keys are error classes such as \"RateLimitError{ending}\""),
    };
    scope.problems.warn(scope.at_of(key), &scope.path_of(key), message);
}

/// `model_group_retry_policy`: a retry policy per group.
pub fn by_group(context: &Context<'_>, scope: &Scope<'_>) -> HashMap<Arc<str>, ClassCounts> {
    let mut policies = HashMap::new();
    for entry in scope.entries() {
        context.mention(entry.at, &scope.path_of(&entry.key), &entry.key, "group");
        let policy = class_counts(&scope.scope(&entry.key), "Retries");
        policies.insert(Arc::from(entry.key.as_str()), policy);
    }
    policies
}

/// `allowed_fails_policy`, or else `allowed_fails`, of one mapping.
pub fn allowed_fails(scope: &Scope<'_>) -> Option<AllowedFails> {
    if scope.get("allowed_fails_policy").is_some() {
        let policy = scope.scope("allowed_fails_policy");
        return Some(AllowedFails::ByClass(class_counts(&policy, "AllowedFails")));
    }
    scope.small("allowed_fails").map(AllowedFails::Count)
}
