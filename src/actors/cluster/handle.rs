//! The cluster from the outside: for those who change something, and those who share something with the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_rt::ArbiterHandle;

use super::{Cluster, Ground, Leave, Tell};
use crate::actors::keeper::Kept;
use crate::domain::cluster::Changed;
use crate::telemetry::names;

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_millis(200);

/// How many replicas there are, and what went past the actor.
#[derive(Clone, Default)]
pub struct Replicas(Arc<Inner>);

#[derive(Default)]
struct Inner {
    count: AtomicUsize,
    missed_telling: AtomicBool,
    missed_hearing: AtomicBool,
}

impl Replicas {
    /// Replicas that are there, this one included; while nothing can be heard, as many as there were last. Always 1
    /// without Redis.
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::Relaxed).max(1)
    }

    /// A change could not be given to the actor.
    pub(super) fn miss_telling(&self) {
        self.0.missed_telling.store(true, Ordering::Release);
    }

    /// Whether that happened since the last question.
    pub(super) fn missed_telling(&self) -> bool {
        self.0.missed_telling.swap(false, Ordering::AcqRel)
    }

    /// Something heard could not be given to the actor.
    pub(super) fn miss_hearing(&self) {
        self.0.missed_hearing.store(true, Ordering::Release);
    }

    /// Whether that happened since the last question.
    pub(super) fn missed_hearing(&self) -> bool {
        self.0.missed_hearing.swap(false, Ordering::AcqRel)
    }

    pub(super) fn set(&self, count: usize) {
        self.0.count.store(count, Ordering::Relaxed);
    }
}

/// The actor and what it publishes.
#[derive(Clone)]
pub struct ClusterHandle {
    actor: Kept<Cluster>,
    replicas: Replicas,
}

impl ClusterHandle {
    /// Starts the actor under a name that is this process's alone.
    pub fn start(control: ArbiterHandle, ground: Ground) -> Self {
        let restarts = ground.metrics.counter(names::ACTOR_RESTARTS, &[("actor", "cluster")]);
        // From the operating system: replicas that start in the same moment must not draw the same name.
        let (name, replicas) = (uuid::Uuid::new_v4().to_string(), ground.replicas.clone());
        let actor = Kept::start("cluster", control, restarts, move |notice| {
            Cluster::new(ground.clone(), &name, notice)
        });
        ClusterHandle { actor, replicas }
    }

    /// Tells the other replicas of a change made here. Nothing is waited for, and nothing gets lost: what cannot be
    /// told now is told when it can be.
    pub fn tell(&self, changed: Changed) {
        let told = self.actor.with(|address| address.try_send(Tell(changed)).is_ok());
        if told != Some(true) {
            self.replicas.miss_telling();
        }
    }

    /// How many replicas there are.
    pub fn replicas(&self) -> &Replicas {
        &self.replicas
    }

    /// Says farewell.
    pub async fn leave(&self) {
        if let Some(asked) = self.actor.with(|address| address.send(Leave)) {
            // Silence says the same a little later.
            let _ = actix_rt::time::timeout(FAREWELL, asked).await;
        }
    }
}
