//! Questions in other words: who gets which answer, what that costs, and what a sick embedding model costs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{NUMBERED, hello, said};
use crate::cluster::redis::{Cluster, Redis};
use crate::harness::{FakeProvider, Gateway, Reply, config, eventually, openai, with};
use crate::manage::{ask, done, key};

/// A provider key whose embeddings are as alike as the words of the texts are.
const WORDS: &str = "sk-fake.words.prompt_tokens=10";

const RESET: &str = "how do I reset my password";
/// Five of six words are the same: 0.83.
const AGAIN: &str = "how can I reset my password";
const INVOICE: &str = "where is my latest invoice";

fn semantic_config(provider: &FakeProvider, params: Value) -> Value {
    let words =
        with(openai("words", provider, WORDS), json!({"litellm_params": {"input_cost_per_token": 0.001}}));
    let free = json!({"litellm_params": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}});
    let models = [with(openai("gpt", provider, NUMBERED), free), words];
    let usual = json!({
        "type": "local-semantic",
        "similarity_threshold": 0.8,
        "redis_semantic_cache_embedding_model": "words",
    });
    let settings = json!({"litellm_settings": {"cache": true, "cache_params": with(usual, params)}});
    with(config(&models), settings)
}

async fn semantic(provider: &FakeProvider, params: Value) -> Gateway {
    Gateway::serve(&semantic_config(provider, params)).await
}

fn similarity(reply: &Reply) -> Option<f64> {
    reply.header("x-litellm-semantic-similarity").map(|value| value.parse().unwrap())
}

async fn chat_as(gateway: &Gateway, key: &str, body: &Value) -> Reply {
    ask(gateway, key, "POST", "/v1/chat/completions", body).await
}

/// A request that leaves nothing behind.
fn probe(text: &str) -> Value {
    with(hello(text), json!({"cache": {"no-store": true}}))
}

/// Waits until this question finds an answer to another one.
async fn known(gateway: &Gateway, text: &str) -> Reply {
    eventually("a similar question is known", || async {
        let reply = gateway.chat(&probe(text)).await;
        similarity(&reply).is_some().then_some(reply)
    })
    .await
}

#[tokio::test]
async fn the_same_question_in_other_words_is_answered_from_the_cache() {
    let provider = FakeProvider::start().await;
    let gateway = semantic(&provider, json!({})).await;
    let first = gateway.chat(&hello(RESET)).await;
    assert_eq!((said(&first).as_str(), similarity(&first)), ("answer 1", None));
    let similar = gateway.chat(&hello(AGAIN)).await;
    assert_eq!(similar.text(), first.text(), "byte for byte");
    assert!((similarity(&similar).unwrap() - 5.0 / 6.0).abs() < 1e-4, "{:?}", similarity(&similar));
    assert_eq!(similar.header("x-litellm-cache-hit"), Some("True"));
    assert_eq!(similar.header("x-litellm-cache-key"), first.header("x-litellm-cache-key"));
    assert_eq!(similar.header("x-litellm-response-cost"), Some("0.0"));
    assert_eq!(said(&gateway.chat(&hello(INVOICE)).await), "answer 2");
    let exact = gateway.chat(&hello(RESET)).await;
    assert_eq!((said(&exact).as_str(), similarity(&exact)), ("answer 1", None));
    assert_eq!(provider.stats(WORDS).requests, 3, "what is exactly the same needs no embedding");
    let prompt = |text: &str| json!({"model": "gpt", "prompt": text});
    let one = gateway.post("/v1/completions", &prompt(RESET)).await;
    let other = gateway.post("/v1/completions", &prompt(AGAIN)).await;
    assert_eq!((one.text(), similarity(&other).is_some()), (other.text(), true));
    for (label, count) in [("hit", 2.0), ("miss", 3.0), ("not_embedded", 0.0)] {
        let counted = gateway.metric("stagedoor_semantic_cache_questions_total", &[label]).await;
        assert_eq!(counted, Some(count), "{label}");
    }
    assert_eq!(gateway.metric("stagedoor_semantic_cache_entries", &[]).await, Some(3.0));
    for (name, label, count) in [
        ("stagedoor_cache_lookups_total", "similar", 2.0),
        ("stagedoor_cache_lookups_total", "hit", 1.0),
        ("stagedoor_cache_lookups_total", "miss", 3.0),
        ("litellm_cache_hits_metric_total", "gpt", 3.0),
        ("litellm_cache_misses_metric_total", "gpt", 3.0),
    ] {
        assert_eq!(gateway.metric(name, &[label]).await, Some(count), "{name} {label}");
    }
    let key = first.header("x-litellm-cache-key").unwrap();
    done(&gateway, "POST", "/cache/delete", json!({"keys": [key]})).await;
    assert_eq!(
        said(&gateway.chat(&hello(AGAIN)).await),
        "answer 4",
        "the answer is gone, so it is not given"
    );
}

