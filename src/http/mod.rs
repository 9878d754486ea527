//! Thin handlers: they read a request, ask the gateway, and write its answer.

pub mod admin;
pub mod auth;
pub mod callbacks;
pub mod data;
pub mod debug;
pub mod docs;
pub mod front;
pub mod health;
pub mod inbound;
pub mod limits;
pub mod metrics;
pub mod models;
pub mod reply;
pub mod routes;
