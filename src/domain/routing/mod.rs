//! Which deployment serves the next attempt: pure decisions over snapshots.
