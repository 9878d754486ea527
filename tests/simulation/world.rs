//! One history of a cluster.

mod ending;

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use smallvec::smallvec;
use stagedoor::base::money::Nanos;
use stagedoor::domain::budget::{Cost, Known};
use stagedoor::domain::commons::{Answer, Batch, Book, Claim, End, Payer, Reply, Ticks};
use stagedoor::domain::ledger::{AccountId, AccountKind};
use stagedoor::domain::limits::Limits;
use stagedoor::domain::scope::{ScopeId, ScopeKind};

use crate::redis::Redis;

const REPLICAS: usize = 3;
const USERS: usize = 2;
const STEPS: usize = 300;
const REQUESTS: u64 = 12;
const TOKENS: u64 = 900;
const PARALLEL: u64 = 4;
const BUDGET: i64 = 1_000;
const MINUTE: i64 = 60_000;

/// What goes wrong.
#[derive(Clone, Copy)]
pub struct Faults {
    /// The share of calls that are lost, half of them on their way back.
    pub loss: f64,
    /// Replicas are killed.
    pub kills: bool,
    /// Redis is wiped.
    pub flushes: bool,
}

/// A call under way.
struct Flight {
    batch: Batch,
    waiters: Vec<usize>,
    runs_at: i64,
    ends_at: i64,
    reply: Option<Reply>,
    ran: bool,
    lost_there: bool,
    lost_back: bool,
}

/// Rows that a replica has given to the database, which has them; the replica does not know it yet.
struct Commit {
    user: usize,
    amount: i64,
    sum: i64,
    known_at: i64,
}

struct Replica {
    id: String,
    book: Book<usize>,
    known: Vec<Known>,
    /// Rows that are not in the database.
    rows: Vec<i64>,
    commits: Vec<Commit>,
    /// Rows of the processes before it, and their names.
    orphans: Option<(Vec<String>, Vec<i64>)>,
    /// All processes before it whose rows are stored.
    gone: Vec<String>,
    flight: Option<Flight>,
    spoke_at: i64,
}

struct Open {
    replica: usize,
    user: usize,
    claim: Claim,
    ticks: Ticks,
    granted_at: i64,
}

/// A cluster.
pub struct World {
    rng: Rng,
    faults: Faults,
    now: i64,
    redis: Redis,
    users: Vec<(ScopeId, Arc<AccountId>)>,
    database: Vec<i64>,
    /// Rows of killed replicas, which others may not have heard of.
    unheard: Vec<i64>,
    replicas: Vec<Replica>,
    open: BTreeMap<u64, Open>,
    /// When requests were granted, and the tokens they held or used.
    granted: Vec<Vec<(i64, u64)>>,
    made: u64,
    /// Calls that nobody waits for any more: when they arrive after all, whose they are.
    astray: Vec<(i64, String, Batch)>,
}

fn limits() -> Limits {
    Limits {
        requests_per_minute: Some(REQUESTS),
        tokens_per_minute: Some(TOKENS),
        tokens_per_day: None,
        parallel: Some(PARALLEL),
    }
}

impl Replica {
    fn new(id: String, database: &[i64], orphans: Option<(Vec<String>, Vec<i64>)>) -> Self {
        let known = |stored: &i64| Known { began_at: 1, stored: Nanos::new(*stored), unstored: Nanos::ZERO };
        let mut book = Book::default();
        book.remind(true);
        Replica {
            id,
            book,
            known: database.iter().map(known).collect(),
            rows: vec![0; database.len()],
            commits: Vec::new(),
            orphans,
            gone: Vec::new(),
            flight: None,
            spoke_at: 0,
        }
    }
}

impl World {
    /// The beginning of the history with this seed.
    pub fn new(seed: u64, faults: Faults) -> Self {
        let users = (0..USERS).map(|user| {
            let name = format!("user-{user}");
            (ScopeId::new(ScopeKind::Key, &name), Arc::new(AccountId::new(AccountKind::Key, name)))
        });
        let database = vec![0; USERS];
        let replicas = (0..REPLICAS).map(|n| Replica::new(format!("r{n}"), &database, None)).collect();
        World {
            rng: Rng::with_seed(seed),
            faults,
            now: 1_000_000_000,
            redis: Redis::new(),
            users: users.collect(),
            unheard: vec![0; USERS],
            database,
            replicas,
            open: BTreeMap::new(),
            granted: vec![Vec::new(); USERS],
            made: 0,
            astray: Vec::new(),
        }
    }

    /// Lives it, and looks at its end.
    pub fn live(mut self) {
        for _ in 0..STEPS {
            self.now += self.rng.i64(0..60);
            let replica = self.rng.usize(..REPLICAS);
            match self.rng.u32(..100) {
                0..40 => self.arrive(replica),
                40..65 => self.finish_one(),
                65..75 => self.store(replica),
                75..78 => self.pass(20_000),
                78 if self.faults.kills => self.kill(replica),
                79 if self.faults.flushes && self.rng.u32(..4) == 0 => self.redis.flush(),
                _ => {}
            }
            self.turn();
            self.check();
        }
        self.rest();
        self.end();
    }

