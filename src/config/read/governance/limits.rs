//! Limits that belong to nobody, and `rate_limit_config`.

use std::collections::BTreeMap;

use crate::config::keys::{self, Keys};
use crate::config::model::{LimitSettings, RedisSettings, TokenCount};
use crate::config::scope::Scope;
use crate::domain::limits::Limits;

/// Where a Redis listens when nothing is said.
const REDIS_PORT: u16 = 6379;

/// Reads the sections' say in limits.
pub fn read(root: &Scope<'_>, general: &Scope<'_>) -> LimitSettings {
    let words = [("total", TokenCount::Total), ("input", TokenCount::Input), ("output", TokenCount::Output)];
    let tokens = general.get("token_rate_limit_type").and_then(|field| field.word(&words));
    LimitSettings {
        global: Limits {
            requests_per_minute: limit(general, "global_max_rpm"),
            tokens_per_minute: limit(general, "global_max_tpm"),
            tokens_per_day: None,
            parallel: limit(general, "global_max_parallel_requests"),
        },
        key_parallel: limit(general, "max_parallel_requests"),
        key_by_group: BTreeMap::new(),
        tokens: tokens.unwrap_or_default(),
        redis: redis(&root.scope("rate_limit_config")),
    }
}

/// A limit. One of 0 would stop all traffic: whoever writes it means that there is none.
fn limit(general: &Scope<'_>, key: &str) -> Option<u64> {
    let field = general.get(key)?;
    let limit = field.count()?;
    if limit == 0 {
        field.warn("0 counts as no limit; leave it out, or give a number");
        return None;
    }
    Some(limit)
}

fn redis(scope: &Scope<'_>) -> Option<RedisSettings> {
    scope.warn_of_unknown(Keys { now: keys::RATE_LIMIT, later: &[] }, &[]);
    let port = scope.get("redis_port").and_then(|field| {
        let port = field.count()?;
        let port = u16::try_from(port).ok().filter(|port| *port > 0);
        if port.is_none() {
            field.error("must be a port, 1 to 65535");
        }
        port
    });
    let settings = RedisSettings {
        url: scope.secret("redis_url"),
        host: scope.text("redis_host"),
        port: port.unwrap_or(REDIS_PORT),
        password: scope.secret("redis_password"),
        db: scope.small("redis_db"),
        tls: scope.flag("redis_ssl"),
    };
    if scope.entries().is_empty() {
        return None;
    }
    if settings.url.is_none() && settings.host.is_none() {
        scope.problems.warn(scope.at, &scope.path, "names no redis_host and no redis_url");
        return None;
    }
    Some(settings)
}
