//! Finished requests on their way to the sinks that callbacks name.
//!
//! A worker leaves what it has of a request in the [`Intake`], which is bounded. The [`Dispatcher`] puts it
//! into the [`Queue`] of each sink that wants it; queues are bounded, too, and
//! while all of those that a request is for are full, nothing is made of it: the [`Gate`] says so. For each sink an
//! [`Exporter`] takes batches from its queue and delivers them, again and again while that may help. The event that
//! sinks are told is made once, when the first of them is about to be told.
//! All of this lives on a thread of its own, so a dead sink, or a hundred thousand events to be written as JSON, take
//! nothing from requests but processor time.

mod delivery;
mod dispatcher;
mod exporter;
mod facts;
mod gate;
mod intake;
mod meters;
mod queue;
mod standing;

pub use dispatcher::{Dispatcher, Flush};
pub use exporter::Exporter;
pub use facts::Facts;
pub use gate::Gate;
pub use intake::Intake;
pub use meters::Meters;
pub use queue::Queue;
