//! Limits that belong to nobody.

use std::collections::BTreeMap;

use crate::config::model::{LimitSettings, TokenCount};
use crate::config::scope::Scope;
use crate::domain::limits::Limits;

/// Reads the section's say in limits.
pub fn read(general: &Scope<'_>) -> LimitSettings {
    let words = [("total", TokenCount::Total), ("input", TokenCount::Input), ("output", TokenCount::Output)];
    let tokens = general.get("token_rate_limit_type").and_then(|field| field.word(&words));
    LimitSettings {
        global: Limits {
            requests_per_minute: limit(general, "global_max_rpm"),
            tokens_per_minute: limit(general, "global_max_tpm"),
            tokens_per_day: None,
            parallel: limit(general, "global_max_parallel_requests"),
        },
        key_parallel: limit(general, "max_parallel_requests"),
        key_by_group: BTreeMap::new(),
        tokens: tokens.unwrap_or_default(),
        refuses_alone: general.flag("fail_closed_rate_limit_enforcement")
            || general.flag("fail_closed_budget_enforcement"),
    }
}

/// A limit. One of 0 would stop all traffic: whoever writes it means that there is none.
fn limit(general: &Scope<'_>, key: &str) -> Option<u64> {
    let field = general.get(key)?;
    let limit = field.count()?;
    if limit == 0 {
        field.warn("0 counts as no limit; leave it out, or give a number");
        return None;
    }
    Some(limit)
}
