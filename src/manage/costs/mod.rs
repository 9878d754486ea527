//! What a call costs, asked beforehand: `/spend/calculate` and `/cost/estimate`.
//!
//! Prices are those of the deployments behind the model's name; a name that no deployment has is looked up in the
//! price list.

mod estimate;
mod prices;

pub use estimate::estimate;
pub use prices::{Priced, Prices};

use serde_json::{Value, json};

use super::body::Given;
use super::{Call, fail};
use crate::base::error::Error;
use crate::base::usage::Usage;
use crate::domain::{pricing, tokens};
use crate::manage::show::usd;
use crate::wire;

/// `/spend/calculate`: what `messages` cost as input of `model`, or what `completion_response` has cost.
///
/// # Errors
/// 400 when neither is given, or the model has no price; 422.
pub async fn calculate(call: Call) -> Result<Value, Error> {
    let (model, messages) = (call.body.id("model")?.value(), call.body.raw("messages"));
    let (name, usage) = match (call.body.object("completion_response")?, model, messages) {
        (Given::Is(answer), model, _) => {
            let named = answer.get("model").and_then(Value::as_str).map(str::to_string);
            let name = model.or(named).ok_or_else(|| fail::missing("model"))?;
            (name, of_answer(answer.get("usage"))?)
        }
        (_, Some(model), Some(messages)) if messages.is_array() => {
            (model, Usage { prompt_tokens: tokens::of_messages(messages), ..Usage::default() })
        }
        (_, Some(_), None) => return Err(fail::invalid("messages", NEITHER)),
        (_, Some(_), Some(_)) => return Err(fail::wrong_type("messages", "`messages` must be a list.")),
        (_, None, _) => return Err(fail::invalid("model", NEITHER)),
    };
    let priced = call.manage.settings().prices.of(&name).ok_or_else(|| unpriced(&name))?;
    let cost = pricing::cost(&priced.price, &usage).ok_or_else(|| unpriced(&name))?;
    Ok(json!({"cost": usd(cost.total.get())}))
}

/// What is said when there is nothing to calculate.
const NEITHER: &str = "Give `model` and `messages`, or `completion_response`.";

fn of_answer(usage: Option<&Value>) -> Result<Usage, Error> {
    usage.and_then(|usage| wire::usage::usage_of(&usage.to_string())).ok_or_else(|| {
        fail::invalid("completion_response", "`completion_response` has no `usage` that counts anything.")
    })
}

/// 400: what has no price is not free.
fn unpriced(model: &str) -> Error {
    fail::invalid("model", format!("No price is known for the model '{model}'."))
}

#[cfg(test)]
mod tests;
