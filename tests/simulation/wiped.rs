//! Redis is wiped while windows are full: they are full again as soon as each replica has spoken, and have room again
//! when they would have had it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::smallvec;
use stagedoor::domain::budget::Cost;
use stagedoor::domain::commons::{Answer, Batch, Book, Claim};
use stagedoor::domain::limits::{Limiter, Limits, Quota};
use stagedoor::domain::scope::{ScopeId, ScopeKind};

use crate::redis::Redis;

/// When the history begins by Redis' clock, milliseconds.
const BEGIN: i64 = 1_700_000_000_000;

struct Replica {
    id: &'static str,
    limiter: Arc<Limiter>,
    book: Book<()>,
    start: Instant,
}

impl Replica {
    fn new(id: &'static str, start: Instant) -> Self {
        Replica { id, limiter: Limiter::new(start), book: Book::default(), start }
    }

    fn at(&self, ms: i64) -> Instant {
        self.start + Duration::from_millis(ms.unsigned_abs())
    }

    /// One call; the answer to the last claim of it.
    fn speak(&mut self, redis: &Redis, ms: i64) -> Option<Answer> {
        let (batch, waiters): (Batch, Vec<()>) = self.book.batch(|_| None);
        let reply = redis.ask(BEGIN + ms, self.id, &batch).unwrap();
        let outcome = self.book.answered(batch, waiters, reply);
        if outcome.wiped {
            self.book.retell(self.limiter.past(self.at(ms)));
        }
        outcome.answered.into_iter().last().map(|(_, _, answer)| answer)
    }

    /// A request of 10 tokens; says whether it was admitted.
    fn request(&mut self, redis: &Redis, ms: i64) -> bool {
        let scope = ScopeId::new(ScopeKind::Key, "k");
        let limits =
            Limits { requests_per_minute: Some(10), tokens_per_day: Some(1_000), ..Limits::default() };
        let now = self.at(ms);
        let Ok(ticket) = self.limiter.take(now, 10, &[Quota { scope: &scope, limits }]) else { return false };
        let rates = smallvec![(scope, limits)];
        let claim =
            Claim { tokens: 10, rates, cost: Cost::Free, payers: smallvec![], looks: false, strict: false };
        self.book.ask(claim, ());
        let admitted = matches!(self.speak(redis, ms), Some(Answer::Granted(_)));
        if admitted {
            ticket.finish(now, 10)
        } else {
            ticket.cancel()
        }
        admitted
    }
}

fn many(replica: &mut Replica, redis: &Redis, ms: i64, requests: usize) -> usize {
    (0..requests).filter(|_| replica.request(redis, ms)).count()
}

#[test]
fn a_full_window_stays_full() {
    let (redis, start) = (Redis::new(), Instant::now());
    let (mut one, mut other) = (Replica::new("one", start), Replica::new("other", start));
    assert_eq!(many(&mut one, &redis, 1_000, 5), 5);
    assert_eq!(many(&mut other, &redis, 11_000, 9), 5);
    redis.flush();
    for replica in [&mut one, &mut other] {
        // Its heartbeat tells it, and the next call what it has counted.
        replica.speak(&redis, 20_000);
        assert!(replica.book.has_news());
        replica.speak(&redis, 20_005);
    }
    assert_eq!(many(&mut one, &redis, 21_000, 3), 0);
    assert_eq!(many(&mut other, &redis, 60_900, 3), 0);
    // Each leaves the window when it would have, a tick more or less.
    assert_eq!(many(&mut one, &redis, 61_600, 9), 5);
    assert_eq!(many(&mut other, &redis, 71_600, 9), 5);
}

#[test]
fn what_the_wiped_counters_have_granted_is_not_counted_twice() {
    let (redis, start) = (Redis::new(), Instant::now());
    let mut one = Replica::new("one", start);
    assert_eq!(many(&mut one, &redis, 1_000, 4), 4);
    redis.flush();
    assert_eq!(many(&mut one, &redis, 2_000, 1), 1);
    one.speak(&redis, 2_005);
    assert_eq!(many(&mut one, &redis, 2_500, 9), 5);
}
