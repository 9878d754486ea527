//! Shapes on the wire: which endpoints there are, JSON bodies whose unknown parts travel untouched,
//! server-sent events.

pub mod endpoint;
pub mod envelope;
pub mod json;
pub mod multipart;
pub mod retry_after;
pub mod sse;
pub mod surface;
pub mod usage;
