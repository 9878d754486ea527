//! What keys may do, and what it costs: limits, budgets and the ledger under real requests.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{done, got, postgres_url};
use crate::harness::{FakeProvider, Gateway, chat, config, eventually, openai, with};

const CHAT: &str = "/v1/chat/completions";

/// A group whose answers cost exactly 0.01: ten tokens at a thousandth.
fn cent(provider: &FakeProvider, key: &str) -> Value {
    let price = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    with(openai("gpt", provider, key), price)
}

fn stored(url: &str, models: &[Value]) -> Value {
    with(config(models), json!({"general_settings": {"database_url": url}}))
}

fn capped(model: &str) -> Value {
    with(chat(model), json!({"max_tokens": 10}))
}

async fn new_key(gateway: &Gateway, body: Value) -> String {
    let made = done(gateway, "POST", "/key/generate", body).await;
    made["key"].as_str().unwrap().to_string()
}

async fn call(gateway: &Gateway, key: &str, body: &Value) -> crate::harness::Reply {
    let bearer = format!("Bearer {key}");
    gateway.post_with(CHAT, &[("authorization", &bearer)], body).await
}

/// How often each status came from so many calls at once.
async fn at_once(gateway: &Gateway, key: &str, calls: usize) -> BTreeMap<u16, usize> {
    let body = capped("gpt");
    let replies = join_all((0..calls).map(|_| call(gateway, key, &body))).await;
    let mut counts = BTreeMap::new();
    for reply in replies {
        *counts.entry(reply.status()).or_insert(0) += 1;
    }
    counts
}

async fn spend(gateway: &Gateway, key: &str) -> f64 {
    got(gateway, &format!("/key/info?key={key}")).await["info"]["spend"].as_f64().unwrap()
}

