//! What an operator is told of a budget, in the forms of LiteLLM's webhook and of Slack's.
//!
//! Neither form holds a key or a prompt: a key is named by its hash and its alias.

use serde_json::{Value, json};

use crate::base::civil::Date;
use crate::base::money::Nanos;
use crate::domain::budget::Line;
use crate::domain::scope::{ScopeId, ScopeKind};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A budget's line has been passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Whose budget.
    pub scope: ScopeId,
    /// Which of its lines.
    pub line: Line,
    /// Spent in this period.
    pub spend: Nanos,
    /// The budget.
    pub max: Option<Nanos>,
    /// The soft budget.
    pub soft: Option<Nanos>,
    /// When that was.
    pub at_ms: i64,
    /// When the period began; 0: unknown.
    pub began_ms: i64,
    /// When it ends, if it does.
    pub resets_ms: Option<i64>,
    /// Who was calling.
    pub who: Who,
}

/// The owners of the request that passed the line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// The key's hash.
    pub token: Option<String>,
    /// Its alias.
    pub key_alias: Option<String>,
    /// The end user.
    pub customer_id: Option<String>,
    /// The user.
    pub user_id: Option<String>,
    /// The user's address.
    pub user_email: Option<String>,
    /// The team.
    pub team_id: Option<String>,
    /// Its alias.
    pub team_alias: Option<String>,
    /// The organization.
    pub organization_id: Option<String>,
}

impl Alert {
    /// `event` as LiteLLM names it.
    pub fn event(&self) -> &'static str {
        match self.line {
            Line::Soft => "soft_budget_crossed",
            Line::Left15 | Line::Left5 => "threshold_crossed",
            Line::Max => "budget_crossed",
        }
    }

    /// A sentence for people.
    pub fn message(&self) -> String {
        let what = match self.line {
            Line::Soft => format!("Soft Budget Crossed: {}", usd(self.soft)),
            Line::Left15 => format!("15% Threshold Crossed: {} of {} spent", self.spend, usd(self.max)),
            Line::Left5 => format!("5% Threshold Crossed: {} of {} spent", self.spend, usd(self.max)),
            Line::Max => format!("Budget Crossed: {}", usd(self.max)),
        };
        format!("{} Budget ({}): {what}", title(self.scope.kind()), self.scope.shown())
    }

    /// The body of a webhook.
    pub fn webhook(&self) -> Value {
        let projected = self.projected();
        json!({
            "spend": self.spend,
            "max_budget": self.max,
            "soft_budget": self.soft,
            "token": self.who.token,
            "customer_id": self.who.customer_id,
            "user_id": self.who.user_id,
            "team_id": self.who.team_id,
            "team_alias": self.who.team_alias,
            "organization_id": self.who.organization_id,
            "user_email": self.who.user_email,
            "key_alias": self.who.key_alias,
            "projected_exceeded_date": projected.and_then(|(_, over_ms)| over_ms).map(date),
            "projected_spend": projected.map(|(spend, _)| spend),
            "event": self.event(),
            "event_group": group(self.scope.kind()),
            "event_message": self.message(),
        })
    }

    /// The body for Slack.
    pub fn slack(&self) -> Value {
        let second = self.at_ms.div_euclid(1000).rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let owner = [
            ("key_alias", &self.who.key_alias),
            ("user_id", &self.who.user_id),
            ("user_email", &self.who.user_email),
            ("team_id", &self.who.team_id),
            ("team_alias", &self.who.team_alias),
            ("organization_id", &self.who.organization_id),
            ("customer_id", &self.who.customer_id),
        ];
        let mut text = format!(
            "Alert type: `budget_alerts`\nLevel: `High`\nTimestamp: `{hour:02}:{minute:02}:{second:02}`\n\n\
             Message: {}\nspend: `{}`",
            plain(&self.message()),
            self.spend
        );
        for (name, value) in owner {
            if let Some(value) = value {
                text.push_str(&format!("\n{name}: `{}`", plain(value)));
            }
        }
        json!({ "text": text })
    }

    /// What will be spent at the period's end if it goes on like this, and when the budget is then used up.
    fn projected(&self) -> Option<(Nanos, Option<i64>)> {
        let resets = self.resets_ms?;
        let (so_far, whole) = (self.at_ms.checked_sub(self.began_ms)?, resets.checked_sub(self.began_ms)?);
        let spend = i128::from(self.spend.get());
        if self.began_ms <= 0 || so_far <= 0 || spend <= 0 {
            return None;
        }
        let all = spend.checked_mul(i128::from(whole))? / i128::from(so_far);
        let over = self.max.and_then(|max| {
            let after = i128::from(so_far).checked_mul(i128::from(max.get()))? / spend;
            self.began_ms.checked_add(i64::try_from(after).ok()?).filter(|over| *over <= resets)
        });
        Some((Nanos::new(i64::try_from(all).ok()?), over))
    }
}

