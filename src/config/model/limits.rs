//! Limits that belong to no key, user or team.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::limits::Limits;

/// Limits of the whole gateway, and those that keys have by default.
#[derive(Debug, Clone, Default)]
pub struct LimitSettings {
    /// `global_max_rpm`, `global_max_tpm`, `global_max_parallel_requests`: everybody together.
    pub global: Limits,
    /// `max_parallel_requests`: of each key that has no such limit of its own.
    pub key_parallel: Option<u64>,
    /// `default_api_key_rpm_limit` and `default_api_key_tpm_limit` of deployments: of each key for that group,
    /// unless the key says otherwise.
    pub key_by_group: BTreeMap<Arc<str>, Limits>,
    /// `token_rate_limit_type`
    pub tokens: TokenCount,
    /// `fail_closed_rate_limit_enforcement`: refuse limited requests while the counters that replicas share do not
    /// answer, instead of enforcing each replica's part of every limit.
    pub refuses_alone: bool,
}

/// Which tokens count for `tpm_limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenCount {
    /// All.
    #[default]
    Total,
    /// Those of the prompt.
    Input,
    /// Those of the answer.
    Output,
}