/// What a budget of 1.00 buys at 0.01 each, asked for by 500 at once.
async fn a_budget_is_spent_to_the_cent(url: &str) {
    let provider = FakeProvider::start().await;
    let gateway =
        Gateway::serve(&stored(url, &[cent(&provider, "sk-fake.prompt_tokens=5.completion_tokens=10")]))
            .await;
    let key = new_key(&gateway, json!({"max_budget": 1.0})).await;
    let counts = at_once(&gateway, &key, 500).await;
    assert_eq!(counts, BTreeMap::from([(200, 100), (422, 400)]));
    eventually("the ledger says 1.00", || async { (spend(&gateway, &key).await == 1.0).then_some(()) }).await;
    let refused = call(&gateway, &key, &capped("gpt")).await;
    assert_eq!((refused.status(), refused.header("x-should-retry")), (422, Some("false")));
    assert_eq!(refused.error()["type"], "budget_exceeded");
    // The money is back when somebody gives it back.
    done(&gateway, "POST", &format!("/key/{key}/reset_spend"), json!({"reset_to": 0.5})).await;
    eventually("half of it is there again", || async {
        (call(&gateway, &key, &capped("gpt")).await.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_budget_is_spent_to_the_cent_on_sqlite() {
    a_budget_is_spent_to_the_cent("sqlite:///governed.db").await;
}

#[tokio::test]
async fn a_budget_is_spent_to_the_cent_on_postgresql() {
    a_budget_is_spent_to_the_cent(&postgres_url().await).await;
}

#[tokio::test]
async fn a_rate_limit_admits_exactly_its_number() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&stored("sqlite:///l.db", &[cent(&provider, "sk-fake")])).await;
    let key = new_key(&gateway, json!({"rpm_limit": 100})).await;
    assert_eq!(at_once(&gateway, &key, 200).await, BTreeMap::from([(200, 100), (429, 100)]));
    let refused = call(&gateway, &key, &capped("gpt")).await;
    let wait: u64 = refused.must("retry-after").parse().unwrap();
    // A tick of the window (a quarter of a second) may be added to the minute.
    assert!((1..=61).contains(&wait), "{wait}");
    let message = refused.error()["message"].as_str().unwrap().to_string();
    assert!(message.contains("Limit type: requests. Current limit: 100"), "{message}");
    assert!(!message.contains(&key[3..]));
    assert_eq!((refused.must("rate_limit_type"), refused.header("reset_at").is_some()), ("requests", true));
    assert_eq!(refused.must("x-ratelimit-api_key-limit-requests"), "100");
    assert_eq!(refused.must("x-ratelimit-api_key-remaining-requests"), "0");
    let standing = super::done_by(&gateway, &key, "GET", "/v1/limits", Value::Null).await;
    let limit = &standing["limits"][0];
    assert_eq!(
        (&limit["type"], &limit["used"], &limit["remaining"]),
        (&json!("requests"), &json!(100), &json!(0))
    );
    // Another key has its own.
    let other = new_key(&gateway, json!({"rpm_limit": 2, "max_parallel_requests": 2})).await;
    let reply = call(&gateway, &other, &capped("gpt")).await;
    assert_eq!(reply.must("x-ratelimit-api_key-remaining-requests"), "1");
    assert_eq!(reply.must("x-ratelimit-api_key-limit-requests"), "2");
}

#[tokio::test]
async fn nonsense_of_one_caller_is_in_nobodys_way() {
    let provider = FakeProvider::start().await;
    let gateway =
        Gateway::serve(&stored("sqlite:///l.db", &[cent(&provider, "sk-fake.stall_after=1")])).await;
    let key = new_key(&gateway, json!({})).await;
    let bearer = format!("Bearer {key}");
    let huge = with(chat("gpt"), json!({"max_tokens": u64::MAX, "n": 4_000_000_000_u32}));
    let mut held = gateway.stream_with(CHAT, &[("authorization", &bearer)], &huge).await;
    held.until_content(1).await;
    let mut other = gateway.stream_with(CHAT, &[("authorization", &bearer)], &chat("gpt")).await;
    other.until_content(1).await;
}

#[tokio::test]
async fn a_model_behind_a_wildcard_has_rates_of_its_own() {
    let provider = FakeProvider::start().await;
    let model = json!({"model_name": "any/*", "litellm_params": {"model": "openai/*"}});
    let gateway = Gateway::serve(&stored("sqlite:///l.db", &[with(cent(&provider, "sk-fake"), model)])).await;
    let key = new_key(&gateway, json!({"model_rpm_limit": {"any/a": 1, "any/*": 3}})).await;
    let status = async |model: &str| call(&gateway, &key, &chat(model)).await.status();
    assert_eq!([status("any/a").await, status("any/a").await], [200, 429]);
    assert_eq!([status("any/b").await, status("any/b").await, status("any/b").await], [200, 200, 429]);
}

#[tokio::test]
async fn a_change_holds_for_the_next_request() {
    let provider = FakeProvider::start().await;
    let models =
        [cent(&provider, "sk-fake"), with(cent(&provider, "sk-fake.id=b"), json!({"model_name": "b"}))];
    let gateway = Gateway::serve(&stored("sqlite:///l.db", &models)).await;
    let key = new_key(&gateway, json!({"models": ["gpt"]})).await;
    let status = async |model: &str| call(&gateway, &key, &chat(model)).await.status();
    assert_eq!((status("gpt").await, status("b").await), (200, 403));
    done(&gateway, "POST", "/key/update", json!({"key": key, "models": ["b"]})).await;
    assert_eq!((status("gpt").await, status("b").await), (403, 200));
    done(&gateway, "POST", "/key/block", json!({"key": key})).await;
    assert_eq!(status("b").await, 401);
    done(&gateway, "POST", "/key/unblock", json!({"key": key})).await;
    assert_eq!(status("b").await, 200);
    let listed = super::done_by(&gateway, &key, "GET", "/v1/models", Value::Null).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    done(&gateway, "POST", "/key/delete", json!({"keys": [key]})).await;
    assert_eq!(status("b").await, 401);
}

#[tokio::test]
async fn a_model_without_a_price_is_not_bought_with_a_budget() {
    let provider = FakeProvider::start().await;
    let unpriced = with(
        openai("new", &provider, "sk-fake"),
        json!({"litellm_params": {"model": "openai/nobody-knows"}}),
    );
    let free = with(
        cent(&provider, "sk-fake.id=free"),
        json!({"model_name": "free", "litellm_params": {"output_cost_per_token": 0}}),
    );
    let gateway = Gateway::serve(&stored("sqlite:///l.db", &[unpriced, free])).await;
    let key = new_key(&gateway, json!({"max_budget": 0})).await;
    let refused = call(&gateway, &key, &chat("new")).await;
    assert_eq!((refused.status(), refused.error()["type"].clone()), (403, json!("model_cost_map_missing")));
    assert_eq!(call(&gateway, &key, &chat("free")).await.status(), 200);
    let unbounded = new_key(&gateway, json!({})).await;
    assert_eq!(call(&gateway, &unbounded, &chat("new")).await.status(), 200);
}

#[tokio::test]
async fn no_route_leads_around_a_list_or_a_budget() {
    let provider = FakeProvider::start().await;
    let broken = with(cent(&provider, "sk-fake.status=503"), json!({"model_name": "cheap"}));
    let dear = with(
        cent(&provider, "sk-fake.completion_tokens=10"),
        json!({"model_name": "dear", "litellm_params": {"output_cost_per_token": 1}}),
    );
    let settings = json!({"router_settings": {"fallbacks": [{"cheap": ["dear"]}], "num_retries": 0}});
    let gateway = Gateway::serve(&with(stored("sqlite:///l.db", &[broken, dear]), settings)).await;
    // The operator's fallback is open to a key whose list does not name it, as far as its money goes.
    let key = new_key(&gateway, json!({"models": ["cheap"], "max_budget": 15})).await;
    assert_eq!(call(&gateway, &key, &capped("cheap")).await.status(), 200);
    let refused = call(&gateway, &key, &capped("cheap")).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.error()["message"].as_str().unwrap().contains("Budget has been exceeded"));
    // Its own is not.
    let brought = with(capped("cheap"), json!({"fallbacks": ["dear"]}));
    assert_eq!(call(&gateway, &key, &brought).await.status(), 403);
    eventually("ten dollars are spent", || async { (spend(&gateway, &key).await == 10.0).then_some(()) })
        .await;
}

#[tokio::test]
async fn a_key_calls_only_its_routes_and_chooses_names_within_bounds() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&stored("sqlite:///l.db", &[cent(&provider, "sk-fake")])).await;
    let management = new_key(&gateway, json!({"key_type": "management"})).await;
    assert_eq!(call(&gateway, &management, &capped("gpt")).await.status(), 403);
    let models = new_key(&gateway, json!({"key_type": "llm_api"})).await;
    assert_eq!(call(&gateway, &models, &capped("gpt")).await.status(), 200);
    let tags: Vec<String> = (0..1000).map(|n| format!("t{n}")).collect();
    for (field, value) in [("tags", json!(tags)), ("user", json!("u".repeat(300)))] {
        let refused = call(&gateway, &models, &with(capped("gpt"), json!({field: value}))).await;
        assert_eq!((refused.status(), refused.error()["param"].clone()), (400, json!(field)));
    }
}

