//! The small shared memory of a deployment: in-flight count, rate windows, what other replicas use, and the published
//! view.
//!
//! The in-flight count is an atomic that only leases move; the view is written by the deployment's
//! actor alone and read by everybody without asking.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};

use crate::base::window::SlidingWindow;
use crate::domain::cluster::Others;
use crate::domain::deployment::Deployment;
use crate::domain::routing::snapshot::View;

/// The longest wait that is told where other replicas use a limit, too: their windows are not seen from here.
const OTHERS_WAIT: Duration = Duration::from_secs(5);

/// One deployment's shared memory. It outlives restarts of the deployment's actor.
pub struct Cell {
    deployment: Arc<Deployment>,
    counts: Arc<Counts>,
    view: ArcSwap<View>,
    parallel_limit: Option<u32>,
    /// Messages that wait for its actor.
    mailbox: AtomicU32,
    /// What its provider says is left of its own limits of requests and of tokens; [`UNTOLD`] before it said so.
    left: [AtomicU64; 2],
}

/// Nothing was said.
const UNTOLD: u64 = u64::MAX;

/// What leases move. Shared by all cells that one deployment had over reloads, so that attempts begun
/// under an earlier configuration still count.
struct Counts {
    in_flight: AtomicU32,
    rates: Mutex<Rates>,
    others: OthersUse,
}

/// What the other replicas use, as far as they are heard.
#[derive(Default)]
struct OthersUse {
    in_flight: AtomicU32,
    requests: AtomicU64,
    tokens: AtomicU64,
}

struct Rates {
    requests: SlidingWindow,
    tokens: SlidingWindow,
}

/// Which of a deployment's own limits has no room, and when it may have some again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// `rpm`, `tpm` or `max_parallel_requests`.
    pub limit: &'static str,
    /// The configured value.
    pub allowed: u64,
    /// What is used now.
    pub used: u64,
    /// When the window may have room; `None` for parallel requests.
    pub retry_after: Option<Duration>,
}

impl Cell {
    /// Memory for a deployment; `default_parallel` is the router's `default_max_parallel_requests`.
    pub fn new(deployment: Arc<Deployment>, default_parallel: Option<u32>) -> Arc<Self> {
        let now = Instant::now();
        let rates = Mutex::new(Rates { requests: SlidingWindow::new(now), tokens: SlidingWindow::new(now) });
        let counts = Arc::new(Counts { in_flight: AtomicU32::new(0), rates, others: OthersUse::default() });
        Cell::with(deployment, default_parallel, counts, Arc::default())
    }

    /// The same deployment's memory under a changed configuration: counts and view go on.
    pub fn succeed(old: &Cell, deployment: Arc<Deployment>, default_parallel: Option<u32>) -> Arc<Self> {
        Cell::with(deployment, default_parallel, Arc::clone(&old.counts), old.view.load_full())
    }

    fn with(
        deployment: Arc<Deployment>,
        default_parallel: Option<u32>,
        counts: Arc<Counts>,
        view: Arc<View>,
    ) -> Arc<Self> {
        let parallel_limit = deployment.capacity.max_parallel_requests.or(default_parallel);
        let mailbox = AtomicU32::new(0);
        let left = [const { AtomicU64::new(UNTOLD) }; 2];
        Arc::new(Cell { deployment, counts, view: ArcSwap::new(view), parallel_limit, mailbox, left })
    }

    /// Whether it is the memory of exactly this deployment under this default.
    pub fn describes(&self, deployment: &Deployment, default_parallel: Option<u32>) -> bool {
        let parallel = deployment.capacity.max_parallel_requests.or(default_parallel);
        *self.deployment == *deployment && self.parallel_limit == parallel
    }

    /// The deployment.
    pub fn deployment(&self) -> &Arc<Deployment> {
        &self.deployment
    }

    /// Attempts of this process under way at this moment.
    pub fn in_flight(&self) -> u32 {
        self.counts.in_flight.load(Ordering::Relaxed)
    }

