//! The common counters' language: a batch as the arguments of `cluster/redis/reserve.lua`, its reply read back.

use std::collections::HashMap;
use std::time::Duration;

use crate::base::money::Nanos;
use crate::domain::budget::{Cost, Why};
use crate::domain::commons::{
    Answer, Batch, Claim, Counted, Obstacle, Reply, Shortage, Statement, Sum, Ticks,
};
use crate::domain::limits::{Kind, Limits, Reset, Used};
use crate::domain::scope::ScopeId;

/// The script; its head describes arguments and reply.
pub const SCRIPT: &str = include_str!("../../cluster/redis/reserve.lua");

/// A call of the script.
pub struct Call {
    /// The keys.
    pub keys: Vec<Vec<u8>>,
    /// The arguments.
    pub arguments: Vec<Vec<u8>>,
    windows: usize,
    accounts: usize,
    /// What is needed to read each claim's answer.
    claims: Vec<Shape>,
}

/// Where a claim's windows and slots stand.
struct Shape {
    /// The places in the claim's rates that have a window, and the windows' places in the call.
    windows: Vec<(usize, usize)>,
    /// The places that have slots.
    slots: Vec<usize>,
    rates: usize,
    /// The places in the claim's payers that have an account, and the accounts' places in the call.
    payers: Vec<(usize, usize)>,
    looks: bool,
}

/// Why a reply makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("the answer of the common counters is not one")]
pub struct Unreadable;

impl Call {
    /// The call for a batch; `prefix` begins all keys.
    pub fn of(batch: &Batch, replica: &str, prefix: &str) -> Self {
        let mut windows = Places::default();
        let of_claims = batch.claims.iter().flat_map(|claim| &claim.rates);
        let of_claims = of_claims.filter(|(_, limits)| limits.has_window()).map(|(scope, _)| scope.key());
        let of_past = batch.past.iter().map(|past| past.key);
        for key in batch.changes.iter().map(|change| change.0).chain(of_past).chain(of_claims) {
            windows.place(key);
        }
        let slots = Places::of(batch.slots.iter().map(|slot| slot.0));
        let accounts = Places::of(batch.accounts.iter().map(|account| account.key));
        let mut keys = vec![format!("{{{prefix}}}:replicas").into_bytes()];
        for (kind, places) in [("w", &windows), ("p", &slots), ("b", &accounts)] {
            keys.extend(
                places.order.iter().map(|key| format!("{{{prefix}}}:{kind}:{key:032x}").into_bytes()),
            );
        }
        let mut words = Words(vec![replica.as_bytes().to_vec()]);
        words.number(batch.number);
        let counts = [
            batch.departed.len(),
            windows.order.len(),
            batch.slots.len(),
            batch.accounts.len(),
            batch.changes.len() + batch.past.len(),
            batch.claims.len(),
        ];
        counts.into_iter().for_each(|count| words.count(count));
        words.0.extend(batch.departed.iter().map(|replica| replica.as_bytes().to_vec()));
        batch.slots.iter().for_each(|(_, held)| words.number(*held));
        batch.accounts.iter().for_each(|account| words.statement(account));
        for (key, ticks, change) in &batch.changes {
            words.count(windows.place(*key));
            words.number(ticks.minute);
            words.number(change.requests);
            words.number(change.tokens);
            words.number(ticks.day);
            words.number(change.day_tokens);
        }
        for past in &batch.past {
            words.count(windows.place(past.key));
            words.ago(past.minute_ago);
            words.number(past.requests);
            words.number(past.tokens);
            words.ago(past.day_ago);
            words.number(past.day_tokens);
        }
        let claims = batch.claims.iter().map(|claim| words.claim(claim, &mut windows, &slots, &accounts));
        let claims = claims.collect();
        Call {
            keys,
            arguments: words.0,
            windows: windows.order.len(),
            accounts: batch.accounts.len(),
            claims,
        }
    }

