//! Looks every few seconds whether Redis throws keys away for want of memory. What is thrown away may be counters of limits
//! and budgets, and nobody else would notice: a counter that is gone counts from zero.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::redis_link::memory::Memory;
use crate::redis_link::{Link, VERDICT};
use crate::telemetry::{Metrics, names};

/// How often.
const EVERY: Duration = Duration::from_secs(5);
/// How often it is said at most.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Looks for ever.
pub async fn run(link: Link, metrics: Metrics) {
    let counter = metrics.counter(names::REDIS_EVICTED, &[]);
    let (mut watch, mut state) = (Watch::default(), link.watch());
    let link = link.patient(VERDICT);
    loop {
        if let Ok(servers) = Memory::ask(&link).await {
            let found = watch.look(servers, Instant::now());
            counter.increment(found.evicted);
            say(&found);
        }
        // A new connection may lead to another server.
        let changed = async { state.changed().await.is_ok() };
        if actix_rt::time::timeout(EVERY, changed).await == Ok(false) {
            return;
        }
    }
}

fn say(found: &Found) {
    if let Some(policy) = &found.policy {
        tracing::warn!(
            maxmemory_policy = policy,
            "a full Redis may evict counters of limits and budgets, whatever they are needed for; set maxmemory-policy to \
             volatile-lfu, and maxmemory to more than counters and answers take"
        );
    }
    if let Some(evicted) = found.say {
        tracing::warn!(
            evicted,
            "Redis has evicted keys for want of memory; counters among them count from zero, so limits and budgets may \
             have admitted too much: give it more memory, or keep fewer answers there (cache_params: a shorter ttl, or \
             type: local)"
        );
    }
}

/// What was seen.
#[derive(Default)]
struct Watch {
    evicted: HashMap<String, u64>,
    policy: Option<String>,
    /// Evicted keys of which nothing was said, and when something was said last.
    unsaid: u64,
    said: Option<Instant>,
}

/// What is new.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Keys that were evicted since the last look.
    evicted: u64,
    /// Such keys of which something is to be said.
    say: Option<u64>,
    /// A policy that is to be warned of.
    policy: Option<String>,
}

impl Watch {
    fn look(&mut self, servers: Vec<(String, Memory)>, now: Instant) -> Found {
        let mut evicted = 0_u64;
        let policy = servers.iter().find(|(_, one)| one.evicts_all()).map(|(_, one)| one.policy.clone());
        for (server, memory) in servers {
            // What was before the first look is nobody's news; a server that has started anew counts from zero.
            let before = self.evicted.insert(server, memory.evicted).unwrap_or(memory.evicted);
            evicted += if before <= memory.evicted { memory.evicted - before } else { memory.evicted };
        }
        let changed = policy != self.policy;
        self.policy.clone_from(&policy);
        self.unsaid += evicted;
        let due = self.said.is_none_or(|said| now.saturating_duration_since(said) >= SAY_EVERY);
        let say = (self.unsaid > 0 && due).then(|| std::mem::take(&mut self.unsaid));
        if say.is_some() {
            self.said = Some(now);
        }
        Found { evicted, say, policy: policy.filter(|_| changed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(policy: &str, evicted: u64) -> Vec<(String, Memory)> {
        vec![("a".into(), Memory { policy: policy.into(), bounded: true, evicted })]
    }

    #[test]
    fn evictions_are_counted_once_and_said_now_and_then() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(watch.look(memory("volatile-lfu", 100), at(0)), Found::default(), "before its time");
        let found = watch.look(memory("volatile-lfu", 103), at(5));
        assert_eq!((found.evicted, found.say), (3, Some(3)));
        let found = watch.look(memory("volatile-lfu", 110), at(10));
        assert_eq!((found.evicted, found.say), (7, None), "it has been said a moment ago");
        let found = watch.look(memory("volatile-lfu", 2), at(66));
        assert_eq!((found.evicted, found.say), (2, Some(9)), "a server that has started anew");
        assert_eq!(watch.look(memory("volatile-lfu", 2), at(200)), Found::default());
    }

    #[test]
    fn a_policy_that_evicts_everything_is_warned_of_once() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        assert_eq!(watch.look(memory("allkeys-lru", 0), now).policy.as_deref(), Some("allkeys-lru"));
        assert_eq!(watch.look(memory("allkeys-lru", 0), now).policy, None);
        assert_eq!(watch.look(memory("noeviction", 0), now).policy, None);
        assert_eq!(watch.look(memory("allkeys-lfu", 0), now).policy.as_deref(), Some("allkeys-lfu"));
    }
}
