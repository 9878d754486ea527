//! What a request may cost, before it is sent.

use super::size::Size;
use crate::actors::topology::Table;
use crate::base::error::{Error, Kind};
use crate::base::money::Nanos;
use crate::domain::budget::Cost;
use crate::domain::pricing::{Demand, estimate, is_bounded};
use crate::domain::routing::groups::{Member, Resolved};

/// The most that a request of this size can cost with any deployment of a group.
///
/// # Errors
/// 403 for a deployment without a price.
pub fn cost(table: &Table, group: &Resolved, size: &Size) -> Result<Cost, Error> {
    let (mut free, mut bounded) = (true, !size.remembers);
    let mut most = Nanos::ZERO;
    for member in group.members.iter() {
        let price = table.price(member).ok_or_else(|| unpriced(&group.name))?;
        let mut demand = size.demand(&member.deployment.request);
        always_searches(member, &mut demand);
        let model = member.deployment.info.base_model.as_deref().unwrap_or(&member.model);
        demand.prompt_tokens = demand.prompt_tokens.saturating_add(size.pictures.more_with(model));
        free &= price.is_free();
        bounded &= is_bounded(&price, &demand);
        most = most.max(estimate(&price, &demand));
    }
    Ok(match (free, bounded) {
        (true, _) => Cost::Free,
        (false, true) => Cost::AtMost(most),
        (false, false) => Cost::Open(most),
    })
}

/// Models that search the web for each answer do so unasked.
fn always_searches(member: &Member, demand: &mut Demand) {
    let name = &*member.model;
    // Short enough to be looked for without preparing a search, which would cost more than all the rest here.
    let named = || {
        name.contains("-search-") && ["-search-preview", "-search-api"].iter().any(|end| name.contains(end))
    };
    let does = member.deployment.provider.name == "perplexity" || named();
    if does {
        demand.web_searches = demand.web_searches.max(1);
    }
}

fn unpriced(name: &str) -> Error {
    let message = format!(
        "The model '{name}' has no price here, and a budget would have to pay for it: set input_cost_per_token \
         and output_cost_per_token (0 if it is free) in its model_info."
    );
    Error::new(Kind::Forbidden, message).with_type("model_cost_map_missing").with_param("model")
}
