//! What is published is heard, and a gap is known.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::super::{Heard, Link};
use super::server::{Cluster, Redis, free_port};
use super::{link, single, up};

/// Listens on a channel; what is heard comes out.
fn listen(link: &Link) -> mpsc::UnboundedReceiver<Heard> {
    let (ear, heard) = mpsc::unbounded_channel();
    let listening = link.clone().listen(vec![link.channel("x")], Arc::new(move |one| drop(ear.send(one))));
    tokio::spawn(listening);
    heard
}

async fn next(heard: &mut mpsc::UnboundedReceiver<Heard>) -> Heard {
    tokio::time::timeout(Duration::from_secs(20), heard.recv()).await.expect("something is heard").unwrap()
}

fn message(link: &Link, text: &str) -> Heard {
    Heard::Message { channel: link.channel("x"), text: text.to_owned() }
}

#[tokio::test]
async fn a_listener_hears_and_knows_of_a_gap() {
    let port = free_port();
    let server = Redis::on(port, &[]);
    let (link, _) = single(port);
    up(&link).await;
    let mut heard = listen(&link);
    assert_eq!(next(&mut heard).await, Heard::Began);
    for text in ["one", "two"] {
        link.publish(&link.channel("x"), text).await.unwrap();
        assert_eq!(next(&mut heard).await, message(&link, text));
    }
    server.signal("STOP");
    assert_eq!(next(&mut heard).await, Heard::Lost, "silence is noticed");
    server.signal("CONT");
    assert_eq!(next(&mut heard).await, Heard::Began);
    drop(server);
    assert_eq!(next(&mut heard).await, Heard::Lost);
    let _server = Redis::on(port, &[]);
    assert_eq!(next(&mut heard).await, Heard::Began);
}

#[tokio::test]
async fn on_a_cluster_everybody_hears_whoever_they_are_connected_to() {
    let cluster = Cluster::start();
    let nodes: Vec<String> = cluster.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let (link, _) = link(&format!("litellm_settings: {{cache_params: {{redis_startup_nodes: {nodes:?}}}}}"));
    up(&link).await;
    let mut all = [listen(&link), listen(&link), listen(&link)];
    for heard in &mut all {
        assert_eq!(next(heard).await, Heard::Began);
    }
    for turn in 0..6 {
        let text = turn.to_string();
        link.publish(&link.channel("x"), &text).await.unwrap();
        for heard in &mut all {
            assert_eq!(next(heard).await, message(&link, &text));
        }
    }
}
