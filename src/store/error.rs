//! What can go wrong with the store, told by what the caller can do about it.

use std::fmt;

/// What kind of failure it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The database cannot be reached or did not answer in time. It heals by itself; try again later. Whether a
    /// change was made is not known.
    Unavailable,
    /// Something with this name exists: `id`, `alias`, `email`.
    Conflict(String),
    /// There is no such row.
    NotFound,
    /// The request makes no sense to the store; nothing was changed.
    Invalid,
    /// The database refused what the program should not have asked for.
    Defect,
}

/// A failed call of the store. The sentence may be logged; it holds no secrets and no values of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// What kind of failure.
    pub kind: StoreErrorKind,
    /// What happened.
    pub message: String,
}

impl StoreError {
    /// [`StoreErrorKind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        StoreError { kind: StoreErrorKind::Unavailable, message: message.into() }
    }

    /// [`StoreErrorKind::Conflict`] about `what`.
    pub fn conflict(what: impl Into<String>) -> Self {
        let what = what.into();
        StoreError { message: format!("the {what} is taken"), kind: StoreErrorKind::Conflict(what) }
    }

    /// [`StoreErrorKind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        StoreError { kind: StoreErrorKind::NotFound, message: message.into() }
    }

    /// [`StoreErrorKind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        StoreError { kind: StoreErrorKind::Invalid, message: message.into() }
    }

    /// [`StoreErrorKind::Defect`].
    pub fn defect(message: impl Into<String>) -> Self {
        StoreError { kind: StoreErrorKind::Defect, message: message.into() }
    }

    /// A conflict on the constraint or columns that a database names (`stagedoor_keys_alias`,
    /// `stagedoor_keys.id, stagedoor_keys.part`).
    pub(super) fn taken(named: &str) -> Self {
        let what = ["alias", "email"].into_iter().find(|what| named.contains(what));
        StoreError::conflict(what.unwrap_or("id"))
    }

    /// Whether trying again later can help.
    pub fn is_unavailable(&self) -> bool {
        self.kind == StoreErrorKind::Unavailable
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {}
