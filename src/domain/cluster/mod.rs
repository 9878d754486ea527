//! What replicas tell each other, and what each of them makes of it. Pure: no clock, no network.
//!
//! There are two kinds of messages. [`News`] say that something was changed, so that copies of it are forgotten: they
//! must not get lost, and whoever may have missed one doubts all copies. [`Report`]s say how one replica uses the
//! deployments: they carry absolute values and are repeated, so losing one does no harm. Neither carries a moment of
//! time, because clocks differ.

mod announcer;
mod changed;
mod news;
mod outgoing;
mod peers;
mod report;
#[cfg(test)]
mod rests;
#[cfg(test)]
mod simulation;

pub use announcer::Announcer;
pub use changed::Changed;
pub use news::News;
pub use outgoing::Outgoing;
pub use peers::{Others, Peers, SILENT};
pub use report::{Numbers, Report, Rest};
