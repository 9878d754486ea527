//! Where alerts about budgets go.

use std::time::Duration;

use crate::base::secret::Secret;
use crate::config::context::Context;
use crate::config::keys::Keys;
use crate::config::model::{AlertSettings, AlertTarget};
use crate::config::scope::{Field, Scope};

/// The same alert comes again after this time when nothing is said.
const REPEAT_AFTER: Duration = Duration::from_secs(86_400);
/// The kind of alert that is sent, in `alert_types` and `alert_to_webhook_url`.
const BUDGETS: &str = "budget_alerts";

/// Reads them.
pub fn read(context: &Context<'_>, general: &Scope<'_>) -> AlertSettings {
    let arguments = general.scope("alerting_args");
    let repeat_after = arguments.limit("budget_alert_ttl").unwrap_or(REPEAT_AFTER);
    let own = own_urls(&general.scope("alert_to_webhook_url"));
    let wanted = general.texts("alert_types").is_none_or(|types| types.iter().any(|one| one == BUDGETS));
    let mut targets = Vec::new();
    let channels = general.get("alerting");
    for name in channels.as_ref().and_then(|field| field.list()).unwrap_or_default() {
        match name.text().as_deref() {
            Some("slack") if wanted => targets.extend(slack(context, &name, &own)),
            Some("webhook") => targets.extend(webhook(context, &name)),
            None | Some("slack") => {}
            Some("email") => name.warn("alerts by e-mail come later"),
            Some(_) => name.warn("unknown channel; the channels are slack and webhook"),
        }
    }
    AlertSettings { targets, repeat_after }
}

/// Slack's alerts go to an address of their own, or to the one for all.
fn slack(context: &Context<'_>, name: &Field<'_>, own: &[String]) -> Vec<AlertTarget> {
    let all = context.environment.get("SLACK_WEBHOOK_URL");
    let urls = if own.is_empty() { all.into_iter().collect() } else { own.to_vec() };
    if urls.is_empty() {
        name.warn("has no effect without SLACK_WEBHOOK_URL or alert_to_webhook_url.budget_alerts");
    }
    let checked = urls.into_iter().filter(|url| is_address(name, url));
    checked.map(|url| AlertTarget::Slack(Secret::new(url))).collect()
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

/// `alert_to_webhook_url`: an address, or several, for each kind of alert.
fn own_urls(scope: &Scope<'_>) -> Vec<String> {
    #[rustfmt::skip]
    let known = Keys {
        now: &[BUDGETS],
        later: &[
            "llm_exceptions", "llm_too_slow", "llm_requests_hanging", "db_exceptions", "daily_reports",
            "spend_reports", "failed_tracking_spend", "fallback_reports", "cooldown_deployment",
            "new_model_added", "outage_alerts", "region_outage_alerts", "user_budget_alerts",
        ],
    };
    scope.warn_of_unknown(known, &[]);
    scope.texts(BUDGETS).unwrap_or_default()
}
