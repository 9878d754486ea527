//! The local cache: bounds, times, emptying.

use bytes::Bytes;

use super::*;
use crate::config::model::{CacheScope, LocalBounds};
use crate::domain::cache::Digest;

fn key(name: &str) -> CacheKey {
    let mut digest = Digest::default();
    digest.part("test", name.as_bytes());
    digest.finish()
}

fn answer(size: usize) -> Stored {
    let body = Bytes::from(vec![b'x'; size]);
    Stored { at_ms: 0, content_type: "text/plain".into(), usage: None, deployment: "d".into(), body }
}

fn cache(entries: u64, bytes: u64) -> ResponseCache {
    let settings = CacheSettings {
        place: CachePlace::Local,
        ttl: Duration::from_secs(60),
        namespace: None,
        by_default: true,
        calls: Vec::new(),
        scope: CacheScope::Key,
        streams: false,
        shares_calls: false,
        max_messages: None,
        max_entry_bytes: 1000,
        local: LocalBounds { entries, bytes },
    };
    ResponseCache::new(&settings, None, &Metrics::new(None).unwrap())
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_answer_is_found_until_it_is_forgotten() {
    let cache = cache(10, 100_000);
    let empty = cache.find(&key("a")).await;
    assert!(empty.stored.is_none());
    let epoch = empty.epoch.unwrap();
    cache.keep(key("a"), epoch, answer(5), MINUTE);
    assert_eq!(cache.find(&key("a")).await.stored.as_deref(), Some(&answer(5)));
    assert!(cache.find(&key("b")).await.stored.is_none());
    cache.forget(&[key("a")]).await.unwrap();
    assert!(cache.find(&key("a")).await.stored.is_none());
    cache.keep(key("a"), epoch, answer(5), Duration::ZERO);
    assert!(cache.find(&key("a")).await.stored.is_none(), "kept for no time");
}

#[tokio::test]
async fn what_was_asked_before_a_flush_does_not_answer_after_it() {
    let cache = cache(10, 100_000);
    let before = cache.find(&key("a")).await.epoch.unwrap();
    cache.keep(key("b"), before, answer(1), MINUTE);
    cache.flush().await.unwrap();
    assert!(cache.find(&key("b")).await.stored.is_none());
    cache.keep(key("a"), before, answer(1), MINUTE);
    assert!(cache.find(&key("a")).await.stored.is_none());
    let after = cache.find(&key("a")).await.epoch.unwrap();
    cache.keep(key("a"), after, answer(1), MINUTE);
    assert!(cache.find(&key("a")).await.stored.is_some());
}

#[tokio::test]
async fn the_local_cache_is_bounded_in_answers_and_bytes() {
    let (few, small) = (cache(10, 1_000_000), cache(1000, 20_000));
    for turn in 0..100 {
        few.keep(key(&turn.to_string()), 0, answer(1), MINUTE);
        small.keep(key(&turn.to_string()), 0, answer(1000), MINUTE);
    }
    let size = |cache: &ResponseCache| match &cache.0.place {
        Place::Local(local) => local.size(),
        Place::Remote(_) => (0, 0),
    };
    let ((entries, _), (_, bytes)) = (size(&few), size(&small));
    assert!((1..=10).contains(&entries), "{entries}");
    assert!((1000..=20_000).contains(&bytes), "{bytes}");
}
