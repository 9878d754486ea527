//! Frozen, killed, replaced: what it costs, and that it comes back.

use std::time::{Duration, Instant};

use super::super::{LinkError, State, cmd};
use super::server::{Redis, free_port};
use super::{get, set, single, until, up};

#[tokio::test]
async fn a_frozen_server_costs_one_wait_and_then_nothing() {
    let server = Redis::start(&[]);
    let (link, metrics) = single(server.port);
    up(&link).await;
    set(&link, "a", "1").await;
    server.signal("STOP");
    let began = Instant::now();
    let calls = (0..50).map(|_| {
        let link = link.clone();
        tokio::spawn(async move { link.query(cmd("GET").arg("a")).await })
    });
    for call in calls.collect::<Vec<_>>() {
        let outcome = call.await.unwrap();
        assert!(matches!(outcome, Err(LinkError::Late | LinkError::Down)), "{outcome:?}");
    }
    let first = began.elapsed();
    // In doubt first, and down when the silence has lasted: nobody waits in either.
    let began = Instant::now();
    for _ in 0..1_000 {
        let outcome = link.query(cmd("GET").arg("a")).await;
        assert!(matches!(outcome, Err(LinkError::Late | LinkError::Down)), "{outcome:?}");
    }
    let next = began.elapsed();
    eprintln!("frozen: 50 concurrent calls failed within {first:?}, the next 1000 within {next:?}");
    assert!(next < Duration::from_secs(20), "a thousand waits would be fifty: {next:?}");
    until(&link, |state| state == State::Down).await;
    assert_eq!(link.query(cmd("GET").arg("a")).await, Err(LinkError::Down));
    assert!(metrics.render().contains("stagedoor_redis_up 0"));
    server.signal("CONT");
    let began = Instant::now();
    assert_eq!(until(&link, State::is_up).await, State::Up(2), "listeners see that it is another connection");
    eprintln!("thawed: usable again after {:?}", began.elapsed());
    assert_eq!(get(&link, "a").await, "1");
}

#[tokio::test]
async fn a_killed_server_is_found_again_and_trouble_is_known_without_a_call() {
    let port = free_port();
    let server = Redis::on(port, &[]);
    let (link, _) = single(port);
    up(&link).await;
    server.signal("KILL");
    until(&link, |state| state == State::Down).await;
    drop(server);
    let _server = Redis::on(port, &[]);
    until(&link, State::is_up).await;
    set(&link, "a", "2").await;
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_not_used() {
    let master = Redis::start(&[]);
    let replica = Redis::start(&[]);
    let (link, _) = single(replica.port);
    up(&link).await;
    replica.tell(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]);
    until(&link, |state| state == State::Down).await;
    replica.tell(&["REPLICAOF", "NO", "ONE"]);
    until(&link, State::is_up).await;
}

#[tokio::test]
async fn a_hurried_call_says_nothing_about_the_server() {
    let server = Redis::start(&[]);
    let (link, _) = single(server.port);
    up(&link).await;
    server.signal("STOP");
    let hurried = link.patient(Duration::from_millis(1)).query(&cmd("PING")).await;
    assert_eq!((hurried, link.state()), (Err(LinkError::Late), State::Up(1)));
    server.signal("CONT");
    assert!(link.patient(Duration::from_secs(5)).query(&cmd("PING")).await.is_ok());
}

#[tokio::test]
async fn a_server_that_was_silent_for_a_moment_is_not_given_up() {
    let server = Redis::start(&[]);
    let (link, _) = single(server.port);
    up(&link).await;
    server.signal("STOP");
    assert_eq!(link.query(&cmd("PING")).await, Err(LinkError::Late));
    // Whoever has time waits on.
    let patient = link.patient(Duration::from_secs(30));
    let waits = tokio::spawn(async move { patient.query(cmd("SET").arg("a").arg("3")).await });
    server.signal("CONT");
    waits.await.unwrap().unwrap();
    assert_eq!((get(&link, "a").await.as_str(), link.state()), ("3", State::Up(1)));
}

#[tokio::test]
async fn the_last_link_closes_the_connection() {
    let server = Redis::start(&[]);
    let (link, _) = single(server.port);
    up(&link).await;
    let mut watch = link.watch();
    drop(link);
    tokio::time::timeout(Duration::from_secs(5), async { while watch.changed().await.is_ok() {} })
        .await
        .expect("the thread lets go of the link");
}
