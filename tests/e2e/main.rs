//! The real program, from outside: each test starts the binary with a config file of its own in front of a
//! scripted provider and looks at what a user would notice. One target, so that it links once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bad_input;
mod cache;
mod canary;
mod cluster;
mod connections;
mod cooldown;
mod docs;
mod endpoints;
mod errors;
mod export;
mod fallbacks;
mod first_minute;
mod hang_up;
mod harness;
mod health;
mod logs;
mod manage;
mod reload;
mod responses;
mod retries;
mod routing;
mod streaming;
mod streaming_breaks;
mod timeouts;
