//! What an operator is told of deployments and requests: slow ones, failed ones, cooldowns, outages.
//!
//! Nothing of it holds a prompt, a key or an internal address.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::alert::plain;

/// The same is told again after this time at the earliest.
pub const REPEAT_AFTER: Duration = Duration::from_secs(300);
/// So many are remembered, so that they are not repeated.
const MOST_KNOWN: usize = 10_000;

/// The kinds of notices, by LiteLLM's names of alert types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoticeKind {
    /// A request took longer than `alerting_threshold`.
    Slow,
    /// A request failed for what its provider did.
    Failed,
    /// A deployment rests.
    Cooldown,
    /// A deployment fails again and again.
    Outage,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [NoticeKind; 4] =
        [NoticeKind::Slow, NoticeKind::Failed, NoticeKind::Cooldown, NoticeKind::Outage];

    /// Its name in `alert_types` and `alert_to_webhook_url`.
    pub fn name(self) -> &'static str {
        match self {
            NoticeKind::Slow => "llm_too_slow",
            NoticeKind::Failed => "llm_exceptions",
            NoticeKind::Cooldown => "cooldown_deployment",
            NoticeKind::Outage => "outage_alerts",
        }
    }
}

/// Something that has happened to a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub kind: NoticeKind,
    /// `High`, `Medium` or `Low`.
    pub level: &'static str,
    /// A sentence for people.
    pub message: String,
    /// The group that was asked for.
    pub group: String,
    /// The deployment's id.
    pub deployment: String,
    /// The provider's name of the model.
    pub model: String,
    /// What tells it from others of its kind at the same deployment: an error's class, a level.
    pub detail: &'static str,
}

impl Notice {
    /// The body for Slack. `at_ms`: when, milliseconds since 1970; `more`: how often the same has happened since it
    /// was told last.
    pub fn slack(&self, at_ms: i64, more: u32) -> Value {
        let second = at_ms.div_euclid(1000).rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let mut text = format!(
            "Alert type: `{}`\nLevel: `{}`\nTimestamp: `{hour:02}:{minute:02}:{second:02}`\n\nMessage: {}",
            self.kind.name(),
            self.level,
            plain(&self.message)
        );
        let facts = [("model_group", &self.group), ("model", &self.model), ("model_id", &self.deployment)];
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
            text.push_str(&format!("\n{name}: `{}`", plain(value)));
        }
        if more > 0 {
            text.push_str(&format!("\nthe same happened {more} more times since it was told last"));
        }
        json!({ "text": text })
    }
}

/// What has been told when, so that the same is not told again at once.
#[derive(Debug, Default)]
pub struct Repeats(HashMap<(NoticeKind, String, &'static str), (Instant, u32)>);

impl Repeats {
    /// Whether this is to be told now; then how often the same has happened since it was told last.
    pub fn tell(&mut self, notice: &Notice, now: Instant) -> Option<u32> {
        if self.0.len() >= MOST_KNOWN {
            self.0.retain(|_, (told, _)| now.saturating_duration_since(*told) < REPEAT_AFTER);
            if self.0.len() >= MOST_KNOWN {
                self.0.clear();
            }
        }
        let key = (notice.kind, notice.deployment.clone(), notice.detail);
        match self.0.get_mut(&key) {
            Some((told, more)) if now.saturating_duration_since(*told) < REPEAT_AFTER => {
                *more = more.saturating_add(1);
                None
            }
            Some(known) => {
                let more = known.1;
                *known = (now, 0);
                Some(more)
            }
            None => {
                self.0.insert(key, (now, 0));
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(detail: &'static str) -> Notice {
        Notice {
            kind: NoticeKind::Outage,
            level: "High",
            message: "10 attempts failed <!here>".into(),
            group: "gpt".into(),
            deployment: "dep".into(),
            model: "gpt-4o".into(),
            detail,
        }
    }

    #[test]
    fn slack_reads_what_litellm_would_say() {
        let said = notice("major").slack(1_700_000_000_000, 2);
        let text = said["text"].as_str().unwrap();
        assert!(
            text.starts_with(
                "Alert type: `outage_alerts`\nLevel: `High`\nTimestamp: `22:13:20`\n\nMessage: "
            )
        );
        assert!(text.contains("model_id: `dep`") && text.contains("2 more times"), "{text}");
        assert!(!text.contains("<!"), "{text}");
    }

    #[test]
    fn the_same_is_told_once_and_counted() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        assert_eq!(repeats.tell(&notice("minor"), start), Some(0));
        assert_eq!(repeats.tell(&notice("major"), start), Some(0));
        assert_eq!(repeats.tell(&notice("minor"), start + REPEAT_AFTER / 2), None);
        assert_eq!(repeats.tell(&notice("minor"), start + REPEAT_AFTER), Some(1));
        assert_eq!(repeats.tell(&notice("minor"), start + REPEAT_AFTER * 2), Some(0));
    }
}
