//! Several replicas over one Redis and one PostgreSQL.

mod exact;
#[path = "../../support/redis.rs"]
#[allow(dead_code, reason = "the link's own tests use the rest")]
mod redis;
