//! What owners brought along from another gateway: money that no row here stands for, kept apart from what people
//! set by hand and from what retention folded, so that an audit comes out even with and without its rows.
//!
//! | what | where it stands |
//! |---|---|
//! | spent in the current period | in the account's `adjust`; the opening remembers how much of it was theirs |
//! | spent ever | in the account's `total`, and in the opening's; rows that are taken over replace it piece by piece |
//!
//! Rows from before the opening's moment never add to the current period: what they cost is in it already.

use std::collections::BTreeMap;

use super::session::{Session, pieces, tuples};
use super::{StoreError, Value, accounts};
use crate::domain::keys::reset::Calendar;
use crate::domain::ledger::{Account, AccountId, AccountKind, Charge};

/// What one owner brought along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Opening {
    /// What the other gateway had counted in the period of `as_of_ms`, and is counted here.
    pub spend: i64,
    /// What no row stands for.
    pub total: i64,
    /// When that was so.
    pub as_of_ms: i64,
}

impl Opening {
    /// How much of the other gateway's spend is in the account's current period.
    pub fn counted(&self, account: &Account) -> i64 {
        if account.period_start_ms > self.as_of_ms { 0 } else { self.spend }
    }

    /// Puts what an owner brings along into its account; `before` is what it brought the last time. A new account's
    /// period begins now.
    pub fn bring(
        before: Option<&Opening>,
        account: &mut Account,
        spend: i64,
        total: i64,
        as_of: i64,
    ) -> Self {
        let counted = before.map_or(0, |opening| opening.counted(account));
        let more = spend.saturating_sub(counted);
        let further = match before {
            Some(_) => more.max(0),
            // Rows may have come before their owner did.
            None => total.saturating_sub(account.total_nanos).max(0),
        };
        if *account == Account::default() {
            account.period_start_ms = as_of;
        }
        account.spend_nanos = account.spend_nanos.saturating_add(more);
        account.adjust_nanos = account.adjust_nanos.saturating_add(more);
        account.total_nanos = account.total_nanos.saturating_add(further);
        let total = before.map_or(0, |opening| opening.total).saturating_add(further);
        Opening { spend, total, as_of_ms: as_of }
    }

    /// Adds a row of the other gateway to an account; `since_ms` is from when on such rows count into its period.
    pub fn charge(
        opening: Option<&mut Opening>,
        account: &mut Account,
        charge: Charge,
        since_ms: i64,
        calendar: &Calendar,
    ) {
        account.roll(calendar, charge.started_ms);
        let spend_before = account.spend_nanos;
        account.charge(calendar, charge);
        let counted = account.spend_nanos.saturating_sub(spend_before);
        if charge.started_ms < since_ms {
            account.spend_nanos = spend_before;
            account.adjust_nanos = account.adjust_nanos.saturating_sub(counted);
            if let Some(opening) = opening {
                let stood_for = opening.total.clamp(0, charge.spend_nanos.max(0));
                opening.total -= stood_for;
                account.total_nanos = account.total_nanos.saturating_sub(stood_for);
            }
        } else if let Some(opening) = opening {
            opening.spend = opening.spend.saturating_add(counted);
        }
    }
}

/// The account whose opening says when the last take-over was.
pub(super) fn everybody() -> AccountId {
    AccountId::new(AccountKind::Global, "")
}

/// What these brought along, those that brought nothing left out.
pub(super) fn load(
    session: &mut dyn Session,
    ids: &[AccountId],
) -> Result<BTreeMap<AccountId, Opening>, StoreError> {
    let mut found = BTreeMap::new();
    for piece in pieces(ids) {
        let sql = format!(
            "SELECT kind, owner, part, spend, total, as_of FROM stagedoor_openings
             WHERE (kind, owner, part) IN (VALUES {})",
            tuples(piece.len(), 3)
        );
        let parameters: Vec<Value> = piece.iter().flat_map(accounts::names).collect();
        for row in session.query(&sql, &parameters)? {
            let opening = Opening { spend: row.int(3), total: row.int(4), as_of_ms: row.int(5) };
            found.extend(accounts::account_id(&row, 0).map(|id| (id, opening)));
        }
    }
    Ok(found)
}

/// Writes openings, new or not.
pub(super) fn save(
    session: &mut dyn Session,
    openings: &BTreeMap<AccountId, Opening>,
) -> Result<(), StoreError> {
    let openings: Vec<(&AccountId, &Opening)> = openings.iter().collect();
    for piece in pieces(&openings) {
        let sql = format!(
            "INSERT INTO stagedoor_openings (kind, owner, part, spend, total, as_of) VALUES {}
             ON CONFLICT (kind, owner, part) DO UPDATE SET spend = excluded.spend, total = excluded.total,
                 as_of = excluded.as_of",
            tuples(piece.len(), 6)
        );
        let values = piece.iter().flat_map(|(id, opening)| {
            let numbers = [opening.spend, opening.total, opening.as_of_ms].map(Value::from);
            accounts::names(id).into_iter().chain(numbers)
        });
        session.execute(&sql, &values.collect::<Vec<_>>())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(started_ms: i64, spend_nanos: i64) -> Charge {
        Charge { started_ms, ended_ms: started_ms, spend_nanos }
    }

    #[test]
    fn rows_replace_what_stood_for_them_and_leave_the_period_alone() {
        let calendar = Calendar::default();
        let mut account = Account::default();
        let mut opening = Opening::bring(None, &mut account, 30, 100, 1_000);
        assert_eq!((account.spend_nanos, account.total_nanos, account.period_start_ms), (30, 100, 1_000));
        Opening::charge(Some(&mut opening), &mut account, row(500, 40), 1_000, &calendar);
        assert_eq!((account.spend_nanos, account.total_nanos, opening.total), (30, 100, 60));
        // More rows than the other gateway's total says: the rows are right.
        Opening::charge(Some(&mut opening), &mut account, row(600, 70), 1_000, &calendar);
        assert_eq!((account.spend_nanos, account.total_nanos, opening.total), (30, 110, 0));
        // One from after that moment is new to both.
        Opening::charge(Some(&mut opening), &mut account, row(1_500, 5), 1_000, &calendar);
        assert_eq!((account.spend_nanos, account.total_nanos, opening.spend), (35, 115, 35));
        // What the other gateway counted meanwhile is added, and what both know is not added twice.
        let again = Opening::bring(Some(&opening), &mut account, 50, 0, 2_000);
        assert_eq!((account.spend_nanos, account.total_nanos, again.total), (50, 130, 15));
    }

    #[test]
    fn an_account_in_its_first_period_does_not_take_rows_for_spend() {
        let mut account = Account { spend_nanos: 7, total_nanos: 7, ..Account::default() };
        Opening::charge(None, &mut account, row(500, 40), 1_000, &Calendar::default());
        assert_eq!((account.spend_nanos, account.adjust_nanos, account.total_nanos), (7, -40, 47));
    }
}
