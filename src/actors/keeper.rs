//! Restarts actors that panicked.
//!
//! actix gives an actor whose handler panics up for good: its mailbox stays closed and nobody is told,
//! also under its `Supervisor`. So each kept actor holds a [`DeathNotice`]; when it is dropped without
//! having been taken back, the actor died, and the keeper starts a new incarnation on the same arbiter
//! after a short, growing pause. Callers reach the current incarnation through the [`Kept`] slot.
//!
//! The keeper is no actor itself, so that nothing has to keep the keeper.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context};
use actix_rt::ArbiterHandle;
use arc_swap::ArcSwapOption;
use metrics::Counter;

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// An incarnation that lived this long starts the pauses anew.
const STABLE: Duration = Duration::from_secs(10);

/// The address of an actor that is restarted when it panics.
pub struct Kept<A: Actor<Context = Context<A>>>(Arc<Slot<A>>);

impl<A: Actor<Context = Context<A>>> Clone for Kept<A> {
    fn clone(&self) -> Self {
        Kept(Arc::clone(&self.0))
    }
}

type Make<A> = Box<dyn Fn(DeathNotice<A>) -> A + Send + Sync>;

struct Slot<A: Actor<Context = Context<A>>> {
    name: &'static str,
    address: ArcSwapOption<Addr<A>>,
    arbiter: ArbiterHandle,
    make: Make<A>,
    restarts: AtomicU64,
    quick_deaths: AtomicU64,
    retired: AtomicBool,
    counter: Counter,
}

impl<A: Actor<Context = Context<A>>> Kept<A> {
    /// Starts an actor on `arbiter`. `make` is called for every incarnation; the actor keeps the notice
    /// for as long as it lives and calls [`DeathNotice::retire`] when it stops on purpose.
    pub fn start(
        name: &'static str,
        arbiter: ArbiterHandle,
        counter: Counter,
        make: impl Fn(DeathNotice<A>) -> A + Send + Sync + 'static,
    ) -> Self {
        let slot = Arc::new(Slot {
            name,
            address: ArcSwapOption::empty(),
            arbiter,
            make: Box::new(make),
            restarts: AtomicU64::new(0),
            quick_deaths: AtomicU64::new(0),
            retired: AtomicBool::new(false),
            counter,
        });
        Slot::incarnate(&slot);
        Kept(slot)
    }

    /// The current incarnation, if there is one at this moment.
    pub fn address(&self) -> Option<Addr<A>> {
        self.0.address.load().as_deref().cloned()
    }

    /// Runs `f` on the current incarnation's address without cloning it.
    pub fn with<R>(&self, f: impl FnOnce(&Addr<A>) -> R) -> Option<R> {
        self.0.address.load().as_deref().map(f)
    }

    /// How often it was restarted.
    pub fn restarts(&self) -> u64 {
        self.0.restarts.load(Ordering::Relaxed)
    }

    /// No more incarnations; the current one ends when its address is no longer held.
    pub fn retire(&self) {
        self.0.retired.store(true, Ordering::Release);
        self.0.address.store(None);
    }
}

impl<A: Actor<Context = Context<A>>> Slot<A> {
    fn incarnate(slot: &Arc<Self>) {
        let slot = Arc::clone(slot);
        let arbiter = slot.arbiter.clone();
        let spawned = arbiter.spawn_fn(move || {
            if slot.retired.load(Ordering::Acquire) {
                return;
            }
            let notice = DeathNotice { slot: Some(Arc::clone(&slot)), born: Instant::now() };
            let address = (slot.make)(notice).start();
            slot.address.store(Some(Arc::new(address)));
        });
        if !spawned {
            tracing::debug!("an arbiter ended before its actor could start");
        }
    }

    fn died(slot: Arc<Self>, lived: Duration) {
        if slot.retired.load(Ordering::Acquire) {
            return;
        }
        slot.address.store(None);
        slot.restarts.fetch_add(1, Ordering::Relaxed);
        slot.counter.increment(1);
        let quick = if lived >= STABLE {
            slot.quick_deaths.store(0, Ordering::Relaxed);
            0
        } else {
            slot.quick_deaths.fetch_add(1, Ordering::Relaxed)
        };
        let pause = pause(quick);
        tracing::error!(actor = slot.name, pause_ms = pause.as_millis(), "actor panicked, restarting it");
        let arbiter = slot.arbiter.clone();
        arbiter.spawn(async move {
            actix_rt::time::sleep(pause).await;
            Slot::incarnate(&slot);
        });
    }
}

fn pause(quick_deaths: u64) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << quick_deaths.min(16)).min(LONGEST_PAUSE)
}

/// Held by an actor for as long as it lives.
pub struct DeathNotice<A: Actor<Context = Context<A>>> {
    slot: Option<Arc<Slot<A>>>,
    born: Instant,
}

impl<A: Actor<Context = Context<A>>> DeathNotice<A> {
    /// The actor ends on purpose: no restart.
    pub fn retire(&mut self) {
        self.slot = None;
    }
}

impl<A: Actor<Context = Context<A>>> Drop for DeathNotice<A> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            Slot::died(slot, self.born.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use actix::{Handler, Message};

    use super::*;

    struct Fragile {
        _notice: DeathNotice<Fragile>,
    }

    impl Actor for Fragile {
        type Context = Context<Self>;
    }

    #[derive(Message)]
    #[rtype(result = "u32")]
    struct Ask {
        crash: bool,
    }

    impl Handler<Ask> for Fragile {
        type Result = u32;

        fn handle(&mut self, ask: Ask, _: &mut Context<Self>) -> u32 {
            assert!(!ask.crash, "asked to crash");
            7
        }
    }

    async fn ask(kept: &Kept<Fragile>) -> u32 {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            if let Some(address) = kept.address()
                && let Ok(answer) = address.send(Ask { crash: false }).await
            {
                return answer;
            }
            assert!(Instant::now() < deadline, "no incarnation came back");
            tokio::task::yield_now().await;
        }
    }

    #[actix_rt::test]
    async fn a_panicked_actor_comes_back() {
        let kept = Kept::start("fragile", actix_rt::Arbiter::current(), Counter::noop(), |notice| Fragile {
            _notice: notice,
        });
        assert_eq!(ask(&kept).await, 7);
        for round in 1..=3 {
            let address = kept.address().unwrap();
            assert!(address.send(Ask { crash: true }).await.is_err());
            assert_eq!(ask(&kept).await, 7);
            assert_eq!(kept.restarts(), round);
        }
    }

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(pause(0), FIRST_PAUSE);
        assert_eq!(pause(3), FIRST_PAUSE * 8);
        assert_eq!(pause(60), LONGEST_PAUSE);
    }
}
