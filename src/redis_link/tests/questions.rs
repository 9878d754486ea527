//! Known questions in a stream, as replicas read them.

use crate::base::clock::unix_ms;
use crate::domain::semantic::{Bucket, Known, Vector, Wording};
use crate::redis_link::vectors::{Log, Place, Search};
use crate::redis_link::{LinkError, State};

use super::server::{Cluster, Redis};
use super::{link, single, until, up};

fn known(number: u16) -> Known {
    Known {
        wording: Wording::of("what is it"),
        bucket: Bucket::of(&[b"b"]),
        vector: Vector::new(vec![f32::from(number), 1.0]).unwrap(),
        key: format!("k{number}").into(),
        until_ms: unix_ms() + 60_000,
    }
}

async fn all(log: &Log, place: &mut Place) -> Vec<Known> {
    let mut found = Vec::new();
    loop {
        let news = log.read_on(place).await.unwrap();
        found.extend(news.known);
        if !news.more {
            return found;
        }
    }
}

#[tokio::test]
async fn what_one_replica_writes_the_others_read_once() {
    let server = Redis::start(&[]);
    let (link, _) = single(server.port);
    up(&link).await;
    let (log, mut place) = (Log::new(&link), Place::default());
    assert!(log.read_on(&mut place).await.unwrap().anew);
    assert!(!log.read_on(&mut place).await.unwrap().anew);
    let written: Vec<Known> = (0..100).map(known).collect();
    for one in &written {
        log.append(one).await.unwrap();
    }
    assert_eq!(all(&log, &mut place).await, written);
    assert_eq!(all(&log, &mut place).await, []);
    assert_eq!(all(&log, &mut Place::default()).await, written, "a new replica reads everything");
    log.append(&Known { until_ms: unix_ms(), ..known(0) }).await.unwrap();
    assert_eq!(all(&log, &mut place).await, [], "nothing is written that has ended");
    let name = format!("{}cache:questions", link.prefix());
    let left: i64 = server.tell(&["PTTL", &name])[1..].parse().unwrap();
    assert!((1..=60_000).contains(&left), "{left}");
    for foreign in [["bucket", "short"], ["else", "x"]] {
        server.tell(&["XADD", &name, "*", foreign[0], foreign[1]]);
    }
    log.append(&known(7)).await.unwrap();
    let read = all(&log, &mut place).await;
    assert_eq!((read.len(), &*read[0].key), (1, "k7"), "what nobody can read is passed over");
}

#[tokio::test]
async fn after_a_new_connection_everything_is_read_again() {
    let server = Redis::start(&[]);
    let (link, _) = single(server.port);
    up(&link).await;
    let (log, mut place) = (Log::new(&link), Place::default());
    log.append(&known(1)).await.unwrap();
    assert_eq!(all(&log, &mut place).await.len(), 1);
    server.tell(&["CLIENT", "KILL", "TYPE", "normal"]);
    until(&link, |state| matches!(state, State::Up(number) if number > 1)).await;
    let news = log.read_on(&mut place).await.unwrap();
    assert_eq!((news.anew, news.known.len()), (true, 1));
    server.signal("KILL");
    until(&link, |state| state == State::Down).await;
    assert_eq!(log.read_on(&mut place).await, Err(LinkError::Down));
}

#[tokio::test]
async fn a_server_without_search_says_so() {
    let server = Redis::start(&[]);
    let (one, _) = single(server.port);
    up(&one).await;
    assert_eq!(Search::new(&one, None).prepare(2).await, Ok(false));
    let cluster = Cluster::start();
    let nodes: Vec<String> =
        cluster.nodes.iter().map(|node| format!("{{host: 127.0.0.1, port: {}}}", node.port)).collect();
    let (many, _) =
        link(&format!("litellm_settings: {{cache_params: {{redis_startup_nodes: [{}]}}}}", nodes.join(", ")));
    up(&many).await;
    assert_eq!(Search::new(&many, None).prepare(2).await, Ok(false));
    let (log, mut place) = (Log::new(&many), Place::default());
    log.append(&known(3)).await.unwrap();
    assert_eq!(all(&log, &mut place).await.len(), 1);
}
