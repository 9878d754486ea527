//! Shapes on the wire: which endpoints there are, JSON bodies whose unknown parts travel untouched,
//! server-sent events.

pub mod endpoint;
pub mod sse;
pub mod surface;
