//! Who is told what an operator should know.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::secret::Secret;
use crate::domain::notice::NoticeKind;
use crate::domain::reliability::OutageRules;

/// Alerts about budgets, requests and deployments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertSettings {
    /// Where alerts about budgets go; empty: nobody is told.
    pub targets: Vec<AlertTarget>,
    /// `alerting_args.budget_alert_ttl`: not the same again within this time (a day by default).
    pub repeat_after: Duration,
    /// Where notices go, by kind.
    pub notices: BTreeMap<NoticeKind, Vec<AlertTarget>>,
    /// `alerting_threshold`: requests that take this long are slow (300 s by default).
    pub slow_after: Duration,
    /// `alerting_args`: what an outage is.
    pub outage: OutageRules,
}

/// An address that takes alerts. It is a secret: whoever knows it can post there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertTarget {
    /// Slack's form: `{"text": ...}`.
    Slack(Secret),
    /// The event as a JSON object.
    Webhook(Secret),
}

impl AlertTarget {
    /// Its kind, for logs and metrics; the address itself is nobody's business.
    pub fn kind(&self) -> &'static str {
        match self {
            AlertTarget::Slack(_) => "slack",
            AlertTarget::Webhook(_) => "webhook",
        }
    }
}