    /// Reads the reply's numbers.
    ///
    /// # Errors
    /// When they are none that the script would give.
    pub fn read(&self, numbers: &[i64]) -> Result<Reply, Unreadable> {
        let mut left = Numbers(numbers.iter());
        let was_silent = left.next()? == 2;
        let born = left.amount()?;
        let replicas = left.amount()?;
        let mut ticks = Vec::with_capacity(self.windows);
        for _ in 0..self.windows {
            ticks.push(Ticks { minute: left.amount()?, day: left.amount()? });
        }
        let mut accounts = Vec::with_capacity(self.accounts);
        for _ in 0..self.accounts {
            let (began_at, generation) = (left.next()?, left.amount()?);
            let (stored, open) = (Nanos::new(left.next()?), Nanos::new(left.next()?));
            accounts.push(Sum { began_at, generation, stored, open });
        }
        let answers = self
            .claims
            .iter()
            .map(|shape| left.answer(shape, &ticks, &accounts))
            .collect::<Result<_, _>>()?;
        Ok(Reply { born, was_silent, replicas, accounts, answers })
    }
}

/// Each key's place in the call, from 1.
#[derive(Default)]
struct Places {
    order: Vec<u128>,
    known: HashMap<u128, usize>,
}

impl Places {
    fn of(keys: impl Iterator<Item = u128>) -> Self {
        let mut places = Places::default();
        keys.for_each(|key| {
            places.place(key);
        });
        places
    }

    fn place(&mut self, key: u128) -> usize {
        *self.known.entry(key).or_insert_with(|| {
            self.order.push(key);
            self.order.len()
        })
    }

    fn find(&self, key: u128) -> Option<usize> {
        self.known.get(&key).copied()
    }
}

struct Words(Vec<Vec<u8>>);

impl Words {
    fn number(&mut self, number: impl itoa::Integer) {
        self.0.push(itoa::Buffer::new().format(number).as_bytes().to_vec());
    }

    fn count(&mut self, count: usize) {
        self.number(count);
    }

    fn limit(&mut self, limit: Option<u64>) {
        // No window counts as far as that.
        self.number(limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX)));
    }

    /// So many ticks ago.
    fn ago(&mut self, ticks: u64) {
        self.number(-i64::try_from(ticks).unwrap_or(i64::MAX));
    }

    fn statement(&mut self, account: &Statement) {
        self.number(account.began_at);
        self.number(account.generation);
        [account.stored, account.unstored, account.held].into_iter().for_each(|sum| self.number(sum.get()));
        self.number(if account.inherited { 2 } else { u8::from(account.replaces) });
    }

    fn claim(&mut self, claim: &Claim, windows: &mut Places, slots: &Places, accounts: &Places) -> Shape {
        match claim.looks {
            true => self.number(-1),
            false => self.number(claim.tokens),
        }
        let (cost, amount) = match claim.cost {
            Cost::Free => (0u8, 0),
            Cost::AtMost(_) => (1, claim.cost.reserved().get()),
            Cost::Open(_) => (2, claim.cost.reserved().get()),
        };
        self.number(cost);
        self.number(amount);
        let rates = claim.rates.len();
        let mut shape =
            Shape { windows: Vec::new(), slots: Vec::new(), rates, payers: Vec::new(), looks: claim.looks };
        let rates = || claim.rates.iter().enumerate();
        for (at, (scope, _)) in rates().filter(|(_, rate)| rate.1.has_window()) {
            shape.windows.push((at, windows.place(scope.key())));
        }
        self.count(shape.windows.len());
        for (at, place) in &shape.windows {
            let Some((_, limits)) = claim.rates.get(*at) else { continue };
            self.count(*place);
            self.limit(limits.requests_per_minute);
            self.limit(limits.tokens_per_minute);
            self.limit(limits.tokens_per_day);
        }
        let of_slots = |(at, (scope, limits)): (usize, &(ScopeId, Limits))| {
            Some((at, slots.find(scope.key())?, limits.parallel?))
        };
        let of_slots: Vec<(usize, usize, u64)> = rates().filter_map(of_slots).collect();
        self.count(of_slots.len());
        for (at, place, limit) in of_slots {
            shape.slots.push(at);
            self.count(place);
            self.limit(Some(limit));
        }
        let payers = claim.payers.iter().enumerate();
        let placed =
            payers.filter_map(|(at, payer)| Some((at, accounts.find(payer.scope.key())?, payer.max)));
        let placed: Vec<(usize, usize, Nanos)> = placed.collect();
        self.count(placed.len());
        for (at, place, max) in placed {
            shape.payers.push((at, place));
            self.count(place);
            self.number(max.get());
        }
        shape
    }
}

