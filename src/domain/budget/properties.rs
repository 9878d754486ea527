//! Accounts against a ledger that remembers every row, and against real threads.

use std::sync::{Arc, Barrier};
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::domain::keys::reset::{Calendar, Every};
use crate::domain::scope::{ScopeId, ScopeKind};

const CENT: Nanos = cents(1);
const USD: Nanos = cents(100);
const ZERO: Nanos = Nanos::ZERO;

const fn cents(cents: i64) -> Nanos {
    Nanos::new(cents * 10_000_000)
}

fn budgets() -> Arc<Budgets> {
    Budgets::new(Calendar::default())
}

fn key(name: &str) -> ScopeId {
    ScopeId::new(ScopeKind::Key, name)
}

fn account(scope: &ScopeId, max: Nanos) -> Account<'_> {
    Account { scope, max: Some(max), soft: None }
}

fn load(budgets: &Budgets, scope: &ScopeId, loaded: Loaded) {
    assert!(budgets.load(scope, budgets.mark(scope, 0), 0, loaded));
}

/// The store has one row that the account has counted.
fn confirm(budgets: &Budgets, scope: &ScopeId, admitted_at: UnixMs, cost: Nanos, spent: Nanos) {
    budgets.confirm(scope.key(), Some(Committed { admitted_at, spent }), &[(admitted_at, cost)]);
}

fn exceeded(refused: Result<Charge, Refused>) -> Exceeded {
    match refused.err().unwrap() {
        Refused::Exceeded(exceeded) => *exceeded,
        Refused::NotLoaded(places) => panic!("not loaded: {places:?}"),
    }
}

#[test]
fn five_hundred_calls_of_a_cent_spend_exactly_a_dollar() {
    let budgets = budgets();
    let (shared, user) = (key("k"), ScopeId::new(ScopeKind::User, "u"));
    load(&budgets, &shared, Loaded::default());
    load(&budgets, &user, Loaded::default());
    let barrier = Arc::new(Barrier::new(500));
    let threads: Vec<_> = (0..500)
        .map(|_| {
            let (budgets, barrier, shared, user) =
                (Arc::clone(&budgets), Arc::clone(&barrier), shared.clone(), user.clone());
            thread::spawn(move || {
                barrier.wait();
                let accounts = [account(&user, Nanos::from_usd(50)), account(&shared, USD)];
                budgets.reserve(1, Cost::AtMost(CENT), &accounts).map(|charge| charge.settle(CENT)).is_ok()
            })
        })
        .collect();
    let passed = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|passed| *passed).count();
    assert_eq!(passed, 100);
    for scope in [&shared, &user] {
        let standing = budgets.peek(scope, 1).unwrap();
        assert_eq!((standing.spent, standing.reserved), (USD, ZERO));
    }
}

#[test]
fn an_unknown_account_is_asked_for_and_nothing_is_held_meanwhile() {
    let budgets = budgets();
    let (a, b) = (key("a"), key("b"));
    load(&budgets, &a, Loaded::default());
    let accounts = [account(&a, USD), account(&b, USD)];
    let refused = budgets.reserve(1, Cost::AtMost(CENT), &accounts).err().unwrap();
    assert!(matches!(refused, Refused::NotLoaded(places) if places[..] == [1]));
    assert_eq!(budgets.peek(&a, 1).unwrap().reserved, ZERO);
    assert!(budgets.reserve(1, Cost::Free, &accounts).is_ok());
}

#[test]
fn an_empty_budget_blocks_priced_calls_and_lets_free_ones_pass() {
    let budgets = budgets();
    let scope = key("k");
    load(&budgets, &scope, Loaded::default());
    let none = [account(&scope, ZERO)];
    assert_eq!(exceeded(budgets.reserve(1, Cost::AtMost(ZERO), &none)).why, Why::Exhausted);
    assert_eq!(exceeded(budgets.reserve(1, Cost::Open(ZERO), &none)).why, Why::Exhausted);
    assert!(budgets.reserve(1, Cost::Free, &none).is_ok());
}

#[test]
fn a_refusal_tells_held_money_from_spent_money_and_names_the_hardest() {
    let budgets = budgets();
    let (a, b) = (key("a"), key("b"));
    load(&budgets, &a, Loaded { spent: cents(50), ..Loaded::default() });
    load(&budgets, &b, Loaded { spent: cents(99), ..Loaded::default() });
    let first = budgets.reserve(1, Cost::Open(cents(60)), &[account(&a, USD)]).unwrap();
    let held = exceeded(budgets.reserve(1, Cost::AtMost(CENT), &[account(&a, USD)]));
    assert_eq!((held.why, held.spent, held.reserved), (Why::HeldByOthers, cents(50), cents(60)));
    let both = [account(&a, USD), account(&b, USD)];
    let refused = exceeded(budgets.reserve(1, Cost::AtMost(cents(2)), &both));
    assert_eq!((refused.why, &refused.scope), (Why::CallTooLarge, &b));
    drop(first);
    assert!(budgets.reserve(1, Cost::AtMost(cents(50)), &[account(&a, USD)]).is_ok(), "to the last cent");
}