#[tokio::test]
async fn whatever_else_differs_is_another_question() {
    let provider = FakeProvider::start().await;
    let gateway = semantic(&provider, json!({"scope": "global"})).await;
    let mut asked = 0;
    let say = |role: &str, content: &str| json!({"role": role, "content": content});
    let turns = |system: &str, before: &str, last: &str| {
        let messages =
            [say("system", system), say("user", before), say("assistant", "yes"), say("user", last)];
        json!({"model": "gpt", "messages": messages})
    };
    for (one, other) in [
        (hello(RESET), with(hello(AGAIN), json!({"temperature": 0.5}))),
        (turns("s", "b", RESET), turns("t", "b", AGAIN)),
        (turns("u", "b", RESET), turns("u", "c", AGAIN)),
        (hello("what do I get for 5 dollars"), hello("what do I get for 6 dollars")),
        (
            with(hello(RESET), json!({"tools": [], "seed": 1})),
            with(hello(AGAIN), json!({"tools": [], "seed": 1})),
        ),
        (
            with(hello(RESET), json!({"response_format": {"type": "json_object"}})),
            with(hello(AGAIN), json!({"response_format": {"type": "json_object"}})),
        ),
    ] {
        for body in [one, other] {
            asked += 1;
            assert_eq!(said(&gateway.chat(&body).await), format!("answer {asked}"), "{body}");
        }
    }
    // To these embeddings order is nothing, and one word of six little.
    for (one, other) in [
        ("translate this text from french to german", "translate this text from german to french"),
        ("is it safe to fly in a storm", "is it not safe to fly in a storm"),
        ("what do I do when the valve is open", "what do I do when the valve is closed"),
        ("should I eat an hour before the test", "should I eat an hour after the test"),
        ("tell me what this means 😀", "tell me what this means 😡"),
        ("how do I learn to speak \"well\" at home", "how do I learn to speak \"good\" at home"),
        ("请问 法国 的 首都 是 哪里", "请问 德国 的 首都 是 哪里"),
    ] {
        for text in [one, other] {
            asked += 1;
            assert_eq!(said(&gateway.chat(&hello(text)).await), format!("answer {asked}"), "{text}");
        }
    }
    // Nor for another key, also where keys share what is exactly the same.
    let (ann, bob) = (key(&gateway, json!({})).await, key(&gateway, json!({})).await);
    let base = with(hello("how old is the moon today"), json!({"seed": 2}));
    let alike = with(hello("please how old is the moon today"), json!({"seed": 2}));
    let first = said(&chat_as(&gateway, &ann, &base).await);
    assert_eq!(said(&chat_as(&gateway, &bob, &base).await), first, "the same question is shared");
    assert_ne!(said(&chat_as(&gateway, &bob, &alike).await), first);
    let unstored =
        with(hello("kindly how old is the moon today"), json!({"seed": 2, "cache": {"no-cache": true}}));
    assert_ne!(
        said(&chat_as(&gateway, &ann, &unstored).await),
        first,
        "who wants no cached answer gets none"
    );
    let calls = provider.stats(WORDS).requests;
    let found =
        chat_as(&gateway, &ann, &with(hello("so how old is the moon today"), json!({"seed": 2}))).await;
    assert_eq!((said(&found), provider.stats(WORDS).requests), (first, calls + 1));
}

