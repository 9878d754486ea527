//! The Redis (or Valkey) that replicas share: one connection for everything, which never makes a request wait.
//!
//! A [`Link`] is open or closed for calls. The first call that gets no answer in its time brings it in doubt: then
//! nobody waits any more, until an answer comes. A second of silence, or a connection that breaks, turns it off: from then
//! on calls fail at once, while a thread of its own makes a new connection and tries it every quarter of a second
//! ([`driver`]). Listeners are told of each change, so that they can make good what they have missed.

pub mod connection;
mod counters;
mod dial;
mod driver;
pub mod fault;
pub mod memory;
mod meters;
pub mod reserve;
pub mod script;
mod subscription;
pub mod vectors;

#[cfg(test)]
mod tests;

pub use connection::{Link, PATIENCE, State, VERDICT, silence};
pub use counters::{Counters, Lost};
pub use fault::LinkError;
pub use redis::{Cmd, Value, cmd};
pub use script::Script;
pub use subscription::{Ear, Heard};
