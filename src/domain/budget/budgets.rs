//! The accounts of one process, and the one place that takes from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use smallvec::SmallVec;

use super::charge::{Charge, Held, Settlement};
use super::crossing::{Crossing, Lines};
use super::exceeded::{Exceeded, Refused, judge};
use super::{Cost, Nanos, UnixMs};
use crate::base::shards::{Locked, Shards};
use crate::domain::keys::reset::{Calendar, Every};
use crate::domain::scope::ScopeId;

/// An account that nobody has used for so long is forgotten, milliseconds; the store still knows it.
const FORGET_AFTER: i64 = 600_000;

/// The budget accounts of one process. Shared by all workers; a call locks the few accounts that it needs
/// for less than a microsecond and never waits for anything else.
#[derive(Default)]
pub struct Budgets {
    accounts: Shards<State>,
    calendar: Calendar,
    /// Rows of a former process are on their way into the store.
    expects_rows: AtomicBool,
}

/// One account of a request, with what it allows now.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Whose.
    pub scope: &'a ScopeId,
    /// No more than this in a period; `None` is unlimited, and still counted.
    pub max: Option<Nanos>,
    /// From here on somebody should be told.
    pub soft: Option<Nanos>,
}

/// What the store says of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Spent in the current period, by the rows that the store has.
    pub spent: Nanos,
    /// When that period began; rows of requests admitted before are none of its.
    pub began_at: UnixMs,
    /// When it ends; `None`: never.
    pub resets_at: Option<UnixMs>,
    /// How long the following periods are; `None`: there is none after the next reset.
    pub every: Option<Every>,
}

/// How many times an account's rows had been stored when the store was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

/// What the store says of an account as of one of its commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// When the first of those committed rows was admitted that count into the period.
    pub admitted_at: UnixMs,
    /// The sum of that period.
    pub spent: Nanos,
}

/// What this process knows of an account, for those who count it together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// When the period began.
    pub began_at: UnixMs,
    /// Spent in it, by the rows that the store has. Of this process's rows exactly those that are not unstored.
    pub stored: Nanos,
    /// Spent in it by this process's rows that the store does not have yet, as far as anybody knows.
    pub unstored: Nanos,
}

/// How an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Spent in this period, rows that the store does not have yet included.
    pub spent: Nanos,
    /// The part of it that the store does not have yet.
    pub unstored: Nanos,
    /// Held by requests under way.
    pub reserved: Nanos,
    /// When the period ends, if it does.
    pub resets_at: Option<UnixMs>,
}

struct State {
    /// Whether the store has said what was spent. Before that the account only counts what is stored meanwhile.
    loaded: bool,
    /// Somebody may have changed it in the store since.
    stale: bool,
    /// Rows of it are on their way into the store, and nobody knows whether they have arrived.
    in_doubt: bool,
    stored: Nanos,
    unstored: Nanos,
    reserved: Nanos,
    /// Charges under way, those of earlier periods too.
    open: u64,
    /// Counts the periods seen; a charge of another one moves no money here.
    period: u64,
    /// Rows of requests admitted before belong to earlier periods.
    began_at: UnixMs,
    resets_at: Option<UnixMs>,
    every: Option<Every>,
    lines: Lines,
    confirms: u64,
    touched: UnixMs,
}

impl State {
    /// An account of which nothing is known yet.
    fn unknown(now: UnixMs) -> Self {
        State {
            loaded: false,
            stale: false,
            in_doubt: false,
            stored: Nanos::ZERO,
            unstored: Nanos::ZERO,
            reserved: Nanos::ZERO,
            open: 0,
            period: 0,
            began_at: 0,
            resets_at: None,
            every: None,
            lines: Lines::NONE,
            confirms: 0,
            touched: now,
        }
    }

    fn spent(&self) -> Nanos {
        self.stored.saturating_add(self.unstored)
    }

    /// Begins a new period if the last one is over.
    fn roll(&mut self, calendar: &Calendar, now: UnixMs) {
        self.touched = self.touched.max(now);
        let Some(reset) = self.resets_at.filter(|reset| *reset <= now) else { return };
        let (began, ends) = self.every.map_or((reset, None), |every| calendar.roll(every, reset, now));
        self.begin(began);
        self.resets_at = ends;
    }

    fn begin(&mut self, at: UnixMs) {
        self.period += 1;
        self.began_at = at;
        self.stored = Nanos::ZERO;
        self.unstored = Nanos::ZERO;
        self.reserved = Nanos::ZERO;
        self.lines.begin();
    }

    fn standing(&self) -> Standing {
        let State { unstored, reserved, resets_at, .. } = *self;
        Standing { spent: self.spent(), unstored, reserved, resets_at }
    }
}

impl Budgets {
    /// No accounts yet. Their periods begin on the calendar's marks, which must be the store's too.
    pub fn new(calendar: Calendar) -> Arc<Self> {
        Arc::new(Budgets { calendar, ..Budgets::default() })
    }

