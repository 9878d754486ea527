//! A key's text is replaced while money and rates of it are under way: nothing is forgotten, nothing counts twice.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use super::{done, got, key, postgres_url, refused};
use crate::harness::gateway::command;
use crate::harness::{FakeProvider, Gateway, Reply, chat, config, eventually, openai, with};

const CHAT: &str = "/v1/chat/completions";
/// How often the text is replaced under load, and how many calls begin after each.
const ROUNDS: usize = 10;
const CALLS: usize = 50;

/// A group whose answers cost exactly 0.01.
pub(super) fn cent(provider: &FakeProvider, script: &str) -> Value {
    let price = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    with(openai("gpt", provider, script), price)
}

/// A gateway's configuration that keeps rows in `folder` for so many seconds before they are stored.
pub(super) fn stored(url: &str, folder: &Path, seconds: f64, models: &[Value]) -> Value {
    let settings = json!({"general_settings": {
        "database_url": url, "spool_dir": folder.join("spool"), "proxy_batch_write_at": seconds,
    }});
    with(config(models), settings)
}

pub(super) fn file(folder: &TempDir) -> String {
    format!("sqlite:///{}", folder.path().join("rotated.db").display())
}

async fn call(gateway: &Gateway, key: &str) -> Reply {
    let bearer = format!("Bearer {key}");
    let body = with(chat("gpt"), json!({"max_tokens": 10}));
    gateway.post_with(CHAT, &[("authorization", &bearer)], &body).await
}

async fn status(gateway: &Gateway, key: &str) -> u16 {
    call(gateway, key).await.status()
}

async fn rotate(gateway: &Gateway, key: &str, more: Value) -> String {
    let made = done(gateway, "POST", "/key/regenerate", with(json!({"key": key}), more)).await;
    made["key"].as_str().unwrap().to_string()
}

async fn spend(gateway: &Gateway, key: &str) -> f64 {
    got(gateway, &format!("/key/info?key={key}")).await["info"]["spend"].as_f64().unwrap()
}

