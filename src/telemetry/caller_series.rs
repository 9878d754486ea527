//! The series that name whose request it was: requests, tokens, money. Their number is bounded by
//! [`Bound`](super::bound::Bound).

use metrics::Counter;

use super::Metrics;
use super::labels::{CallerLabels, RequestLabels};
use super::late::{Labels, Late};
use super::names::*;
use super::text;
use super::values::Dollars;
use crate::base::usage::Usage;

/// The series of one caller's requests of one kind.
pub struct CallerSeries {
    proxy_requests: Late<Counter>,
    proxy_failed: Late<Counter>,
    api_failed: Late<Counter>,
    requests: Late<Counter>,
    spend: Late<Dollars>,
    tokens: [Late<Counter>; 11],
}

/// How many of something a usage has.
type Amount = fn(&Usage) -> u64;

/// The names of counted units, and how many of them a usage has.
const COUNTED: [(&str, Amount); 11] = [
    (TOTAL_TOKENS, |usage| usage.total()),
    (INPUT_TOKENS, |usage| usage.prompt_tokens),
    (OUTPUT_TOKENS, |usage| usage.completion_tokens),
    (CACHED_TOKENS, |usage| usage.cached_tokens),
    (CACHE_CREATION_TOKENS, |usage| usage.cache_creation_tokens),
    (PROVIDER_CACHE_READ, |usage| usage.cached_tokens),
    (PROVIDER_CACHE_WRITE, |usage| usage.cache_creation_tokens),
    (REASONING_TOKENS, |usage| usage.reasoning_tokens),
    (INPUT_AUDIO_TOKENS, |usage| usage.input_audio_tokens),
    (OUTPUT_AUDIO_TOKENS, |usage| usage.output_audio_tokens),
    (IMAGES, |usage| usage.units.output_images as u64),
];

impl CallerSeries {
    /// The series of these labels.
    pub fn new(of: &RequestLabels<'_>, caller: &CallerLabels<'_>) -> Self {
        let (common, by_model, organization) = (caller.common(), of.by_model(), caller.organization());
        let [requested, _, id, provider] = by_model;
        let kind = [requested, ("route", of.route), id, provider];
        let proxy = text::labels(common.into_iter().chain(kind).chain(organization));
        let answered = text::labels([("status_code", of.status)]);
        let used = text::labels(common.into_iter().chain(by_model));
        let paid: Labels = format!("{used},{}", text::labels(organization)).into();
        let used: Labels = used.into();
        CallerSeries {
            proxy_requests: Late::new(PROXY_REQUESTS, &format!("{proxy},{answered}").into()),
            proxy_failed: Late::new(PROXY_FAILED, &format!("{proxy},{}", of.failure()).into()),
            api_failed: Late::new(API_FAILED, &used),
            requests: Late::new(REQUESTS_BY_CALLER, &paid),
            spend: Late::new(SPEND, &paid),
            tokens: COUNTED.map(|(name, _)| {
                let with_organization = [TOTAL_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS].contains(&name);
                Late::new(name, if with_organization { &paid } else { &used })
            }),
        }
    }

    /// Counts a request that is over: whether it failed, whether a provider was called, what it used and cost.
    pub fn count(&self, metrics: &Metrics, failed: bool, called: bool, usage: Option<&Usage>, nanos: i64) {
        self.proxy_requests.add(metrics, 1);
        if failed {
            self.proxy_failed.add(metrics, 1);
            self.api_failed.add(metrics, u64::from(called));
        } else {
            self.requests.add(metrics, 1);
        }
        self.spend.add(metrics, nanos);
        let Some(usage) = usage else { return };
        for (series, (_, amount)) in self.tokens.iter().zip(COUNTED) {
            series.add(metrics, amount(usage));
        }
    }
}
