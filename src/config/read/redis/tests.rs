//! Which Redis is used, and what is said about it.

use std::path::PathBuf;

use crate::base::secret::Secret;
use crate::config::model::{RedisAddress, RedisChecks, RedisSettings};
use crate::config::{Loaded, Report, load_text};

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Report> {
    let get =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    load_text(text, "c.yaml", &get)
}

fn redis(text: &str, variables: &[(&str, &str)]) -> Option<RedisSettings> {
    load(text, variables).unwrap_or_else(|report| panic!("{report}")).config.redis
}

fn said(text: &str, variables: &[(&str, &str)]) -> String {
    match load(text, variables) {
        Ok(loaded) => loaded.report.to_string(),
        Err(report) => report.to_string(),
    }
}

#[test]
fn every_place_that_litellm_has_is_read() {
    for text in [
        "general_settings: {coordination_redis: {host: r, port: 7000}}",
        "litellm_settings: {cache: true, cache_params: {type: redis, host: r, port: \"7000\"}}",
        "litellm_settings: {cache_params: {url: \"redis://r:7000\"}}",
        "router_settings: {redis_host: r, redis_port: 7000}",
        "router_settings: {redis_url: \"redis://r:7000/0\"}",
        "rate_limit_config: {redis_host: r, redis_port: 7000}",
        "general_settings: {redis_host: r, redis_port: 7000}",
        "cache_settings: {type: redis, host: r, port: 7000}",
    ] {
        assert_eq!(redis(text, &[]).unwrap().address.to_string(), "r:7000", "{text}");
    }
    for text in [
        "litellm_settings: {cache: false, cache_params: {host: r}}",
        "cache_settings: {type: s3, host: r}",
        "{}",
    ] {
        assert_eq!(redis(text, &[]), None, "{text}");
    }
}

#[test]
fn the_first_place_wins_and_another_server_is_warned_of() {
    let text = "litellm_settings:\n  cache_params: {type: redis, host: a}\nrouter_settings: {redis_host: b}\n\
                rate_limit_config: {redis_host: a, redis_port: 6379, redis_password: p}\n";
    let found = redis(text, &[]).unwrap();
    assert_eq!((found.address.to_string(), found.password), ("a:6379".to_owned(), Some(Secret::from("p"))));
    let said = said(text, &[]);
    let warning = "warning: c.yaml:3 router_settings.redis_*: names another Redis (b:6379) than \
                   litellm_settings.cache_params: a:6379 is used for everything that replicas share";
    assert!(said.contains(warning) && said.matches("another Redis").count() == 1, "{said}");
}

#[test]
fn the_environment_fills_gaps_and_is_enough_when_it_names_a_server() {
    let kin = [("REDIS_HOST", "r"), ("REDIS_PASSWORD", "p"), ("REDIS_SSL", "True"), ("REDIS_PORT", "7000")];
    let all = redis("{}", &kin).unwrap();
    assert_eq!((all.address.to_string().as_str(), all.password.clone()), ("r:7000", Some(Secret::from("p"))));
    assert!(all.tls.is_some());
    assert!(said("{}", &kin).contains("Redis at r:7000 is shared with other replicas, as the environment"));
    let cache = redis("litellm_settings: {cache: true, cache_params: {type: redis}}", &kin).unwrap();
    assert_eq!((cache.address, cache.named_by), (all.address, "litellm_settings.cache_params"));
    let file = redis("router_settings: {redis_host: other}", &kin).unwrap();
    assert_eq!((file.address.to_string().as_str(), file.password), ("other:7000", Some(Secret::from("p"))));
    let url = redis("router_settings: {redis_url: \"redis://other\"}", &kin).unwrap();
    assert_eq!((url.address.to_string().as_str(), url.password, url.tls), ("other:6379", None, None));
    // What the environment's URL says is about the server that it names.
    let elsewhere = [("REDIS_URL", "rediss://u:p@elsewhere:1/3")];
    let file = redis("router_settings: {redis_host: other}", &elsewhere).unwrap();
    assert_eq!((file.address.to_string().as_str(), file.username, file.password), ("other:6379", None, None));
    assert_eq!((file.tls, file.db), (None, 0));
    let warning = said("router_settings: {redis_host: other}", &elsewhere);
    assert!(warning.contains("REDIS_URL names another Redis: other:6379 is used"), "{warning}");
    let file = redis("router_settings: {redis_host: h}", &[("REDIS_URL", "redis://:p@h/3")]).unwrap();
    assert_eq!((file.password, file.db), (Some(Secret::from("p")), 3));
    // What Kubernetes sets for a service called redis is nobody's wish.
    assert_eq!(redis("{}", &[("REDIS_PORT", "tcp://10.0.0.1:6379"), ("REDIS_PASSWORD", "p")]), None);
    let none = said("litellm_settings: {cache_params: {type: redis}}", &[]);
    assert!(none.contains("names no host and no url"), "{none}");
}

