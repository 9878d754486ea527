//! The counters of one process, and the one place that takes from them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::refusal::{Refusal, Reset};
use super::standing::{Resets, Standing, Used};
use super::ticket::{End, Held, Reserved, Ticket};
use super::window::{DAY, MINUTE, Moment, NEVER, Window};
use super::{Kind, Limits, Quota};
use crate::base::shards::{Locked, Shards};
use crate::domain::scope::ScopeKind;

/// The rate-limit counters of one process. Shared by all workers; a call locks the few counters that it
/// needs for less than a microsecond and never waits for anything else.
///
/// A scope takes memory only while something of it is under way or in a window: about 150 bytes, and 24 more
/// for each quarter of a second in which it was used.
pub struct Limiter {
    start: Instant,
    pub(super) scopes: Shards<State>,
}

/// One scope's counters.
pub(super) struct State {
    pub(super) minute: Window,
    pub(super) day: Option<Box<Window>>,
    parallel: u64,
}

impl Default for State {
    fn default() -> Self {
        State { minute: Window::new(MINUTE), day: None, parallel: 0 }
    }
}

impl State {
    pub(super) fn advance(&mut self, now: Moment) {
        self.minute.advance(now);
        if let Some(day) = &mut self.day {
            day.advance(now);
        }
    }

    fn is_idle(&self) -> bool {
        self.parallel == 0 && self.minute.is_empty() && self.day.as_ref().is_none_or(|day| day.is_empty())
    }

    fn used(&self) -> Used {
        Used {
            requests: self.minute.used(Kind::Requests),
            tokens: self.minute.used(Kind::Tokens),
            tokens_today: self.day.as_ref().map_or(0, |day| day.used(Kind::TokensPerDay)),
            parallel: self.parallel,
        }
    }

    fn resets(&self, now: Moment) -> Resets {
        Resets {
            requests: self.minute.empty_in(Kind::Requests, now.elapsed),
            tokens: self.minute.empty_in(Kind::Tokens, now.elapsed),
            day: self
                .day
                .as_ref()
                .map_or(Duration::ZERO, |day| day.empty_in(Kind::TokensPerDay, now.elapsed)),
        }
    }

    /// Whether one more request with so many tokens fits; [`obstacles`] says why it does not.
    fn fits(&self, limits: &Limits, tokens: u64) -> bool {
        let tokens = |limit: u64| tokens.clamp(1, limit.max(1));
        limits.requests_per_minute.is_none_or(|limit| self.minute.fits(Kind::Requests, 1, limit))
            && limits
                .tokens_per_minute
                .is_none_or(|limit| self.minute.fits(Kind::Tokens, tokens(limit), limit))
            && limits.tokens_per_day.is_none_or(|limit| match &self.day {
                Some(day) => day.fits(Kind::TokensPerDay, tokens(limit), limit),
                None => limit > 0,
            })
            && limits.parallel.is_none_or(|limit| self.parallel < limit)
    }
}

/// A limit without room, as found while looking.
#[derive(Clone, Copy)]
struct Obstacle {
    kind: Kind,
    limit: u64,
    used: u64,
    wanted: u64,
    reset: Reset,
}

impl Limiter {
    /// Counters that begin empty; moments before `start` count as `start`.
    pub fn new(start: Instant) -> Arc<Self> {
        Arc::new(Limiter { start, scopes: Shards::default() })
    }

