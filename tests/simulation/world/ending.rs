//! How a history ends: everything comes to rest, and nothing may be left.

use stagedoor::domain::budget::Why;
use stagedoor::domain::commons::{Answer, Shortage};

use super::{BUDGET, REPLICAS, USERS, World};

impl World {
    /// Everything ends, and everybody has told it.
    pub(super) fn rest(&mut self) {
        self.faults.loss = 0.0;
        let quiet = |world: &World| {
            world.open.is_empty() && world.replicas.iter().all(|replica| replica.orphans.is_none())
        };
        for step in 0.. {
            assert!(step < 10_000, "it never comes to rest");
            self.now += 25;
            self.finish_one();
            self.turn();
            if quiet(self) && step > 200 {
                break;
            }
        }
        for n in 0..REPLICAS {
            self.replicas[n].commits.iter_mut().for_each(|commit| commit.known_at = 0);
            self.confirm(n);
            self.store(n);
        }
        for _ in 0..100 {
            self.now += 700;
            self.turn();
        }
    }

    /// Nothing is left of what was held, and all that is left of a budget can be spent.
    pub(super) fn end(&mut self) {
        for user in 0..USERS {
            assert_eq!(self.spent(user), self.database[user], "rows are left");
            let left = BUDGET - self.database[user];
            let asked: Vec<(usize, i64)> = match left {
                ..=0 => vec![(0, 1)],
                _ => vec![(0, left), (1, 1)],
            };
            let answers: Vec<Answer> =
                asked.into_iter().map(|(n, amount)| self.ask(n, user, amount)).collect();
            let refused = matches!(
                answers.last(),
                Some(Answer::Exceeded(Shortage {
                    why: Why::Exhausted | Why::CallTooLarge | Why::HeldByOthers,
                    ..
                }))
            );
            assert!(refused, "more than the budget: {answers:?}");
            assert!(
                left <= 0 || matches!(answers[0], Answer::Granted(_)),
                "{left} left and refused: {answers:?}"
            );
        }
    }

    fn ask(&mut self, n: usize, user: usize, amount: i64) -> Answer {
        let claim = self.claim(user, amount);
        let users = &self.users;
        let replica = &mut self.replicas[n];
        replica.book.ask(claim, user);
        let known = &replica.known;
        let (batch, waiters) = replica
            .book
            .batch(|key| users.iter().position(|(scope, _)| scope.key() == key).map(|user| known[user]));
        let reply = self.redis.ask(self.now, &replica.id, &batch).unwrap();
        let outcome = replica.book.answered(batch, waiters, reply);
        outcome.answered.into_iter().last().unwrap().2
    }
}
