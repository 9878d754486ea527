//! How the limits of known keys and teams stand, as metrics: written when somebody asks for them, like budgets.

use std::collections::BTreeMap;

use super::budget_gauges::family;
use crate::actors::key_directory::{Directory, Identity};
use crate::base::clock;
use crate::domain::limits::{Kind, Limiter, Quota};
use crate::domain::scope::ScopeKind;
use crate::telemetry::dollars::escaped;
use crate::telemetry::names;

/// The most owners of a kind that have series.
const MOST: usize = 100;

/// LiteLLM's names for what is allowed and what is used.
const KINDS: [(ScopeKind, [&str; 2]); 2] = [
    (ScopeKind::Key, [names::KEY_RATE_ALLOWED, names::KEY_RATE_USED]),
    (ScopeKind::Team, [names::TEAM_RATE_ALLOWED, names::TEAM_RATE_USED]),
];

/// By owner's labels: allowed and used, by type.
type Rows = BTreeMap<String, Vec<(&'static str, u64, u64)>>;

/// Appends the text for Prometheus.
pub fn render(directory: &Directory, limiter: &Limiter, out: &mut String) {
    let mut found: [Rows; KINDS.len()] = Default::default();
    directory.each(|identity| {
        for ((kind, _), rows) in KINDS.iter().zip(&mut found) {
            let Some(labels) = labels(identity, *kind) else { continue };
            if rows.len() < MOST && !rows.contains_key(&labels) {
                let standing = standing(identity, *kind, limiter);
                if !standing.is_empty() {
                    rows.insert(labels, standing);
                }
            }
        }
    });
    for ((_, [allowed, used]), rows) in KINDS.iter().zip(&found) {
        let lines = |amount: fn(&(&'static str, u64, u64)) -> u64| -> Vec<(String, String)> {
            let of = |(labels, standing): (&String, &Vec<_>)| -> Vec<_> {
                let line =
                    |one| (format!("{labels},rate_limit_type=\"{}\"", name(one)), amount(one).to_string());
                standing.iter().map(line).collect()
            };
            rows.iter().flat_map(of).collect()
        };
        for (name, lines) in [(allowed, lines(|one| one.1)), (used, lines(|one| one.2))] {
            family(out, name, "gauge", lines.iter().map(|(labels, value)| (labels.as_str(), value.clone())));
        }
    }
}

fn name(one: &(&'static str, u64, u64)) -> &'static str {
    one.0
}

fn standing(identity: &Identity, kind: ScopeKind, limiter: &Limiter) -> Vec<(&'static str, u64, u64)> {
    let rates = identity.rates.iter().filter(|(scope, _)| scope.kind() == kind);
    let quotas: Vec<Quota<'_>> = rates.map(|(scope, limits)| Quota { scope, limits: *limits }).collect();
    let standings = limiter.peek(clock::now(), &quotas);
    let rooms = standings.iter().flat_map(|standing| standing.rooms().collect::<Vec<_>>());
    let minute = rooms.filter(|room| matches!(room.kind, Kind::Requests | Kind::Tokens));
    minute.map(|room| (room.kind.as_str(), room.limit, room.used)).collect()
}

fn labels(identity: &Identity, kind: ScopeKind) -> Option<String> {
    let grant = identity.grant.as_deref()?;
    let (id, alias, owner, shown) = match kind {
        ScopeKind::Team => {
            let team = grant.team.as_ref()?;
            ("team", "team_alias", grant.key.team_id.as_deref()?, team.team_alias.as_deref())
        }
        _ => ("hashed_api_key", "api_key_alias", &*identity.hash, grant.key.key_alias.as_deref()),
    };
    Some(format!("{id}=\"{}\",{alias}=\"{}\"", escaped(owner), escaped(shown.unwrap_or("None"))))
}
