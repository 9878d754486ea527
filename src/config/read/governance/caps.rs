//! The caps that keys, users and teams have in common, as the API names them.

use serde_json::{Map, Value};

use crate::config::keys::Keys;
use crate::config::scope::Scope;
use crate::domain::keys::Limits;

/// Reads the caps of a mapping.
pub fn caps(scope: &Scope<'_>) -> Limits {
    let nanos = |key: &str| scope.dollars(key).map(|amount| amount.get());
    Limits {
        max_budget_nanos: nanos("max_budget"),
        soft_budget_nanos: nanos("soft_budget"),
        budget_duration: scope.period("budget_duration"),
        max_parallel_requests: scope.whole("max_parallel_requests"),
        rpm_limit: scope.whole("rpm_limit"),
        tpm_limit: scope.whole("tpm_limit"),
        tpd_limit: scope.whole("tpd_limit"),
        model_max_budget: by_model(scope),
    }
}

/// `model_max_budget`: a budget for each of some models, kept as it is written when it is sound.
fn by_model(scope: &Scope<'_>) -> Map<String, Value> {
    let models = scope.scope("model_max_budget");
    for entry in models.entries().iter().filter(|entry| !entry.node.is_null()) {
        let field = models.field(entry);
        let budget = field.scope();
        let known = Keys {
            now: &["max_budget", "budget_limit", "budget_duration", "time_period", "tpm_limit", "rpm_limit"],
            later: &[],
        };
        budget.warn_of_unknown(known, &[]);
        let _ = (budget.dollars("max_budget"), budget.dollars("budget_limit"));
        let _ = (budget.period("budget_duration"), budget.period("time_period"));
    }
    scope.json("model_max_budget").unwrap_or_default()
}
