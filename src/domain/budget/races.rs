//! Accounts that are read from a store while rows go into it, in every order: rows of this process, rows that a
//! former one has left, commits of which nobody hears, and answers that are old when they come.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::keys::reset::Calendar;
use crate::domain::scope::{ScopeId, ScopeKind};

#[derive(Debug, Clone)]
enum Step {
    /// A request of this process ends.
    Spend(i64),
    /// A row that this account has not counted comes into the spool.
    Foreign(i64),
    /// The next batch is given to the store.
    Give,
    /// The store commits it, if it has not yet.
    Commit,
    /// The answer of the store comes, or is lost and the batch given again.
    Answer { lost: bool },
    /// Somebody begins to load the account.
    Mark,
    /// The store is asked.
    Ask,
    /// Its answer comes.
    Load,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1i64..50).prop_map(Step::Spend),
        1 => (1i64..50).prop_map(Step::Foreign),
        2 => Just(Step::Give),
        2 => Just(Step::Commit),
        2 => any::<bool>().prop_map(|lost| Step::Answer { lost }),
        2 => Just(Step::Mark),
        2 => Just(Step::Ask),
        2 => Just(Step::Load),
    ]
}

/// A row: what it costs, and whether the account has counted it.
#[derive(Debug, Clone, Copy)]
struct Row(i64, bool);

#[derive(Default)]
struct World {
    spool: Vec<Row>,
    batch: Vec<Row>,
    committed: bool,
    store: i64,
    mark: Option<Mark>,
    asked: Option<i64>,
}

fn sum(rows: &[Row]) -> i64 {
    rows.iter().map(|row| row.0).sum()
}

impl World {
    /// What was spent by all rows that anybody knows of, and without those of which only the store knows yet.
    fn bounds(&self) -> (i64, i64) {
        let counted = |rows: &[Row]| sum(&rows.iter().copied().filter(|row| row.1).collect::<Vec<_>>());
        let all = self.store + counted(&self.spool) + if self.committed { 0 } else { counted(&self.batch) };
        let unheard = if self.committed { sum(&self.batch) - counted(&self.batch) } else { 0 };
        (all - unheard, all)
    }

