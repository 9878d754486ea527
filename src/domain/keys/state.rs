//! What the store itself keeps about an entity: its money and its version.

/// Counters and marks that only the store writes; a caller who saves an entity cannot change them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Spent in the current budget period, nano-dollars.
    pub spend_nanos: i64,
    /// Spent ever, nano-dollars; resets leave it alone.
    pub total_spend_nanos: i64,
    /// When the current period began; 0: with the entity.
    pub period_start_ms: i64,
    /// When the current period ends; `None`: never.
    pub budget_reset_at_ms: Option<i64>,
    /// When money was last spent.
    pub last_active_ms: Option<i64>,
    /// Larger after every change, from one sequence for the whole store: a copy with a smaller number is stale.
    pub version: i64,
}
