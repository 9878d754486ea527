//! Orders of events that chance seldom finds, each against the real script.

use std::sync::Arc;

use smallvec::smallvec;
use stagedoor::base::money::Nanos;
use stagedoor::domain::budget::{Cost, Known};
use stagedoor::domain::commons::{Answer, Book, Change, Claim, Payer, Reply, Ticks};
use stagedoor::domain::ledger::{AccountId, AccountKind};
use stagedoor::domain::limits::Limits;
use stagedoor::domain::scope::{ScopeId, ScopeKind};

use crate::redis::Redis;

const START: i64 = 1_000_000_000;

fn scope() -> ScopeId {
    ScopeId::new(ScopeKind::Key, "k")
}

fn spent(stored: i64) -> Known {
    Known { began_at: 1, stored: Nanos::new(stored), unstored: Nanos::ZERO }
}

/// A claim of money out of a hundred.
fn costs(amount: i64) -> Claim {
    let id = Arc::new(AccountId::new(AccountKind::Key, "k"));
    let payer = Payer { scope: scope(), id, max: Nanos::new(100) };
    let cost = Cost::AtMost(Nanos::new(amount));
    Claim { tokens: 1, rates: smallvec![], cost, payers: smallvec![payer], looks: false, strict: false }
}

/// A claim of the only place.
fn place() -> Claim {
    let limits = Limits { parallel: Some(1), ..Limits::default() };
    Claim {
        tokens: 1,
        rates: smallvec![(scope(), limits)],
        cost: Cost::Free,
        payers: smallvec![],
        looks: false,
        strict: false,
    }
}

/// One call; what it answers, and what became of the claims, by who waited.
fn call(
    redis: &Redis,
    now: i64,
    id: &str,
    book: &mut Book<u32>,
    known: Option<Known>,
) -> (Reply, Vec<(u32, bool)>) {
    let (batch, waiters) = book.batch(|_| known);
    let reply = redis.ask(now, id, &batch).unwrap();
    let outcome = book.answered(batch, waiters, reply.clone());
    let granted = |answer: &Answer| matches!(answer, Answer::Granted(_));
    (reply, outcome.answered.iter().map(|(_, waiter, answer)| (*waiter, granted(answer))).collect())
}

#[test]
fn money_that_is_given_back_by_hand_can_be_spent_where_nothing_was_held() {
    let (redis, mut one, mut other) = (Redis::new(), Book::default(), Book::default());
    one.ask(costs(1), 0);
    assert_eq!(call(&redis, START, "one", &mut one, Some(spent(100))).1, [(0, false)]);
    other.replace(scope().key());
    call(&redis, START + 10, "other", &mut other, Some(spent(50)));
    other.ask(costs(40), 1);
    assert_eq!(call(&redis, START + 20, "other", &mut other, Some(spent(50))).1, [(1, true)]);
}

#[test]
fn a_replica_that_was_taken_for_dead_says_again_what_it_holds() {
    let (redis, mut one, mut other) = (Redis::new(), Book::default(), Book::default());
    one.ask(place(), 0);
    assert_eq!(call(&redis, START, "one", &mut one, None).1, [(0, true)]);
    call(&redis, START + 10, "one", &mut one, None);
    // Somebody looks while it is silent, and finds nobody.
    let looks = Claim { looks: true, ..place() };
    other.ask(looks, 1);
    call(&redis, START + 5_000, "other", &mut other, None);
    assert!(call(&redis, START + 6_000, "one", &mut one, None).0.was_silent);
    call(&redis, START + 6_010, "one", &mut one, None);
    other.ask(place(), 2);
    assert_eq!(call(&redis, START + 6_020, "other", &mut other, None).1, [(2, false)]);
}

#[test]
fn whoever_moves_on_keeps_its_place_before_those_who_wait() {
    let (redis, mut book) = (Redis::new(), Book::default());
    book.ask(place(), 0);
    assert_eq!(call(&redis, START, "one", &mut book, None).1, [(0, true)]);
    book.ask(place(), 1);
    book.release(&place());
    book.ask_first(place(), 2);
    assert_eq!(call(&redis, START + 10, "one", &mut book, None).1, [(2, true), (1, false)]);
}

#[test]
fn what_was_counted_alone_long_ago_is_in_no_window_of_a_minute() {
    let mut book = Book::<u32>::default();
    let change = |requests| Change { requests, tokens: 10, day_tokens: 100 };
    book.change(1, Ticks::default(), change(5));
    (0..40).for_each(|_| book.grow_older());
    book.change(1, Ticks::default(), change(3));
    (0..30).for_each(|_| book.grow_older());
    let (batch, _) = book.batch(|_| None);
    let both = Change { requests: 3, tokens: 10, day_tokens: 200 };
    assert_eq!(batch.changes, [(1, Ticks::default(), both)]);
    assert!(!book.has_news());
}

#[test]
fn a_batch_names_no_more_counters_than_can_be_looked_at_in_time() {
    let mut book = Book::default();
    let limits = Limits { requests_per_minute: Some(1), ..Limits::default() };
    for n in 0..200 {
        let scope = |part: &str| ScopeId::pair(ScopeKind::TeamMember, part, &n.to_string());
        let rates = smallvec![(scope("a"), limits), (scope("b"), limits), (scope("c"), limits)];
        book.ask(Claim { rates, ..place() }, n);
    }
    (0..1_000).for_each(|key| book.replace(key));
    let (mut claims, mut statements) = (0, 0);
    for _ in 0..4 {
        let (batch, waiters) = book.batch(|_| Some(spent(0)));
        assert!(batch.claims.len() <= 85 && batch.accounts.len() <= 256, "{}", batch.claims.len());
        assert_eq!(batch.claims.len(), waiters.len());
        claims += waiters.len();
        statements += batch.accounts.len();
    }
    assert_eq!((claims, statements, book.has_news()), (200, 1_000, false));
}

#[test]
fn a_call_that_went_astray_does_nothing_after_a_later_one() {
    let (redis, mut one, mut other) = (Redis::new(), Book::default(), Book::default());
    one.ask(place(), 0);
    let (astray, waiters) = one.batch(|_| None);
    one.lost(astray.clone(), waiters);
    call(&redis, START, "one", &mut one, None);
    assert_eq!(redis.ask(START + 10, "one", &astray), None);
    other.ask(place(), 1);
    assert_eq!(call(&redis, START + 20, "other", &mut other, None).1, [(1, true)]);
}

#[test]
fn a_sum_that_was_set_by_hand_is_gone_on_from_after_everything_was_quiet() {
    let (redis, mut one, mut other) = (Redis::new(), Book::default(), Book::default());
    one.ask(costs(1), 0);
    call(&redis, START, "one", &mut one, Some(spent(100)));
    other.ask(costs(0), 0);
    other.replace(scope().key());
    call(&redis, START + 10, "other", &mut other, Some(spent(50)));
    other.sweep(|_| Some(spent(50)));
    // A row that it has stored since counts at once.
    other.ask(costs(30), 1);
    call(&redis, START + 20, "other", &mut other, Some(spent(80)));
    one.ask(costs(30), 2);
    assert_eq!(call(&redis, START + 30, "one", &mut one, Some(spent(50))).1, [(2, false)]);
}