    /// Time goes by.
    fn pass(&mut self, most: i64) {
        for _ in 0..self.rng.i64(0..most) / 950 {
            self.now += 950;
            self.turn();
        }
    }

    fn claim(&mut self, user: usize, amount: i64) -> Claim {
        let (scope, id) = self.users[user].clone();
        let tokens = self.rng.u64(1..200);
        Claim {
            tokens,
            rates: smallvec![(scope.clone(), limits())],
            cost: Cost::AtMost(Nanos::new(amount)),
            payers: smallvec![Payer { scope, id, max: Nanos::new(BUDGET) }],
            looks: false,
            strict: false,
        }
    }

    fn arrive(&mut self, replica: usize) {
        if self.replicas[replica].orphans.is_some() {
            return;
        }
        let (user, amount) = (self.rng.usize(..USERS), self.rng.i64(1..60));
        let claim = self.claim(user, amount);
        self.replicas[replica].book.ask(claim, user);
    }

    /// Everything whose time has come.
    fn turn(&mut self) {
        let now = self.now;
        for (_, id, batch) in self.astray.extract_if(.., |(at, ..)| *at <= now) {
            if self.replicas.iter().any(|replica| replica.id == id) {
                self.redis.ask(now, &id, &batch);
            }
        }
        for n in 0..REPLICAS {
            self.confirm(n);
            self.adopt(n);
            self.run_call(n);
            self.end_call(n);
            self.begin_call(n);
        }
    }

    fn begin_call(&mut self, n: usize) {
        let (now, rng, faults) = (self.now, &mut self.rng, self.faults);
        let users = &self.users;
        let replica = &mut self.replicas[n];
        let due = now - replica.spoke_at > 1_000;
        if replica.flight.is_some() || !(replica.book.has_news() || due) {
            return;
        }
        if due {
            replica.book.remind(false);
        }
        replica.spoke_at = now;
        let known = &replica.known;
        let (batch, waiters) = replica.book.batch(|key| {
            let user = users.iter().position(|(scope, _)| scope.key() == key)?;
            Some(known[user])
        });
        let lost = rng.f64() < faults.loss;
        let there = rng.bool();
        let runs_at = now + rng.i64(0..40);
        replica.flight = Some(Flight {
            batch,
            waiters,
            runs_at,
            ends_at: runs_at + rng.i64(0..40),
            reply: None,
            ran: false,
            lost_there: lost && there,
            lost_back: lost && !there,
        });
    }

    fn run_call(&mut self, n: usize) {
        let Replica { id, flight: Some(flight), .. } = &mut self.replicas[n] else { return };
        if flight.ran || flight.runs_at > self.now {
            return;
        }
        flight.ran = true;
        // What a script decides it decides at the time of its own clock.
        flight.runs_at = self.now;
        if !flight.lost_there {
            flight.reply = self.redis.ask(self.now, id, &flight.batch);
            assert!(flight.reply.is_some(), "it is the newest");
        } else if self.rng.bool() {
            // It is lost to whoever waits for it, and yet arrives.
            self.astray.push((self.now + self.rng.i64(1..3_000), id.clone(), flight.batch.clone()));
        }
    }

    fn end_call(&mut self, n: usize) {
        let done = |flight: &mut Flight| flight.ran && flight.ends_at <= self.now;
        let Some(flight) = self.replicas[n].flight.take_if(done) else { return };
        let Flight { batch, waiters, reply, lost_back, runs_at, .. } = flight;
        let Some(reply) = reply.filter(|_| !lost_back) else {
            self.replicas[n].book.lost(batch, waiters);
            self.replicas[n].book.give_up();
            return;
        };
        let outcome = self.replicas[n].book.answered(batch, waiters, reply);
        for (claim, user, answer) in outcome.answered {
            let Answer::Granted(counted) = answer else { continue };
            self.made += 1;
            self.granted[user].push((runs_at, claim.tokens));
            let open = Open { replica: n, user, claim, ticks: counted[0].ticks, granted_at: runs_at };
            self.open.insert(self.made, open);
        }
        for (scope, _, generation) in outcome.stale {
            let replica = &mut self.replicas[n];
            let user = self.users.iter().position(|(known, _)| *known == scope).unwrap();
            if replica.commits.iter().all(|commit| commit.user != user) {
                replica.known[user].stored = Nanos::new(self.database[user]);
            }
            replica.book.reread(scope.key(), generation);
        }
    }

    fn finish_one(&mut self) {
        let Some(id) = self.open.keys().nth(self.rng.usize(..self.open.len().max(1))).copied() else {
            return;
        };
        self.finish(id);
    }

