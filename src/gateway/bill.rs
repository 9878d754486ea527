//! What a finished request came to in money, and on which counts it stands.

use super::record::Finished;
use crate::base::usage::Usage;
use crate::domain::pricing::{self, Cost};
use crate::wire::endpoint::Endpoint;

/// Bytes that make one estimated token of output.
const BYTES_A_TOKEN: u64 = 4;

/// What a request came to in money.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bill {
    /// What it cost, where that is known.
    pub cost: Option<Cost>,
    /// It consumed something that has no price here.
    pub unpriced: bool,
    /// The counts are ours, not the provider's.
    pub estimated: bool,
}

/// The bill of a request whose usage is what the provider told; that becomes what is billed. `input_tokens` is how
/// many its input was estimated at.
pub fn bill(finished: &mut Finished, input_tokens: u64) -> Bill {
    if finished.cache_hit() == Some(true) {
        // Its usage is told again, and was paid for when the answer was made.
        return Bill { cost: Some(Cost::default()), ..Bill::default() };
    }
    finished.usage = usage(finished, input_tokens);
    if finished.deployment.is_none() {
        return Bill::default();
    }
    let Some(usage) = finished.usage else {
        // An answer of which nothing can be counted is no free one.
        return Bill { unpriced: finished.error.is_none(), ..Bill::default() };
    };
    let price = finished.price();
    let mut cost = price.and_then(|price| pricing::cost(price, &usage));
    let mut billed = usage;
    if cost.is_none() && finished.endpoint == Endpoint::Rerank && usage.total() == 0 {
        // Billed by tokens, and nobody counted them.
        billed = Usage { prompt_tokens: input_tokens, estimated: true, ..usage };
        cost = price.and_then(|price| pricing::cost(price, &billed));
    }
    finished.usage = Some(billed);
    let unpriced = cost.is_none_or(|cost| cost.partial);
    Bill { cost, unpriced, estimated: billed.estimated || cost.is_some_and(|cost| cost.estimated) }
}

/// The usage to bill: the provider's. Where it told none, its input and four bytes a token of what came; nothing
/// where nothing came. Where an answer broke off, a count that is far behind what came of it is an early one.
fn usage(finished: &Finished, input_tokens: u64) -> Option<Usage> {
    let writes = matches!(finished.endpoint, Endpoint::Chat | Endpoint::Completions | Endpoint::Responses);
    let came = if writes { finished.output_bytes.div_ceil(BYTES_A_TOKEN) } else { 0 };
    match finished.usage {
        Some(told) if finished.error.is_some() && told.completion_tokens < came / 2 => {
            Some(Usage { completion_tokens: came, estimated: true, ..told })
        }
        Some(told) => Some(told),
        None if finished.output_bytes == 0 => None,
        None => Some(Usage {
            prompt_tokens: input_tokens,
            completion_tokens: came,
            estimated: true,
            ..Usage::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::base::error::{Error, Kind};
    use crate::base::usage::Units;
    use crate::gateway::record::{Record, Wild};
    use crate::gateway::testing::{Told, config};

    const MODELS: &str = "
model_list:
  - {model_name: g, litellm_params: {model: openai/gpt-4o, api_key: k}}
  - {model_name: r, litellm_params: {model: voyage/rerank-2.5, api_key: k}}
  - {model_name: w, litellm_params: {model: openai/*, api_key: k}}
";

    /// A request that these deployments have served: its bill in nano-dollars, and the tokens that it stands on.
    fn billed(
        index: usize,
        endpoint: Endpoint,
        error: Option<Error>,
        edit: impl FnOnce(&mut Finished),
    ) -> (Option<i64>, Bill, Option<u64>) {
        let told = Rc::new(Told::default());
        let mut record = Record::open(told.clone(), endpoint, "id".into(), Instant::now());
        let deployment = Arc::clone(&config(MODELS).deployments[index]);
        record.note(|facts| facts.deployment = Some(deployment));
        record.note(edit);
        record.finish(200, error);
        let mut finished = told.finished.borrow_mut().remove(0);
        let bill = bill(&mut finished, 1000);
        (bill.cost.map(|cost| cost.total.get()), bill, finished.usage.map(|usage| usage.total()))
    }

    #[test]
    fn an_answer_that_nobody_counted_is_estimated() {
        let came = |facts: &mut Finished| facts.output_bytes = 400;
        // 1000 x 2.50/M + 100 x 10/M.
        let (cost, bill, tokens) = billed(0, Endpoint::Chat, None, came);
        assert_eq!((cost, bill.estimated, tokens), (Some(3_500_000), true, Some(1100)));
        let (cost, _, tokens) = billed(0, Endpoint::Embeddings, None, came);
        assert_eq!((cost, tokens), (Some(2_500_000), Some(1000)));
    }

    #[test]
    fn where_nothing_came_nothing_is_billed() {
        let cut = || Some(Error::new(Kind::Cut, "cut"));
        let (cost, bill, tokens) = billed(0, Endpoint::Chat, cut(), |_| {});
        assert_eq!((cost, bill.unpriced, tokens), (None, false, None));
        let (_, bill, _) = billed(0, Endpoint::Speech, None, |_| {});
        assert!(bill.unpriced, "an answer that nobody can count is no free one");
        let seen = Usage { prompt_tokens: 10, completion_tokens: 1, ..Usage::default() };
        let (_, bill, tokens) = billed(0, Endpoint::Chat, cut(), |facts| {
            facts.usage = Some(seen);
            facts.output_bytes = 80;
        });
        assert_eq!((bill.estimated, tokens), (true, Some(30)));
    }

    #[test]
    fn a_rerank_by_tokens_that_nobody_counted_is_estimated() {
        let units = Units { queries: 1, ..Units::default() };
        let usage = Usage { units, ..Usage::default() };
        // 1000 x 0.05/M.
        let (cost, bill, tokens) = billed(1, Endpoint::Rerank, None, |facts| facts.usage = Some(usage));
        assert_eq!((cost, bill.estimated, tokens), (Some(50_000), true, Some(1000)));
    }

    #[test]
    fn a_wildcard_costs_what_was_asked_of_it() {
        let usage = Usage { prompt_tokens: 1000, ..Usage::default() };
        let wild = |price| {
            move |facts: &mut Finished| {
                facts.usage = Some(usage);
                facts.wild = Some(Wild { model: "gpt-4o".into(), price });
            }
        };
        let price = config(MODELS).deployments[0].info.price.clone();
        assert_eq!(billed(2, Endpoint::Chat, None, wild(price)).0, Some(2_500_000));
        let (cost, bill, _) = billed(2, Endpoint::Chat, None, wild(None));
        assert_eq!((cost, bill.unpriced), (None, true));
    }
}
