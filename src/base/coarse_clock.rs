//! A worker's coarse clock: many waits, one timer.
//!
//! A timer of tokio's costs a wake-up call of the event loop each time one is set, a system call that a
//! request which ends in time has no use for. The waits of requests (silence, deadlines, comments) need no
//! precision below some milliseconds, so they share one ticking task for each thread, which ticks only
//! while somebody waits and looks at the waits only when one of them may be due.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::clock::now;

/// How late a wait may end.
pub const TICK: Duration = Duration::from_millis(10);

thread_local! {
    static CLOCK: Rc<RefCell<Clock>> = Rc::default();
}

#[derive(Default)]
struct Clock {
    waits: Vec<Slot>,
    free: Vec<usize>,
    /// No wait is due before this moment.
    earliest: Option<Instant>,
    ticking: bool,
}

struct Slot {
    due: Instant,
    waker: Option<Waker>,
    used: bool,
}

/// A wait on this thread's clock. It never ends early, and at most one [`TICK`] late.
pub struct Wait {
    clock: Rc<RefCell<Clock>>,
    slot: usize,
    due: Instant,
}

impl Wait {
    /// A wait until `due`. Must be polled inside an actix arbiter.
    pub fn until(due: Instant) -> Self {
        let clock = CLOCK.with(Rc::clone);
        let slot = clock.borrow_mut().take(due);
        Wait { clock, slot, due }
    }

    /// Waits until another moment from now on.
    pub fn reset(&mut self, due: Instant) {
        self.due = due;
        self.clock.borrow_mut().set(self.slot, due);
    }

    /// Whether the moment has come; if not, the task is woken when it does. Looks at the time only when
    /// the clock says that it may have come.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let mut clock = self.clock.borrow_mut();
        if clock.rang(self.slot) && now() >= self.due {
            return true;
        }
        clock.listen(self.slot, self.due, cx.waker());
        let start = !std::mem::replace(&mut clock.ticking, true);
        drop(clock);
        if start {
            actix_rt::spawn(tick(Ticking(Rc::clone(&self.clock))));
        }
        false
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.clock.borrow_mut().give_back(self.slot);
    }
}

impl Clock {
    fn take(&mut self, due: Instant) -> usize {
        let slot = Slot { due, waker: None, used: true };
        if let Some(index) = self.free.pop()
            && let Some(place) = self.waits.get_mut(index)
        {
            *place = slot;
            return index;
        }
        self.waits.push(slot);
        self.waits.len() - 1
    }

    fn set(&mut self, index: usize, due: Instant) {
        if let Some(slot) = self.waits.get_mut(index) {
            slot.due = due;
        }
        if self.earliest.is_some_and(|earliest| due < earliest) {
            self.earliest = Some(due);
        }
    }

    /// Nobody listens on a slot at first and after it rang.
    fn rang(&self, index: usize) -> bool {
        self.waits.get(index).is_none_or(|slot| slot.waker.is_none())
    }

    fn listen(&mut self, index: usize, due: Instant, waker: &Waker) {
        if let Some(slot) = self.waits.get_mut(index) {
            match &mut slot.waker {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
        self.earliest = Some(self.earliest.map_or(due, |earliest| earliest.min(due)));
    }

    fn give_back(&mut self, index: usize) {
        if let Some(slot) = self.waits.get_mut(index)
            && std::mem::replace(&mut slot.used, false)
        {
            slot.waker = None;
            self.free.push(index);
        }
    }

    /// The wakers of those whose time has come; `None` when nobody waits any more.
    fn ring(&mut self, now: Instant) -> Option<Vec<Waker>> {
        if self.free.len() == self.waits.len() {
            self.waits.clear();
            self.free.clear();
            self.earliest = None;
            return None;
        }
        if self.earliest.is_none_or(|earliest| now < earliest) {
            return Some(Vec::new());
        }
        let mut rung = Vec::new();
        let mut earliest: Option<Instant> = None;
        for slot in self.waits.iter_mut().filter(|slot| slot.used && slot.waker.is_some()) {
            if now >= slot.due {
                rung.extend(slot.waker.take());
            } else {
                earliest = Some(earliest.map_or(slot.due, |earliest| earliest.min(slot.due)));
            }
        }
        self.earliest = earliest;
        Some(rung)
    }
}

/// Says that nobody ticks any more when the ticking task ends, whatever ends it.
struct Ticking(Rc<RefCell<Clock>>);

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.borrow_mut().ticking = false;
    }
}

async fn tick(ticking: Ticking) {
    loop {
        actix_rt::time::sleep(TICK).await;
        let rung = ticking.0.borrow_mut().ring(Instant::now());
        match rung {
            None => return,
            Some(wakers) => wakers.into_iter().for_each(Waker::wake),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    async fn wait(wait: &mut Wait) {
        poll_fn(|cx| if wait.poll(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    #[actix_rt::test]
    async fn waits_end_in_order_and_never_early() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut late = Wait::until(start + ms(60));
        let mut soon = Wait::until(start + ms(15));
        wait(&mut soon).await;
        assert!(start.elapsed() >= ms(15));
        wait(&mut late).await;
        assert!(start.elapsed() >= ms(60));
        soon.reset(Instant::now() + ms(15));
        let again = Instant::now();
        wait(&mut soon).await;
        assert!(again.elapsed() >= ms(14));
    }

    #[actix_rt::test]
    async fn the_clock_stops_when_nobody_waits() {
        let mut soon = Wait::until(Instant::now() + Duration::from_millis(5));
        wait(&mut soon).await;
        assert!(CLOCK.with(|clock| clock.borrow().ticking));
        drop(soon);
        let end = Instant::now() + Duration::from_secs(5);
        while CLOCK.with(|clock| clock.borrow().ticking) {
            assert!(Instant::now() < end, "still ticking");
            actix_rt::time::sleep(TICK).await;
        }
        assert!(CLOCK.with(|clock| clock.borrow().waits.is_empty()));
    }
}
