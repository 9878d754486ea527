//! Claims, what is given back, and who waits for a late answer.

use futures_util::future::{join, join4};
use smallvec::smallvec;

use super::*;
use crate::domain::budget::Cost;
use crate::domain::keys::reset::Calendar;
use crate::domain::limits::{Kind, Limits, Quota, Reset, Used};
use crate::domain::scope::ScopeKind;

fn alone() -> Commons {
    Commons::new(Limiter::new(clock::now()), Budgets::new(Calendar::default()))
}

fn claim() -> Claim {
    let limits = Limits { requests_per_minute: Some(5), parallel: Some(5), ..Limits::default() };
    let rates = smallvec![(ScopeId::new(ScopeKind::Key, "k"), limits)];
    Claim { tokens: 1, rates, cost: Cost::Free, payers: smallvec![], looks: false, strict: false }
}

fn granted() -> Vec<Answer> {
    vec![Answer::Granted(vec![Counted { ticks: Ticks { minute: 7, day: 1 }, ..Counted::default() }])]
}

/// One call, answered; what it said.
fn call(commons: &Commons, answers: Vec<Answer>) -> Batch {
    let (batch, waiters) = commons.batch();
    assert_eq!(waiters.len(), answers.len());
    commons.answered(batch.clone(), waiters, Reply { replicas: 1, answers, ..Reply::default() });
    batch
}

async fn told(told: impl Future<Output = Told>, commons: &Commons, answers: Vec<Answer>) -> (Told, Batch) {
    join(told, async { call(commons, answers) }).await
}

#[actix_rt::test]
async fn others_refusals_do_not_stop_a_request_that_moves_on() {
    let commons = alone();
    call(&commons, vec![]);
    let (Told::Granted(hold), _) = told(commons.claim(claim()), &commons, granted()).await else {
        panic!("it is granted");
    };
    let reset = Reset::In(Duration::from_secs(9));
    let full = Answer::Limited(vec![Obstacle { place: 0, kind: Kind::Requests, used: 5, reset }]);
    let (refused, _) = told(commons.claim(claim()), &commons, vec![full]).await;
    assert!(matches!(refused, Told::Limited(_)));
    assert!(matches!(commons.claim(claim()).await, Told::Limited(_)));
    let (moved, batch) = told(commons.exchange(hold, claim()), &commons, granted()).await;
    assert!(matches!(moved, Told::Granted(_)));
    assert_eq!((batch.slots.len(), batch.slots[0].1, batch.changes[0].2.requests), (1, 0, -1));
}

#[actix_rt::test]
async fn what_comes_back_waits_until_somebody_answers() {
    let commons = alone();
    call(&commons, vec![]);
    let (Told::Granted(hold), _) = told(commons.claim(claim()), &commons, granted()).await else {
        panic!("it is granted");
    };
    let (Told::Granted(kept), _) = told(commons.claim(claim()), &commons, granted()).await else {
        panic!("it is granted");
    };
    commons.lost(Batch::default(), vec![]);
    hold.cancel();
    assert!(matches!(commons.claim(claim()).await, Told::Lost));
    let mut number = 0;
    for _ in 0..3 {
        let (batch, waiters) = commons.batch();
        assert!(batch.is_empty());
        assert!(batch.number > number, "one that is not newer would be left aside");
        number = batch.number;
        commons.lost(batch, waiters);
    }
    assert!(call(&commons, vec![]).is_empty());
    let batch = call(&commons, vec![]);
    assert_eq!((batch.changes.len(), batch.changes[0].2.requests), (1, -1));
    // What was held all the time is said again, whether anybody speaks of it or not.
    assert_eq!(batch.slots.len(), 1);
    assert_eq!(batch.slots[0].1, 1);
    drop(kept);
}

#[actix_rt::test]
async fn a_request_that_goes_on_by_itself_counts_from_its_beginning() {
    let commons = alone();
    call(&commons, vec![]);
    let hold = commons.alone(claim());
    let batch = call(&commons, vec![]);
    assert_eq!((batch.changes.len(), batch.changes[0].2.requests), (1, 1));
    hold.finish(0);
    assert!(call(&commons, vec![]).changes.is_empty(), "it counts once");
}

#[actix_rt::test]
async fn who_knows_that_others_have_used_a_limit_waits_for_a_late_answer() {
    let commons = alone();
    call(&commons, vec![]);
    let limits = Limits { requests_per_minute: Some(100), ..Limits::default() };
    let claim = || Claim { rates: smallvec![(ScopeId::new(ScopeKind::Key, "k"), limits)], ..claim() };
    let used = Used { requests: 51, ..Used::default() };
    let counted = Counted { ticks: Ticks { minute: 7, day: 1 }, used };
    let (first, _) = told(commons.claim(claim()), &commons, vec![Answer::Granted(vec![counted])]).await;
    let (second, ()) = join(commons.claim(claim()), async {
        let (batch, mut waiters) = commons.batch();
        commons.late(&batch, &mut waiters);
        commons.answered(batch, waiters, Reply { replicas: 1, answers: granted(), ..Reply::default() });
    })
    .await;
    assert!(matches!(first, Told::Granted(_)) && matches!(second, Told::Granted(_)));
}

#[actix_rt::test]
async fn who_is_far_from_a_limit_does_not_wait_for_a_late_answer_and_who_is_near_does() {
    let limiter = Limiter::new(clock::now());
    let commons = Commons::new(Arc::clone(&limiter), Budgets::new(Calendar::default()));
    call(&commons, vec![]);
    let of = |name, limit| {
        let limits = Limits { requests_per_minute: Some(limit), ..Limits::default() };
        Claim { rates: smallvec![(ScopeId::new(ScopeKind::Key, name), limits)], ..claim() }
    };
    let (far, near) = (of("far", 100), of("near", 4));
    let strict = Claim { strict: true, ..far.clone() };
    let taken: Vec<_> = [&far, &near, &near, &near].into_iter().map(|claim| take(&limiter, claim)).collect();
    let ask = |claim: &Claim| commons.claim(claim.clone());
    let answers = granted().into_iter().cycle().take(3).collect();
    let (went_on, waited, obeyed, ()) = join4(ask(&far), ask(&near), ask(&strict), async {
        let (batch, mut waiters) = commons.batch();
        commons.late(&batch, &mut waiters);
        let next = commons.claim(far.clone()).await;
        assert!(matches!(next, Told::Lost), "the next does not even begin to wait");
        commons.answered(batch, waiters, Reply { replicas: 1, answers, ..Reply::default() });
    })
    .await;
    assert!(matches!(went_on, Told::Lost));
    let (Told::Granted(held), Told::Granted(too)) = (waited, obeyed) else {
        panic!("an answer that comes late is one");
    };
    // What was granted to whoever went on by himself is given back.
    assert_eq!(call(&commons, vec![]).changes[0].2.requests, -1);
    drop((held, too, taken));
}

fn take(limiter: &Arc<Limiter>, claim: &Claim) -> impl Sized {
    let quotas: Vec<Quota<'_>> =
        claim.rates.iter().map(|(scope, limits)| Quota { scope, limits: *limits }).collect();
    limiter.take(clock::now(), 1, &quotas)
}