#[tokio::test]
async fn an_answer_whose_provider_tells_no_usage_is_paid_for() {
    let provider = FakeProvider::start().await;
    let gateway = Gateway::serve(&stored("sqlite:///l.db", &[cent(&provider, "sk-fake.no_usage")])).await;
    let key = new_key(&gateway, json!({})).await;
    assert_eq!(call(&gateway, &key, &capped("gpt")).await.status(), 200);
    eventually("it has cost something", || async { (spend(&gateway, &key).await > 0.0).then_some(()) }).await;
}

#[tokio::test]
async fn end_users_and_tags_have_budgets_of_their_own() {
    let provider = FakeProvider::start().await;
    let gateway =
        Gateway::serve(&stored("sqlite:///l.db", &[cent(&provider, "sk-fake.completion_tokens=10")])).await;
    let key = new_key(&gateway, json!({})).await;
    done(&gateway, "POST", "/customer/new", json!({"user_id": "poor", "max_budget": 0.02})).await;
    done(&gateway, "POST", "/tag/new", json!({"name": "trial", "max_budget": 0.01})).await;
    let of = |more: Value| with(capped("gpt"), more);
    let status = async |more: Value| call(&gateway, &key, &of(more)).await.status();
    for expected in [200, 200, 422] {
        assert_eq!(status(json!({"user": "poor"})).await, expected);
    }
    assert_eq!(status(json!({"user": "rich"})).await, 200);
    for expected in [200, 422] {
        assert_eq!(status(json!({"tags": ["trial"]})).await, expected);
    }
    done(&gateway, "POST", "/customer/block", json!({"user_ids": ["rich"]})).await;
    assert_eq!(status(json!({"user": "rich"})).await, 403);
}

