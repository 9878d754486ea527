//! Limits of money and rate, the rows that several owners share, and budgets over several windows.

use serde::{Deserialize, Serialize};

use super::{JsonMap, State};

/// Caps that every kind of owner can have. `None` is unlimited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Most that may be spent in a period.
    pub max_budget_nanos: Option<i64>,
    /// From here on somebody is told; blocks nothing.
    pub soft_budget_nanos: Option<i64>,
    /// How long a period is (`30d`, `1h` ...); `None`: for ever.
    pub budget_duration: Option<String>,
    /// Requests at the same time.
    pub max_parallel_requests: Option<i64>,
    /// Requests in a minute.
    pub rpm_limit: Option<i64>,
    /// Tokens in a minute.
    pub tpm_limit: Option<i64>,
    /// Tokens in a day.
    pub tpd_limit: Option<i64>,
    /// Budgets of single models: `{"gpt-4o": {"max_budget": 1, "budget_duration": "1d"}}`.
    pub model_max_budget: JsonMap,
}

impl Limits {
    /// The models with budgets of their own that begin anew, and after how long.
    pub fn model_periods(&self) -> impl Iterator<Item = (&str, &str)> {
        self.model_max_budget.iter().filter_map(|(model, budget)| {
            let every = budget.get("budget_duration").or_else(|| budget.get("time_period"))?;
            Some((model.as_str(), every.as_str()?))
        })
    }
}

impl Limits {
    /// These caps, and those of `shared` where there is none; budget periods and budgets of models stay one's own.
    #[must_use]
    pub fn or(&self, shared: &Limits) -> Limits {
        Limits {
            max_budget_nanos: self.max_budget_nanos.or(shared.max_budget_nanos),
            soft_budget_nanos: self.soft_budget_nanos.or(shared.soft_budget_nanos),
            max_parallel_requests: self.max_parallel_requests.or(shared.max_parallel_requests),
            rpm_limit: self.rpm_limit.or(shared.rpm_limit),
            tpm_limit: self.tpm_limit.or(shared.tpm_limit),
            tpd_limit: self.tpd_limit.or(shared.tpd_limit),
            ..self.clone()
        }
    }

    /// Adds `more` nano-dollars to the budget, if there is one, until `until_ms`.
    pub fn add_for_a_while(&mut self, more: Option<i64>, until_ms: Option<i64>, now_ms: i64) {
        if let (Some(max), Some(more), Some(until)) = (&mut self.max_budget_nanos, more, until_ms)
            && now_ms < until
        {
            *max = max.saturating_add(more);
        }
    }
}

impl Budget {
    /// What it allows at `now_ms`, a temporary increase included.
    pub fn limits_at(&self, now_ms: i64) -> Limits {
        let mut limits = self.limits.clone();
        limits.add_for_a_while(self.temp_budget_increase_nanos, self.temp_budget_expiry_ms, now_ms);
        limits
    }
}

/// One of several budgets that hold at the same time over different lengths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its length.
    pub budget_duration: String,
    /// Most that may be spent in it, nano-dollars.
    pub max_budget_nanos: i64,
}

/// A budget row (`/budget/new`) that keys, users, members, end users, organizations and tags can point to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// Its name.
    pub budget_id: String,
    /// What it allows each owner that points to it.
    #[serde(flatten)]
    pub limits: Limits,
    /// Models that a member under this budget may use; empty: all of the team's.
    pub allowed_models: Vec<String>,
    /// Added to the budget for a while.
    pub temp_budget_increase_nanos: Option<i64>,
    /// Until when.
    pub temp_budget_expiry_ms: Option<i64>,
    /// Made when.
    pub created_at_ms: i64,
    /// Made by whom.
    pub created_by: Option<String>,
    /// Changed when.
    pub updated_at_ms: i64,
    /// Changed by whom.
    pub updated_by: Option<String>,
    /// Its period and version.
    #[serde(skip)]
    pub state: State,
    /// Fields of later versions.
    #[serde(flatten)]
    pub other: JsonMap,
}
