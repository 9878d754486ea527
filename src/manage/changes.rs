//! What has changed, told to those who keep copies of it.

use crate::domain::keys::Key;

/// What was made, changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Changed {
    /// A key. A replaced key is told under its old hash and its new one.
    Key {
        /// Its hash.
        hash: String,
        /// The hash that it is counted under ([`Key::counted_as`]).
        counted_as: String,
    },
    /// A user.
    User(String),
    /// A team, or a member of it.
    Team(String),
    /// An organization, or a member of it.
    Organization(String),
    /// An end user.
    EndUser(String),
    /// A shared budget, and so all that point to it.
    Budget(String),
    /// A tag, by name.
    Tag(String),
    /// A deployment in the database, by id.
    Model(String),
    /// A credential in the database, by name.
    Credential(String),
    /// More than can be said one by one.
    Everything,
}

impl From<&Key> for Changed {
    fn from(key: &Key) -> Self {
        Changed::Key { hash: key.hash.clone(), counted_as: key.counted_as().to_string() }
    }
}

/// Somebody who keeps copies of what the operations change. Called after the change was committed, on the thread
/// that asked for it; must not wait.
pub trait Changes: Send + Sync {
    /// This has changed.
    fn tell(&self, changed: Changed);
}

/// Nobody keeps copies.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCopies;

impl Changes for NoCopies {
    fn tell(&self, _: Changed) {}
}
