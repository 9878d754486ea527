//! Everything about who may call, how much they may use, what it costs and what is remembered of it.

use super::{
    AlertSettings, ConfiguredUser, GrantSettings, IdentitySettings, LimitSettings, MoneySettings,
    SpoolSettings, StoreSettings,
};

/// The settings of keys, users, limits, budgets and the ledger, wherever the file has them.
#[derive(Debug, Clone)]
pub struct Governance {
    /// Where things are remembered.
    pub store: StoreSettings,
    /// Where ledger rows wait for the store.
    pub spool: SpoolSettings,
    /// How callers are recognised.
    pub identity: IdentitySettings,
    /// What new keys, users and teams get, and at most.
    pub grants: GrantSettings,
    /// Limits that are nobody's own.
    pub limits: LimitSettings,
    /// Prices and budgets.
    pub money: MoneySettings,
    /// Who is told when a soft budget is passed.
    pub alerts: AlertSettings,
    /// `user_config`, in file order; ids differ.
    pub users: Vec<ConfiguredUser>,
}
