//! A sliding window as a sparse row of ticks: memory only for ticks in which something was taken.

use std::collections::VecDeque;
use std::time::Duration;

use super::Kind;

/// The wait of what can never fit.
pub const NEVER: Duration = Duration::MAX;

/// How long a window is, and how finely it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Grain {
    /// Length of a tick, milliseconds.
    tick_ms: u64,
    /// Ticks in the span.
    ticks: u32,
}

/// 60 seconds in quarters of a second: 241 ticks of 24 bytes at most.
pub const MINUTE: Grain = Grain { tick_ms: 250, ticks: 240 };

/// 24 hours in five minutes: 289 ticks at most.
pub const DAY: Grain = Grain { tick_ms: 300_000, ticks: 288 };

impl Grain {
    /// When what was taken in this tick is no longer inside the span.
    fn leaves_at(self, tick: u32) -> Duration {
        Duration::from_millis((u64::from(tick) + u64::from(self.ticks) + 1).saturating_mul(self.tick_ms))
    }
}

/// A moment since the limiter's start, and the ticks it lies in: worked out once for all windows.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Since the start.
    pub elapsed: Duration,
    /// The same in milliseconds.
    pub ms: u64,
    minute: u32,
    day: u32,
}

impl Moment {
    /// So long after the start.
    pub fn new(elapsed: Duration) -> Self {
        let ms = elapsed.as_secs().saturating_mul(1_000).saturating_add(elapsed.subsec_millis().into());
        let tick = |grain: Grain| u32::try_from(ms / grain.tick_ms).unwrap_or(u32::MAX);
        Moment { elapsed, ms, minute: tick(MINUTE), day: tick(DAY) }
    }

    fn tick(self, grain: Grain) -> u32 {
        if grain.tick_ms == MINUTE.tick_ms { self.minute } else { self.day }
    }
}

/// What was taken in one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    tick: u32,
    requests: u64,
    tokens: u64,
}

impl Entry {
    fn of(&self, kind: Kind) -> u64 {
        if kind == Kind::Requests { self.requests } else { self.tokens }
    }
}

/// Requests and tokens of one scope in one span. A moment before the latest one seen counts as the latest.
#[derive(Debug, Clone)]
pub struct Window {
    grain: Grain,
    newest: u32,
    requests: u64,
    tokens: u64,
    entries: VecDeque<Entry>,
}

impl Window {
    /// An empty window.
    pub fn new(grain: Grain) -> Self {
        Window { grain, newest: 0, requests: 0, tokens: 0, entries: VecDeque::new() }
    }

    /// Forgets what has left the span.
    pub fn advance(&mut self, now: Moment) {
        self.newest = self.newest.max(now.tick(self.grain));
        while let Some(oldest) = self.entries.front().filter(|oldest| self.is_out(oldest.tick)) {
            self.requests -= oldest.requests;
            self.tokens -= oldest.tokens;
            self.entries.pop_front();
        }
    }

    /// What it holds of a kind, as of the last [`Window::advance`].
    pub fn used(&self, kind: Kind) -> u64 {
        if kind == Kind::Requests { self.requests } else { self.tokens }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.requests == 0 && self.tokens == 0
    }

    /// Counts what was taken in the newest tick, and says which one that is.
    pub fn add(&mut self, requests: u64, tokens: u64) -> u32 {
        let requests = requests.min(u64::MAX - self.requests);
        let tokens = tokens.min(u64::MAX - self.tokens);
        self.requests += requests;
        self.tokens += tokens;
        match self.entries.back_mut() {
            Some(newest) if newest.tick == self.newest => {
                newest.requests += requests;
                newest.tokens += tokens;
            }
            _ => self.entries.push_back(Entry { tick: self.newest, requests, tokens }),
        }
        self.newest
    }

    /// Takes back what was counted in a tick; what has left the span is gone already.
    pub fn give_back(&mut self, tick: u32, requests: u64, tokens: u64) {
        let Ok(at) = self.entries.binary_search_by_key(&tick, |entry| entry.tick) else { return };
        let Some(entry) = self.entries.get_mut(at) else { return };
        let (requests, tokens) = (requests.min(entry.requests), tokens.min(entry.tokens));
        entry.requests -= requests;
        entry.tokens -= tokens;
        self.requests -= requests;
        self.tokens -= tokens;
    }

    /// Whether `amount` of a kind fits under `limit` now, as of the last [`Window::advance`].
    pub fn fits(&self, kind: Kind, amount: u64, limit: u64) -> bool {
        limit.checked_sub(amount).is_some_and(|room| self.used(kind) <= room)
    }

