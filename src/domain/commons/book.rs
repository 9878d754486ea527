//! What one replica holds of the common counters, what it has to say of it, and who waits for an answer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::again::Again;
use super::unasked::Unasked;
use super::{Answer, Batch, Change, Claim, Reply, Statement, Sum, Ticks};
use crate::domain::budget::{Known, Nanos, UnixMs};
use crate::domain::ledger::AccountId;
use crate::domain::limits::Past;
use crate::domain::scope::ScopeId;

/// How many claims one batch carries: the counters are locked for all of it, and it must be over long before whoever
/// waits for it loses patience.
const MOST_CLAIMS: usize = 256;
/// How many counters they may name, which is what takes time.
const MOST_COUNTERS: usize = 256;
/// How many other things.
const MOST_NEWS: usize = 256;
/// Windows that have something to get back. More wait only while nobody answers, and their ticks are over soon.
const MOST_CHANGES: usize = 100_000;

/// One replica's book. `W` is what an answer is given to.
pub struct Book<W> {
    /// Batches that were made.
    number: u64,
    /// When the counters began, as of the last answer.
    born: Option<u64>,
    waiting: VecDeque<(Claim, W)>,
    slots: HashMap<u128, u64>,
    accounts: HashMap<u128, Account>,
    changes: HashMap<(u128, Ticks), Change>,
    /// What was counted before the counters were wiped.
    past: Vec<Past>,
    /// What of it the wiped counters know already.
    again: Again,
    /// What went on without having been asked about.
    unasked: Unasked,
    /// Slots and accounts that the counters should hear of.
    news: Vec<News>,
    told: HashSet<News>,
    /// Replicas that are gone.
    departed: Vec<String>,
    /// What stored rows of theirs have made of accounts, and when they were admitted. They are gone only once this is told.
    inherited: HashMap<u128, (UnixMs, Nanos)>,
    /// Accounts whose sums were set by hand here.
    replaced: HashSet<u128>,
    /// Where the round of [`Book::remind`] goes on.
    reminded: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum News {
    Slots(u128),
    Account(u128),
}

struct Account {
    scope: ScopeId,
    id: Arc<AccountId>,
    held: Nanos,
    generation: u64,
    /// The database is being asked because somebody else knows better.
    rereads: bool,
}

/// What a batch has brought.
pub struct Outcome<W> {
    /// Who waited, for what, and what became of it.
    pub answered: Vec<(Claim, W, Answer)>,
    /// Accounts of which the database has to be asked again, and the generation that the answer is of.
    pub stale: Vec<(ScopeId, Arc<AccountId>, u64)>,
    /// Accounts of which the database has more by now than was said of them, the beginning of the period, and how much.
    pub heard: Vec<(u128, UnixMs, Nanos)>,
    /// The counters have lost what they knew ([`Book::retell`]).
    pub wiped: bool,
}

impl<W> Default for Book<W> {
    fn default() -> Self {
        Book {
            number: 0,
            born: None,
            waiting: VecDeque::new(),
            slots: HashMap::new(),
            accounts: HashMap::new(),
            changes: HashMap::new(),
            past: Vec::new(),
            again: Again::default(),
            unasked: Unasked::default(),
            news: Vec::new(),
            told: HashSet::new(),
            departed: Vec::new(),
            inherited: HashMap::new(),
            replaced: HashSet::new(),
            reminded: 0,
        }
    }
}

impl<W> Book<W> {
    /// Somebody waits for this.
    pub fn ask(&mut self, claim: Claim, waiter: W) {
        self.waiting.push_back((claim, waiter));
    }

    /// Somebody waits for this who has just given back what it is to be made of: it comes before all others, so that
    /// they do not take it.
    pub fn ask_first(&mut self, claim: Claim, waiter: W) {
        self.waiting.push_front((claim, waiter));
    }

    /// Whether somebody waits.
    pub fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether there is anything to say.
    pub fn has_news(&self) -> bool {
        self.is_waited_for()
            || !self.news.is_empty()
            || !self.changes.is_empty()
            || !self.unasked.is_empty()
            || !self.past.is_empty()
            || !self.departed.is_empty()
            || !self.inherited.is_empty()
    }