#[tokio::test]
async fn the_embedding_is_paid_by_the_key_and_counts_in_no_limit() {
    let provider = FakeProvider::start().await;
    let gateway = semantic(&provider, json!({})).await;
    let limits = json!({"rpm_limit": 3, "tpm_limit": 1000, "max_budget": 1.0, "models": ["gpt"]});
    let key = key(&gateway, limits).await;
    let ask = |text: &'static str| with(hello(text), json!({"max_tokens": 10}));
    assert_eq!(said(&chat_as(&gateway, &key, &ask(RESET)).await), "answer 1");
    for text in [AGAIN, "please how do I reset my password"] {
        let hit = chat_as(&gateway, &key, &ask(text)).await;
        assert_eq!((said(&hit).as_str(), similarity(&hit).is_some()), ("answer 1", true));
    }
    let refused = chat_as(&gateway, &key, &ask(INVOICE)).await;
    assert_eq!((refused.status(), provider.stats(WORDS).requests), (429, 3), "who is refused asks no model");
    let rows = eventually("all rows are stored", || async {
        let rows = done(&gateway, "GET", "/spend/logs", Value::Null).await;
        let good = |row: &&Value| row["status"] == "success";
        let rows: Vec<Value> = rows.as_array().unwrap().iter().filter(good).cloned().collect();
        (rows.len() == 6).then_some(rows)
    })
    .await;
    let of = |kind: &str, hit: &str| {
        rows.iter().filter(|row| row["call_type"] == kind && row["cache_hit"] == hit).collect::<Vec<_>>()
    };
    let embeddings: Vec<&Value> = rows.iter().filter(|row| row["call_type"] == "aembedding").collect();
    assert_eq!((embeddings.len(), of("acompletion", "True").len()), (3, 2), "{rows:#?}");
    for row in &embeddings {
        assert_eq!((&row["spend"], &row["model_group"]), (&json!(0.01), &json!("words")));
        assert_eq!(row["api_key"], rows[0]["api_key"]);
    }
    for row in of("acompletion", "True") {
        assert_eq!(row["spend"], 0.0);
    }
}

#[tokio::test]
async fn what_money_is_left_for_is_the_answer() {
    let provider = FakeProvider::start().await;
    let priced = json!({"litellm_params": {"input_cost_per_token": 0.0001, "output_cost_per_token": 0.001}});
    let mut config = semantic_config(&provider, json!({}));
    config["model_list"][0] = with(config["model_list"][0].clone(), priced);
    let gateway = Gateway::serve(&config).await;
    // Enough for what is asked, and for nothing beside it.
    let key = key(&gateway, json!({"max_budget": 0.013})).await;
    let began = Instant::now();
    let reply = chat_as(&gateway, &key, &with(hello(RESET), json!({"max_tokens": 10}))).await;
    assert_eq!((said(&reply).as_str(), provider.stats(WORDS).requests), ("answer 1", 0));
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "others' money is not waited for: {:?}",
        began.elapsed()
    );
    assert!(gateway.metric("stagedoor_semantic_cache_questions_total", &["not_embedded"]).await >= Some(1.0));
}

#[tokio::test]
async fn a_sick_embedding_model_costs_one_short_wait() {
    let provider = FakeProvider::start().await;
    for (sickness, params) in [
        ("hang", json!({"semantic_cache_embedding_timeout": 0.2})),
        ("status=500", json!({})),
        ("garbage", json!({})),
        ("close", json!({})),
    ] {
        provider.clear();
        provider.script(WORDS, sickness);
        let gateway = semantic(&provider, params).await;
        for number in 1..=20 {
            let reply = gateway.chat(&hello(&format!("{INVOICE} number {number}"))).await;
            assert_eq!((reply.status(), similarity(&reply)), (200, None), "{sickness}: {}", reply.text());
        }
        let asked = provider.stats(WORDS).requests;
        assert!(asked <= 6, "{sickness}: it rests after a failure, and was asked {asked} times");
        gateway.logged("questions cannot be embedded").await;
        provider.script(WORDS, "words");
        let mut numbers = 0u32..;
        eventually("it is asked again when it is well", || {
            // What has an answer is not embedded.
            let number = numbers.next().unwrap().to_string();
            let word: String = number.bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
            let (gateway, text) = (&gateway, format!("{RESET} {word}"));
            async move {
                gateway.chat(&hello(&text)).await;
                let reply = gateway.chat(&probe(&format!("please {text}"))).await;
                similarity(&reply).map(drop)
            }
        })
        .await;
    }
}

