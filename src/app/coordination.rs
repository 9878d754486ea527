//! What replicas share: the link to Redis, the counters that they have in common, and who talks to them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_rt::ArbiterHandle;
use sha2::{Digest, Sha256};

use super::accounts::Ledger;
use crate::actors::coordinator::{Commons, Coordinator, Flush, Reread, Stale};
use crate::actors::keeper::Kept;
use crate::base::secret::Secret;
use crate::domain::ledger::AccountId;
use crate::domain::scope;
use crate::gateway::governance::Governance;
use crate::redis_link::{Counters, Link, State};
use crate::telemetry::{Metrics, names};

/// What the seed of scopes' names is made of besides the master key.
const SEED: &[u8] = b"stagedoor: names of common counters";

/// How long a start waits for a Redis that takes connections. Before the first answer a replica knows of no others, and
/// would count as if it were alone.
const FIRST_ANSWER: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(5);
/// How long the last word may take.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Makes counters of replicas that share a master key the same. To be called before any scope is named.
pub fn share_names(master: &Secret) {
    let digest = Sha256::new().chain_update(SEED).chain_update(master.expose()).finalize();
    let (seed, _) = digest.split_at(16);
    if let Ok(seed) = <[u8; 16]>::try_from(seed) {
        scope::seed(seed);
    }
}

/// Limits and budgets are to be counted together with the other replicas.
pub fn join(governance: &mut Governance, metrics: &Metrics) -> Commons {
    let commons = Commons::new(Arc::clone(governance.limiter()), Arc::clone(governance.budgets()));
    governance.commons = Some(commons.clone());
    governance.waits = Some(metrics.histogram(names::CLAIM_SECONDS, &[]));
    commons
}

/// Talks to the common counters from now on, under the name by which the ledger's rows of this process are known.
pub fn start(
    (link, commons): (Link, Commons),
    ledger: &Ledger,
    governance: &Governance,
    control: &ArbiterHandle,
    metrics: &Metrics,
) -> Kept<Coordinator> {
    let unnamed = || format!("stagedoor.{:016x}", fastrand::u64(..));
    let replica = ledger.spool.as_ref().map_or_else(unnamed, |spool| spool.incarnation().to_string());
    let counters = Counters::new(link, &replica);
    let reread = reread(governance.clone(), commons.clone(), control.clone());
    let restarts = metrics.counter(names::ACTOR_RESTARTS, &[("actor", "coordinator")]);
    Kept::start("coordinator", control.clone(), restarts, move |notice| {
        Coordinator::new(commons.clone(), counters.clone(), Arc::clone(&reread), notice)
    })
}

/// Waits a moment for the first answer, so that a replica among others does not begin by itself.
/// Where Redis cannot be reached there is nothing to wait for.
pub async fn first_answer(governance: &Governance, link: Option<&Link>) {
    let Some((commons, link)) = governance.commons.as_ref().zip(link) else { return };
    let end = Instant::now() + FIRST_ANSWER;
    while !commons.answers() && link.state() != State::Down && Instant::now() < end {
        actix_rt::time::sleep(LOOK).await;
    }
}

/// Says a last time what is held, which is nothing where all requests are over.
pub async fn close(coordinator: &Kept<Coordinator>) {
    let Some(asked) = coordinator.with(|address| address.send(Flush)) else { return };
    if actix_rt::time::timeout(LAST_WORD, asked).await.is_err() {
        tracing::debug!("other replicas were not told that this one is gone");
    }
}

/// Asks the database again for accounts that others have changed.
fn reread(governance: Governance, commons: Commons, control: ArbiterHandle) -> Reread {
    Arc::new(move |stale: Vec<Stale>| {
        for (scope, id, generation) in stale {
            let (governance, commons) = (governance.clone(), commons.clone());
            control.spawn(async move {
                let key = scope.key();
                governance.reread(AccountId::clone(&id), &[], |_| Some(scope.clone())).await;
                commons.reread(key, generation);
            });
        }
    })
}