/// Names that callers choose must not mention people or whole channels.
pub(super) fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "'")
}

fn usd(amount: Option<Nanos>) -> String {
    amount.map_or_else(|| "none".into(), |amount| amount.to_string())
}

fn date(ms: i64) -> String {
    let Date { year, month, day } = Date::of_day(ms.div_euclid(DAY_MS));
    format!("{year:04}-{month:02}-{day:02}")
}

/// LiteLLM's `event_group`.
fn group(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Key | ScopeKind::ModelPerKey => "key",
        ScopeKind::User | ScopeKind::ModelPerUser => "user",
        ScopeKind::Team | ScopeKind::ModelPerTeam => "team",
        ScopeKind::TeamMember => "team_member",
        ScopeKind::EndUser | ScopeKind::ModelPerEndUser => "customer",
        ScopeKind::Organization => "organization",
        ScopeKind::Tag => "tag",
        ScopeKind::Deployment | ScopeKind::ModelGroup | ScopeKind::Global => "proxy",
    }
}

fn title(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Key => "Key",
        ScopeKind::User => "User",
        ScopeKind::Team => "Team",
        ScopeKind::TeamMember => "Team Member",
        ScopeKind::EndUser => "Customer",
        ScopeKind::Organization => "Organization",
        ScopeKind::Tag => "Tag",
        ScopeKind::Global => "Proxy",
        ScopeKind::ModelPerKey
        | ScopeKind::ModelPerUser
        | ScopeKind::ModelPerTeam
        | ScopeKind::ModelPerEndUser
        | ScopeKind::Deployment
        | ScopeKind::ModelGroup => "Model",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(line: Line) -> Alert {
        Alert {
            scope: ScopeId::new(ScopeKind::Team, "red <!channel>"),
            line,
            spend: Nanos::from_usd(30),
            max: Some(Nanos::from_usd(100)),
            soft: Some(Nanos::from_usd(30)),
            at_ms: 1_700_000_000_000 + 3 * DAY_MS,
            began_ms: 1_700_000_000_000,
            resets_ms: Some(1_700_000_000_000 + 30 * DAY_MS),
            who: Who { team_id: Some("red".into()), key_alias: Some("<!here>".into()), ..Who::default() },
        }
    }

    #[test]
    fn a_webhook_reads_what_litellm_would_say() {
        let said = alert(Line::Soft).webhook();
        for (field, value) in [
            ("spend", json!(30.0)),
            ("max_budget", json!(100.0)),
            ("soft_budget", json!(30.0)),
            ("team_id", json!("red")),
            ("user_id", Value::Null),
            ("event", json!("soft_budget_crossed")),
            ("event_group", json!("team")),
            ("projected_spend", json!(300.0)),
            ("projected_exceeded_date", json!("2023-11-24")),
        ] {
            assert_eq!(said[field], value, "{field}");
        }
        assert_eq!(alert(Line::Max).webhook()["event"], "budget_crossed");
        assert_eq!(alert(Line::Left5).webhook()["event"], "threshold_crossed");
    }

    #[test]
    fn without_a_period_nothing_is_projected() {
        let said = Alert { resets_ms: None, ..alert(Line::Max) }.webhook();
        assert_eq!(
            (&said["projected_spend"], &said["projected_exceeded_date"]),
            (&Value::Null, &Value::Null)
        );
        let late = Alert { max: Some(Nanos::from_usd(1000)), ..alert(Line::Soft) }.webhook();
        assert_eq!(late["projected_exceeded_date"], Value::Null);
    }

    #[test]
    fn names_in_slack_mention_nobody() {
        let said = alert(Line::Soft).slack();
        let text = said["text"].as_str().unwrap();
        assert!(text.contains("Soft Budget Crossed: 30") && text.contains("team_id: `red`"), "{text}");
        assert!(!text.contains("<!"), "{text}");
    }
}