    /// Holds what a request may cost in every account, or in none. An account must be given once.
    ///
    /// # Errors
    /// [`Refused::NotLoaded`] while accounts are unknown (a free request does not ask for them), or the
    /// budget that is hardest in the way; of equals the first.
    pub fn reserve(
        self: &Arc<Self>,
        now: UnixMs,
        cost: Cost,
        accounts: &[Account<'_>],
    ) -> Result<Charge, Refused> {
        let mut locked = self.accounts.lock_all(accounts.iter().map(|account| account.scope.key()));
        let unknown: SmallVec<[usize; 4]> = (0..)
            .zip(accounts)
            .filter(|(_, a)| known(&mut locked, a.scope.key()).is_none())
            .map(|(n, _)| n)
            .collect();
        if !unknown.is_empty() && cost != Cost::Free {
            return Err(Refused::NotLoaded(unknown));
        }
        if let Some(exceeded) = hardest(&mut locked, &self.calendar, now, cost, accounts) {
            return Err(Refused::Exceeded(Box::new(exceeded)));
        }
        let amount = cost.reserved();
        let mut held = Vec::with_capacity(accounts.len());
        let mut admitted_at = now;
        for (place, account) in accounts.iter().enumerate() {
            let key = account.scope.key();
            let Some(state) = known(&mut locked, key) else { continue };
            state.reserved = state.reserved.saturating_add(amount);
            state.open += 1;
            state.lines.draw(account.soft, account.max, state.spent());
            // Another worker's clock may have begun the period a moment later than this one's.
            admitted_at = admitted_at.max(state.began_at);
            held.push(Held { key, place, period: state.period, amount });
        }
        drop(locked);
        self.sweep(now);
        Ok(Charge { budgets: Arc::clone(self), held, admitted_at })
    }

    /// Says whether rows of a former process have yet to reach the store.
    pub fn expect_rows(&self, expected: bool) {
        self.expects_rows.store(expected, Ordering::Release);
    }

    /// Whether they have; what the store says of an account is too little as long as they are.
    pub fn expects_rows(&self) -> bool {
        self.expects_rows.load(Ordering::Acquire)
    }

    /// To be taken before the store is asked what an account has spent. From here on rows that are stored are
    /// noticed, also for an account that is new here.
    pub fn mark(&self, scope: &ScopeId, now: UnixMs) -> Mark {
        let mut locked = self.accounts.lock_all([scope.key()]);
        let state = locked.get_or_insert_with(scope.key(), || State::unknown(now));
        Mark(state.map_or(0, |state| state.confirms))
    }

    /// Brings what the store says: a new account, or a new truth for a known one (spent elsewhere, another
    /// duration). What requests of this process hold and have not stored yet stays.
    ///
    /// Answers whether it was taken; `false` when rows were stored since the mark, or may be in the store without
    /// anybody knowing: ask the store again.
    pub fn load(&self, scope: &ScopeId, mark: Mark, now: UnixMs, loaded: Loaded) -> bool {
        let mut locked = self.accounts.lock_all([scope.key()]);
        let Loaded { spent, began_at, resets_at, every } = loaded;
        let Some(state) = locked.get(scope.key()) else { return false };
        if mark != Mark(state.confirms) || state.in_doubt {
            return false;
        }
        state.stale = false;
        if !std::mem::replace(&mut state.loaded, true) {
            (state.stored, state.began_at, state.resets_at, state.every) =
                (spent, began_at, resets_at, every);
            state.touched = now;
            return true;
        }
        // Somebody may have begun a period here since the store was asked, or the store may not have noticed yet that
        // one is over; then its sum is of the one before.
        let now = now.max(state.touched);
        state.roll(&self.calendar, now);
        if began_at > state.began_at {
            // Somebody has begun a period by hand. What was admitted before counts into the last one, here as there.
            state.begin(began_at);
        }
        if resets_at.is_none_or(|resets_at| resets_at > now) {
            state.stored = spent;
            state.resets_at = resets_at;
        }
        state.every = every;
        true
    }

    /// Rows that were counted here are given to the store now. Until [`Budgets::confirm`] nobody knows whether the
    /// store's answers count them, so none is taken.
    pub fn storing(&self, account: u128) {
        if let Some(state) = self.accounts.lock_all([account]).get(account) {
            state.in_doubt = true;
        }
    }

    /// The store has rows: what it says as of that commit, and those of the rows that were counted in this account
    /// here ([`Charge::accounts`]), by admission and cost. To be called in the order of the commits, once for each
    /// row, however often the row had to be given to the store.
    pub fn confirm(&self, account: u128, committed: Option<Committed>, counted: &[(UnixMs, Nanos)]) {
        let mut locked = self.accounts.lock_all([account]);
        let Some(state) = locked.get(account) else { return };
        state.confirms += 1;
        state.in_doubt = false;
        if !state.loaded {
            return;
        }
        for (_, amount) in counted.iter().filter(|(admitted_at, _)| *admitted_at >= state.began_at) {
            state.unstored = state.unstored.saturating_sub(*amount);
        }
        if let Some(committed) = committed.filter(|committed| committed.admitted_at >= state.began_at) {
            state.stored = committed.spent;
        }
    }

    /// Another replica tells what the store has by now. Taken only where it is more, and where no row of this process can
    /// be part of it that is still counted as unstored here.
    pub fn hear(&self, account: u128, began_at: UnixMs, stored: Nanos) {
        let mut locked = self.accounts.lock_all([account]);
        let Some(state) = locked.get(account).filter(|state| state.loaded && !state.stale) else { return };
        if !state.in_doubt && state.began_at == began_at && stored > state.stored {
            state.stored = stored;
        }
    }

    /// Somebody has changed the account in the store: what was asked before is old.
    pub fn changed(&self, scope: &ScopeId) {
        if let Some(state) = self.accounts.lock_all([scope.key()]).get(scope.key()) {
            state.confirms += 1;
        }
    }

    /// Somebody has changed more accounts in the store than can be named: all are to be read again before they are used.
    pub fn all_changed(&self) {
        self.accounts.each(|state| {
            state.confirms += 1;
            state.stale = true;
        });
    }

    /// The store does not answer: what these accounts were before somebody changed them holds. Answers whether all of
    /// them had been read before.
    pub fn keep<'a>(&self, scopes: impl Iterator<Item = &'a ScopeId>) -> bool {
        let mut all = true;
        for scope in scopes {
            let mut locked = self.accounts.lock_all([scope.key()]);
            match locked.get(scope.key()).filter(|state| state.loaded) {
                Some(state) => state.stale = false,
                None => all = false,
            }
        }
        all
    }

