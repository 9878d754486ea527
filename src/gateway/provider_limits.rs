//! What a provider says is left of its own limits, as metrics.

use std::cell::OnceCell;

use actix_http::header::HeaderMap;
use metrics::Gauge;

use crate::actors::deployment::DeploymentNames;
use crate::domain::deployment::Deployment;
use crate::telemetry::{Metrics, names};

/// The headers that tell it, in OpenAI's and in Anthropic's words.
const HEADERS: [(&str, [&str; 2]); 2] = [
    (
        names::PROVIDER_REMAINING_REQUESTS,
        ["x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining"],
    ),
    (
        names::PROVIDER_REMAINING_TOKENS,
        ["x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining"],
    ),
];

/// One deployment's gauges, made when its provider first tells something.
#[derive(Default)]
pub struct ProviderLimits([OnceCell<Gauge>; 2]);

impl ProviderLimits {
    /// Shows what an answer's headers say.
    pub fn show(&self, metrics: &Metrics, deployment: &Deployment, headers: &HeaderMap) {
        for ((name, headers_of_it), gauge) in HEADERS.iter().zip(&self.0) {
            let told = headers_of_it
                .iter()
                .find_map(|header| headers.get(*header)?.to_str().ok()?.parse::<u32>().ok());
            if let Some(left) = told {
                gauge.get_or_init(|| made(metrics, name, deployment)).set(f64::from(left));
            }
        }
    }
}

fn made(metrics: &Metrics, name: &'static str, deployment: &Deployment) -> Gauge {
    let own = DeploymentNames::of(deployment);
    let own = own.labels();
    let labels = [
        ("model_group", &*deployment.group),
        ("api_provider", own.api_provider),
        ("api_base", own.api_base),
        ("litellm_model_name", own.litellm_model_name),
        ("hashed_api_key", "None"),
        ("api_key_alias", "None"),
        ("model_id", own.model_id),
    ];
    metrics.gauge(name, &labels)
}
