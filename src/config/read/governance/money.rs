//! The budget of the whole gateway, and where periods begin.

use std::path::PathBuf;

use super::prices;
use crate::base::money::Nanos;
use crate::config::context::Context;
use crate::config::model::{MoneySettings, ProxyBudget};
use crate::config::scope::{Field, Scope};
use crate::config::yaml::Yaml;
use crate::domain::keys::reset::Calendar;

/// The status of a refusal when nothing is said.
const EXCEEDED: u16 = 422;
/// The time zone when nothing is said.
const UTC: &str = "UTC";
/// When periods begin when nothing is said.
const MIDNIGHT: &str = "00:00";

/// Reads them.
pub fn read(context: &Context<'_>, litellm: &Scope<'_>, files: &mut Vec<PathBuf>) -> MoneySettings {
    MoneySettings {
        proxy_budget: proxy_budget(litellm),
        exceeded_status: exceeded_status(litellm).unwrap_or(EXCEEDED),
        calendar: calendar(litellm),
        prices: prices::read(context, litellm, files),
        throttle_share: throttle_share(litellm),
        refuses_unpriced: litellm.flag("block_requests_for_models_without_pricing"),
    }
}

/// LiteLLM calls it a percentage; it is a share.
fn throttle_share(litellm: &Scope<'_>) -> Option<u64> {
    let field = litellm.get("budget_exceeded_throttle_percentage")?;
    let share = u64::try_from(field.dollars()?.get()).ok();
    let share = share.filter(|share| (1..=1_000_000_000).contains(share));
    if share.is_none() {
        field.error("must be a share above 0 and up to 1, such as 0.1");
    }
    share
}

/// A budget of 0 is none: it is LiteLLM's default, and files have it written out.
fn proxy_budget(litellm: &Scope<'_>) -> Option<ProxyBudget> {
    let (max, duration) = (litellm.dollars("max_budget"), litellm.period("budget_duration"));
    let max = max.filter(|max| *max > Nanos::ZERO);
    if max.is_none() && duration.is_some() {
        let path = litellm.path_of("budget_duration");
        litellm.problems.warn(litellm.at_of("budget_duration"), &path, "has no effect without a max_budget");
    }
    Some(ProxyBudget { max: max?, duration })
}

fn exceeded_status(litellm: &Scope<'_>) -> Option<u16> {
    let field = litellm.get("budget_exceeded_status_code")?;
    let status = u16::try_from(field.count()?).ok().filter(|status| (400..500).contains(status));
    if status.is_none() {
        field.error("must be a status from 400 to 499");
    }
    status
}

/// Each setting is tried by itself, so that a mistake is told where it stands.
fn calendar(litellm: &Scope<'_>) -> Calendar {
    let zone = litellm.get("timezone").and_then(|field| {
        let zone = field.text()?;
        Calendar::new(&zone, MIDNIGHT).map_err(|reason| field.error(reason)).ok().map(|_| zone)
    });
    let time = litellm.get("budget_reset_time").and_then(|field| {
        let time = clock(&field)?;
        Calendar::new(UTC, &time).map_err(|reason| field.error(reason)).ok().map(|_| time)
    });
    Calendar::new(zone.as_deref().unwrap_or(UTC), time.as_deref().unwrap_or(MIDNIGHT)).unwrap_or_default()
}

/// A time of day. YAML 1.1 reads `18:30` without quotes as a number to the base of 60.
fn clock(field: &Field<'_>) -> Option<String> {
    match &field.node.value {
        Yaml::Int(minutes) => Some(format!("{:02}:{:02}", minutes / 60, minutes % 60)),
        _ => field.text(),
    }
}