    /// Counts what a claim holds: it was granted, or goes on although nobody could be asked.
    pub fn hold(&mut self, claim: &Claim) {
        for key in claim.slots() {
            *self.slots.entry(key).or_default() += 1;
            self.tell(News::Slots(key));
        }
        let amount = claim.cost.reserved();
        for payer in &claim.payers {
            let account = self.accounts.entry(payer.scope.key()).or_insert_with(|| Account {
                scope: payer.scope.clone(),
                id: Arc::clone(&payer.id),
                held: Nanos::ZERO,
                generation: 0,
                rereads: false,
            });
            account.held = account.held.saturating_add(amount);
            self.tell(News::Account(payer.scope.key()));
        }
    }

    /// A claim holds nothing any more.
    pub fn release(&mut self, claim: &Claim) {
        for key in claim.slots() {
            if let Some(held) = self.slots.get_mut(&key) {
                *held = held.saturating_sub(1);
                self.tell(News::Slots(key));
            }
        }
        let amount = claim.cost.reserved();
        for payer in &claim.payers {
            if let Some(account) = self.accounts.get_mut(&payer.scope.key()) {
                account.held = account.held.saturating_sub(amount);
                self.tell(News::Account(payer.scope.key()));
            }
        }
    }

    /// Changes a window.
    pub fn change(&mut self, key: u128, ticks: Ticks, change: Change) {
        if change == Change::default() {
            return;
        }
        match ticks == Ticks::default() {
            true => self.unasked.add(key, change),
            false => add(&mut self.changes, (key, ticks), change),
        }
    }

    /// To be called once a second.
    pub fn grow_older(&mut self) {
        for (key, change) in self.unasked.grow_older() {
            add(&mut self.changes, (key, Ticks::default()), change);
        }
    }

    /// What the database has of these accounts has changed.
    pub fn stored(&mut self, keys: impl Iterator<Item = u128>) {
        for key in keys {
            if self.accounts.contains_key(&key) {
                self.tell(News::Account(key));
            }
        }
    }

    /// Rows of a replica that is gone were stored: its account's sum with them, and when they were admitted.
    pub fn inherited(&mut self, key: u128, admitted_at: UnixMs, stored: Nanos) {
        let known = self.inherited.entry(key).or_insert((admitted_at, stored));
        if admitted_at >= known.0 {
            *known = (admitted_at, stored);
        }
    }

    /// A replica is gone, and all its rows are stored.
    pub fn departed(&mut self, replica: String) {
        self.departed.push(replica);
    }

    /// Somebody has set the account's sum by hand, and it was read again. The counters may know the old one also where
    /// nothing is held of it here.
    pub fn replace(&mut self, key: u128) {
        self.replaced.insert(key);
        self.tell(News::Account(key));
    }

    /// An account that was stale has been read again.
    pub fn reread(&mut self, key: u128, generation: u64) {
        if let Some(account) = self.accounts.get_mut(&key) {
            account.rereads = false;
            account.generation = account.generation.max(generation);
            self.tell(News::Account(key));
        }
    }

    /// Says again what is held, some of it (`everything` of it, after the counters were wiped): they forget what they
    /// have not heard of for long.
    pub fn remind(&mut self, everything: bool) {
        let most = if everything { usize::MAX } else { MOST_NEWS };
        let slots = self.slots.iter().filter(|(_, held)| **held > 0).map(|(key, _)| News::Slots(*key));
        let accounts = self.accounts.keys().map(|key| News::Account(*key));
        let all: Vec<News> = slots.chain(accounts).collect();
        let from = if all.len() > most { self.reminded % all.len() } else { 0 };
        let round: Vec<News> = all.iter().cycle().skip(from).take(all.len().min(most)).copied().collect();
        self.reminded = from + round.len();
        round.into_iter().for_each(|news| self.tell(news));
    }

    /// A batch that says nothing, to find out whether anybody answers.
    pub fn greeting(&mut self) -> Batch {
        self.number += 1;
        Batch { number: self.number, ..Batch::default() }
    }

