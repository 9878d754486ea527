//! Why a request went where it went, or nowhere, for who asks with `x-stagedoor-explain: true`: one reply header of
//! compact JSON, bounded in size.
//!
//! Admins see each deployment by its id: what kept it out, its load, how its limits stand. Other callers see the chosen
//! one's id, which every answer names anyway, how many were left out for which reason, and how their own limits stand.
//! Nobody sees keys or addresses.

use std::collections::BTreeMap;

use actix_http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::caller::Caller;
use super::headers::put;
use super::tally::{Step, Tally};
use crate::actors::topology::Table;
use crate::base::error::{Error, Kind};
use crate::domain::limits::Standing;
use crate::domain::routing::{Decision, Exclusion, Nothing, Seen};

/// Asks, and answers.
pub static EXPLAIN: HeaderName = HeaderName::from_static("x-stagedoor-explain");

/// The longest answer, bytes: proxies on the way give all headers together 4 KB or more.
const LONGEST: usize = 2_000;

/// Who would read an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audience {
    /// Nobody: not asked for, or not allowed.
    #[default]
    Nobody,
    /// A caller: sums only.
    Caller,
    /// An admin: each deployment.
    Admin,
}

impl Audience {
    /// What this caller may see.
    pub fn of(caller: &Caller, table: &Table) -> Self {
        match caller.is_admin() {
            true => Audience::Admin,
            false if table.config.settings.explains_to_callers => Audience::Caller,
            false => Audience::Nobody,
        }
    }

    /// The same, if the request asks.
    #[must_use]
    pub fn asked(self, headers: Option<&HeaderMap>) -> Self {
        let asked = headers.and_then(|headers| headers.get(&EXPLAIN)).is_some_and(|value| {
            ["true", "1", "yes", "on"]
                .iter()
                .any(|word| value.as_bytes().eq_ignore_ascii_case(word.as_bytes()))
        });
        if asked { self } else { Audience::Nobody }
    }
}

/// Adds the explanation of what the attempts came to, if it was asked for.
pub fn tell(call: &Call, tally: &Tally, standings: &[Standing], headers: &mut HeaderMap) {
    if call.options.explain == Audience::Nobody {
        return;
    }
    let limits = left(standings);
    let told = |(earlier, last): (Detail, Detail)| {
        let count = tally.steps.len();
        let skipped = if earlier == Detail::None { count.saturating_sub(1) } else { 0 };
        let steps = tally.steps.iter().enumerate().skip(skipped);
        let mut whole = Map::new();
        whole.insert(
            "decisions".into(),
            steps.map(|(place, one)| step(one, if place + 1 == count { last } else { earlier })).collect(),
        );
        for (name, more) in [("earlier", skipped), ("later", tally.unkept)] {
            if more > 0 {
                whole.insert(name.into(), more.into());
            }
        }
        if !limits.is_empty() {
            whole.insert("limits_left".into(), limits.clone().into());
        }
        Value::Object(whole)
    };
    let admin = call.options.explain == Audience::Admin;
    let mut ways = WAYS.iter().filter(|(_, last)| admin || *last != Detail::All);
    if let Some(value) = ways.find_map(|way| header(&told(*way))) {
        put(headers, &EXPLAIN, value);
    }
}

/// Adds that the cache has answered, if it was asked for.
pub fn from_cache(call: &Call, standings: &[Standing], headers: &mut HeaderMap) {
    if call.options.explain == Audience::Nobody {
        return;
    }
    let mut whole = Map::from_iter([("cache".to_string(), "hit".into())]);
    let limits = left(standings);
    if !limits.is_empty() {
        whole.insert("limits_left".into(), limits.into());
    }
    if let Some(value) = header(&Value::Object(whole)) {
        put(headers, &EXPLAIN, value);
    }
}

/// How much is said of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Each deployment, with names that the caller does not know.
    All,
    /// Sums.
    Sums,
    /// What was chosen, and what became of it.
    Outcome,
    /// Nothing.
    None,
}

/// What is said of earlier steps and of the last one: the first that fits into a header. Whatever is left out, it is told
/// of each step what it ended with as long as that fits.
const WAYS: [(Detail, Detail); 5] = [
    (Detail::All, Detail::All),
    (Detail::Sums, Detail::All),
    (Detail::Sums, Detail::Sums),
    (Detail::Outcome, Detail::Outcome),
    (Detail::None, Detail::Outcome),
];

/// Adds why a request was refused before anything was tried.
pub fn refused(error: &Error, headers: &mut HeaderMap) {
    let mut whole = Map::from_iter([("refused".to_string(), error.behaviour().label.into())]);
    let limits = error.headers().iter().filter(|(name, _)| {
        name.starts_with("x-ratelimit-") || name == "rate_limit_type" || name == "reset_at"
    });
    for (name, value) in limits {
        whole.insert(name.clone(), value.as_str().into());
    }
    if let Some(wait) = error.retry_after() {
        whole.insert("retry_after_s".into(), wait.as_secs_f64().into());
    }
    if let Some(value) = header(&Value::Object(whole)) {
        put(headers, &EXPLAIN, value);
    }
}