/// Everything agrees with the rows; answers how many there are.
pub(super) fn audited(config: &Value, folder: &Path) -> String {
    let file = folder.join("audit.yaml");
    std::fs::write(&file, config.to_string()).unwrap();
    let done = command().current_dir(folder).args(["audit", "--config"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.starts_with("OK:"), "{said}");
    said
}

pub(super) async fn ended(mut gateway: Gateway, how: &str) {
    gateway.signal(how);
    gateway.ended().await;
}

async fn a_budget_outlives_the_texts_of_its_key(url: &str) {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let models = [cent(&provider, "sk-fake.completion_tokens=10.slow=150")];
    let config = stored(url, folder.path(), 0.5, &models);
    let gateway = Gateway::serve(&config).await;
    let text = RefCell::new(key(&gateway, json!({"max_budget": 1.0})).await);
    let (said, replaced) = watch::channel(0);
    let calls = (0..ROUNDS * CALLS).map(async |number| {
        replaced.clone().wait_for(|times| *times >= number / CALLS).await.unwrap();
        loop {
            let now = text.borrow().clone();
            match status(&gateway, &now).await {
                // Replaced while it was on its way.
                401 => continue,
                status => return status,
            }
        }
    });
    let rotations = async {
        for round in 1..ROUNDS {
            let old = text.borrow().clone();
            let grace = if round % 2 == 0 { json!({"grace_period": "1h"}) } else { json!({}) };
            let new = rotate(&gateway, &old, grace).await;
            text.replace(new);
            said.send(round).unwrap();
        }
    };
    let (ends, ()) = tokio::join!(join_all(calls), rotations);
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    ends.into_iter().for_each(|status| *counts.entry(status).or_default() += 1);
    assert_eq!(counts, BTreeMap::from([(200, 100), (422, ROUNDS * CALLS - 100)]));
    let text = text.into_inner();
    eventually("the key has paid for all of it", || async {
        (spend(&gateway, &text).await == 1.0).then_some(())
    })
    .await;
    assert_eq!(status(&gateway, &text).await, 422);
    let logged = got(&gateway, &format!("/spend/logs?api_key={text}&summarize=false")).await;
    assert_eq!(logged.as_array().unwrap().len(), 100, "the rows of all its texts are its own");
    let day = |row: &Value| row["startTime"].as_str().unwrap()[..10].to_string();
    let days = format!("start_date={}&end_date={}", day(&logged[99]), day(&logged[0]));
    let report = got(&gateway, &format!("/key/spend/report?api_key={text}&{days}")).await;
    let costs = report.as_array().unwrap().iter().map(|key| key["total_cost"].as_f64().unwrap());
    assert!((costs.sum::<f64>() - 1.0).abs() < 1e-9, "{report}");
    ended(gateway, "TERM").await;
    audited(&config, folder.path());
}

#[tokio::test]
async fn a_budget_outlives_the_texts_of_its_key_on_sqlite() {
    let folder = TempDir::new().unwrap();
    a_budget_outlives_the_texts_of_its_key(&file(&folder)).await;
}

#[tokio::test]
async fn a_budget_outlives_the_texts_of_its_key_on_postgresql() {
    a_budget_outlives_the_texts_of_its_key(&postgres_url().await).await;
}

/// Rows of the old text are still in the spool when the process is killed.
async fn a_kill_after_a_rotation_forgets_nothing(url: &str) {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let config = stored(url, folder.path(), 60.0, &[cent(&provider, "sk-fake.completion_tokens=10")]);
    let gateway = Gateway::serve(&config).await;
    let old = key(&gateway, json!({"max_budget": 0.1})).await;
    for _ in 0..4 {
        assert_eq!(status(&gateway, &old).await, 200);
    }
    let new = rotate(&gateway, &old, json!({})).await;
    assert_eq!([status(&gateway, &new).await, status(&gateway, &old).await], [200, 401]);
    ended(gateway, "KILL").await;
    let gateway = Gateway::serve(&config).await;
    let newest = rotate(&gateway, &new, json!({})).await;
    let ends = join_all((0..20).map(|_| status(&gateway, &newest))).await;
    assert_eq!(ends.iter().filter(|status| **status == 200).count(), 5, "{ends:?}");
    ended(gateway, "TERM").await;
    assert!(audited(&config, folder.path()).contains("10 rows"));
    let gateway = Gateway::serve(&config).await;
    assert_eq!(spend(&gateway, &newest).await, 0.1);
    assert_eq!(status(&gateway, &newest).await, 422);
}

#[tokio::test]
async fn a_kill_after_a_rotation_forgets_nothing_on_sqlite() {
    let folder = TempDir::new().unwrap();
    a_kill_after_a_rotation_forgets_nothing(&file(&folder)).await;
}

#[tokio::test]
async fn a_kill_after_a_rotation_forgets_nothing_on_postgresql() {
    a_kill_after_a_rotation_forgets_nothing(&postgres_url().await).await;
}

/// Windows and budgets of single models are the key's, too.
async fn every_budget_of_a_key_goes_on(url: &str) {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let config = stored(url, folder.path(), 60.0, &[cent(&provider, "sk-fake.completion_tokens=10")]);
    let gateway = Gateway::serve(&config).await;
    for budget in [
        json!({"budget_limits": [{"budget_duration": "1d", "max_budget": 0.02}]}),
        json!({"model_max_budget": {"gpt": {"max_budget": 0.02, "budget_duration": "1d"}}}),
        json!({"model_max_budget": {"gpt": 0.02}}),
    ] {
        let mut text = key(&gateway, budget.clone()).await;
        for expected in [200, 200, 422] {
            text = rotate(&gateway, &text, json!({})).await;
            assert_eq!(status(&gateway, &text).await, expected, "{budget}");
        }
    }
}

#[tokio::test]
async fn every_budget_of_a_key_goes_on_on_sqlite() {
    let folder = TempDir::new().unwrap();
    every_budget_of_a_key_goes_on(&file(&folder)).await;
}

#[tokio::test]
async fn every_budget_of_a_key_goes_on_on_postgresql() {
    every_budget_of_a_key_goes_on(&postgres_url().await).await;
}

#[tokio::test]
async fn a_new_text_opens_no_new_window() {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let models = [cent(&provider, "sk-fake.completion_tokens=10")];
    let gateway = Gateway::serve(&stored(&file(&folder), folder.path(), 60.0, &models)).await;
    for limit in [json!({"rpm_limit": 2}), json!({"model_rpm_limit": {"gpt": 2}})] {
        let mut text = key(&gateway, limit.clone()).await;
        for expected in [200, 200, 429] {
            text = rotate(&gateway, &text, json!({"grace_period": "1h"})).await;
            assert_eq!(status(&gateway, &text).await, expected, "{limit}");
        }
    }
}

#[tokio::test]
async fn a_call_of_the_old_text_holds_the_new_ones_place() {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let models = [cent(&provider, "sk-fake.stall_after=1")];
    let gateway = Gateway::serve(&stored(&file(&folder), folder.path(), 60.0, &models)).await;
    let old = key(&gateway, json!({"max_parallel_requests": 1})).await;
    let bearer = format!("Bearer {old}");
    let mut held = gateway.stream_with(CHAT, &[("authorization", &bearer)], &chat("gpt")).await;
    held.until_content(1).await;
    let new = rotate(&gateway, &old, json!({})).await;
    assert_eq!(status(&gateway, &new).await, 429);
}

#[tokio::test]
async fn what_is_given_back_by_hand_reaches_a_replaced_key() {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let models = [cent(&provider, "sk-fake.completion_tokens=10")];
    let gateway = Gateway::serve(&stored(&file(&folder), folder.path(), 0.05, &models)).await;
    let old = key(&gateway, json!({"max_budget": 0.01})).await;
    assert_eq!([status(&gateway, &old).await, status(&gateway, &old).await], [200, 422]);
    let new = rotate(&gateway, &old, json!({})).await;
    eventually("it is stored", || async { (spend(&gateway, &new).await == 0.01).then_some(()) }).await;
    done(&gateway, "POST", &format!("/key/{new}/reset_spend"), json!({"reset_to": 0})).await;
    eventually("there is money again", || async { (status(&gateway, &new).await == 200).then_some(()) })
        .await;
    assert_eq!(status(&gateway, &new).await, 422);
}

#[tokio::test]
async fn a_text_that_was_replaced_is_nobody_elses() {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let models = [cent(&provider, "sk-fake.completion_tokens=10")];
    let gateway = Gateway::serve(&stored(&file(&folder), folder.path(), 60.0, &models)).await;
    let old = key(&gateway, json!({})).await;
    let new = rotate(&gateway, &old, json!({})).await;
    let other = key(&gateway, json!({})).await;
    for (path, body) in
        [("/key/generate", json!({"key": old})), ("/key/regenerate", json!({"key": other, "new_key": old}))]
    {
        let (status, _) = refused(&gateway, crate::harness::KEY, "POST", path, body).await;
        assert_eq!(status, 409, "{path}");
    }
    // Its own key may have it again.
    assert_eq!(rotate(&gateway, &new, json!({"new_key": old})).await, old);
    assert_eq!(status(&gateway, &old).await, 200);
}