    /// The next batch, and who waits for its claims. `known` says what this process knows of an account.
    pub fn batch(&mut self, known: impl Fn(u128) -> Option<Known>) -> (Batch, Vec<W>) {
        let (claims, waiters): (Vec<Claim>, Vec<W>) = self.waiting.drain(..self.next_claims()).unzip();
        let mut said = HashSet::new();
        let (mut slots, mut accounts) = (Vec::new(), Vec::new());
        let of_claims = claims.iter().flat_map(news_of);
        let left = self.news.split_off(self.news.len().min(MOST_NEWS));
        let news = std::mem::replace(&mut self.news, left);
        for news in of_claims.chain(news) {
            self.told.remove(&news);
            if !said.insert(news) {
                continue;
            }
            match news {
                News::Slots(key) => slots.push((key, self.slots.get(&key).copied().unwrap_or(0))),
                News::Account(key) => accounts.extend(self.statement(key, known(key))),
            }
        }
        let free = |key: &&u128| !said.contains(&News::Account(**key));
        let told: Vec<u128> = self.inherited.keys().filter(free).take(MOST_NEWS).copied().collect();
        let inherited = told.into_iter().filter_map(|key| Some((key, self.inherited.remove(&key)?)));
        accounts.extend(inherited.map(|(key, (admitted_at, stored))| inheritance(key, admitted_at, stored)));
        slots.iter().filter(|(_, held)| *held == 0).for_each(|(key, _)| {
            self.slots.remove(key);
        });
        for (key, change) in self.unasked.take() {
            add(&mut self.changes, (key, Ticks::default()), change);
        }
        let some: Vec<(u128, Ticks)> = self.changes.keys().take(MOST_NEWS).copied().collect();
        let taken = some.into_iter().filter_map(|key| Some((key, self.changes.remove(&key)?)));
        let changes = taken.map(|((key, ticks), change)| (key, ticks, change)).collect();
        // Whoever is gone holds nothing from the same moment on at which all that it has spent is known.
        let all_told = self.inherited.is_empty();
        let departed = if all_told { std::mem::take(&mut self.departed) } else { Vec::new() };
        let past = self.past.split_off(self.past.len().saturating_sub(MOST_NEWS));
        self.number += 1;
        (Batch { number: self.number, departed, slots, accounts, changes, past, claims }, waiters)
    }

    /// What the counters have answered to a batch.
    pub fn answered(&mut self, batch: Batch, waiters: Vec<W>, reply: Reply) -> Outcome<W> {
        let before = self.born.replace(reply.born);
        let is_new = before != Some(reply.born);
        if is_new || reply.was_silent {
            self.remind(true);
        }
        if is_new {
            self.again = Again::default();
            batch.changes.iter().for_each(|(key, _, change)| self.again.change(*key, change));
        }
        let mut stale = Vec::new();
        let accounts = batch.accounts.iter().zip(&reply.accounts);
        let mut heard = Vec::new();
        for (statement, sum) in accounts.filter(|(statement, _)| !statement.inherited) {
            stale.extend(self.learn(statement, sum));
            if self.is_ahead(statement, sum) {
                heard.push((statement.key, sum.began_at, sum.stored));
            }
        }
        let mut answered = Vec::with_capacity(waiters.len());
        for ((claim, waiter), answer) in batch.claims.into_iter().zip(waiters).zip(reply.answers) {
            if matches!(answer, Answer::Granted(_)) {
                self.hold(&claim);
                if is_new {
                    self.again.claim(&claim);
                }
            }
            answered.push((claim, waiter, answer));
        }
        Outcome { answered, stale, heard, wiped: is_new && before.is_some() }
    }

    /// Tells again what this replica has counted by itself, after counters that had known it did not know it any more.
    /// What waits to be counted or given back is part of that.
    pub fn retell(&mut self, past: Vec<Past>) {
        let mut again = std::mem::take(&mut self.again);
        self.waiting.iter().for_each(|(claim, _)| again.claim(claim));
        self.changes.clear();
        self.unasked = Unasked::default();
        self.past = again.leave_out(past);
    }

    /// Nobody has answered, and perhaps nobody has heard. What is held is said again; what was to be counted is
    /// counted again, what was to come back stays away: the counters may then show too much for a minute, never
    /// too little.
    pub fn lost(&mut self, batch: Batch, waiters: Vec<W>) -> Vec<W> {
        self.departed.extend(batch.departed);
        batch.slots.iter().for_each(|(key, _)| self.tell(News::Slots(*key)));
        for statement in &batch.accounts {
            if statement.inherited {
                self.inherited(statement.key, statement.began_at, statement.stored);
                continue;
            }
            if statement.replaces {
                self.replaced.insert(statement.key);
            }
            self.tell(News::Account(statement.key));
        }
        self.past.extend(batch.past);
        for (key, ticks, change) in batch.changes {
            let counted = |amount: i64| amount.max(0);
            let change = Change {
                requests: counted(change.requests),
                tokens: counted(change.tokens),
                day_tokens: counted(change.day_tokens),
            };
            self.change(key, ticks, change);
        }
        waiters
    }

