//! How the limits of known keys and teams stand, as metrics: written when somebody asks for them, like budgets.

use super::fewest::Fewest;
use crate::actors::key_directory::{Directory, Identity};
use crate::base::clock;
use crate::domain::limits::{Kind, Limiter, Quota};
use crate::domain::scope::ScopeKind;
use crate::telemetry::names;
use crate::telemetry::text::{self, family};

/// The most owners of a kind that have series: those with the least part of a limit left.
const MOST: usize = 40;

/// LiteLLM's names for what is allowed and what is used.
const KINDS: [(ScopeKind, [&str; 2]); 2] = [
    (ScopeKind::Key, [names::KEY_RATE_ALLOWED, names::KEY_RATE_USED]),
    (ScopeKind::Team, [names::TEAM_RATE_ALLOWED, names::TEAM_RATE_USED]),
];

/// A limit by its type: allowed and used.
type Limit = (&'static str, u64, u64);

/// Appends the text for Prometheus.
pub fn render(directory: &Directory, limiter: &Limiter, out: &mut String) {
    let mut found: [Fewest<Vec<Limit>>; KINDS.len()] = Default::default();
    directory.each(|identity| {
        for ((kind, _), rows) in KINDS.iter().zip(&mut found) {
            let standing = standing(identity, *kind, limiter);
            if let Some(left) = standing.iter().map(left).min() {
                rows.offer(MOST, left, standing, || labels(identity, *kind));
            }
        }
    });
    for ((_, [allowed, used]), rows) in KINDS.iter().zip(&found) {
        let lines = |amount: fn(&Limit) -> u64| -> Vec<(String, String)> {
            let line = |labels: &str, one: &Limit| {
                (format!("{labels},{}", text::labels([("rate_limit_type", one.0)])), amount(one).to_string())
            };
            let of = |(labels, standing): (&str, &Vec<Limit>)| -> Vec<_> {
                standing.iter().map(|one| line(labels, one)).collect()
            };
            rows.each().flat_map(of).collect()
        };
        for (name, lines) in [(allowed, lines(|one| one.1)), (used, lines(|one| one.2))] {
            family(out, name, "gauge", lines.iter().map(|(labels, value)| (labels.as_str(), value.clone())));
        }
    }
}

/// What is left of a limit, in millionths.
fn left((_, allowed, used): &Limit) -> i64 {
    let left = u128::from(allowed.saturating_sub(*used)) * 1_000_000 / u128::from(*allowed).max(1);
    i64::try_from(left).unwrap_or(i64::MAX)
}

fn standing(identity: &Identity, kind: ScopeKind, limiter: &Limiter) -> Vec<Limit> {
    let rates = identity.rates.iter().filter(|(scope, _)| scope.kind() == kind);
    let quotas: Vec<Quota<'_>> = rates.map(|(scope, limits)| Quota { scope, limits: *limits }).collect();
    if quotas.is_empty() {
        return Vec::new();
    }
    let standings = limiter.peek(clock::now(), &quotas);
    let rooms = standings.iter().flat_map(|standing| standing.rooms().collect::<Vec<_>>());
    let minute = rooms.filter(|room| matches!(room.kind, Kind::Requests | Kind::Tokens));
    minute.map(|room| (room.kind.as_str(), room.limit, room.used)).collect()
}

fn labels(identity: &Identity, kind: ScopeKind) -> String {
    let grant = identity.grant.as_deref();
    let key = grant.map(|grant| &grant.key);
    let (id, alias, owner, shown) = match kind {
        ScopeKind::Team => {
            let team = grant.and_then(|grant| grant.team.as_ref());
            let id = key.and_then(|key| key.team_id.as_deref());
            ("team", "team_alias", id.unwrap_or("None"), team.and_then(|team| team.team_alias.as_deref()))
        }
        _ => {
            let shown = key.and_then(|key| key.key_alias.as_deref());
            ("hashed_api_key", "api_key_alias", &*identity.hash, shown)
        }
    };
    text::labels([(id, owner), (alias, shown.unwrap_or("None"))])
}
