//! What is not billed by tokens: pictures, speech, sound, searches of a rerank. Held before the call, exact after it.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{got, key};
use crate::harness::{FakeProvider, Gateway, Reply, config, eventually, openai, with};

/// A deployment whose only price is this one.
fn priced(group: &str, provider: &FakeProvider, price: &str, amount: f64) -> Value {
    let up = format!("sk-fake.id={group}");
    with(openai(group, provider, &up), json!({"litellm_params": {price: amount}}))
}

/// Every kind of media at a price that makes a cent of each of the tests' calls.
async fn gateway(provider: &FakeProvider) -> Gateway {
    let models = [
        priced("image", provider, "output_cost_per_image", 0.01),
        priced("speech", provider, "input_cost_per_character", 0.001),
        priced("rerank", provider, "input_cost_per_query", 0.01),
        priced("sound", provider, "input_cost_per_second", 0.005),
    ];
    let settings = json!({"general_settings": {"database_url": "sqlite:///media.db"}});
    Gateway::serve(&with(config(&models), settings)).await
}

/// A recording of two seconds: 16-bit samples, 8000 of them a second.
fn recording() -> Vec<u8> {
    let samples = vec![0_u8; 32_000];
    let mut file = b"RIFF....WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data".to_vec();
    file.extend(u32::try_from(samples.len()).unwrap().to_le_bytes());
    file.extend(samples);
    file
}

fn form(format: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in [("model", "sound"), ("response_format", format)] {
        body.extend(
            format!("--b0und\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    body.extend(b"--b0und\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n");
    body.extend(recording());
    body.extend(b"\r\n--b0und--\r\n");
    body
}

async fn hear(gateway: &Gateway, key: &str, format: &str) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "multipart/form-data; boundary=b0und")];
    gateway.raw("POST", "/v1/audio/transcriptions", &headers, &form(format)).await
}

async fn post(gateway: &Gateway, key: &str, path: &str, body: &Value) -> Reply {
    gateway.post_with(path, &[("authorization", &format!("Bearer {key}"))], body).await
}

fn counts(replies: &[Reply]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        *counts.entry(reply.status()).or_insert(0) += 1;
    }
    counts
}

/// What the ledger says in the end: this much is spent, by rows that add up to it and are no estimates.
async fn spent(gateway: &Gateway, key: &str, amount: f64, rows: usize) {
    let info = format!("/key/info?key={key}");
    eventually("the ledger is complete", || async {
        (got(gateway, &info).await["info"]["spend"].as_f64().unwrap() == amount).then_some(())
    })
    .await;
    let logs = got(gateway, &format!("/spend/logs?api_key={key}")).await;
    let paid: Vec<&Value> =
        logs.as_array().unwrap().iter().filter(|row| row["status"] == "success").collect();
    assert_eq!(paid.len(), rows);
    assert!(paid.iter().all(|row| row["estimated"] == false && row["unpriced"] == false), "{logs}");
}

#[tokio::test]
async fn a_budget_buys_exactly_its_pictures() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider).await;
    let one = key(&gateway, json!({"max_budget": 1.0})).await;
    let image = |n: u32| json!({"model": "image", "prompt": "a dot", "n": n});
    let body = image(1);
    let calls = (0..500).map(|_| post(&gateway, &one, "/v1/images/generations", &body));
    assert_eq!(counts(&join_all(calls).await), BTreeMap::from([(200, 100), (422, 400)]));
    spent(&gateway, &one, 1.0, 100).await;
    // Three cents each: 33 of them, and one cent is left.
    let three = key(&gateway, json!({"max_budget": 1.0})).await;
    let body = with(json!({"model": "image", "prompt": "a dot"}), json!({"extra_body": {"n": 3}}));
    let calls = (0..60).map(|_| post(&gateway, &three, "/v1/images/generations", &body));
    assert_eq!(counts(&join_all(calls).await), BTreeMap::from([(200, 33), (422, 27)]));
    spent(&gateway, &three, 0.99, 33).await;
    assert_eq!(post(&gateway, &three, "/v1/images/generations", &image(1)).await.status(), 200);
}

#[tokio::test]
async fn speech_and_reranks_are_paid_by_what_is_asked() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider).await;
    for (path, body) in [
        ("/v1/audio/speech", json!({"model": "speech", "input": "ten chars.", "voice": "alloy"})),
        ("/v1/rerank", json!({"model": "rerank", "query": "q", "documents": ["a", "b"]})),
    ] {
        let key = key(&gateway, json!({"max_budget": 0.2})).await;
        let calls = (0..50).map(|_| post(&gateway, &key, path, &body));
        assert_eq!(counts(&join_all(calls).await), BTreeMap::from([(200, 20), (422, 30)]), "{path}");
        spent(&gateway, &key, 0.2, 20).await;
    }
}

