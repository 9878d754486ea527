//! How the budgets of known keys and their owners stand, and how keys are looked up, as metrics.
//!
//! They are written when somebody asks for them, from what is in memory then: so they are never old, series of keys
//! that are gone do not stay, and a request pays nothing for them.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::actors::key_directory::{Directory, Identity, Purse};
use crate::base::clock::unix_ms;
use crate::base::money::Nanos;
use crate::domain::budget::Budgets;
use crate::domain::ledger::AccountKind;
use crate::telemetry::dollars::escaped;
use crate::telemetry::names;

/// The most owners of a kind that have series.
const MOST: usize = 200;
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

/// The text for Prometheus.
pub fn render(directory: &Directory, budgets: &Budgets) -> String {
    let now = unix_ms();
    let mut found: [BTreeMap<String, Standing>; KINDS.len()] = Default::default();
    directory.each(|identity| {
        for purse in &identity.purses {
            let kind = KINDS.iter().position(|(kind, _)| *kind == purse.id.kind);
            let Some(rows) = kind.and_then(|place| found.get_mut(place)) else { continue };
            if rows.len() < MOST
                && let Some(standing) = standing(budgets, purse, now)
            {
                rows.insert(labels(identity, purse), standing);
            }
        }
    });
    let mut out = String::new();
    for ((_, [left, max, hours]), rows) in KINDS.iter().zip(&found) {
        family(
            &mut out,
            left,
            "gauge",
            rows.iter().map(|(labels, row)| (labels.as_str(), row.left.to_string())),
        );
        family(
            &mut out,
            max,
            "gauge",
            rows.iter().map(|(labels, row)| (labels.as_str(), row.max.to_string())),
        );
        let timed =
            rows.iter().filter_map(|(labels, row)| Some((labels.as_str(), format!("{:.3}", row.hours?))));
        family(&mut out, hours, "gauge", timed);
    }
    let looked = directory.lookups();
    let results = [("found", looked.found), ("unknown", looked.unknown), ("failed", looked.failed)];
    let results = results.map(|(result, count)| (format!("result=\"{result}\""), count.to_string()));
    family(&mut out, names::KEY_LOOKUPS, "counter", results.iter().map(|(l, c)| (l.as_str(), c.clone())));
    family(&mut out, names::KEYS_KNOWN, "gauge", std::iter::once(("", looked.copies.to_string())));
    out
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
    let (id, alias, value) = match purse.id.kind {
        AccountKind::Team => {
            ("team", "team_alias", grant.and_then(|g| g.team.as_ref()?.team_alias.as_deref()))
        }
        AccountKind::User => return format!("user=\"{}\"", escaped(&purse.id.owner)),
        AccountKind::Organization => (
            "org_id",
            "org_alias",
            grant.and_then(|g| g.organization.as_ref()?.organization_alias.as_deref()),
        ),
        _ => ("hashed_api_key", "api_key_alias", grant.and_then(|g| g.key.key_alias.as_deref())),
    };
    format!("{id}=\"{}\",{alias}=\"{}\"", escaped(&purse.id.owner), escaped(value.unwrap_or("None")))
}

/// One family of series, if there are some.
pub(super) fn family<'a>(
    out: &mut String,
    name: &str,
    kind: &str,
    rows: impl Iterator<Item = (&'a str, String)>,
) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let help = names::HELP.iter().find(|(known, _)| *known == name).map_or("", |(_, help)| *help);
    // Writing into a string cannot fail.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    for (labels, value) in rows {
        let _ = match labels {
            "" => writeln!(out, "{name} {value}"),
            labels => writeln!(out, "{name}{{{labels}}} {value}"),
        };
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_prometheus_text() {
        let mut out = String::new();
        family(&mut out, names::KEYS_KNOWN, "gauge", [("", "3".to_string())].into_iter());
        family(&mut out, names::KEY_MAX, "gauge", [("a=\"b\"", "0.5".to_string())].into_iter());
        family(&mut out, names::TEAM_MAX, "gauge", std::iter::empty());
        assert!(out.contains(&format!("# TYPE {0} gauge\n{0} 3\n", names::KEYS_KNOWN)), "{out}");
        assert!(out.contains(&format!("{}{{a=\"b\"}} 0.5\n", names::KEY_MAX)), "{out}");
        assert!(!out.contains(names::TEAM_MAX));
        assert_eq!(escaped("a\"b\\\n"), "a\\\"b\\\\\\n");
    }
}
