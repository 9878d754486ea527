//! The limiter against a model that keeps every take by itself, and against real threads.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::domain::scope::ScopeKind;

const SPAN: u64 = 60_000;
const TICK: u64 = 250;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn key(name: &str) -> ScopeId {
    ScopeId::new(ScopeKind::Key, name)
}

fn rpm(limit: u64) -> Limits {
    Limits { requests_per_minute: Some(limit), ..Limits::default() }
}

fn tpm(limit: u64) -> Limits {
    Limits { tokens_per_minute: Some(limit), ..Limits::default() }
}

fn used(limiter: &Limiter, now: Instant, scope: &ScopeId, limits: Limits, kind: Kind) -> u64 {
    let standings = limiter.peek(now, &[Quota { scope, limits }]);
    standings.first().and_then(|standing| standing.room(kind)).unwrap().used
}

#[test]
fn two_hundred_threads_get_exactly_the_limit() {
    let start = Instant::now();
    let limiter = Limiter::new(start);
    let barrier = Arc::new(Barrier::new(200));
    let threads: Vec<_> = (0..200)
        .map(|n| {
            let (limiter, barrier) = (Arc::clone(&limiter), Arc::clone(&barrier));
            thread::spawn(move || {
                let (shared, own) = (key("shared"), ScopeId::new(ScopeKind::User, &n.to_string()));
                let quotas =
                    [Quota { scope: &own, limits: rpm(1) }, Quota { scope: &shared, limits: rpm(100) }];
                barrier.wait();
                limiter.take(start, 5, &quotas).map(|ticket| ticket.finish(start, 3)).is_ok()
            })
        })
        .collect();
    let passed = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|passed| *passed).count();
    assert_eq!(passed, 100);
    let untouched = (0..200).filter(|n| {
        let own = ScopeId::new(ScopeKind::User, &n.to_string());
        used(&limiter, start, &own, rpm(1), Kind::Requests) == 0
    });
    assert_eq!(untouched.count(), 100, "a refused request consumes nothing");
}

#[test]
fn parallel_slots_come_back_however_a_ticket_ends() {
    let start = Instant::now();
    let limiter = Limiter::new(start);
    let scope = key("k");
    let limits = Limits { parallel: Some(3), ..Limits::default() };
    let quotas = [Quota { scope: &scope, limits }];
    let mut tickets: Vec<Ticket> = (0..3).map(|_| limiter.take(start, 0, &quotas).unwrap()).collect();
    let refused = limiter.take(start, 0, &quotas).err().unwrap();
    assert_eq!((refused.kind, refused.used, refused.reset), (Kind::Parallel, 3, Reset::WhenOneEnds));
    tickets.pop().unwrap().finish(start, 1);
    tickets.pop().unwrap().cancel();
    drop(tickets.pop());
    assert_eq!(used(&limiter, start, &scope, limits, Kind::Parallel), 0);
}

#[test]
fn the_first_request_of_a_fresh_key_passes_whatever_its_estimate() {
    let start = Instant::now();
    let limiter = Limiter::new(start);
    let scope = key("k");
    let quotas = [Quota { scope: &scope, limits: tpm(100) }];
    let first = limiter.take(start, 1_000_000, &quotas).unwrap();
    let refused = limiter.take(start, 1, &quotas).err().unwrap();
    assert_eq!((refused.kind, refused.used, refused.limit), (Kind::Tokens, 100, 100));
    first.finish(start + ms(10), 40);
    assert!(limiter.take(start + ms(20), 1_000_000, &quotas).is_err(), "the window is not empty");
    let second = limiter.take(start + ms(20), 60, &quotas).unwrap();
    let room = second.standings().next().unwrap().room(Kind::Tokens).unwrap();
    assert_eq!((room.used, room.remaining()), (100, 0));
    // More than estimated: counts from when it is known.
    second.finish(start + ms(50_000), 90);
    assert_eq!(used(&limiter, start + ms(70_000), &scope, tpm(100), Kind::Tokens), 30);
}

