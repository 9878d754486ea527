//! The series that name whose request it was: requests, tokens, money. Their number is bounded by
//! [`Bound`](super::bound::Bound).

use metrics::Counter;

use super::Metrics;
use super::bound::OTHER;
use super::dollars::Dollars;
use super::late::{Labels, Late, labels};
use super::names::*;
use super::series::{RequestLabels, exception_class};
use crate::base::usage::Usage;

/// Whose request it was. Absent values are the word `None`, as LiteLLM writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallerLabels<'a> {
    /// SHA-256 of the key.
    pub hashed_api_key: &'a str,
    /// The key's alias.
    pub api_key_alias: &'a str,
    /// The key's team.
    pub team: &'a str,
    /// That team's alias.
    pub team_alias: &'a str,
    /// The key's user.
    pub user: &'a str,
    /// The key's organization.
    pub org_id: &'a str,
    /// That organization's alias.
    pub org_alias: &'a str,
}

impl CallerLabels<'_> {
    /// Nobody is known, or nobody is told of.
    pub const NONE: CallerLabels<'static> = CallerLabels::all("None");
    /// One of those that are not shown by name.
    pub const OTHERS: CallerLabels<'static> = CallerLabels::all(OTHER);

    const fn all(word: &'static str) -> CallerLabels<'static> {
        CallerLabels {
            hashed_api_key: word,
            api_key_alias: word,
            team: word,
            team_alias: word,
            user: word,
            org_id: word,
            org_alias: word,
        }
    }

    /// The labels that all series of LiteLLM have which name callers, organizations left out.
    pub fn common(&self) -> [(&'static str, &str); 6] {
        [
            ("end_user", "None"),
            ("hashed_api_key", self.hashed_api_key),
            ("api_key_alias", self.api_key_alias),
            ("team", self.team),
            ("team_alias", self.team_alias),
            ("user", self.user),
        ]
    }

    fn organization(&self) -> [(&'static str, &str); 2] {
        [("org_id", self.org_id), ("org_alias", self.org_alias)]
    }
}

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
        let deployment = [("model_id", of.deployment.model_id), ("api_provider", of.deployment.api_provider)];
        let asked = [("requested_model", of.requested_model)];
        let common = caller.common();
        let proxy: Vec<_> = [
            &common[..],
            &asked,
            &[("user_email", "None"), ("route", of.route)],
            &deployment,
            &caller.organization(),
        ]
        .concat();
        let by_model: Vec<_> = [&common[..], &asked, &[("model", of.model_group)], &deployment].concat();
        let with_organization = [&by_model[..], &[("user_email", "None")], &caller.organization()].concat();
        let class = exception_class(of.deployment.api_provider, of.class.unwrap_or("None"));
        let failure = [("exception_status", of.status), ("exception_class", class.as_str())];
        let by_model: Labels = labels(by_model);
        let paid = labels(with_organization.iter().copied());
        CallerSeries {
            proxy_requests: Late::new(
                PROXY_REQUESTS,
                &labels([&proxy[..], &[("status_code", of.status)]].concat()),
            ),
            proxy_failed: Late::new(PROXY_FAILED, &labels([&proxy[..], &failure].concat())),
            api_failed: Late::new(API_FAILED, &by_model),
            requests: Late::new(REQUESTS_BY_CALLER, &paid),
            spend: Late::new(SPEND, &paid),
            tokens: COUNTED.map(|(name, _)| {
                let with_email = [TOTAL_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS].contains(&name);
                Late::new(name, if with_email { &paid } else { &by_model })
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
