//! Where alerts go: about budgets, slow and failed requests, cooldowns, outages.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::secret::Secret;
use crate::config::context::Context;
use crate::config::keys::Keys;
use crate::config::model::{AlertSettings, AlertTarget};
use crate::config::scope::{Field, Scope};
use crate::domain::notice::NoticeKind;
use crate::domain::reliability::OutageRules;

/// The same alert about a budget comes again after this time when nothing is said.
const REPEAT_AFTER: Duration = Duration::from_secs(86_400);
/// Requests are slow after this time when nothing is said.
const SLOW_AFTER: Duration = Duration::from_secs(300);
/// Alerts about budgets, in `alert_types` and `alert_to_webhook_url`.
const BUDGETS: &str = "budget_alerts";

/// Reads them.
pub fn read(context: &Context<'_>, general: &Scope<'_>) -> AlertSettings {
    let arguments = general.scope("alerting_args");
    let own = general.scope("alert_to_webhook_url");
    warn_of_unknown(&own);
    let types = general.texts("alert_types");
    let wanted = |kind: &str| types.as_ref().is_none_or(|types| types.iter().any(|one| one == kind));
    let mut found = AlertSettings {
        targets: Vec::new(),
        repeat_after: arguments.limit("budget_alert_ttl").unwrap_or(REPEAT_AFTER),
        notices: BTreeMap::new(),
        slow_after: general.limit("alerting_threshold").unwrap_or(SLOW_AFTER),
        outage: outage(&arguments),
    };
    let channels = general.get("alerting");
    for name in channels.as_ref().and_then(|field| field.list()).unwrap_or_default() {
        match name.text().as_deref() {
            Some("slack") => slack(context, &name, &own, &wanted, &mut found),
            Some("webhook") => found.targets.extend(webhook(context, &name)),
            None => {}
            Some("email") => name.warn("alerts by e-mail come later"),
            Some(_) => name.warn("unknown channel; the channels are slack and webhook"),
        }
    }
    found
}

fn outage(arguments: &Scope<'_>) -> OutageRules {
    let usual = OutageRules::default();
    let count =
        |key: &str| arguments.count(key).and_then(|count| usize::try_from(count).ok()).filter(|n| *n > 0);
    OutageRules {
        minor: count("minor_outage_alert_threshold").unwrap_or(usual.minor),
        // More are never looked at than are told of.
        major: count("major_outage_alert_threshold").unwrap_or(usual.major).min(100_000),
        within: arguments.limit("outage_alert_ttl").unwrap_or(usual.within),
    }
}

/// Each kind of alert goes to an address of its own, or to the one for all.
fn slack(
    context: &Context<'_>,
    name: &Field<'_>,
    own: &Scope<'_>,
    wanted: &dyn Fn(&str) -> bool,
    found: &mut AlertSettings,
) {
    let all = context.environment.first(&["SLACK_WEBHOOK_URL", "ALERTING_WEBHOOK_URL"]).map(|(_, url)| url);
    let targets = |kind: &str| -> Vec<AlertTarget> {
        let urls = own.texts(kind).unwrap_or_else(|| all.clone().into_iter().collect());
        let checked = urls.into_iter().filter(|url| is_address(name, url));
        checked.map(|url| AlertTarget::Slack(Secret::new(url))).collect()
    };
    if wanted(BUDGETS) {
        let of_budgets = targets(BUDGETS);
        if of_budgets.is_empty() && all.is_none() {
            name.warn("has no effect without SLACK_WEBHOOK_URL or alert_to_webhook_url.budget_alerts");
        }
        found.targets.extend(of_budgets);
    }
    for kind in NoticeKind::ALL.into_iter().filter(|kind| wanted(kind.name())) {
        let targets = targets(kind.name());
        if !targets.is_empty() {
            found.notices.entry(kind).or_default().extend(targets);
        }
    }
}

fn webhook(context: &Context<'_>, name: &Field<'_>) -> Option<AlertTarget> {
    let Some(url) = context.environment.get("WEBHOOK_URL") else {
        name.warn("has no effect without WEBHOOK_URL");
        return None;
    };
    is_address(name, &url).then(|| AlertTarget::Webhook(Secret::new(url)))
}

fn is_address(field: &Field<'_>, url: &str) -> bool {
    let good = url.starts_with("http://") || url.starts_with("https://");
    if !good {
        field.error("its webhook's address must look like https://host/path");
    }
    good
}

fn warn_of_unknown(own: &Scope<'_>) {
    #[rustfmt::skip]
    let known = Keys {
        now: &[BUDGETS, "llm_too_slow", "llm_exceptions", "cooldown_deployment", "outage_alerts"],
        later: &[
            "llm_requests_hanging", "db_exceptions", "daily_reports", "spend_reports", "failed_tracking_spend",
            "fallback_reports", "new_model_added", "region_outage_alerts", "user_budget_alerts",
        ],
    };
    own.warn_of_unknown(known, &[]);
}