struct Numbers<'a>(std::slice::Iter<'a, i64>);

impl Numbers<'_> {
    fn next(&mut self) -> Result<i64, Unreadable> {
        self.0.next().copied().ok_or(Unreadable)
    }

    fn amount(&mut self) -> Result<u64, Unreadable> {
        u64::try_from(self.next()?).map_err(|_| Unreadable)
    }

    fn place(&mut self) -> Result<usize, Unreadable> {
        usize::try_from(self.next()?).map_err(|_| Unreadable)
    }

    fn answer(&mut self, shape: &Shape, ticks: &[Ticks], sums: &[Sum]) -> Result<Answer, Unreadable> {
        match self.next()? {
            0 => {
                let counted = self.granted(shape, ticks)?;
                if !shape.looks {
                    return Ok(Answer::Granted(counted));
                }
                let sum =
                    |(at, place): &(usize, usize)| Some((*at, sums.get(place.checked_sub(1)?).copied()?));
                let sums = shape.payers.iter().map(sum).collect::<Option<_>>();
                Ok(Answer::Seen(counted, sums.ok_or(Unreadable)?))
            }
            1 => self.limited(shape),
            2 => {
                let place = shape.payers.get(self.place()?).ok_or(Unreadable)?.0;
                let why = match self.next()? {
                    1 => Why::HeldByOthers,
                    2 => Why::CallTooLarge,
                    3 => Why::Exhausted,
                    _ => return Err(Unreadable),
                };
                let (spent, held) = (Nanos::new(self.next()?), Nanos::new(self.next()?));
                Ok(Answer::Exceeded(Shortage { place, why, spent, held }))
            }
            _ => Err(Unreadable),
        }
    }

    fn granted(&mut self, shape: &Shape, ticks: &[Ticks]) -> Result<Vec<Counted>, Unreadable> {
        let mut counted = vec![Counted::default(); shape.rates];
        for (at, window) in &shape.windows {
            let (requests, tokens, tokens_today) = (self.amount()?, self.amount()?, self.amount()?);
            let ticks = window.checked_sub(1).and_then(|window| ticks.get(window)).ok_or(Unreadable)?;
            let counted = counted.get_mut(*at).ok_or(Unreadable)?;
            counted.ticks = *ticks;
            counted.used = Used { requests, tokens, tokens_today, parallel: 0 };
        }
        for at in &shape.slots {
            counted.get_mut(*at).ok_or(Unreadable)?.used.parallel = self.amount()?;
        }
        Ok(counted)
    }

    fn limited(&mut self, shape: &Shape) -> Result<Answer, Unreadable> {
        let mut obstacles = Vec::new();
        for _ in 0..self.place()? {
            let (what, place, kind) = (self.next()?, self.place()?, self.next()?);
            let place = match what {
                1 => shape.windows.get(place).map(|window| window.0),
                _ => shape.slots.get(place).copied(),
            };
            let kind = match kind {
                0 => Kind::Requests,
                1 => Kind::Tokens,
                2 => Kind::TokensPerDay,
                _ => Kind::Parallel,
            };
            let used = self.amount()?;
            let reset = match self.next()? {
                -1 => Reset::WhenOneEnds,
                wait => {
                    u64::try_from(wait).map_or(Reset::Never, |wait| Reset::In(Duration::from_millis(wait)))
                }
            };
            obstacles.push(Obstacle { place: place.ok_or(Unreadable)?, kind, used, reset });
        }
        Ok(Answer::Limited(obstacles))
    }
}