    /// What the other replicas use.
    pub fn others(&self) -> Others {
        let others = &self.counts.others;
        Others {
            in_flight: others.in_flight.load(Ordering::Relaxed),
            requests: others.requests.load(Ordering::Relaxed),
            tokens: others.tokens.load(Ordering::Relaxed),
        }
    }

    /// For the Cluster actor alone: what the other replicas use from now on.
    pub(super) fn hear(&self, sums: Others) {
        let others = &self.counts.others;
        others.in_flight.store(sums.in_flight, Ordering::Relaxed);
        others.requests.store(sums.requests, Ordering::Relaxed);
        others.tokens.store(sums.tokens, Ordering::Relaxed);
    }

    /// The provider says that so much is left of its own limit of requests (`tokens: false`) or of tokens.
    pub fn told_left(&self, tokens: bool, left: u32) {
        let [of_requests, of_tokens] = &self.left;
        (if tokens { of_tokens } else { of_requests }).store(left.into(), Ordering::Relaxed);
    }

    /// What the provider said last of what is left of its limits of requests and of tokens.
    pub fn left(&self) -> [Option<u64>; 2] {
        self.left.each_ref().map(|left| Some(left.load(Ordering::Relaxed)).filter(|left| *left != UNTOLD))
    }

    /// What its actor last published.
    pub fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// Messages with facts that wait for its actor.
    pub fn waiting(&self) -> u32 {
        self.mailbox.load(Ordering::Relaxed)
    }

    /// A message was sent to its actor.
    pub(super) fn sent(&self) {
        self.mailbox.fetch_add(1, Ordering::Relaxed);
    }

    /// Its actor has taken one; a new incarnation begins with none (`all`).
    pub(super) fn taken(&self, all: bool) {
        let rest = |waiting: u32| Some(if all { 0 } else { waiting.saturating_sub(1) });
        // It always changes something.
        let _ = self.mailbox.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
    }

    /// For the deployment's actor alone.
    pub(super) fn publish(&self, view: View) {
        self.view.store(Arc::new(view));
    }

    /// Requests and tokens of this process in the last 60 seconds.
    pub fn used(&self, now: Instant) -> (u64, u64) {
        let rates = self.rates();
        (rates.requests.used(now), rates.tokens.used(now))
    }

    /// How long until a request (`tokens: false`), or `amount` tokens, fit the window if nobody else
    /// takes anything.
    pub fn wait(&self, tokens: bool, amount: u64, now: Instant) -> Duration {
        let capacity = &self.deployment.capacity;
        let (others, rates) = (self.others(), self.rates());
        let wait = if tokens {
            let limit = capacity.tpm.unwrap_or(u64::MAX);
            rates.tokens.wait(amount.min(limit), limit.saturating_sub(others.tokens), now)
        } else {
            rates.requests.wait(1, capacity.rpm.unwrap_or(u64::MAX).saturating_sub(others.requests), now)
        };
        if others == Others::default() { wait } else { wait.min(OTHERS_WAIT) }
    }

    /// Takes one unit of everything the deployment limits, or nothing.
    ///
    /// # Errors
    /// Which limit has no room.
    pub fn lease(self: &Arc<Self>, tokens: u64, now: Instant) -> Result<Lease, Full> {
        self.take_slot()?;
        // From here on the slot is given back by this guard, whatever happens.
        let mut lease = Lease { cell: Arc::clone(self), taken_at: now, tokens: 0, settled: true };
        let capacity = &self.deployment.capacity;
        let others = self.others();
        let full = |limit, allowed, used, wait: Duration| {
            let wait = if others == Others::default() { wait } else { wait.min(OTHERS_WAIT) };
            Err(Full { limit, allowed, used, retry_after: Some(wait) })
        };
        let mut rates = self.rates();
        let request_limit = capacity.rpm.unwrap_or(u64::MAX);
        let token_limit = capacity.tpm.unwrap_or(u64::MAX);
        // An estimate above the whole limit would never fit; the provider is the one to refuse it.
        let tokens = tokens.min(token_limit);
        if let Err(wait) = rates.requests.try_take(1, request_limit.saturating_sub(others.requests), now) {
            return full("rpm", request_limit, rates.requests.used(now) + others.requests, wait);
        }
        if let Err(wait) = rates.tokens.try_take(tokens, token_limit.saturating_sub(others.tokens), now) {
            rates.requests.give_back(1, now);
            return full("tpm", token_limit, rates.tokens.used(now) + others.tokens, wait);
        }
        drop(rates);
        lease.tokens = tokens;
        lease.settled = false;
        Ok(lease)
    }