    fn apply(&mut self, step: &Step, budgets: &Arc<Budgets>, scope: &ScopeId) {
        match step {
            Step::Spend(cost) => {
                let account = Account { scope, max: None, soft: None };
                let Ok(charge) = budgets.reserve(1, Cost::Open(Nanos::new(*cost)), &[account]) else {
                    return;
                };
                self.spool.push(Row(*cost, true));
                charge.settle(Nanos::new(*cost));
            }
            Step::Foreign(cost) => self.spool.push(Row(*cost, false)),
            Step::Give if self.batch.is_empty() && !self.spool.is_empty() => {
                self.batch = std::mem::take(&mut self.spool);
                budgets.storing(scope.key());
            }
            Step::Commit if !self.batch.is_empty() && !self.committed => {
                self.store += sum(&self.batch);
                self.committed = true;
            }
            Step::Answer { lost: false } if self.committed => {
                let counted = self.batch.iter().filter(|row| row.1);
                let counted: Vec<_> = counted.map(|row| (1, Nanos::new(row.0))).collect();
                let committed = Committed { admitted_at: 1, spent: Nanos::new(self.store) };
                budgets.confirm(scope.key(), Some(committed), &counted);
                self.batch.clear();
                self.committed = false;
            }
            Step::Mark => (self.mark, self.asked) = (Some(budgets.mark(scope, 1)), None),
            Step::Ask if self.mark.is_some() => self.asked = Some(self.store),
            Step::Load => {
                if let (Some(mark), Some(spent)) = (self.mark.take(), self.asked.take()) {
                    let loaded = Loaded { spent: Nanos::new(spent), ..Loaded::default() };
                    budgets.load(scope, mark, 1, loaded);
                }
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn nothing_counts_twice_and_nothing_is_missing(steps in prop::collection::vec(step(), 1..120)) {
        let budgets = Budgets::new(Calendar::default());
        let scope = ScopeId::new(ScopeKind::Key, "k");
        let mut world = World::default();
        for step in steps {
            world.apply(&step, &budgets, &scope);
            let Some(standing) = budgets.peek(&scope, 1) else { continue };
            let (least, most) = world.bounds();
            let spent = standing.spent.get();
            prop_assert!((least..=most).contains(&spent), "{step:?}: {spent} is not in {least}..={most}");
        }
        // Everything comes to rest.
        for step in [Step::Commit, Step::Answer { lost: false }, Step::Give, Step::Commit, Step::Answer { lost: false }] {
            world.apply(&step, &budgets, &scope);
        }
        if let Some(standing) = budgets.peek(&scope, 1) {
            prop_assert_eq!((standing.spent.get(), standing.unstored), (world.store, Nanos::ZERO));
        }
    }
}

#[test]
fn an_answer_from_before_a_commit_does_not_make_an_account() {
    let budgets = Budgets::new(Calendar::default());
    let scope = ScopeId::new(ScopeKind::Key, "k");
    let mark = budgets.mark(&scope, 1);
    budgets.confirm(scope.key(), Some(Committed { admitted_at: 1, spent: Nanos::new(7) }), &[]);
    assert!(!budgets.load(&scope, mark, 1, Loaded::default()), "it says nothing of the 7");
    assert!(budgets.peek(&scope, 1).is_none());
    let again = Loaded { spent: Nanos::new(7), ..Loaded::default() };
    assert!(budgets.load(&scope, budgets.mark(&scope, 1), 1, again));
    assert_eq!(budgets.peek(&scope, 1).unwrap().spent.get(), 7);
}

#[test]
fn an_answer_from_before_a_change_by_hand_does_not_make_an_account() {
    let budgets = Budgets::new(Calendar::default());
    let scope = ScopeId::new(ScopeKind::Key, "k");
    let mark = budgets.mark(&scope, 1);
    budgets.changed(&scope);
    assert!(!budgets.load(&scope, mark, 1, Loaded::default()));
}

#[test]
fn an_answer_from_before_a_reset_does_not_bring_the_old_period_back() {
    let budgets = Budgets::new(Calendar::default());
    let scope = ScopeId::new(ScopeKind::Key, "k");
    let every = crate::domain::keys::reset::Every::parse("1h");
    let hour = 3_600_000;
    let of_first_hour = Loaded { spent: Nanos::new(90), began_at: 0, resets_at: Some(hour), every };
    assert!(budgets.load(&scope, budgets.mark(&scope, 1), 1, of_first_hour));
    let asked = hour - 1;
    let mark = budgets.mark(&scope, asked);
    let account = Account { scope: &scope, max: Some(Nanos::new(100)), soft: None };
    let charge = budgets.reserve(hour + 1, Cost::AtMost(Nanos::new(60)), &[account]).unwrap();
    budgets.load(&scope, mark, asked, of_first_hour);
    let standing = budgets.peek(&scope, hour + 2).unwrap();
    assert_eq!((standing.spent.get(), standing.reserved.get()), (0, 60));
    charge.settle(Nanos::new(60));
    assert_eq!(budgets.peek(&scope, hour + 3).unwrap().spent.get(), 60);
}

#[test]
fn after_a_change_of_many_accounts_each_is_read_again() {
    let budgets = Budgets::new(Calendar::default());
    let scope = ScopeId::new(ScopeKind::Key, "k");
    let account = Account { scope: &scope, max: Some(Nanos::new(100)), soft: None };
    let full = Loaded { spent: Nanos::new(100), ..Loaded::default() };
    assert!(budgets.load(&scope, budgets.mark(&scope, 1), 1, full));
    let one = Cost::AtMost(Nanos::new(1));
    assert!(matches!(budgets.reserve(1, one, &[account]), Err(Refused::Exceeded(_))));
    budgets.all_changed();
    assert!(matches!(budgets.reserve(1, one, &[account]), Err(Refused::NotLoaded(_))));
    assert!(budgets.load(&scope, budgets.mark(&scope, 1), 1, Loaded::default()));
    assert!(budgets.reserve(1, one, &[account]).is_ok());
    // A store that is away is no reason to refuse who is known.
    budgets.all_changed();
    let unknown = ScopeId::new(ScopeKind::Key, "other");
    assert!(!budgets.keep([&unknown].into_iter()) && budgets.keep([&scope].into_iter()));
    assert!(budgets.reserve(1, one, &[account]).is_ok());
}