    /// Those who wait, were not asked for yet, and for whom this holds.
    pub fn dismiss(&mut self, goes: impl Fn(&Claim) -> bool) -> Vec<W> {
        let (go, stay): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(claim, _)| goes(claim));
        self.waiting = stay;
        go.into_iter().map(|(_, waiter)| waiter).collect()
    }

    /// All who wait, where nobody can be asked.
    pub fn give_up(&mut self) -> Vec<W> {
        self.waiting.drain(..).map(|(_, waiter)| waiter).collect()
    }

    /// Forgets accounts that nothing is held of and nothing is on its way for; but not which sum that was set by hand
    /// one goes on from, because what is said of an older one raises nothing.
    pub fn sweep(&mut self, known: impl Fn(u128) -> Option<Known>) {
        self.accounts.retain(|key, account| {
            account.generation > 0
                || !account.held.is_zero()
                || known(*key).is_some_and(|known| !known.unstored.is_zero())
        });
    }

    /// How many of the claims that wait the next batch carries; one at least.
    fn next_claims(&self) -> usize {
        let mut named = HashSet::new();
        let fit = self.waiting.iter().take(MOST_CLAIMS).take_while(|(claim, _)| {
            named.extend(claim.rates.iter().map(|(scope, _)| scope.key()));
            named.extend(claim.payers.iter().map(|payer| payer.scope.key()));
            named.len() <= MOST_COUNTERS
        });
        fit.count().max(self.waiting.len().min(1))
    }

    fn statement(&mut self, key: u128, known: Option<Known>) -> Option<Statement> {
        let replaces = self.replaced.remove(&key);
        let known = known?;
        let (held, generation) =
            self.accounts.get(&key).map_or((Nanos::ZERO, 0), |account| (account.held, account.generation));
        let Known { began_at, stored, unstored } = known;
        Some(Statement { key, began_at, generation, stored, unstored, held, replaces, inherited: false })
    }

    fn learn(&mut self, statement: &Statement, sum: &Sum) -> Option<(ScopeId, Arc<AccountId>, u64)> {
        let account = self.accounts.get_mut(&statement.key)?;
        if statement.replaces {
            account.generation = sum.generation;
        }
        let behind = sum.generation > account.generation || sum.began_at > statement.began_at;
        if !behind || std::mem::replace(&mut account.rereads, true) {
            return None;
        }
        Some((account.scope.clone(), Arc::clone(&account.id), sum.generation))
    }

    /// Whether the counters know of more than was said, in the same period and with the same sum to go on from.
    fn is_ahead(&self, statement: &Statement, sum: &Sum) -> bool {
        let same =
            self.accounts.get(&statement.key).is_some_and(|account| account.generation == sum.generation);
        let by_hand = statement.replaces || self.replaced.contains(&statement.key);
        same && !by_hand && sum.began_at == statement.began_at && sum.stored > statement.stored
    }

    fn tell(&mut self, news: News) {
        if self.told.insert(news) {
            self.news.push(news);
        }
    }
}

fn inheritance(key: u128, admitted_at: UnixMs, stored: Nanos) -> Statement {
    Statement {
        key,
        began_at: admitted_at,
        generation: 0,
        stored,
        unstored: Nanos::ZERO,
        held: Nanos::ZERO,
        replaces: false,
        inherited: true,
    }
}

/// Adds to what windows count or get back.
fn add(changes: &mut HashMap<(u128, Ticks), Change>, key: (u128, Ticks), change: Change) {
    if changes.len() < MOST_CHANGES || changes.contains_key(&key) {
        changes.entry(key).or_default().add(change);
    }
}

fn news_of(claim: &Claim) -> impl Iterator<Item = News> {
    let accounts = claim.payers.iter().map(|payer| News::Account(payer.scope.key()));
    claim.slots().map(News::Slots).chain(accounts)
}