/// The rows of a ledger file, by how they ended.
fn rows(file: &Path) -> BTreeMap<String, usize> {
    let db = rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut found = db.prepare("SELECT status, count(*) FROM stagedoor_ledger GROUP BY status").unwrap();
    let rows = found.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?))).unwrap();
    rows.map(|row| row.map(|(status, count)| (status, usize::try_from(count).unwrap())).unwrap()).collect()
}

#[tokio::test]
async fn a_kill_loses_no_row_and_doubles_none() {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.db");
    let config =
        stored(&format!("sqlite:///{}", file.display()), &[cent(&provider, "sk-fake.completion_tokens=10")]);
    let mut answered = 0;
    let mut key = String::new();
    for round in 0..5 {
        let mut gateway = Gateway::serve(&config).await;
        if round == 0 {
            key = new_key(&gateway, json!({})).await;
        }
        answered += at_once(&gateway, &key, 40).await.get(&200).copied().unwrap_or(0);
        gateway.signal("KILL");
        gateway.ended().await;
    }
    assert_eq!(answered, 200);
    let gateway = Gateway::serve(&config).await;
    eventually("every answer has its row", || async {
        (rows(&file).get("success") == Some(&answered)).then_some(())
    })
    .await;
    assert_eq!(spend(&gateway, &key).await, 2.0);
}

#[tokio::test]
async fn every_end_has_one_row() {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("ledger.db");
    let models = [
        cent(&provider, "sk-fake"),
        with(cent(&provider, "sk-fake.cut=2"), json!({"model_name": "cut"})),
        with(cent(&provider, "sk-fake.status=400"), json!({"model_name": "bad"})),
        with(cent(&provider, "sk-fake.stall_after=2"), json!({"model_name": "stall"})),
    ];
    let gateway = Gateway::serve(&stored(&format!("sqlite:///{}", file.display()), &models)).await;
    let key = new_key(&gateway, json!({})).await;
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(call(&gateway, &key, &chat("gpt")).await.status(), 200);
    assert_eq!(call(&gateway, &key, &chat("bad")).await.status(), 400);
    gateway.stream_with(CHAT, &headers, &chat("gpt")).await.rest().await.complete();
    gateway.stream_with(CHAT, &headers, &chat("cut")).await.rest().await.broken();
    let mut left = gateway.stream_with(CHAT, &headers, &chat("stall")).await;
    left.until_content(2).await;
    drop(left);
    eventually("five rows", || async {
        let rows = rows(&file);
        (rows == BTreeMap::from([("failure".into(), 3), ("success".into(), 2)])).then_some(())
    })
    .await;
    // What came of a broken answer is paid for.
    assert!(spend(&gateway, &key).await > 0.0);
}