    /// Takes one request, `tokens` estimated tokens and one parallel slot from every scope, or nothing
    /// from any. Scopes without limits are skipped; of a scope named twice the first counts.
    ///
    /// # Errors
    /// Which limit stands longest in the way; nothing was taken.
    pub fn take(
        self: &Arc<Self>,
        now: Instant,
        tokens: u64,
        quotas: &[Quota<'_>],
    ) -> Result<Ticket, Box<Refusal>> {
        let now = self.moment(now);
        let quotas = distinct(quotas);
        let mut scopes = self.scopes.lock_all(quotas.iter().map(|quota| quota.scope.key()));
        let mut held = Vec::with_capacity(quotas.len());
        for quota in &quotas {
            let Some(state) = scopes.get_or_insert_with(quota.scope.key(), State::default) else { continue };
            state.advance(now);
            if state.fits(&quota.limits, tokens) {
                held.push(hold(state, quota, tokens, now));
                continue;
            }
            // Everything is still locked: nobody has seen what is undone here.
            give_back(&mut scopes, &held, End::Cancelled, now);
            held.clear();
            if let Some(refusal) = worst(&mut scopes, &quotas, tokens, now) {
                return Err(Box::new(refusal));
            }
        }
        drop(scopes);
        self.sweep(now);
        Ok(Ticket { limiter: Arc::clone(self), held })
    }

    /// How scopes stand, in the given order; takes nothing.
    pub fn peek(&self, now: Instant, quotas: &[Quota<'_>]) -> Vec<Standing> {
        let now = self.moment(now);
        let mut scopes = self.scopes.lock_all(quotas.iter().map(|quota| quota.scope.key()));
        let stand = |quota: &Quota<'_>| {
            let known = scopes.get(quota.scope.key()).map(|state| {
                state.advance(now);
                (state.used(), state.resets(now))
            });
            let (used, resets) = known.unwrap_or_default();
            Standing { kind: quota.scope.kind(), limits: quota.limits, used, resets: Some(resets) }
        };
        quotas.iter().map(stand).collect()
    }

    /// How many scopes take memory now.
    pub fn len(&self) -> usize {
        self.scopes.len()
    }

    /// Whether nothing is counted at all.
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// What a ticket held, when it ends.
    pub(super) fn release(&self, held: &[Held], end: End) {
        let now = match end {
            End::Used(_, now) => self.moment(now),
            End::Unknown | End::Cancelled => Moment::new(Duration::ZERO),
        };
        give_back(&mut self.scopes.lock_all(held.iter().map(|held| held.key)), held, end, now);
    }

    /// Raises what is held to so many tokens.
    pub(super) fn raise(&self, held: &mut [Held], now: Instant, tokens: u64) -> Result<(), (ScopeKind, u64)> {
        let now = self.moment(now);
        let mut scopes = self.scopes.lock_all(held.iter().map(|held| held.key));
        for held in held {
            let Some(state) = scopes.get(held.key) else { continue };
            state.advance(now);
            let Limits { tokens_per_minute, tokens_per_day, .. } = held.limits;
            let minute = held.minute.as_mut().map(|reserved| (reserved, &mut state.minute));
            let day = held.day.as_mut().zip(state.day.as_deref_mut());
            for ((reserved, window), limit) in
                [minute.zip(tokens_per_minute), day.zip(tokens_per_day)].into_iter().flatten()
            {
                if !more(window, reserved, tokens.min(limit), limit) {
                    return Err((held.kind, limit));
                }
            }
        }
        Ok(())
    }

    fn sweep(&self, now: Moment) {
        self.scopes.sweep(now.ms, |state| {
            state.advance(now);
            state.is_idle()
        });
    }

    pub(super) fn moment(&self, now: Instant) -> Moment {
        Moment::new(now.saturating_duration_since(self.start))
    }
}

fn give_back(scopes: &mut Locked<'_, State>, held: &[Held], end: End, now: Moment) {
    for held in held {
        let Some(state) = scopes.get(held.key) else { continue };
        state.parallel = state.parallel.saturating_sub(1);
        if let Some(reserved) = held.minute {
            settle(&mut state.minute, reserved, end, now);
        }
        if let (Some(reserved), Some(day)) = (held.day, state.day.as_deref_mut()) {
            settle(day, reserved, end, now);
        }
    }
}

/// Holds `tokens` in the newest tick instead of what was reserved, if that was less; says whether they fit.
fn more(window: &mut Window, reserved: &mut Reserved, tokens: u64, limit: u64) -> bool {
    if tokens <= reserved.tokens {
        return true;
    }
    window.give_back(reserved.tick, 0, reserved.tokens);
    // A limit has one set of token counts, so either kind's will do.
    let fits = window.fits(Kind::Tokens, tokens, limit);
    let tokens = if fits { tokens } else { reserved.tokens };
    *reserved = Reserved { tick: window.add(0, tokens), tokens, raised: true };
    fits
}

fn settle(window: &mut Window, reserved: Reserved, end: End, now: Moment) {
    match end {
        End::Used(tokens, _) if tokens <= reserved.tokens => {
            window.give_back(reserved.tick, 0, reserved.tokens - tokens);
        }
        End::Used(tokens, _) => {
            window.advance(now);
            window.add(0, tokens - reserved.tokens);
        }
        End::Unknown => window.give_back(reserved.tick, 0, reserved.tokens),
        End::Cancelled => window.give_back(reserved.tick, u64::from(!reserved.raised), reserved.tokens),
    }
}

fn distinct<'a, 'q>(quotas: &'a [Quota<'q>]) -> SmallVec<[&'a Quota<'q>; 8]> {
    let mut distinct: SmallVec<[&Quota<'_>; 8]> = SmallVec::new();
    for quota in quotas.iter().filter(|quota| !quota.limits.is_empty()) {
        if !distinct.iter().any(|other| other.scope == quota.scope) {
            distinct.push(quota);
        }
    }
    distinct
}

/// What stands longest in the way, if anything does.
fn worst(scopes: &mut Locked<'_, State>, quotas: &[&Quota<'_>], tokens: u64, now: Moment) -> Option<Refusal> {
    let mut worst: Option<(&Quota<'_>, Obstacle)> = None;
    for quota in quotas {
        let mut state = scopes.get(quota.scope.key());
        if let Some(state) = &mut state {
            state.advance(now);
        }
        for found in obstacles(state.as_deref(), &quota.limits, tokens, now.elapsed).into_iter().flatten() {
            if worst.as_ref().is_none_or(|(_, known)| found.reset.outlasts(known.reset)) {
                worst = Some((quota, found));
            }
        }
    }
    let (quota, Obstacle { kind, limit, used, wanted, reset }) = worst?;
    Some(Refusal { scope: quota.scope.clone(), kind, limit, used, wanted, reset })
}

/// What stands in the way of one more request with so many tokens.
fn obstacles(
    state: Option<&State>,
    limits: &Limits,
    tokens: u64,
    elapsed: Duration,
) -> [Option<Obstacle>; 4] {
    let minute = state.map(|state| &state.minute);
    let day = state.and_then(|state| state.day.as_deref());
    let parallel = state.map_or(0, |state| state.parallel);
    [
        limits.requests_per_minute.and_then(|limit| in_window(minute, Kind::Requests, 1, limit, elapsed)),
        limits.tokens_per_minute.and_then(|limit| in_window(minute, Kind::Tokens, tokens, limit, elapsed)),
        limits.tokens_per_day.and_then(|limit| in_window(day, Kind::TokensPerDay, tokens, limit, elapsed)),
        limits.parallel.filter(|limit| parallel >= *limit).map(|limit| {
            let reset = if limit == 0 { Reset::Never } else { Reset::WhenOneEnds };
            Obstacle { kind: Kind::Parallel, limit, used: parallel, wanted: 1, reset }
        }),
    ]
}

fn in_window(
    window: Option<&Window>,
    kind: Kind,
    wanted: u64,
    limit: u64,
    elapsed: Duration,
) -> Option<Obstacle> {
    let used = window.map_or(0, |window| window.used(kind));
    let obstacle = |reset| Some(Obstacle { kind, limit, used, wanted, reset });
    if limit == 0 {
        return obstacle(Reset::Never);
    }
    // An estimate above the whole limit passes when the window is empty. A request that is estimated at
    // nothing still needs a window that is not full.
    let amount = wanted.clamp(1, limit);
    match window.map_or(Duration::ZERO, |window| window.wait(kind, amount, limit, elapsed)) {
        Duration::ZERO => None,
        NEVER => obstacle(Reset::Never),
        wait => obstacle(Reset::In(wait)),
    }
}

/// Takes from one scope what fits.
fn hold(state: &mut State, quota: &Quota<'_>, tokens: u64, now: Moment) -> Held {
    let limits = quota.limits;
    state.parallel += 1;
    let minute = limits.counts_minutes().then(|| {
        let tokens = tokens.min(limits.tokens_per_minute.unwrap_or(u64::MAX));
        Reserved { tick: state.minute.add(1, tokens), tokens, raised: false }
    });
    let day = limits.tokens_per_day.map(|limit| {
        let day = state.day.get_or_insert_with(|| Box::new(Window::new(DAY)));
        day.advance(now);
        let tokens = tokens.min(limit);
        Reserved { tick: day.add(1, tokens), tokens, raised: false }
    });
    Held { key: quota.scope.key(), kind: quota.scope.kind(), limits, minute, day, used: state.used() }
}