#[tokio::test]
async fn sound_is_paid_by_the_second_as_the_answer_or_the_file_says() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider).await;
    // `json` tells two seconds in its usage, `text` nothing, so that the file's own length counts.
    for format in ["json", "text"] {
        let key = key(&gateway, json!({"max_budget": 0.1})).await;
        let calls = (0..30).map(|_| hear(&gateway, &key, format));
        assert_eq!(counts(&join_all(calls).await), BTreeMap::from([(200, 10), (422, 20)]), "{format}");
        spent(&gateway, &key, 0.1, 10).await;
    }
    // The provider heard 1.5 seconds.
    let key = key(&gateway, json!({})).await;
    assert_eq!(hear(&gateway, &key, "verbose_json").await.status(), 200);
    spent(&gateway, &key, 0.0075, 1).await;
}

#[tokio::test]
async fn a_wildcards_models_cost_what_each_of_them_does() {
    let provider = FakeProvider::start().await;
    let up = "sk-fake.prompt_tokens=1000.completion_tokens=1000";
    let wild = json!({
        "model_name": "openai/*",
        "litellm_params": {"model": "openai/*", "api_base": provider.v1(), "api_key": up},
    });
    let settings = json!({"general_settings": {"database_url": "sqlite:///wild.db"}});
    let gateway = Gateway::serve(&with(config(&[wild]), settings)).await;
    let chat = |model: &str| with(crate::harness::chat(model), json!({"max_tokens": 1000}));
    // 1000 x 2.50/M + 1000 x 10/M = 0.0125 for gpt-4o.
    let poor = key(&gateway, json!({"max_budget": 0.03})).await;
    let path = "/v1/chat/completions";
    let mut statuses = Vec::new();
    for model in ["openai/gpt-4o", "gpt-4o", "openai/gpt-4o", "openai/gpt-4o-mini"] {
        statuses.push(post(&gateway, &poor, path, &chat(model)).await.status());
    }
    // 1000 x 0.15/M + 1000 x 0.60/M = 0.00075 for gpt-4o-mini, which the rest still pays.
    assert_eq!(statuses, [200, 200, 422, 200]);
    spent(&gateway, &poor, 0.02575, 3).await;
    let logs = got(&gateway, &format!("/spend/logs?api_key={poor}")).await;
    assert!(logs.as_array().unwrap().iter().any(|row| row["model"] == "openai/gpt-4o-mini"), "{logs}");
    let refused = post(&gateway, &poor, path, &chat("openai/nobody-knows")).await;
    assert_eq!((refused.status(), refused.error()["type"].clone()), (403, json!("model_cost_map_missing")));
    let rich = key(&gateway, json!({})).await;
    assert_eq!(post(&gateway, &rich, path, &chat("openai/nobody-knows")).await.status(), 200);
    eventually("the row says that it has no price", || async {
        let logs = got(&gateway, &format!("/spend/logs?api_key={rich}")).await;
        (logs[0]["unpriced"] == true).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_list_of_prompts_costs_what_all_of_them_do() {
    let provider = FakeProvider::start().await;
    let up = "sk-fake.prompt_tokens=5.cached_tokens=4.completion_tokens=10";
    let price = json!({"litellm_params": {
        "input_cost_per_token": 0.001, "cache_read_input_token_cost": 0.0001, "output_cost_per_token": 0.001,
    }});
    let model = with(openai("gpt", &provider, up), price);
    let settings = json!({"general_settings": {"database_url": "sqlite:///batch.db"}});
    let gateway = Gateway::serve(&with(config(&[model]), settings)).await;
    let body = json!({"model": "gpt", "prompt": ["a", "b"], "max_tokens": 10});
    let key = key(&gateway, json!({"max_budget": 1.0})).await;
    assert_eq!(post(&gateway, &key, "/v1/completions", &body).await.status(), 200);
    // Twice 1 x 0.001 + 4 x 0.0001 + 10 x 0.001.
    spent(&gateway, &key, 0.0228, 1).await;
    let held = json!({"model": "gpt", "prompt": vec!["a"; 100], "max_tokens": 10});
    let refused = post(&gateway, &key, "/v1/completions", &held).await;
    assert_eq!(refused.status(), 422, "a hundred answers of a cent do not fit into what is left");
}

#[tokio::test]
async fn a_form_hides_no_request_for_text() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider).await;
    let bearer = format!("Bearer {}", key(&gateway, json!({})).await);
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "multipart/form-data; boundary=b0und")];
    for path in ["/v1/chat/completions", "/v1/images/generations"] {
        let refused = gateway.raw("POST", path, &headers, &form("json")).await;
        assert_eq!(
            (refused.status(), refused.error()["param"].clone()),
            (400, json!("content-type")),
            "{path}"
        );
    }
    assert!(provider.log("sk-fake.id=sound").is_empty());
}
