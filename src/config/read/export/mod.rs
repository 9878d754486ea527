//! Where finished requests are told of: LiteLLM's callbacks, and the `logging` list.
//!
//! What is missing is a warning that names it, never an error: the requests do not need it. What is there and cannot be
//! right, as an address that is none, is an error.

mod found;
mod inputs;
mod langs;
mod names;
mod objects;
mod otel;
mod watchers;

use std::time::Duration;

use super::governance::variables;
use crate::config::context::Context;
use crate::config::keys::Keys;
use crate::config::model::ExportSettings;
use crate::config::scope::{Field, Scope};
use crate::config::yaml::Yaml;
use crate::domain::export::{Batching, Sink, SinkKind};
use inputs::Inputs;
use names::Known;

/// So many events go at once when nothing is said.
const MOST: usize = 512;
/// An event waits at most this long when nothing is said.
const EVERY: Duration = Duration::from_secs(5);

/// What holds for every sink unless it says otherwise.
struct Usual {
    content: bool,
    owners: bool,
    batching: Batching,
}

/// Which outcomes a list is about.
#[derive(Clone, Copy)]
struct Outcomes {
    successes: bool,
    failures: bool,
}

/// Reads all of it. `keeps_content`: what is asked and answered is stored in the ledger, too.
pub fn read(
    context: &Context<'_>,
    root: &Scope<'_>,
    litellm: &Scope<'_>,
    keeps_content: bool,
) -> ExportSettings {
    let usual = usual(context, litellm, keeps_content);
    let settings = root.scope("callback_settings");
    let callers_mute = litellm.bool("allow_dynamic_callback_disabling").unwrap_or(true);
    let mut found = ExportSettings { callers_mute, ..ExportSettings::default() };
    let lists = [
        ("callbacks", Outcomes { successes: true, failures: true }),
        ("success_callback", Outcomes { successes: true, failures: false }),
        ("failure_callback", Outcomes { successes: false, failures: true }),
    ];
    for (key, outcomes) in lists {
        let Some(list) = litellm.get(key) else { continue };
        for (name, field) in named(&list) {
            let own = settings.scope(&name);
            let Some(known) = names::known(&name, &own, &field) else { continue };
            let inputs = Inputs { context, named: &field, own: &own, extra: of_litellm(known, litellm) };
            add(&mut found, &name, known, &inputs, &usual, outcomes);
        }
    }
    logging(context, root, &usual, &mut found);
    found
}

/// The `logging` list: each entry has its sink's settings beside its type.
fn logging(context: &Context<'_>, root: &Scope<'_>, usual: &Usual, found: &mut ExportSettings) {
    let Some(list) = root.get("logging") else { return };
    for entry in list.list().unwrap_or_default() {
        let own = entry.scope();
        let Some(kind) = own.get("type") else {
            entry.warn("has no effect without a type");
            continue;
        };
        let Some(name) = kind.text() else { continue };
        let Some(known) = names::known(&name, &own, &kind) else { continue };
        let mut keys = vec!["type", "message_logging", "turn_off_message_logging", "event_types"];
        keys.extend(names::inline_keys(known));
        for unknown in own.entries().iter().filter(|one| !keys.contains(&one.key.as_str())) {
            own.field(unknown).warn("unknown key, it has no effect");
        }
        let inputs = Inputs { context, named: &kind, own: &own, extra: None };
        add(found, &name, known, &inputs, usual, Outcomes { successes: true, failures: true });
    }
}

/// Adds a sink, or what else it is told of where it is there already.
fn add(
    found: &mut ExportSettings,
    name: &str,
    known: Known,
    inputs: &Inputs<'_>,
    usual: &Usual,
    outcomes: Outcomes,
) {
    let Some(kind) = kind(known, inputs) else { return };
    let outcomes = inputs.outcomes(outcomes);
    if let Some(same) = found.sinks.iter_mut().find(|sink| sink.kind == kind) {
        same.successes |= outcomes.successes;
        same.failures |= outcomes.failures;
        return;
    }
    let used = |name: &str| found.sinks.iter().any(|sink| sink.name == name);
    let mut unique = name.to_owned();
    let mut number = 2_u32;
    while used(&unique) {
        unique = format!("{name}_{number}");
        number = number.saturating_add(1);
    }
    found.sinks.push(Sink {
        name: unique,
        callback: name.to_owned(),
        // Of an answered request Sentry learns only as a transaction.
        successes: outcomes.successes && !matches!(&kind, SinkKind::Sentry(sentry) if sentry.traced <= 0.0),
        failures: outcomes.failures,
        content: inputs.content(usual.content),
        owners: usual.owners,
        batching: inputs.batching(known, usual.batching),
        kind,
    });
}

fn kind(known: Known, inputs: &Inputs<'_>) -> Option<SinkKind> {
    Some(match known {
        Known::Datadog => SinkKind::DatadogLogs(watchers::datadog_logs(inputs)?),
        Known::DatadogMetrics => SinkKind::DatadogMetrics(watchers::datadog_metrics(inputs)?),
        Known::Sentry => SinkKind::Sentry(watchers::sentry(inputs)?),
        Known::Langsmith => SinkKind::Langsmith(langs::langsmith(inputs)?),
        Known::Langfuse => SinkKind::Langfuse(langs::langfuse(inputs)?),
        Known::LangfuseOtel => SinkKind::Otlp(otel::langfuse(inputs)?),
        Known::Otel => SinkKind::Otlp(otel::otel(inputs)?),
        Known::Webhook => SinkKind::Webhook(objects::webhook(inputs)?),
        Known::S3 => SinkKind::S3(objects::s3(inputs)?),
    })
}

/// The settings that a sink has in `litellm_settings`.
fn of_litellm<'a>(known: Known, litellm: &Scope<'a>) -> Option<Scope<'a>> {
    match known {
        Known::S3 => Some(litellm.scope("s3_callback_params")),
        Known::Datadog | Known::DatadogMetrics => Some(litellm.scope("datadog_params")),
        _ => None,
    }
}

/// What is asked and answered is exported only where somebody has said that it may be kept: the ledger stores it
/// (`store_prompts_in_spend_logs`), or message logging is said not to be off.
fn usual(context: &Context<'_>, litellm: &Scope<'_>, keeps_content: bool) -> Usual {
    let off = litellm.bool("turn_off_message_logging");
    let seconds = variables::number(context, "DEFAULT_FLUSH_INTERVAL_SECONDS", 1..=3600);
    let every = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(EVERY, Duration::from_secs);
    Usual {
        content: off.map_or(keeps_content, |off| !off),
        owners: !litellm.bool("redact_user_api_key_info").unwrap_or(false),
        batching: Batching {
            most: variables::number(context, "DEFAULT_BATCH_SIZE", 1..=10_000).unwrap_or(MOST),
            every,
        },
    }
}

/// The names of a list, with the places where they stand; a single name counts as a list of one.
fn named<'f>(list: &'f Field<'_>) -> Vec<(String, Field<'f>)> {
    let fields = match &list.node.value {
        Yaml::Text(_) => vec![list.clone()],
        _ => list.list().unwrap_or_default(),
    };
    fields.into_iter().filter_map(|field| Some((field.text()?, field))).collect()
}

/// The keys of `callback_settings.NAME` that are known for any sink.
const COMMON: Keys = Keys {
    now: &[
        "message_logging",
        "turn_off_message_logging",
        "callback_type",
        "endpoint",
        "headers",
        "event_types",
        "log_format",
        "exporter",
    ],
    later: &[],
};

#[cfg(test)]
mod tests;