fn in_redis(redis: &Redis, more: Value) -> Value {
    with(json!({"type": "redis-semantic", "host": "127.0.0.1", "port": redis.port, "ttl": 3600}), more)
}

#[tokio::test]
async fn replicas_know_each_others_questions() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let one = semantic(&provider, in_redis(&redis, json!({}))).await;
    let other = semantic(&provider, in_redis(&redis, json!({}))).await;
    for gateway in [&one, &other] {
        gateway.logged("Redis is reached").await;
    }
    let first = said(&one.chat(&hello(RESET)).await);
    assert_eq!(said(&known(&other, AGAIN).await), first);
    let late = semantic(&provider, in_redis(&redis, json!({}))).await;
    late.logged("Redis is reached").await;
    assert_eq!(said(&known(&late, AGAIN).await), first, "a new replica reads what is known");
    done(&one, "POST", "/cache/flushall", json!({})).await;
    let forgotten = other.chat(&probe(AGAIN)).await;
    assert_eq!((similarity(&forgotten), forgotten.status()), (None, 200));
}

#[tokio::test]
async fn a_cluster_keeps_questions_too() {
    let (cluster, provider) = (Cluster::start(), FakeProvider::start().await);
    let nodes: Vec<Value> =
        cluster.nodes.iter().map(|node| json!({"host": "127.0.0.1", "port": node.port})).collect();
    let params = json!({"type": "redis-semantic", "redis_startup_nodes": nodes, "ttl": 600});
    let gateway = semantic(&provider, params).await;
    gateway.logged("Redis is reached").await;
    let first = said(&gateway.chat(&hello(RESET)).await);
    assert_eq!(said(&known(&gateway, AGAIN).await), first);
}

#[tokio::test]
async fn another_embedding_model_knows_nothing_of_it() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let config = semantic_config(&provider, in_redis(&redis, json!({})));
    let mut changed = config.clone();
    changed["model_list"][1]["litellm_params"]["model"] = "openai/other-words".into();
    let (one, other) = (Gateway::serve(&config).await, Gateway::serve(&changed).await);
    for gateway in [&one, &other] {
        gateway.logged("Redis is reached").await;
    }
    one.chat(&hello(RESET)).await;
    known(&one, AGAIN).await;
    assert_eq!(similarity(&other.chat(&probe(AGAIN)).await), None);
}

#[tokio::test]
async fn answers_end_with_their_time_and_a_frozen_redis_costs_a_miss() {
    let (redis, provider) = (Redis::start(&[]), FakeProvider::start().await);
    let gateway = semantic(&provider, in_redis(&redis, json!({}))).await;
    gateway.logged("Redis is reached").await;
    gateway.chat(&hello(RESET)).await;
    known(&gateway, AGAIN).await;
    gateway.chat(&with(hello(INVOICE), json!({"cache": {"ttl": 1}}))).await;
    eventually("its time is over", || async {
        let reply = gateway.chat(&probe("please where is my latest invoice")).await;
        similarity(&reply).is_none().then_some(())
    })
    .await;
    redis.signal("STOP");
    let began = Instant::now();
    for _ in 0..10 {
        let reply = gateway.chat(&probe(AGAIN)).await;
        assert_eq!((reply.status(), similarity(&reply)), (200, None));
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    redis.signal("CONT");
    known(&gateway, AGAIN).await;
}

#[tokio::test]
async fn streams_are_answered_with_streams_where_they_are_cached() {
    let provider = FakeProvider::start().await;
    let streamed = |text: &str| with(hello(text), json!({"stream": true}));
    let bypassing = semantic(&provider, json!({})).await;
    for text in [RESET, AGAIN] {
        assert_eq!(similarity(&bypassing.chat(&streamed(text)).await), None);
    }
    assert_eq!(provider.stats(WORDS).requests, 0);
    let gateway = semantic(&provider, json!({"cache_streams": true})).await;
    let first = gateway.chat(&streamed(RESET)).await;
    let similar = gateway.chat(&streamed(AGAIN)).await;
    assert_eq!((first.text(), similarity(&similar).is_some()), (similar.text(), true));
    assert!(similar.text().contains("[DONE]"), "{}", similar.text());
    assert_eq!(similarity(&gateway.chat(&hello(AGAIN)).await), None, "no stream for who wants none");
}