/// As a header's value, unless it is too long.
fn header(value: &Value) -> Option<HeaderValue> {
    let mut text = String::new();
    for character in value.to_string().chars() {
        if character.is_ascii() {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    if text.len() > LONGEST { None } else { HeaderValue::try_from(text).ok() }
}

/// What is left of the caller's own limits.
fn left(standings: &[Standing]) -> Map<String, Value> {
    let rooms = standings.iter().flat_map(|standing| standing.rooms().map(move |room| (standing.kind, room)));
    rooms
        .map(|(scope, room)| {
            (format!("{scope} {}", room.kind.as_str()), of(room.remaining(), Some(room.limit)))
        })
        .collect()
}

fn step(step: &Step, detail: Detail) -> Value {
    let mut shown = match &step.decision {
        // A group that the caller could not have asked for has no name for it, and no members.
        _ if step.hidden && detail != Detail::All => Map::from_iter([("group".to_string(), Value::Null)]),
        None => Map::from_iter([("group".to_string(), (&*step.group).into())]),
        Some(decision) => match detail {
            Detail::All => with_members(decision),
            Detail::Sums => with_sums(decision),
            Detail::Outcome | Detail::None => head(decision),
        },
    };
    if let Some(kind) = step.failed {
        failed(kind, &mut shown);
        if step.decision.is_none() {
            shown.insert("passed_over".into(), true.into());
        }
    }
    shown.into()
}

/// Adds what an attempt has failed with: the kind of error as the log names it, its class as callers read it.
pub fn failed(kind: Kind, shown: &mut Map<String, Value>) {
    let row = kind.behaviour();
    shown.insert("failed".into(), row.label.into());
    shown.insert("error_class".into(), row.class.into());
}

/// A decision, as others than admins see it.
fn with_sums(decision: &Decision) -> Map<String, Value> {
    let mut out: BTreeMap<&str, usize> = BTreeMap::new();
    for exclusion in decision.members.iter().filter_map(|seen| seen.out) {
        *out.entry(exclusion.word()).or_default() += 1;
    }
    let mut shown = head(decision);
    if !out.is_empty() {
        shown.insert("out".into(), json!(out));
    }
    shown
}

/// A decision with each deployment.
pub fn full(decision: &Decision) -> Value {
    with_members(decision).into()
}

fn with_members(decision: &Decision) -> Map<String, Value> {
    let mut shown = head(decision);
    shown.insert("deployments".into(), decision.members.iter().map(member).collect());
    shown
}

fn head(decision: &Decision) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("group".into(), (&*decision.group).into());
    shown.insert("strategy".into(), decision.strategy.as_str().into());
    match (decision.chosen(), &decision.nothing) {
        (Some(seen), nothing) => {
            shown.insert("chosen".into(), (&*seen.id).into());
            if nothing.is_some() {
                shown.insert("although".into(), "all_cool_down".into());
            }
        }
        (None, Some(nothing)) => {
            shown.insert("refused".into(), word(nothing).into());
        }
        (None, None) => {}
    }
    shown.insert("of".into(), decision.of.into());
    shown
}

const fn word(nothing: &Nothing) -> &'static str {
    match nothing {
        Nothing::AllBroken => "all_misconfigured",
        Nothing::AllCooling { .. } => "all_cool_down",
        Nothing::AllFull { .. } => "all_full",
        Nothing::NoTagMatch => "no_tag_match",
        Nothing::ContextTooSmall { .. } => "context_too_small",
        Nothing::AllTried => "all_refused",
    }
}

fn member(seen: &Seen) -> Value {
    let mut shown = Map::new();
    shown.insert("id".into(), (&*seen.id).into());
    if let Some(out) = &seen.out {
        shown.insert("out".into(), out.word().into());
        match out {
            Exclusion::Cooling { rest, cause, own } => {
                shown.insert("rest_s".into(), rounded(rest.as_secs_f64()));
                shown.insert("cause".into(), cause.map(|kind| kind.behaviour().label).into());
                if !own {
                    shown.insert("told_by".into(), "another replica".into());
                }
            }
            Exclusion::Context(most) => {
                shown.insert("max_input_tokens".into(), (*most).into());
            }
            _ => {}
        }
    }
    shown.insert("in_flight".into(), of(seen.in_flight.into(), seen.parallel.map(u64::from)));
    for (name, (used, limit)) in [("rpm", seen.rpm), ("tpm", seen.tpm)] {
        if used > 0 || limit.is_some() {
            shown.insert(name.into(), of(used, limit));
        }
    }
    let optional = [
        ("weight", seen.weight.map(Value::from)),
        ("order", seen.order.map(Value::from)),
        ("seconds", seen.seconds.map(rounded)),
        ("failing", seen.failing.then_some(true.into())),
    ];
    shown.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))));
    shown.into()
}

/// `3`, or `3/10` with a limit.
fn of(count: u64, limit: Option<u64>) -> Value {
    limit.map_or_else(|| count.into(), |limit| format!("{count}/{limit}").into())
}

/// Milliseconds are enough.
fn rounded(seconds: f64) -> Value {
    ((seconds * 1000.0).round() / 1000.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Kind;

    #[test]
    fn headers_are_ascii_and_bounded() {
        let value = header(&json!({"group": "größe \u{1f600}"})).unwrap();
        assert_eq!(value.to_str().unwrap(), r#"{"group":"gr\u00f6\u00dfe \ud83d\ude00"}"#);
        assert!(header(&json!({"group": "x".repeat(LONGEST)})).is_none());
    }

    #[test]
    fn a_refusal_names_the_limit_and_nothing_else() {
        let error = Error::new(Kind::LimitExceeded, "Rate limit exceeded for sk-secret.")
            .with_header("rate_limit_type", "requests")
            .with_header("x-other", "hidden");
        let mut headers = HeaderMap::new();
        refused(&error, &mut headers);
        let told = headers.get(&EXPLAIN).unwrap().to_str().unwrap();
        assert_eq!(told, r#"{"refused":"limit_exceeded","rate_limit_type":"requests"}"#);
    }
}
