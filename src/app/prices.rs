//! What is said of models that have no price.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::domain::deployment::Deployment;

/// How many names one line of the log has.
const MOST_NAMED: usize = 20;

/// Warns of models whose requests would cost nothing for want of a price.
pub fn warn_of_unpriced(config: &Config) {
    let names: BTreeSet<String> = config.deployments.iter().filter_map(|one| unpriced(one)).collect();
    if names.is_empty() {
        return;
    }
    let shown: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
    tracing::warn!(
        models = shown.join(", "),
        count = names.len(),
        "no price is known for these models: their requests count as unpriced, and budgets refuse them; set \
         input_cost_per_token and output_cost_per_token (0 if they are free) in model_info"
    );
}

/// The model's name if it has no price. A wildcard's models are known when they are asked for.
fn unpriced(deployment: &Deployment) -> Option<String> {
    let silent = deployment.info.price.is_none()
        && !deployment.is_wildcard()
        && deployment.problem.is_none()
        && deployment.request.mock_response.is_none();
    silent.then(|| deployment.full_model())
}