#[test]
fn a_daily_limit_and_a_limit_of_zero_are_kept() {
    let start = Instant::now();
    let limiter = Limiter::new(start);
    let scope = key("k");
    let limits = Limits { tokens_per_day: Some(10), ..rpm(5) };
    let quotas = [Quota { scope: &scope, limits }];
    limiter.take(start, 10, &quotas).unwrap().finish(start, 10);
    let noon = start + Duration::from_secs(12 * 3_600);
    let refused = limiter.take(noon, 1, &quotas).err().unwrap();
    assert_eq!(refused.kind, Kind::TokensPerDay);
    assert_eq!(refused.wait(), Some(Duration::from_secs(12 * 3_600 + 300)));
    assert!(limiter.take(noon + refused.wait().unwrap(), 1, &quotas).is_ok());
    let nothing = [Quota { scope: &scope, limits: tpm(0) }];
    assert_eq!(limiter.take(noon, 0, &nothing).err().unwrap().reset, Reset::Never);
}

#[test]
fn a_refusal_names_what_lasts_longest() {
    let start = Instant::now();
    let limiter = Limiter::new(start);
    let (a, b) = (key("a"), key("b"));
    limiter.take(start, 0, &[Quota { scope: &a, limits: rpm(1) }]).unwrap();
    limiter.take(start + ms(5_000), 0, &[Quota { scope: &b, limits: rpm(1) }]).unwrap();
    let both = [Quota { scope: &a, limits: rpm(1) }, Quota { scope: &b, limits: rpm(1) }];
    let refused = limiter.take(start + ms(6_000), 0, &both).err().unwrap();
    assert_eq!(refused.scope, b);
    let later = start + ms(6_000) + refused.wait().unwrap();
    assert!(limiter.take(later - ms(1), 0, &both).is_err());
    assert!(limiter.take(later, 0, &both).is_ok());
}

#[test]
fn ten_thousand_keys_are_forgotten_when_they_are_idle() {
    let start = Instant::now();
    let limiter = Limiter::new(start);
    for n in 0..10_000 {
        let scope = key(&n.to_string());
        limiter.take(start, 1, &[Quota { scope: &scope, limits: rpm(1) }]).unwrap();
    }
    assert_eq!(limiter.len(), 10_000);
    let other = key("other");
    for second in 62..128 {
        let quotas = [Quota { scope: &other, limits: rpm(1_000) }];
        limiter.take(start + Duration::from_secs(second), 1, &quotas).unwrap();
    }
    assert_eq!(limiter.len(), 1);
}

#[derive(Debug, Clone)]
enum Step {
    Take { scopes: usize, tokens: u64 },
    Finish { ticket: usize, tokens: u64 },
    Drop { ticket: usize },
    Cancel { ticket: usize },
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let step = prop_oneof![
        4 => (1usize..8, 0u64..60).prop_map(|(scopes, tokens)| Step::Take { scopes, tokens }),
        2 => (0usize..8, 0u64..60).prop_map(|(ticket, tokens)| Step::Finish { ticket, tokens }),
        1 => (0usize..8).prop_map(|ticket| Step::Drop { ticket }),
        1 => (0usize..8).prop_map(|ticket| Step::Cancel { ticket }),
    ];
    (0u64..9_000, step)
}

/// One scope as the model sees it: what was counted when.
#[derive(Default)]
struct Model {
    requests: Vec<(u64, u64)>,
    tokens: Vec<(u64, u64)>,
    parallel: u64,
}

fn within(taken: &[(u64, u64)], now: u64, span: u64) -> u64 {
    taken.iter().filter(|(at, _)| now - at <= span).map(|(_, amount)| amount).sum()
}

const LIMITS: [(u64, u64, u64); 3] = [(4, 100, 3), (7, 50, 5), (12, 160, 6)];

fn limits(n: usize) -> Limits {
    let (requests, tokens, parallel) = LIMITS[n];
    Limits {
        requests_per_minute: Some(requests),
        tokens_per_minute: Some(tokens),
        tokens_per_day: None,
        parallel: Some(parallel),
    }
}