    fn finish(&mut self, id: u64) {
        let Open { replica, user, claim, ticks, granted_at } = self.open.remove(&id).unwrap();
        let most = claim.cost.reserved().get();
        let cost = self.rng.i64(0..=most);
        let used = self.rng.u64(0..=claim.tokens);
        let counted =
            self.granted[user].iter_mut().find(|(at, tokens)| (*at, *tokens) == (granted_at, claim.tokens));
        counted.unwrap().1 = used;
        let replica = &mut self.replicas[replica];
        replica.rows[user] += cost;
        replica.known[user].unstored = replica.known[user].unstored.saturating_add(Nanos::new(cost));
        replica.book.release(&claim);
        let change = End::Used(used).change(&limits(), claim.tokens, true);
        replica.book.change(self.users[user].0.key(), ticks, change);
    }

    /// The database takes a replica's rows; the replica hears of it later.
    fn store(&mut self, n: usize) {
        let replica = &mut self.replicas[n];
        if !replica.commits.is_empty() {
            return;
        }
        for user in 0..USERS {
            let amount = std::mem::take(&mut replica.rows[user]);
            self.database[user] += amount;
            let known_at = self.now + self.rng.i64(0..200);
            replica.commits.push(Commit { user, amount, sum: self.database[user], known_at });
        }
    }

    fn confirm(&mut self, n: usize) {
        let replica = &mut self.replicas[n];
        let now = self.now;
        for Commit { user, amount, sum, .. } in
            replica.commits.extract_if(.., |commit| commit.known_at <= now)
        {
            let known = &mut replica.known[user];
            known.stored = Nanos::new(sum);
            known.unstored = known.unstored.saturating_sub(Nanos::new(amount));
            replica.book.stored([self.users[user].0.key()].into_iter());
        }
    }

    /// kill -9, and the next process in the same folder.
    fn kill(&mut self, n: usize) {
        self.made += 1;
        let id = format!("r{n}-{}", self.made);
        self.open.retain(|_, open| open.replica != n);
        let old = &mut self.replicas[n];
        let mut rows = std::mem::take(&mut old.rows);
        // Whether the others have heard of these is not known after a kill: they are told again.
        let mut ids = std::mem::take(&mut old.gone);
        if let Some((more_ids, more)) = old.orphans.take() {
            rows.iter_mut().zip(more).for_each(|(row, more)| *row += more);
            ids.extend(more_ids);
        }
        ids.push(old.id.clone());
        self.unheard.iter_mut().zip(&rows).for_each(|(unheard, row)| *unheard += row);
        let orphans = Some((ids, rows));
        self.replicas[n] = Replica::new(id, &self.database, orphans);
    }

    fn adopt(&mut self, n: usize) {
        if self.replicas[n].orphans.is_none() || self.rng.u32(..20) != 0 {
            return;
        }
        let (ids, rows) = self.replicas[n].orphans.take().unwrap();
        self.database.iter_mut().zip(rows).for_each(|(sum, row)| *sum += row);
        let Replica { id, book, .. } = &mut self.replicas[n];
        let (id, book) = (id.clone(), std::mem::take(book));
        self.replicas[n] = Replica { book, ..Replica::new(id, &self.database, None) };
        self.replicas[n].gone = ids.clone();
        for (user, sum) in self.database.iter().enumerate() {
            self.replicas[n].book.inherited(self.users[user].0.key(), 1, Nanos::new(*sum));
        }
        ids.into_iter().for_each(|id| self.replicas[n].book.departed(id));
    }

    fn spent(&self, user: usize) -> i64 {
        let of_replicas = self
            .replicas
            .iter()
            .map(|replica| replica.rows[user] + replica.orphans.as_ref().map_or(0, |(_, rows)| rows[user]));
        self.database[user] + of_replicas.sum::<i64>()
    }

    /// What must hold at every moment.
    fn check(&self) {
        for user in 0..USERS {
            let open = || self.open.values().filter(|open| open.user == user);
            let parallel = open().count();
            assert!(self.faults.flushes || parallel <= PARALLEL as usize, "{parallel} requests at a time");
            let held: i64 = open().map(|open| open.claim.cost.reserved().get()).sum();
            let (spent, unheard) = (self.spent(user), self.unheard[user]);
            let within = spent + held <= BUDGET + unheard;
            assert!(self.faults.flushes || within, "{spent} spent and {held} held of {BUDGET}");
            let Some((last, _)) = self.granted[user].iter().max() else { continue };
            let span = || self.granted[user].iter().filter(|(at, _)| last - at <= MINUTE);
            let (requests, tokens) = (span().count() as u64, span().map(|(_, tokens)| tokens).sum::<u64>());
            assert!(self.faults.flushes || requests <= REQUESTS, "{requests} requests in a minute");
            assert!(self.faults.flushes || tokens <= TOKENS, "{tokens} tokens in a minute");
        }
    }
}