#[test]
fn a_reset_frees_the_budget_and_late_ends_stay_in_their_period() {
    let budgets = budgets();
    let scope = key("k");
    let every = Every::parse("10s");
    load(&budgets, &scope, Loaded { spent: cents(90), resets_at: Some(10_000), every, ..Loaded::default() });
    let dollar = [account(&scope, USD)];
    let late = budgets.reserve(9_999, Cost::AtMost(cents(10)), &dollar).unwrap();
    assert!(budgets.reserve(9_999, Cost::AtMost(CENT), &dollar).is_err());
    let fresh = budgets.reserve(10_000, Cost::AtMost(USD), &dollar).unwrap();
    late.settle(cents(10));
    assert_eq!(budgets.peek(&scope, 10_000).unwrap().spent, ZERO);
    confirm(&budgets, &scope, 9_999, cents(10), USD);
    fresh.settle(cents(30));
    let standing = budgets.peek(&scope, 35_000).unwrap();
    assert_eq!((standing.spent, standing.resets_at), (ZERO, Some(40_000)), "two more periods are over");
}

#[test]
fn a_soft_budget_is_told_once_a_period() {
    let budgets = budgets();
    let scope = key("k");
    load(
        &budgets,
        &scope,
        Loaded { resets_at: Some(10_000), every: Every::parse("10s"), ..Loaded::default() },
    );
    let accounts = [Account { scope: &scope, max: None, soft: Some(cents(2)) }];
    let spend = |now| budgets.reserve(now, Cost::Open(CENT), &accounts).unwrap().settle(CENT).crossings.len();
    assert_eq!([spend(1), spend(2), spend(3), spend(4)], [0, 1, 0, 0]);
    assert_eq!([spend(10_000), spend(10_001), spend(10_002)], [0, 1, 0]);
}

#[test]
fn an_old_answer_of_the_store_overwrites_nothing() {
    let budgets = budgets();
    let scope = key("k");
    load(&budgets, &scope, Loaded::default());
    budgets.reserve(1, Cost::AtMost(CENT), &[account(&scope, USD)]).unwrap().settle(CENT);
    let mark = budgets.mark(&scope, 1);
    confirm(&budgets, &scope, 1, CENT, CENT);
    assert!(!budgets.load(&scope, mark, 2, Loaded::default()), "read before the row was stored");
    assert_eq!(budgets.peek(&scope, 2).unwrap().spent, CENT);
    // Committed and read, but not confirmed yet: nobody can tell whether the answer counts the row.
    budgets.reserve(2, Cost::AtMost(CENT), &[account(&scope, USD)]).unwrap().settle(CENT);
    budgets.storing(scope.key());
    let both = Loaded { spent: cents(2), ..Loaded::default() };
    assert!(!budgets.load(&scope, budgets.mark(&scope, 2), 2, both));
    confirm(&budgets, &scope, 2, CENT, cents(2));
    assert!(budgets.load(&scope, budgets.mark(&scope, 2), 2, both));
    let standing = budgets.peek(&scope, 2).unwrap();
    assert_eq!((standing.spent, standing.unstored), (cents(2), ZERO));
}

#[test]
fn accounts_without_open_business_are_forgotten() {
    let budgets = budgets();
    let (idle, open, unstored) = (key("idle"), key("open"), key("unstored"));
    for scope in [&idle, &open, &unstored] {
        load(&budgets, scope, Loaded::default());
    }
    let _charge = budgets.reserve(1, Cost::Free, &[account(&open, USD)]).unwrap();
    budgets.reserve(1, Cost::AtMost(CENT), &[account(&unstored, USD)]).unwrap().settle(CENT);
    for second in 601..700 {
        drop(budgets.reserve(second * 1_000, Cost::Free, &[]));
    }
    assert!(budgets.peek(&idle, 1).is_none());
    assert_eq!(budgets.len(), 2);
}

#[derive(Debug, Clone)]
enum Step {
    Reserve { scopes: usize, estimate: i64 },
    Settle { charge: usize, part: i64 },
    Drop { charge: usize },
    Store,
    Load { scope: usize },
}

fn step() -> impl Strategy<Value = (i64, Step)> {
    let step = prop_oneof![
        4 => (1usize..8, 1i64..40).prop_map(|(scopes, estimate)| Step::Reserve { scopes, estimate }),
        3 => (0usize..8, 0i64..=100).prop_map(|(charge, part)| Step::Settle { charge, part }),
        1 => (0usize..8).prop_map(|charge| Step::Drop { charge }),
        1 => Just(Step::Store),
        1 => (0usize..3).prop_map(|scope| Step::Load { scope }),
    ];
    (0i64..3_000, step)
}