impl Model {
    /// Whether a take is allowed when what it holds is remembered for `span`.
    fn admits(&self, n: usize, tokens: u64, now: u64, span: u64) -> bool {
        let (requests_limit, tokens_limit, parallel) = LIMITS[n];
        within(&self.requests, now, span) < requests_limit
            && within(&self.tokens, now, span) + tokens.clamp(1, tokens_limit) <= tokens_limit
            && self.parallel < parallel
    }
}

proptest! {
    #[test]
    fn agrees_with_a_model_that_remembers_everything(steps in prop::collection::vec(step(), 1..150)) {
        let start = Instant::now();
        let limiter = Limiter::new(start);
        let scopes = [key("a"), key("b"), ScopeId::global()];
        let mut models: [Model; 3] = Default::default();
        let mut open: Vec<(Ticket, usize, u64, u64)> = Vec::new();
        let mut now = 0;
        for (pause, step) in steps {
            now += pause;
            let at = start + ms(now);
            match step {
                Step::Take { scopes: mask, tokens } => {
                    let chosen: Vec<usize> = (0..3).filter(|n| mask & (1 << n) != 0).collect();
                    let quotas: Vec<Quota<'_>> =
                        chosen.iter().map(|n| Quota { scope: &scopes[*n], limits: limits(*n) }).collect();
                    let before = limiter.peek(at, &quotas);
                    match limiter.take(at, tokens, &quotas) {
                        Ok(ticket) => {
                            for n in &chosen {
                                prop_assert!(models[*n].admits(*n, tokens, now, SPAN), "over the limit");
                                models[*n].requests.push((now, 1));
                                models[*n].tokens.push((now, tokens.min(LIMITS[*n].1)));
                                models[*n].parallel += 1;
                            }
                            open.push((ticket, mask, now, tokens));
                        }
                        Err(_) => {
                            let needed = chosen.iter().any(|n| !models[*n].admits(*n, tokens, now, SPAN + TICK));
                            prop_assert!(needed, "refused without need");
                            prop_assert_eq!(before, limiter.peek(at, &quotas), "a refusal took something");
                        }
                    }
                }
                _ if open.is_empty() => {}
                Step::Finish { ticket, .. } | Step::Drop { ticket } | Step::Cancel { ticket } => {
                    let (ticket, mask, taken, estimate) = open.swap_remove(ticket % open.len());
                    let (requests, used) = match step {
                        Step::Finish { tokens, .. } => (1, tokens),
                        Step::Cancel { .. } => (0, 0),
                        _ => (1, 0),
                    };
                    for n in (0..3).filter(|n| mask & (1 << n) != 0) {
                        let (model, reserved) = (&mut models[n], estimate.min(LIMITS[n].1));
                        model.parallel -= 1;
                        replace(&mut model.requests, taken, 1, requests);
                        replace(&mut model.tokens, taken, reserved, used.min(reserved));
                        model.tokens.push((now, used.saturating_sub(reserved)));
                    }
                    match step {
                        Step::Finish { .. } => ticket.finish(at, used),
                        Step::Cancel { .. } => ticket.cancel(),
                        _ => drop(ticket),
                    }
                }
            }
            for (n, model) in models.iter().enumerate() {
                let held = used(&limiter, at, &scopes[n], limits(n), Kind::Tokens);
                prop_assert!(held >= within(&model.tokens, now, SPAN));
                prop_assert!(held <= within(&model.tokens, now, SPAN + TICK));
                prop_assert!(within(&model.requests, now, SPAN) <= LIMITS[n].0);
            }
        }
        drop(open);
        for second in 0..130 {
            let at = start + ms(now) + Duration::from_secs(61 + second);
            drop(limiter.take(at, 0, &[Quota { scope: &scopes[0], limits: limits(1) }]).map(Ticket::cancel));
        }
        prop_assert!(limiter.len() <= 1, "something leaked");
    }
}

fn replace(taken: &mut [(u64, u64)], at: u64, amount: u64, by: u64) {
    if let Some(entry) = taken.iter_mut().find(|entry| **entry == (at, amount)) {
        entry.1 = by;
    }
}
