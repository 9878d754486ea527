//! `/cost/estimate`: what calls of one size cost, one by one, in a day and in a month.

use serde_json::{Value, json};

use super::unpriced;
use crate::base::error::Error;
use crate::base::money::Nanos;
use crate::base::usage::Usage;
use crate::domain::pricing::{Cost, cost};
use crate::manage::body::Body;
use crate::manage::show::usd;
use crate::manage::{Call, fail};

/// Days of a month whose calls are given by the day.
const MONTH: i64 = 30;

/// Counts of one call, and how many calls there are.
///
/// # Errors
/// 422 for missing or wrong fields; 400 when the model has no price.
pub async fn estimate(call: Call) -> Result<Value, Error> {
    let model = call.body.must("model")?;
    let usage = usage(&call.body)?;
    let a_day = call.body.limit("num_requests_per_day")?.value();
    let a_month = call.body.limit("num_requests_per_month")?.value();
    let priced = call.manage.settings().prices.of(&model).ok_or_else(|| unpriced(&model))?;
    let cost = cost(&priced.price, &usage).ok_or_else(|| unpriced(&model))?;
    let (input, output) = parts(&cost);
    let per_token = priced.price.per_token();
    let mut shown = json!({
        "model": model,
        "provider": priced.provider,
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation_input_tokens": usage.cache_creation_tokens,
        "num_requests_per_day": a_day,
        "num_requests_per_month": a_month,
        "cost_per_request": usd(cost.total.get()),
        "input_cost_per_request": usd(input.get()),
        "output_cost_per_request": usd(output.get()),
        "margin_cost_per_request": usd(cost.margin.get()),
        "input_cost_per_token": per_token.map(|(input, _)| input.to_usd_f64()),
        "output_cost_per_token": per_token.map(|(_, output)| output.to_usd_f64()),
    });
    let monthly = a_month.or_else(|| a_day.map(|count| count.saturating_mul(MONTH)));
    for (period, count) in [("daily", a_day), ("monthly", monthly)] {
        for (name, amount) in
            [("", cost.total), ("input_", input), ("output_", output), ("margin_", cost.margin)]
        {
            let sum = count.map(|count| usd(amount.get().saturating_mul(count)));
            shown[format!("{period}_{name}cost")] = sum.unwrap_or_default();
        }
    }
    Ok(shown)
}

/// The bill by direction.
fn parts(cost: &Cost) -> (Nanos, Nanos) {
    let input = [cost.input, cost.cache_read, cost.cache_write].into_iter().sum();
    (input, [cost.output, cost.reasoning, cost.tools].into_iter().sum())
}

fn usage(body: &Body) -> Result<Usage, Error> {
    let count = |name: &str| -> Result<Option<u64>, Error> {
        Ok(body.limit(name)?.value().and_then(|count| u64::try_from(count).ok()))
    };
    let must = |name: &str| count(name)?.ok_or_else(|| fail::missing(name));
    let usage = Usage {
        prompt_tokens: must("input_tokens")?,
        completion_tokens: must("output_tokens")?,
        cached_tokens: count("cache_read_input_tokens")?.unwrap_or(0),
        cache_creation_tokens: count("cache_creation_input_tokens")?.unwrap_or(0),
        reasoning_tokens: count("reasoning_tokens")?.unwrap_or(0),
        ..Usage::default()
    };
    for (part, whole, name, of) in [
        (
            usage.cached_tokens.saturating_add(usage.cache_creation_tokens),
            usage.prompt_tokens,
            "cache_read_input_tokens",
            "input_tokens",
        ),
        (usage.reasoning_tokens, usage.completion_tokens, "reasoning_tokens", "output_tokens"),
    ] {
        if part > whole {
            return Err(fail::invalid(name, format!("`{name}` is a part of `{of}` and cannot be more.")));
        }
    }
    Ok(usage)
}
