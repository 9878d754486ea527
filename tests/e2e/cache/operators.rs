//! `/cache/*`, and the snippets of the documents.

use serde_json::{Value, json};

use super::{NUMBERED, cached, hello, said};
use crate::cluster::redis::Redis;
use crate::harness::{FakeProvider, Gateway, KEY, eventually};
use crate::manage::{ask, done, key};

#[tokio::test]
async fn answers_are_forgotten_one_by_one_or_all() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let places = [
        (json!({"type": "local"}), "local"),
        (
            json!({"type": "redis", "host": "127.0.0.1", "port": redis.port, "ttl": 600, "namespace": "n"}),
            "redis",
        ),
    ];
    for (params, kind) in places {
        provider.clear();
        let gateway = cached(&provider, params).await;
        let told = eventually("the cache works", || async {
            let reply = gateway.get("/cache/ping").await;
            (reply.status() == 200).then(|| reply.json())
        })
        .await;
        assert_eq!((&told["status"], &told["cache_type"]), (&json!("healthy"), &json!(kind)));
        for text in ["a", "b"] {
            eventually("an answer is kept", || async {
                let reply = gateway.chat(&hello(text)).await;
                (reply.header("x-litellm-cache-hit") == Some("True")).then_some(())
            })
            .await;
        }
        let hit = async |text: &str| {
            let reply = gateway.chat(&hello(text)).await;
            said(&reply);
            reply.header("x-litellm-cache-hit") == Some("True")
        };
        let shown = gateway.chat(&hello("a")).await.header("x-litellm-cache-key").unwrap().to_owned();
        assert_eq!(
            done(&gateway, "POST", "/cache/delete", json!({"keys": [shown]})).await["status"],
            "success"
        );
        assert_eq!((hit("a").await, hit("b").await), (false, true));
        if kind == "redis" {
            redis.tell(&["SET", "somebody-elses", "1"]);
            let info = done(&gateway, "GET", "/cache/redis/info", Value::Null).await;
            assert!(
                info["num_clients"].as_u64() > Some(0) && info["info"]["redis_version"].is_string(),
                "{info}"
            );
        }
        assert_eq!(done(&gateway, "POST", "/cache/flushall", json!({})).await["status"], "success");
        assert!(!hit("b").await);
    }
    assert_eq!(redis.tell(&["EXISTS", "somebody-elses"]), ":1", "only answers are forgotten");
}

#[tokio::test]
async fn only_admins_empty_the_cache_and_without_one_there_is_nothing_to_empty() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local"})).await;
    let plain = key(&gateway, json!({})).await;
    for (method, path) in [
        ("GET", "/cache/ping"),
        ("POST", "/cache/delete"),
        ("POST", "/cache/flushall"),
        ("GET", "/cache/redis/info"),
    ] {
        assert_eq!(ask(&gateway, &plain, method, path, &json!({})).await.status(), 403, "{path}");
    }
    assert_eq!(ask(&gateway, KEY, "POST", "/cache/delete", &json!({})).await.status(), 422);
    let wrong = ask(&gateway, KEY, "POST", "/cache/delete", &json!({"keys": ["x"]})).await;
    assert_eq!((wrong.status(), &wrong.error()["param"]), (400, &json!("keys")));
    let without = Gateway::serve(&crate::harness::config(&[])).await;
    let ping = without.get("/cache/ping").await;
    assert_eq!((ping.status(), &ping.error()["type"]), (503, &json!("cache_ping_error")));
    assert_eq!(ask(&without, KEY, "POST", "/cache/flushall", &json!({})).await.status(), 400);
}

/// The lines of a document between two others.
fn cut<'a>(text: &'a str, first: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(first).unwrap();
    rest.split_once(end).unwrap().0
}

#[tokio::test]
async fn the_documents_snippets_work_as_they_stand() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let guide = include_str!("../../seeds/litellm-proxy-guide.txt");
    let guide = cut(guide, "LiteLLM supports exact-match caching via Redis:\n", "With exact-match caching");
    let tutorial = include_str!("../../seeds/litellm-proxy-tutorial.md");
    let tutorial = cut(tutorial, "Enable response caching to reduce costs:\n\n```yaml\n", "```");
    let models = format!(
        "model_list:\n  - model_name: gpt\n    litellm_params: {{model: openai/x, api_base: \"{}\", api_key: \"{NUMBERED}\"}}\n\
         general_settings:\n  master_key: {KEY}\n",
        provider.v1()
    );
    // The documents' Redis is the one of the machine: here it is this test's.
    let port = |text: &str| text.replace("port: 6379", &format!("port: {}", redis.port));
    for (name, text) in [
        ("guide", format!("{models}{}", indented(&port(guide)))),
        ("tutorial", format!("{models}{}", port(tutorial))),
    ] {
        provider.clear();
        let start = Gateway::start().env("REDIS_HOST", "127.0.0.1");
        let gateway = start.run(Some(&text)).await;
        eventually("an answer comes from the cache", || async {
            let reply = gateway.chat(&hello(name)).await;
            (reply.header("x-litellm-cache-hit") == Some("True")).then_some(())
        })
        .await;
        let one_letter_more = gateway.chat(&hello(&format!("{name}."))).await;
        assert_eq!(one_letter_more.header("x-litellm-cache-hit"), Some("False"), "{name}");
        let ttl = redis.tell(&[
            "EVAL",
            "local k = redis.call('KEYS', '*cache*:*'); local m = 0; for _, n in ipairs(k) do \
            m = math.max(m, redis.call('TTL', n)) end; return m",
            "0",
        ]);
        assert!(ttl.trim_start_matches(':').parse::<u32>().unwrap() > 3000, "{name}: {ttl}");
        done(&gateway, "POST", "/cache/flushall", json!({})).await;
    }
}

/// The guide's snippet has lost its indentation; beside other text it gets it back.
fn indented(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let deep =
            ["type:", "host:", "port:", "password:", "ttl:", "#"].iter().any(|name| line.starts_with(name));
        let indent = if line.starts_with("litellm_settings") {
            ""
        } else if deep {
            "    "
        } else {
            "  "
        };
        out += &format!("{indent}{line}\n");
    }
    out
}
