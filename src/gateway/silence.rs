//! How long an attempt may be silent, and what happens meanwhile: one timer for the provider's silence,
//! the caller's deadline and the keep-alive comments of a stream.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::base::clock;
use crate::base::coarse_clock::Wait;
use crate::base::deadline::Deadline;

/// What the clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// Time for a keep-alive comment.
    Ping,
    /// The provider has been silent for too long.
    Silent,
    /// The caller's own time is over.
    Over,
}

/// The clock of one attempt. It never fires early, and moving it forward costs nothing: the wait is
/// only set anew when it ends.
pub struct Silence {
    wait: Wait,
    heard: Instant,
    pinged: Instant,
    idle: Duration,
    keepalive: Option<Duration>,
    deadline: Deadline,
}

impl Silence {
    /// A clock that starts now: at most `idle` without a sign of life, nothing after `deadline`.
    pub fn new(idle: Duration, deadline: Deadline) -> Self {
        let now = clock::now();
        let due = now + deadline.clip(idle, now);
        Silence { wait: Wait::until(due), heard: now, pinged: now, idle, keepalive: None, deadline }
    }

    /// The provider gave a sign of life.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = now;
    }

    /// From here on other bounds hold, and the client hears a comment every `keepalive`.
    pub fn rearm(&mut self, idle: Duration, deadline: Deadline, keepalive: Option<Duration>) {
        (self.idle, self.deadline, self.keepalive) = (idle, deadline, keepalive);
        let due = self.due(clock::now());
        self.wait.reset(due);
    }

    /// Waits for the next tick.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Tick> {
        loop {
            if !self.wait.poll(cx) {
                return Poll::Pending;
            }
            let now = clock::now();
            if self.deadline.passed(now) {
                return Poll::Ready(Tick::Over);
            }
            if now >= self.heard + self.idle {
                return Poll::Ready(Tick::Silent);
            }
            let ping = self.keepalive.is_some_and(|interval| now >= self.pinged + interval);
            if ping {
                self.pinged = now;
            }
            let due = self.due(now);
            self.wait.reset(due);
            if ping {
                return Poll::Ready(Tick::Ping);
            }
        }
    }

    /// The longest silence that is borne.
    pub fn idle(&self) -> Duration {
        self.idle
    }

    fn due(&self, now: Instant) -> Instant {
        let silent = self.heard + self.idle;
        let soonest = match self.keepalive {
            Some(interval) => silent.min(self.pinged + interval),
            None => silent,
        };
        now + self.deadline.clip(soonest.saturating_duration_since(now), now)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[actix_rt::test]
    async fn pings_come_before_silence_and_the_deadline_wins() {
        let ms = Duration::from_millis;
        let mut silence = Silence::new(ms(60), Deadline::NONE);
        silence.rearm(ms(60), Deadline::NONE, Some(ms(20)));
        let mut ticks = Vec::new();
        while ticks.last() != Some(&Tick::Silent) {
            ticks.push(poll_fn(|cx| silence.poll(cx)).await);
        }
        assert!(ticks.len() >= 2 && ticks[..ticks.len() - 1].iter().all(|tick| *tick == Tick::Ping));
        let mut bounded = Silence::new(ms(60), Deadline::after(Instant::now(), ms(10)));
        assert_eq!(poll_fn(|cx| bounded.poll(cx)).await, Tick::Over);
    }

    #[actix_rt::test]
    async fn a_sign_of_life_moves_the_end() {
        let start = Instant::now();
        let mut silence = Silence::new(Duration::from_millis(40), Deadline::NONE);
        silence.heard(start + Duration::from_millis(30));
        assert_eq!(poll_fn(|cx| silence.poll(cx)).await, Tick::Silent);
        assert!(start.elapsed() >= Duration::from_millis(70));
    }
}
