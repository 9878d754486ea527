//! Whether the database answers, as of the last look, told once for each change.

use std::sync::atomic::{AtomicU8, Ordering};

use super::StoreError;

const UP: u8 = 1;
const DOWN: u8 = 2;

/// The last look's result; 0 before the first.
#[derive(Default)]
pub(super) struct Health(AtomicU8);

impl Health {
    /// Remembers a look at a database of this kind.
    pub fn note(&self, kind: &str, result: &Result<(), StoreError>) {
        let now = if result.is_ok() { UP } else { DOWN };
        let before = self.0.swap(now, Ordering::Relaxed);
        match result {
            Err(cause) if before != DOWN => {
                tracing::error!(kind, %cause, "the database cannot be used; ledger rows wait in the spool");
            }
            Ok(()) if before == DOWN => tracing::info!(kind, "the database can be used again"),
            _ => {}
        }
    }

    /// `None` before the first look.
    pub fn is_up(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            UP => Some(true),
            DOWN => Some(false),
            _ => None,
        }
    }
}