    /// How long until `amount` of a kind fits under `limit` if nobody else takes anything: zero when it
    /// fits now, [`NEVER`] when it is larger than the limit. As of the last [`Window::advance`].
    pub fn wait(&self, kind: Kind, amount: u64, limit: u64, elapsed: Duration) -> Duration {
        let Some(room) = limit.checked_sub(amount) else { return NEVER };
        let mut held = self.used(kind);
        for entry in &self.entries {
            if held <= room {
                break;
            }
            held -= entry.of(kind);
            if held <= room {
                return self.grain.leaves_at(entry.tick).saturating_sub(elapsed);
            }
        }
        Duration::ZERO
    }

    /// How long until it is empty if nobody takes anything more; zero when it is.
    pub fn empty_in(&self, kind: Kind, elapsed: Duration) -> Duration {
        let last = self.entries.iter().rev().find(|entry| entry.of(kind) > 0);
        last.map_or(Duration::ZERO, |entry| self.grain.leaves_at(entry.tick).saturating_sub(elapsed))
    }

    /// What it holds, newest first: how many ticks ago, requests, tokens.
    pub fn ticks(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let entries = self.entries.iter().rev().filter(|entry| entry.requests > 0 || entry.tokens > 0);
        entries.map(|entry| (u64::from(self.newest - entry.tick), entry.requests, entry.tokens))
    }

    fn is_out(&self, tick: u32) -> bool {
        self.newest - tick > self.grain.ticks
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn room_comes_back_a_minute_and_less_than_a_tick_later() {
        let mut window = Window::new(MINUTE);
        window.advance(Moment::new(ms(1_100)));
        window.add(1, 0);
        assert_eq!(window.wait(Kind::Requests, 1, 1, ms(1_100)), ms(60_150));
        window.advance(Moment::new(ms(61_249)));
        assert_eq!(window.used(Kind::Requests), 1);
        window.advance(Moment::new(ms(61_250)));
        assert!(window.is_empty());
    }

    #[test]
    fn what_is_given_back_is_free_again_and_only_once() {
        let mut window = Window::new(MINUTE);
        let tick = window.add(1, 100);
        window.give_back(tick, 0, 60);
        assert_eq!(window.used(Kind::Tokens), 40);
        window.advance(Moment::new(ms(70_000)));
        window.add(0, 5);
        window.give_back(tick, 1, 40);
        assert_eq!((window.used(Kind::Requests), window.used(Kind::Tokens)), (0, 5));
        assert_eq!(window.empty_in(Kind::Tokens, ms(70_000)), ms(60_250));
        assert_eq!(window.empty_in(Kind::Requests, ms(70_000)), ms(0));
    }

    #[test]
    fn a_clock_that_steps_back_opens_nothing() {
        let mut window = Window::new(MINUTE);
        window.advance(Moment::new(ms(90_000)));
        window.add(2, 0);
        window.advance(Moment::new(ms(1)));
        assert_eq!(window.used(Kind::Requests), 2);
        assert!(!window.wait(Kind::Requests, 1, 2, ms(90_000)).is_zero());
    }

    #[test]
    fn memory_is_bounded_by_ticks_not_by_requests() {
        let mut window = Window::new(MINUTE);
        for step in 0..200_000 {
            window.advance(Moment::new(ms(step)));
            window.add(1, 10);
        }
        assert!(window.entries.len() <= 241, "{}", window.entries.len());
    }

    proptest! {
        #[test]
        fn agrees_with_brute_force(
            limit in 1u64..20,
            steps in prop::collection::vec((0u64..25_000, 1u64..6), 1..120),
        ) {
            let mut window = Window::new(MINUTE);
            let mut taken: Vec<(u64, u64)> = Vec::new();
            let mut now = 0;
            let within = |taken: &[(u64, u64)], span: u64, now: u64| -> u64 {
                taken.iter().filter(|(at, _)| now - at <= span).map(|(_, amount)| amount).sum()
            };
            for (step, amount) in steps {
                now += step;
                window.advance(Moment::new(ms(now)));
                let wait = window.wait(Kind::Tokens, amount, limit, ms(now));
                if wait.is_zero() {
                    window.add(0, amount);
                    taken.push((now, amount));
                } else if wait == NEVER {
                    prop_assert!(amount > limit);
                } else {
                    prop_assert!(within(&taken, 60_250, now) + amount > limit, "refused without need");
                    let mut later = window.clone();
                    later.advance(Moment::new(ms(now) + wait - ms(1)));
                    prop_assert!(!later.wait(Kind::Tokens, amount, limit, ms(now) + wait - ms(1)).is_zero());
                    later.advance(Moment::new(ms(now) + wait));
                    prop_assert!(later.wait(Kind::Tokens, amount, limit, ms(now) + wait).is_zero());
                }
                prop_assert!(within(&taken, 60_000, now) <= limit, "a 60-second span over the limit");
            }
        }
    }
}
