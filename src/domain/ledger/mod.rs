//! The ledger: one row for each finished request, which accounts it is charged to, and what the days add up to.

mod account;
mod daily;
mod grouped;
mod id;
mod packed;
mod packing;
mod row;

pub use account::{Account, AccountId, AccountKind, Charge, accounts_of};
pub use daily::{Sums, Total, TotalKey, TotalKind, totals_of};
pub use grouped::Group;
pub use id::{DAY_MS, RowId, day_of, derived_id, id_ms, new_id};
pub use packed::{Fields, Number, PackedRow, Packer, Text};
pub use row::{ASKED_MODEL, LedgerRow, Status};
