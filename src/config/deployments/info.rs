//! What is known of the model: from `model_info`, price overrides, and the price list.

use std::sync::Arc;

use super::Parts;
use crate::config::keys;
use crate::config::scope::{Scope, nearest};
use crate::domain::deployment::ModelInfo;
use crate::domain::pricing::{self, Model, Price};

/// Reads `model_info` and fills in from the price list what it leaves open.
pub fn read(parts: &Parts<'_>, provider: &str, model: &str) -> ModelInfo {
    let (params, info) = (&parts.params, &parts.info);
    let mut raw: serde_json::Map<_, _> =
        info.entries().iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect();
    let overrides =
        params.entries().iter().filter(|entry| keys::is_price(&entry.key) && !entry.node.is_null());
    raw.extend(overrides.map(|entry| (entry.key.clone(), entry.node.to_json())));
    for scope in [params, info] {
        let prices = scope.entries().iter().filter(|entry| keys::is_price(&entry.key));
        for unknown in prices.filter(|entry| !pricing::is_price(&entry.key) && !entry.node.is_null()) {
            scope.field(unknown).warn("unknown price, it has no effect");
        }
    }
    let max_tokens = info.count("max_tokens");
    let flag = |key: &str| info.bool(key).unwrap_or(false);
    let mut known = ModelInfo {
        mode: mode(info),
        base_model: info.text("base_model"),
        max_input_tokens: info.count("max_input_tokens"),
        max_output_tokens: info.count("max_output_tokens").or(max_tokens),
        input_cost_per_token: None,
        output_cost_per_token: None,
        supports_response_schema: flag("supports_response_schema"),
        supports_reasoning: flag("supports_reasoning"),
        price: None,
        raw,
    };
    known.price = price(parts, &known, provider, model);
    pricing::fill(&mut known, parts.prices.book(), provider, model);
    known
}

/// The deployment's price, resolved here once. A price that is none is told where it stands.
fn price(parts: &Parts<'_>, known: &ModelInfo, provider: &str, model: &str) -> Option<Arc<Price>> {
    let of = Model { provider, model, base_model: known.base_model.as_deref(), own: &known.raw };
    match pricing::resolve(parts.prices.book(), &of, parts.prices.adjust(provider)) {
        Ok(price) => price.map(Arc::new),
        Err(problems) => {
            for problem in problems {
                let field = parts.params.get(&problem.field).or_else(|| parts.info.get(&problem.field));
                if let Some(field) = field {
                    field.error(problem.message);
                }
            }
            None
        }
    }
}

/// The mode, unless it is one of the labels that mean nothing here.
fn mode(info: &Scope<'_>) -> Option<String> {
    let field = info.get("mode")?;
    let mode = field.text()?;
    if !keys::MODES.contains(&mode.as_str()) {
        field.warn(match nearest(&mode, keys::MODES.iter().copied()) {
            Some(near) => format!("unknown mode, did you mean \"{near}\"?"),
            None => "unknown mode, it has no effect".to_owned(),
        });
        return None;
    }
    (!matches!(mode.as_str(), "fallback" | "loadbalance")).then_some(mode)
}
