//! One server, TLS and passwords, Sentinels, a Cluster.

use redis::Value;

use super::super::{LinkError, Script, State, cmd};
use super::server::{Cluster, Redis, certificate};
use super::{get, link, set, single, until, up};

#[tokio::test]
async fn commands_and_scripts_run() {
    let server = Redis::start(&[]);
    let (link, metrics) = single(server.port);
    up(&link).await;
    assert_eq!(set(&link, "a", "1").await, Value::Okay);
    assert_eq!(get(&link, "a").await, "1");
    let script = Script::new("return {redis.call('INCRBY', KEYS[1], ARGV[1]), 'ok'}");
    for expected in [3, 5] {
        let answer = link.script(&script, &[b"a"], &[b"2"]).await.unwrap();
        assert_eq!(answer, Value::Array(vec![Value::Int(expected), Value::BulkString(b"ok".to_vec())]));
    }
    server.tell(&["SCRIPT", "FLUSH"]);
    assert!(link.script(&script, &[b"a"], &[b"2"]).await.is_ok(), "a forgotten script is brought again");
    let refused = link.query(cmd("INCR").arg("a").arg("b")).await;
    assert!(matches!(refused, Err(LinkError::Refused { ref code, .. }) if code == "ERR"), "{refused:?}");
    assert_eq!(link.state(), State::Up(1), "a refusal is no trouble");
    let shown = metrics.render();
    for line in
        ["stagedoor_redis_up 1", "stagedoor_redis_calls_total{result=\"ok\"} 5", "{result=\"refused\"} 1"]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[tokio::test]
async fn threads_share_one_link() {
    let server = Redis::start(&[]);
    let (link, _) = single(server.port);
    up(&link).await;
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let link = link.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    for _ in 0..50 {
                        link.query(cmd("INCR").arg("n")).await.unwrap();
                    }
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(get(&link, "n").await, "200");
}

#[tokio::test]
async fn tls_with_a_private_root_and_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = certificate(folder.path());
    let (chain, key) = (chain.display(), key.display());
    let server = Redis::start(&[
        "port 0".into(),
        "tls-port PORT".into(),
        format!("tls-cert-file {chain}\ntls-key-file {key}\ntls-ca-cert-file {chain}\ntls-auth-clients no"),
        "user ann on >s3cret ~* &* +@all\nrequirepass other".into(),
    ]);
    let port = server.port;
    let params = |more: &str| {
        format!("litellm_settings: {{cache_params: {{type: redis, host: 127.0.0.1, port: {port}, {more}}}}}")
    };
    for more in [
        format!("ssl: true, ssl_ca_certs: {chain}, username: ann, password: s3cret"),
        format!("ssl: true, ssl_ca_certs: {chain}, ssl_check_hostname: false, password: other"),
        "ssl: true, ssl_cert_reqs: none, password: other".to_owned(),
        format!("url: \"rediss://ann:s3cret@127.0.0.1:{port}/1?ssl_ca_certs={chain}\""),
    ] {
        let (link, _) = link(&params(&more));
        up(&link).await;
        set(&link, "a", "1").await;
    }
    for more in ["ssl: true, password: other", "password: other"] {
        let (link, _) = link(&params(more));
        until(&link, |state| state == State::Down).await;
        assert_eq!(link.query(&cmd("PING")).await, Err(LinkError::Down), "{more}");
    }
}

#[tokio::test]
async fn a_cluster_routes_by_key() {
    let cluster = Cluster::start();
    let nodes: Vec<String> =
        cluster.nodes.iter().map(|node| format!("{{host: 127.0.0.1, port: {}}}", node.port)).collect();
    let (link, _) =
        link(&format!("litellm_settings: {{cache_params: {{redis_startup_nodes: [{}]}}}}", nodes.join(", ")));
    assert!(link.is_cluster());
    up(&link).await;
    let script = Script::new("return redis.call('INCR', KEYS[1]) + redis.call('INCR', KEYS[2])");
    for number in 0..30 {
        let (one, two) = (format!("{{{number}}}:a"), format!("{{{number}}}:b"));
        let answer = link.script(&script, &[one.as_bytes(), two.as_bytes()], &[]).await;
        assert_eq!(answer, Ok(Value::Int(2)));
    }
    let kept = cluster.nodes.iter().map(|node| node.tell(&["DBSIZE"])[1..].parse::<usize>().unwrap());
    let kept: Vec<usize> = kept.collect();
    assert!(kept.iter().all(|count| *count > 5) && kept.iter().sum::<usize>() >= 60, "{kept:?}");
    let crossing = link.script(&script, &[b"{1}a", b"{2}b"], &[]).await;
    assert!(matches!(crossing, Err(LinkError::Refused { .. })), "{crossing:?}");
}

#[tokio::test]
async fn sentinels_name_the_master_and_its_successor() {
    let master = Redis::start(&[]);
    let replica = Redis::start(&[format!("replicaof 127.0.0.1 {}", master.port)]);
    let sentinel = Redis::sentinel(master.port);
    let (link, _) = link(&format!(
        "litellm_settings: {{cache_params: {{sentinel_nodes: [[127.0.0.1, {}]], service_name: main}}}}",
        sentinel.port
    ));
    up(&link).await;
    set(&link, "a", "1").await;
    // The Sentinel has to know the replica before it can promote it.
    let since = std::time::Instant::now();
    while !sentinel.tell(&["SENTINEL", "replicas", "main"]).starts_with("*1") {
        assert!(since.elapsed().as_secs() < 30, "the replica is not found");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    master.signal("KILL");
    until(&link, |state| state == State::Down).await;
    until(&link, State::is_up).await;
    set(&link, "b", "2").await;
    assert_eq!(replica.tell(&["GET", "b"]), "$1", "the successor has it");
}
