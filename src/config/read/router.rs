//! `router_settings`, with what `litellm_settings` says of the same things.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{fallbacks, policies};
use crate::config::context::Context;
use crate::config::keys::{self, Keys};
use crate::config::model::{Alias, RouterSettings, StrategyArgs, StrategyName};
use crate::config::scope::{Scope, nearest};
use crate::config::yaml::Yaml;
use crate::domain::reliability::RetryPolicy;

/// Longest silence of an attempt when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(600);
/// How long a deployment rests when nothing is said.
const COOLDOWN: Duration = Duration::from_secs(5);
/// Attempts after the first when nothing is said.
const NUM_RETRIES: u32 = 2;

/// The strategies under their names in config files.
const STRATEGIES: &[(&str, StrategyName)] = &[
    ("simple-shuffle", StrategyName::SimpleShuffle),
    ("least-busy", StrategyName::LeastBusy),
    ("latency-based-routing", StrategyName::LatencyBased),
    ("usage-based-routing", StrategyName::UsageBased),
    ("usage-based-routing-v2", StrategyName::UsageBased),
    ("cost-based-routing", StrategyName::CostBased),
];

/// Reads both sections' say in routing.
pub fn read(
    context: &Context<'_>,
    root: &Scope<'_>,
    router: &Scope<'_>,
    litellm: &Scope<'_>,
) -> RouterSettings {
    router.warn_of_unknown(
        keys::ROUTER,
        &[("litellm_settings", keys::LITELLM), ("general_settings", keys::GENERAL)],
    );
    context.keep_later(router, keys::ROUTER, "router_settings");
    // Both are read, so that a mistake in the one that loses is found too.
    let (own_retries, their_retries) = (router.small("num_retries"), litellm.small("num_retries"));
    let (request_timeout, timeout) = (litellm.limit("request_timeout"), router.limit("timeout"));
    let own_fails = policies::allowed_fails(router);
    RouterSettings {
        strategy: strategy(router),
        strategy_args: strategy_args(router),
        retry: RetryPolicy {
            num_retries: own_retries.or(their_retries).unwrap_or(NUM_RETRIES),
            retry_after: router.seconds("retry_after").unwrap_or_default(),
            by_class: policies::class_counts(&router.scope("retry_policy"), "Retries"),
            by_group: policies::by_group(context, &router.scope("model_group_retry_policy")),
        },
        fallbacks: fallbacks::read(context, root, router, litellm),
        allowed_fails: own_fails.or_else(|| policies::allowed_fails(litellm)),
        cooldown_time: router.seconds("cooldown_time").unwrap_or(COOLDOWN),
        disable_cooldowns: router.bool("disable_cooldowns").unwrap_or(false),
        timeout: request_timeout.or(timeout).unwrap_or(TIMEOUT),
        stream_timeout: router.limit("stream_timeout"),
        pre_call_checks: router.bool("enable_pre_call_checks").unwrap_or(false),
        tag_filtering: router.bool("enable_tag_filtering").unwrap_or(false),
        tag_match_any: router.bool("tag_filtering_match_any").unwrap_or(true),
        default_max_parallel_requests: router.small("default_max_parallel_requests"),
    }
}

fn strategy(router: &Scope<'_>) -> StrategyName {
    let Some((field, name)) =
        router.get("routing_strategy").and_then(|field| Some((field.clone(), field.text()?)))
    else {
        return StrategyName::default();
    };
    if let Some((_, strategy)) = STRATEGIES.iter().find(|(known, _)| *known == name) {
        return *strategy;
    }
    if matches!(
        name.as_str(),
        "provider-budget-routing" | "auto-router" | "complexity-router" | "quality-router"
    ) {
        field.warn("this strategy comes later; simple-shuffle is used");
        return StrategyName::default();
    }
    let names: Vec<&str> = STRATEGIES.iter().map(|(known, _)| *known).collect();
    field.error(match nearest(&name, names.iter().copied()) {
        Some(near) => format!("unknown strategy, did you mean \"{near}\"?"),
        None => format!("unknown strategy, it must be one of {}", names.join(", ")),
    });
    StrategyName::default()
}

fn strategy_args(router: &Scope<'_>) -> StrategyArgs {
    let scope = router.scope("routing_strategy_args");
    let known = Keys { now: &["ttl", "lowest_latency_buffer"], later: &["max_latency_list_size"] };
    scope.warn_of_unknown(known, &[]);
    let default = StrategyArgs::default();
    StrategyArgs {
        ttl: scope.limit("ttl").unwrap_or(default.ttl),
        lowest_latency_buffer: scope.number("lowest_latency_buffer").unwrap_or(default.lowest_latency_buffer),
    }
}

/// `model_group_alias`: `{alias: group}` or `{alias: {model: group, hidden: true}}`.
pub fn aliases(context: &Context<'_>, router: &Scope<'_>) -> BTreeMap<String, Alias> {
    let scope = router.scope("model_group_alias");
    let mut aliases = BTreeMap::new();
    for entry in scope.entries().iter().filter(|entry| !entry.node.is_null()) {
        let field = scope.field(entry);
        let (group, hidden) = match &entry.node.value {
            Yaml::Map(_) => {
                let inner = field.scope();
                inner.warn_of_unknown(Keys { now: &["model", "hidden"], later: &[] }, &[]);
                if inner.get("model").is_none() {
                    field.error("an alias needs the \"model\" that it stands for");
                }
                (inner.text("model"), inner.bool("hidden").unwrap_or(false))
            }
            _ => (field.text(), false),
        };
        let Some(group) = group else { continue };
        context.mention(entry.at, &field.path, &group, "group");
        aliases.insert(entry.key.clone(), Alias { group: Arc::from(group), hidden });
    }
    aliases
}