#[test]
fn clusters_sentinels_and_tls() {
    let text = "litellm_settings: {cache_params: {type: redis, ssl: true, ssl_ca_certs: /ca.pem, namespace: prod,\n  \
                ssl_check_hostname: false, username: u,\n  \
                redis_startup_nodes: [{host: a, port: 7001}, {host: b, port: \"7002\"}]}}\n";
    let cluster = redis(text, &[]).unwrap();
    assert_eq!(
        (cluster.address.to_string().as_str(), cluster.prefix().as_str()),
        ("Cluster a:7001, b:7002", "prod:stagedoor:")
    );
    let tls = cluster.tls.unwrap();
    assert_eq!((tls.ca_file, tls.checks), (Some(PathBuf::from("/ca.pem")), RedisChecks::Issuer));
    let text = "litellm_settings: {cache_params: {sentinel_nodes: [[a, 1], [b, 2]], service_name: m,\n  \
                sentinel_password: s, password: p, db: 2}}\n";
    let found = redis(text, &[]).unwrap();
    let RedisAddress::Sentinel { service, password, nodes } = found.address else { panic!() };
    assert_eq!((service.as_str(), password, nodes.len(), found.db), ("m", Some(Secret::from("s")), 2, 2));
    let nodes = "[{\"host\": \"127.0.0.1\", \"port\": \"7001\"}]";
    let found = redis("{}", &[("REDIS_CLUSTER_NODES", nodes)]).unwrap();
    assert_eq!(found.address.to_string(), "Cluster 127.0.0.1:7001");
    let sentinels = [("REDIS_SENTINEL_NODES", "[[\"h\", 26379]]"), ("REDIS_SERVICE_NAME", "mymaster")];
    assert_eq!(redis("{}", &sentinels).unwrap().address.to_string(), "`mymaster` of Sentinels h:26379");
}

#[test]
fn every_place_knows_private_cas_and_reads_only_what_it_says_it_knows() {
    for place in ["router_settings", "rate_limit_config", "general_settings"] {
        let tls = format!("{place}: {{redis_url: \"rediss://h\", redis_ssl_ca_certs: /ca.pem}}");
        let found = redis(&tls, &[]).unwrap().tls.unwrap();
        assert_eq!(found.ca_file, Some(PathBuf::from("/ca.pem")), "{place}");
        assert!(!said(&tls, &[]).contains("unknown key"), "{place}");
        let nodes = format!("{place}: {{redis_startup_nodes: [{{host: a, port: 1}}]}}");
        assert_eq!(redis(&nodes, &[]), None, "{place}");
        assert!(said(&nodes, &[]).contains("redis_startup_nodes: unknown key"), "{place}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_without_secrets() {
    for (text, expected) in [
        (
            "router_settings:\n  redis_port: 99999\n",
            "c.yaml:2 router_settings.redis_port: must be a port, 1 to 65535",
        ),
        (
            "router_settings:\n  redis_url: \"http://:hunter2@h\"\n",
            "c.yaml:2 router_settings.redis_url: must look like",
        ),
        (
            "litellm_settings:\n  cache_params: {sentinel_nodes: [[a, 1]]}\n",
            "sentinel_nodes need the service_name",
        ),
        (
            "litellm_settings:\n  cache_params: {host: a, ssl: true, ssl_certfile: /c}\n",
            "ssl_certfile and ssl_keyfile need",
        ),
        (
            "litellm_settings:\n  cache_params: {redis_startup_nodes: [5]}\n",
            "redis_startup_nodes[0]: must be a server",
        ),
        (
            "litellm_settings:\n  cache_params: {host: a, namespace: \"{x}\"}\n",
            "a namespace must not contain",
        ),
        ("general_settings:\n  coordination_redis: {hots: a}\n", "unknown key, did you mean \"host\"?"),
    ] {
        let said = said(text, &[]);
        assert!(said.contains(expected) && !said.contains("hunter2"), "{text}: {said}");
    }
    let said = said("{}", &[("REDIS_URL", "redis://:hunter2@h:x")]);
    assert!(said.contains("variable REDIS_URL has a port") && !said.contains("hunter2"), "{said}");
}
