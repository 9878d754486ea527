//! Why a budget refuses: whose, how much is spent, and what would have to happen.

use smallvec::SmallVec;

use super::{Cost, Nanos, UnixMs};
use crate::base::civil;
use crate::domain::scope::{ScopeId, ScopeKind};

/// What is in the way. Later ones are harder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// There is enough left for this request, but requests under way hold it. It passes when they turn out
    /// to cost less than they might, or fails for good when they do not: a short wait tells.
    HeldByOthers,
    /// Something is left, but this request alone could cost more; a lower cap on its output may fit.
    CallTooLarge,
    /// The budget is used up.
    Exhausted,
}

/// Whether an account lets a request pass: `None`, or what is in the way.
pub(super) fn judge(spent: Nanos, reserved: Nanos, max: Nanos, cost: Cost) -> Option<Why> {
    let held = spent.saturating_add(reserved);
    match cost {
        Cost::Free => None,
        Cost::AtMost(_) | Cost::Open(_) if spent >= max => Some(Why::Exhausted),
        Cost::Open(_) => (held >= max).then_some(Why::HeldByOthers),
        Cost::AtMost(_) if spent.saturating_add(cost.reserved()) > max => Some(Why::CallTooLarge),
        Cost::AtMost(_) => (held.saturating_add(cost.reserved()) > max).then_some(Why::HeldByOthers),
    }
}

/// Why nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// These accounts (places in the given list) are not known here yet: ask the store, call
    /// [`super::Budgets::load`], try again.
    NotLoaded(SmallVec<[usize; 4]>),
    /// A budget does not allow it.
    Exceeded(Box<Exceeded>),
}

/// A budget that does not allow a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// Whose.
    pub scope: ScopeId,
    /// What is in the way.
    pub why: Why,
    /// The budget.
    pub max: Nanos,
    /// What is spent of it.
    pub spent: Nanos,
    /// What requests under way hold of it.
    pub reserved: Nanos,
    /// What this request would have held.
    pub estimate: Nanos,
    /// When it begins anew, if it does.
    pub resets_at: Option<UnixMs>,
}

impl Exceeded {
    /// The sentence for the caller: LiteLLM's, and what it leaves out.
    pub fn sentence(&self) -> String {
        let (spent, max, name) = (usd(self.spent), usd(self.max), self.scope.shown());
        let mut text = match self.scope.kind() {
            ScopeKind::User | ScopeKind::EndUser => {
                format!(
                    "ExceededBudget: {}={name} over budget. Spend={spent}, Budget={max}.",
                    label(self.scope.kind())
                )
            }
            ScopeKind::Global => {
                format!("Budget has been exceeded! Current cost: {spent}, Max budget: {max}.")
            }
            kind => format!(
                "Budget has been exceeded! {}={name} Current cost: {spent}, Max budget: {max}.",
                label(kind)
            ),
        };
        let left = usd(self.max.saturating_sub(self.spent));
        match self.why {
            Why::Exhausted => {}
            Why::CallTooLarge => text.push_str(&format!(
                " {left} is left and this request could cost {}; a lower max_tokens may fit.",
                usd(self.estimate)
            )),
            Why::HeldByOthers => text.push_str(&format!(
                " {left} is left, but requests under way hold {} of it; it may pass when they have ended.",
                usd(self.reserved)
            )),
        }
        if let Some(at) = self.resets_at.and_then(|at| u64::try_from(at / 1_000).ok()) {
            text.push_str(&format!(" Budget resets at: {}.", civil::utc(at)));
        }
        text
    }
}

fn label(kind: ScopeKind) -> &'static str {
    match kind {
        ScopeKind::Key => "Key",
        ScopeKind::User => "User",
        ScopeKind::Team => "Team",
        ScopeKind::TeamMember => "TeamMember",
        ScopeKind::EndUser => "End User",
        ScopeKind::ModelPerKey => "Key and model",
        ScopeKind::ModelPerUser => "User and model",
        ScopeKind::ModelPerTeam => "Team and model",
        ScopeKind::ModelPerEndUser => "End User and model",
        ScopeKind::Deployment => "Deployment",
        ScopeKind::Tag => "Tag",
        ScopeKind::Organization => "Organization",
        ScopeKind::ModelGroup => "Model",
        ScopeKind::Global => "Proxy",
    }
}

/// Dollars as LiteLLM's messages have them: whole ones with `.0`.
fn usd(nanos: Nanos) -> String {
    let text = nanos.to_string();
    if text.contains('.') { text } else { text + ".0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_spent_money_from_held_money() {
        let judge = |spent, reserved, max, cost| {
            super::judge(Nanos::new(spent), Nanos::new(reserved), Nanos::new(max), cost)
        };
        let cap = Cost::AtMost(Nanos::new(10));
        assert_eq!(judge(90, 0, 100, cap), None);
        assert_eq!(judge(80, 11, 100, cap), Some(Why::HeldByOthers));
        assert_eq!(judge(91, 0, 100, cap), Some(Why::CallTooLarge));
        assert_eq!(judge(100, 0, 100, cap), Some(Why::Exhausted));
        assert_eq!(judge(99, 0, 100, Cost::Open(Nanos::new(50))), None);
        assert_eq!(judge(50, 50, 100, Cost::Open(Nanos::new(1))), Some(Why::HeldByOthers));
        assert_eq!(judge(0, 0, 0, Cost::AtMost(Nanos::ZERO)), Some(Why::Exhausted));
        assert_eq!(judge(500, 0, 0, Cost::Free), None);
    }

    #[test]
    fn sentences_keep_litellms_words_and_say_more() {
        let exceeded = |kind, why| Exceeded {
            scope: ScopeId::new(kind, "88dc28d0f030c55e"),
            why,
            max: Nanos::new(1_000),
            spent: Nanos::new(700_000_000),
            reserved: Nanos::ZERO,
            estimate: Nanos::new(5),
            resets_at: Some(0),
        };
        assert_eq!(
            exceeded(ScopeKind::Key, Why::Exhausted).sentence(),
            "Budget has been exceeded! Key=88dc28d0... Current cost: 0.7, Max budget: 0.000001. Budget resets \
             at: 1970-01-01 00:00:00 UTC."
        );
        assert!(
            exceeded(ScopeKind::User, Why::Exhausted).sentence().starts_with(
                "ExceededBudget: User=88dc28d0f030c55e over budget. Spend=0.7, Budget=0.000001."
            )
        );
        assert_eq!(
            (usd(Nanos::new(-2_500_000_000)), usd(Nanos::from_usd(3))),
            ("-2.5".to_string(), "3.0".to_string())
        );
    }
}
