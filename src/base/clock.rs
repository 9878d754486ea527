//! The time, read once a turn.
//!
//! A request asks for the time some twenty times: when it came, when it was counted, when its deadline is, when its
//! provider answered. Each reading costs 20 ns on bare metal and ten times that under hypervisors that intercept it,
//! which together would be a good part of what a request costs. So there are turns: one poll of a request's future or
//! of its answer's body. A turn never waits and is over in microseconds; inside one, [`now`] reads the clock once.
//! Whoever measures what the turn itself takes calls [`fresh`]. Outside of turns every call reads the clock.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long the wall clock is told from the monotonic one before it is read again; also how late a step of it is seen.
const ANCHORED: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
enum State {
    /// No turn.
    Off,
    /// A turn that has not asked yet.
    Unread,
    /// A turn and its time.
    Read(Instant),
}

thread_local! {
    static STATE: Cell<State> = const { Cell::new(State::Off) };
    /// A moment on both clocks.
    static ANCHOR: Cell<Option<(Instant, i64)>> = const { Cell::new(None) };
}

/// The monotonic time, of this turn if there is one.
pub fn now() -> Instant {
    match STATE.get() {
        State::Read(now) => now,
        State::Off => Instant::now(),
        State::Unread => fresh(),
    }
}

/// The monotonic time of this moment, which is the turn's from here on.
pub fn fresh() -> Instant {
    let now = Instant::now();
    if !matches!(STATE.get(), State::Off) {
        STATE.set(State::Read(now));
    }
    now
}

/// Milliseconds since 1970, UTC.
pub fn unix_ms() -> i64 {
    if matches!(STATE.get(), State::Off) {
        return wall();
    }
    let now = now();
    if let Some((then, wall)) = ANCHOR.get()
        && let age = now.saturating_duration_since(then)
        && age < ANCHORED
    {
        return wall.saturating_add(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    }
    let wall = wall();
    ANCHOR.set(Some((now, wall)));
    wall
}

fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A turn, until it is dropped. One inside another is the same turn.
pub struct Turn {
    outer: State,
}

impl Turn {
    /// Begins a turn on this thread.
    pub fn begin() -> Self {
        let outer = STATE.get();
        if matches!(outer, State::Off) {
            STATE.set(State::Unread);
        }
        Turn { outer }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if matches!(self.outer, State::Off) {
            STATE.set(State::Off);
        }
    }
}

/// A future whose polls are turns. It stays where it is: wrapped in another one it would lie there twice.
pub struct Turns<F: ?Sized>(Pin<Box<F>>);

impl<F: ?Sized> Turns<F> {
    /// Its polls are turns from now on.
    pub fn of(future: Pin<Box<F>>) -> Self {
        Turns(future)
    }
}

impl<F: Future + ?Sized> Future for Turns<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let _turn = Turn::begin();
        self.0.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_in_a_turn_until_somebody_looks_again() {
        let turn = Turn::begin();
        let first = now();
        std::thread::sleep(Duration::from_millis(2));
        let inner = Turn::begin();
        assert_eq!(now(), first);
        drop(inner);
        assert_eq!(now(), first);
        let later = fresh();
        assert!(later >= first + Duration::from_millis(2));
        assert_eq!(now(), later);
        drop(turn);
        std::thread::sleep(Duration::from_millis(2));
        assert!(now() >= later + Duration::from_millis(2));
    }

    #[test]
    fn the_wall_clock_goes_on_from_turn_to_turn() {
        let before = wall();
        for _ in 0..3 {
            let _turn = Turn::begin();
            let (told, read) = (unix_ms(), wall());
            assert!(told >= before && (read - told).abs() <= 3, "{told} {read}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[actix_rt::test]
    async fn each_poll_is_a_turn_of_its_own() {
        let (first, second) = Turns::of(Box::pin(async {
            let first = now();
            actix_rt::time::sleep(Duration::from_millis(5)).await;
            (first, now())
        }))
        .await;
        assert!(second >= first + Duration::from_millis(5));
        assert!(matches!(STATE.get(), State::Off));
    }
}
