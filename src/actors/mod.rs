//! One writer per fact: the actors and the small shared memory they publish into.

pub mod cell;
pub mod deployment;
pub mod keeper;
pub mod outbox;
pub mod router;
pub mod topology;
