//! What has changed, told to those who keep copies of it.

pub use crate::domain::cluster::Changed;

/// Somebody who keeps copies of what the operations change. Called after the change was committed, on the thread
/// that asked for it; must not wait.
pub trait Changes: Send + Sync {
    /// This has changed.
    fn tell(&self, changed: Changed);

    /// Whether other replicas, should there be some, hear of it.
    fn reaches_others(&self) -> bool {
        false
    }
}

/// Nobody keeps copies.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCopies;

impl Changes for NoCopies {
    fn tell(&self, _: Changed) {}
}