    /// How an account stands; `None` while it is not loaded.
    pub fn peek(&self, scope: &ScopeId, now: UnixMs) -> Option<Standing> {
        let mut locked = self.accounts.lock_all([scope.key()]);
        let state = known(&mut locked, scope.key())?;
        state.roll(&self.calendar, now);
        Some(state.standing())
    }

    /// Whether somebody has changed the account since it was read.
    pub fn is_stale(&self, scope: &ScopeId) -> bool {
        self.accounts
            .lock_all([scope.key()])
            .get(scope.key())
            .is_some_and(|state| state.loaded && state.stale)
    }

    /// What is known of an account, perhaps from before somebody changed it; `None` while it was never read.
    pub fn known(&self, key: u128, now: UnixMs) -> Option<Known> {
        let mut locked = self.accounts.lock_all([key]);
        let state = locked.get(key).filter(|state| state.loaded)?;
        state.roll(&self.calendar, now);
        Some(Known { began_at: state.began_at, stored: state.stored, unstored: state.unstored })
    }

    /// How many accounts take memory now.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// What a charge held, when it ends: spent for a known price, free again otherwise.
    pub(super) fn release(&self, held: &[Held], actual: Option<Nanos>) -> Settlement {
        let mut locked = self.accounts.lock_all(held.iter().map(|held| held.key));
        let mut settlement = Settlement::default();
        for held in held {
            let Some(state) = locked.get(held.key) else { continue };
            state.open = state.open.saturating_sub(1);
            if state.period != held.period {
                continue;
            }
            state.reserved = state.reserved.saturating_sub(held.amount);
            let Some(actual) = actual else { continue };
            state.unstored = state.unstored.saturating_add(actual);
            let (spent, began_at, resets_at) = (state.spent(), state.began_at, state.resets_at);
            settlement.spent.push((held.place, spent));
            let passed = state.lines.pass(spent).into_iter();
            settlement.crossings.extend(passed.map(|(line, at)| Crossing {
                place: held.place,
                spent,
                line,
                at,
                began_at,
                resets_at,
            }));
        }
        settlement
    }

    fn sweep(&self, now: UnixMs) {
        let idle = |state: &mut State| {
            state.open == 0 && state.unstored.is_zero() && now.saturating_sub(state.touched) > FORGET_AFTER
        };
        self.accounts.sweep(u64::try_from(now).unwrap_or(0), idle);
    }
}

/// An account of which the store has told, and which nobody has changed since.
fn known<'a>(locked: &'a mut Locked<'_, State>, key: u128) -> Option<&'a mut State> {
    locked.get(key).filter(|state| state.loaded && !state.stale)
}

/// The account that is hardest in the way of a request, if any is.
fn hardest(
    locked: &mut Locked<'_, State>,
    calendar: &Calendar,
    now: UnixMs,
    cost: Cost,
    accounts: &[Account<'_>],
) -> Option<Exceeded> {
    let mut hardest: Option<Exceeded> = None;
    for account in accounts {
        let Some(state) = known(locked, account.scope.key()) else { continue };
        state.roll(calendar, now);
        let Some(max) = account.max else { continue };
        let Some(why) = judge(state.spent(), state.reserved, max, cost) else { continue };
        if hardest.as_ref().is_none_or(|known| why > known.why) {
            let Standing { spent, reserved, resets_at, .. } = state.standing();
            let (scope, estimate) = (account.scope.clone(), cost.reserved());
            hardest = Some(Exceeded { scope, why, max, spent, reserved, estimate, resets_at });
        }
    }
    hardest
}
