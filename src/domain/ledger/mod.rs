//! The ledger: one row for each finished request, which accounts it is charged to, and what the days add up to.

mod account;
mod daily;
mod id;
mod row;

pub use account::{Account, AccountId, AccountKind, Charge, accounts_of, by_account};
pub use daily::{Sums, Total, TotalKey, TotalKind, totals_of};
pub use id::{DAY_MS, day_of, derived_id, id_ms, new_id};
pub use row::{ASKED_MODEL, LedgerRow, Status};
