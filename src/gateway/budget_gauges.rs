//! How the budgets of known keys and their owners stand, and how keys are looked up, as metrics.
//!
//! They are written when somebody asks for them, from what is in memory then: so they are never old, series of keys
//! that are gone do not stay, and a request pays nothing for them.

use super::fewest::Fewest;
use crate::actors::key_directory::{Directory, Identity, Purse};
use crate::base::clock::unix_ms;
use crate::base::money::Nanos;
use crate::domain::budget::Budgets;
use crate::domain::ledger::AccountKind;
use crate::telemetry::names;
use crate::telemetry::text::{self, family};

/// The most owners of a kind that have series: those with the least part of their budget left.
const MOST: usize = 60;
/// Milliseconds of an hour.
const HOUR_MS: f64 = 3_600_000.0;

/// LiteLLM's names of one kind: what is left, the budget, the hours until its period ends.
type Names = [&'static str; 3];

const KINDS: [(AccountKind, Names); 4] = [
    (AccountKind::Key, [names::KEY_REMAINING, names::KEY_MAX, names::KEY_HOURS]),
    (AccountKind::Team, [names::TEAM_REMAINING, names::TEAM_MAX, names::TEAM_HOURS]),
    (AccountKind::User, [names::USER_REMAINING, names::USER_MAX, names::USER_HOURS]),
    (AccountKind::Organization, [names::ORG_REMAINING, names::ORG_MAX, names::ORG_HOURS]),
];

/// How one budget stands.
struct Standing {
    left: Nanos,
    max: Nanos,
    hours: Option<f64>,
}

/// Appends the text for Prometheus.
pub fn render(directory: &Directory, budgets: &Budgets, out: &mut String) {
    let now = unix_ms();
    let mut found: [Fewest<Standing>; KINDS.len()] = Default::default();
    directory.each(|identity| {
        for purse in &identity.purses {
            let kind = KINDS.iter().position(|(kind, _)| *kind == purse.id.kind);
            let Some(rows) = kind.and_then(|place| found.get_mut(place)) else { continue };
            if let Some(standing) = standing(budgets, purse, now) {
                rows.offer(MOST, standing.part_left(), standing, || labels(identity, purse));
            }
        }
    });
    for ((_, [left, max, hours]), rows) in KINDS.iter().zip(&found) {
        family(out, left, "gauge", rows.each().map(|(labels, row)| (labels, row.left.to_string())));
        family(out, max, "gauge", rows.each().map(|(labels, row)| (labels, row.max.to_string())));
        let timed = rows.each().filter_map(|(labels, row)| Some((labels, format!("{:.3}", row.hours?))));
        family(out, hours, "gauge", timed);
    }
    let looked = directory.lookups();
    let results = [("found", looked.found), ("unknown", looked.unknown), ("failed", looked.failed)];
    let results = results.map(|(result, count)| (text::labels([("result", result)]), count.to_string()));
    family(out, names::KEY_LOOKUPS, "counter", results.iter().map(|(l, c)| (l.as_str(), c.clone())));
    family(out, names::KEYS_KNOWN, "gauge", std::iter::once(("", looked.copies.to_string())));
}

impl Standing {
    /// In millionths of the budget.
    fn part_left(&self) -> i64 {
        let millionths = i128::from(self.left.get()) * 1_000_000 / i128::from(self.max.get().max(1));
        i64::try_from(millionths).unwrap_or(i64::MIN)
    }
}

fn standing(budgets: &Budgets, purse: &Purse, now: i64) -> Option<Standing> {
    let max = Nanos::new(purse.max?);
    let known = budgets.peek(&purse.scope, now)?;
    #[allow(clippy::cast_precision_loss, reason = "hours for people")]
    let hours = known.resets_at.map(|end| end.saturating_sub(now) as f64 / HOUR_MS);
    Some(Standing { left: max.saturating_sub(known.spent), max, hours })
}

fn labels(identity: &Identity, purse: &Purse) -> String {
    let grant = identity.grant.as_deref();
    let owner = purse.id.owner.as_str();
    let (id, alias, value) = match purse.id.kind {
        AccountKind::Team => {
            ("team", "team_alias", grant.and_then(|g| g.team.as_ref()?.team_alias.as_deref()))
        }
        AccountKind::User => return text::labels([("user", owner)]),
        AccountKind::Organization => (
            "org_id",
            "org_alias",
            grant.and_then(|g| g.organization.as_ref()?.organization_alias.as_deref()),
        ),
        _ => ("hashed_api_key", "api_key_alias", grant.and_then(|g| g.key.key_alias.as_deref())),
    };
    text::labels([(id, owner), (alias, value.unwrap_or("None"))])
}