/// A ledger row: scopes, when it was admitted, what it cost.
#[derive(Debug, Clone, Copy)]
struct Row(usize, UnixMs, i64);

const PERIOD: i64 = 10_000;
const MAX: [i64; 3] = [60, 100, 150];

fn sum(rows: &[Row], scope: usize, now: UnixMs) -> i64 {
    let began = now / PERIOD * PERIOD;
    rows.iter().filter(|row| row.0 & (1 << scope) != 0 && row.1 >= began).map(|row| row.2).sum()
}

/// The store takes all rows at once and says each one's sums.
fn store(budgets: &Budgets, scopes: &[ScopeId], rows: &mut Vec<Row>, stored: &mut Vec<Row>) {
    for row in rows.drain(..) {
        stored.push(row);
        for scope in (0..3).filter(|scope| row.0 & (1 << scope) != 0) {
            let (cost, after) = (Nanos::new(row.2), Nanos::new(sum(stored, scope, row.1)));
            confirm(budgets, &scopes[scope], row.1, cost, after);
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_ledger_that_remembers_everything(steps in prop::collection::vec(step(), 1..150)) {
        let budgets = budgets();
        let scopes = [key("a"), key("b"), ScopeId::global()];
        let every = Every::parse("10s");
        for scope in &scopes {
            load(&budgets, scope, Loaded { resets_at: Some(PERIOD), every, ..Loaded::default() });
        }
        let (mut rows, mut stored): (Vec<Row>, Vec<Row>) = Default::default();
        let mut open: Vec<(Charge, usize, i64)> = Vec::new();
        let mut now = 0;
        for (pause, step) in steps {
            now += pause;
            match step {
                Step::Reserve { scopes: mask, estimate } => {
                    let chosen: Vec<usize> = (0..3).filter(|n| mask & (1 << n) != 0).collect();
                    let accounts: Vec<Account<'_>> =
                        chosen.iter().map(|n| account(&scopes[*n], Nanos::new(MAX[*n]))).collect();
                    let before: Vec<_> = scopes.iter().map(|scope| budgets.peek(scope, now)).collect();
                    let fits = chosen.iter().all(|n| {
                        let standing = before[*n].unwrap();
                        standing.spent.get() + standing.reserved.get() + estimate <= MAX[*n]
                    });
                    match budgets.reserve(now, Cost::AtMost(Nanos::new(estimate)), &accounts) {
                        Ok(charge) => {
                            prop_assert!(fits);
                            open.push((charge, mask, estimate));
                        }
                        Err(_) => {
                            prop_assert!(!fits);
                            let after: Vec<_> = scopes.iter().map(|scope| budgets.peek(scope, now)).collect();
                            prop_assert_eq!(before, after, "a refusal held something");
                        }
                    }
                }
                Step::Settle { charge, part } if !open.is_empty() => {
                    let (charge, mask, estimate) = open.swap_remove(charge % open.len());
                    let actual = estimate * part / 100;
                    rows.push(Row(mask, charge.admitted_at(), actual));
                    charge.settle(Nanos::new(actual));
                }
                Step::Drop { charge } if !open.is_empty() => drop(open.swap_remove(charge % open.len())),
                Step::Store => store(&budgets, &scopes, &mut rows, &mut stored),
                Step::Load { scope } => {
                    let next = (now / PERIOD + 1) * PERIOD;
                    let spent = Nanos::new(sum(&stored, scope, now));
                    let loaded = Loaded { spent, resets_at: Some(next), every, ..Loaded::default() };
                    let taken = budgets.load(&scopes[scope], budgets.mark(&scopes[scope], now), now, loaded);
                    prop_assert!(taken);
                }
                Step::Settle { .. } | Step::Drop { .. } => {}
            }
            for (n, scope) in scopes.iter().enumerate() {
                let standing = budgets.peek(scope, now).unwrap();
                prop_assert_eq!(standing.spent.get(), sum(&stored, n, now) + sum(&rows, n, now));
                prop_assert!(standing.spent.get() + standing.reserved.get() <= MAX[n], "overrun");
            }
        }
        drop(open);
        store(&budgets, &scopes, &mut rows, &mut stored);
        for (n, scope) in scopes.iter().enumerate() {
            let standing = budgets.peek(scope, now).unwrap();
            prop_assert_eq!(standing.reserved, ZERO, "a reservation leaked");
            prop_assert_eq!((standing.spent.get(), standing.unstored), (sum(&stored, n, now), ZERO));
        }
    }
}
