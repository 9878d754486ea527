//! The ground floor: values and small mechanisms that know nothing of HTTP, providers or actors.

pub mod civil;
pub mod clock;
pub mod coarse_clock;
pub mod deadline;
pub mod durations;
pub mod error;
pub mod ewma;
pub mod ids;
pub mod money;
pub mod reach;
pub mod rng;
pub mod seal;
pub mod secret;
pub mod shards;
pub mod suggest;
pub mod usage;
pub mod window;