    fn take_slot(&self) -> Result<(), Full> {
        let Some(limit) = self.parallel_limit else {
            self.counts.in_flight.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        let others = self.counts.others.in_flight.load(Ordering::Relaxed);
        let take = |count: u32| (count.saturating_add(others) < limit).then_some(count + 1);
        match self.counts.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(()),
            Err(used) => Err(Full {
                limit: "max_parallel_requests",
                allowed: limit.into(),
                used: u64::from(used) + u64::from(others),
                retry_after: None,
            }),
        }
    }

    fn rates(&self) -> MutexGuard<'_, Rates> {
        // The windows are plain numbers: a panic elsewhere while they were locked leaves them usable.
        self.counts.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One unit of a deployment's in-flight count, held by one attempt, with the tokens it reserved.
///
/// Dropping it gives the slot back; tokens that were not settled are given back too (the attempt came
/// to nothing), the request stays counted (the provider counts it as well).
pub struct Lease {
    cell: Arc<Cell>,
    taken_at: Instant,
    tokens: u64,
    settled: bool,
}

impl Lease {
    /// The deployment it is for.
    pub fn deployment(&self) -> &Arc<Deployment> {
        self.cell.deployment()
    }

    /// The deployment's memory.
    pub fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    /// When it was taken.
    pub fn taken_at(&self) -> Instant {
        self.taken_at
    }

    /// Replaces the reserved tokens by what was used.
    pub fn settle(&mut self, used: u64, now: Instant) {
        if !std::mem::replace(&mut self.settled, true) {
            self.cell.rates().tokens.settle(self.tokens, used, self.taken_at, now);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.settled {
            self.cell.rates().tokens.give_back(self.tokens, self.taken_at);
        }
        self.cell.counts.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    fn cell(params: &str) -> Arc<Cell> {
        let text = format!(
            "model_list: [{{model_name: a, litellm_params: {{model: openai/x, api_key: k, {params}}}}}]"
        );
        let config = load_text(&text, "c.yaml", &|_| None).unwrap().config;
        Cell::new(Arc::clone(&config.deployments[0]), None)
    }

    #[test]
    fn what_other_replicas_use_counts_and_is_not_counted_twice() {
        let now = Instant::now();
        let cell = cell("rpm: 3, tpm: 100, max_parallel_requests: 4");
        cell.hear(Others { in_flight: 3, requests: 2, tokens: 50 });
        let lease = cell.lease(10, now).unwrap();
        let full = cell.lease(10, now).err().unwrap();
        assert_eq!((full.limit, full.allowed, full.used), ("max_parallel_requests", 4, 4));
        cell.hear(Others { in_flight: 0, requests: 2, tokens: 50 });
        let full = cell.lease(10, now).err().unwrap();
        assert_eq!((full.limit, full.used), ("rpm", 3));
        assert!(full.retry_after.unwrap() <= OTHERS_WAIT);
        cell.hear(Others { in_flight: 0, requests: 0, tokens: 91 });
        let full = cell.lease(10, now).err().unwrap();
        assert_eq!((full.limit, full.used), ("tpm", 101));
        assert_eq!((cell.in_flight(), cell.used(now)), (1, (1, 10)), "its own use is what it says of itself");
        drop(lease);
        cell.hear(Others::default());
        assert!(cell.lease(10, now).is_ok());
    }
}
