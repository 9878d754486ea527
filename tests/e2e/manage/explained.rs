//! Why a request went where it went: the header on demand, and `GET /debug/router`.

use serde_json::{Value, json};

use super::{KEY, done, key, refused};
use crate::harness::{FakeProvider, Gateway, Reply, chat, config, eventually, openai, with};

const COOLS: &str = "sk-fake.status=429.retry_after=600";
const GOOD: &str = "sk-fake.text=good";

async fn asked(gateway: &Gateway, key: &str, model: &str) -> (Reply, Option<Value>) {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("x-stagedoor-explain", "true")];
    let reply = gateway.post_with("/v1/chat/completions", &headers, &chat(model)).await;
    let told = reply.header("x-stagedoor-explain").map(|text| serde_json::from_str(text).unwrap());
    (reply, told)
}

/// Three deployments: one that cools down, one without any weight, one that serves.
async fn scene(more: Value) -> (FakeProvider, Gateway) {
    let provider = FakeProvider::start().await;
    let resting = with(openai("gpt", &provider, "sk-fake.id=rest"), json!({"litellm_params": {"weight": 0}}));
    let models = [
        with(
            openai("gpt", &provider, COOLS),
            json!({"model_info": {"id": "cools"}, "litellm_params": {"weight": 50}}),
        ),
        with(resting, json!({"model_info": {"id": "rests"}})),
        with(
            openai("gpt", &provider, GOOD),
            json!({"model_info": {"id": "good"}, "litellm_params": {"weight": 50, "rpm": 1000}}),
        ),
    ];
    let settings = json!({"general_settings": {"database_url": "sqlite:///explained.db"}});
    let gateway = Gateway::serve(&with(with(config(&models), settings), more)).await;
    eventually("the bad one is met", || async {
        (gateway.chat(&chat("gpt")).await.status() == 429).then_some(())
    })
    .await;
    (provider, gateway)
}

#[tokio::test]
async fn an_admin_reads_why_and_what_was_left_out() {
    let (_provider, gateway) = scene(json!({})).await;
    let (reply, told) = asked(&gateway, KEY, "gpt").await;
    assert_eq!(reply.status(), 200);
    let decision = &told.expect("an explanation")["decisions"][0];
    assert_eq!((&decision["group"], &decision["strategy"]), (&json!("gpt"), &json!("simple-shuffle")));
    assert_eq!((&decision["chosen"], &decision["of"]), (&json!("good"), &json!(3)));
    let of =
        |id: &str| decision["deployments"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap();
    assert_eq!(
        (&of("cools")["out"], &of("cools")["cause"]),
        (&json!("cooldown"), &json!("upstream_rate_limit"))
    );
    assert!(of("cools")["rest_s"].as_f64().unwrap() > 500.0, "{decision}");
    assert_eq!(of("rests")["out"], "weight_0");
    assert_eq!((&of("good")["out"], &of("good")["weight"]), (&Value::Null, &json!(50.0)));
    assert!(of("good")["rpm"].as_str().unwrap().ends_with("/1000"), "{decision}");
    let unasked = gateway.chat(&chat("gpt")).await;
    assert_eq!(unasked.header("x-stagedoor-explain"), None);
}

#[tokio::test]
async fn a_caller_reads_sums_and_its_own_limits() {
    let (_provider, gateway) = scene(json!({})).await;
    let own = key(&gateway, json!({"rpm_limit": 2})).await;
    let (reply, told) = asked(&gateway, &own, "gpt").await;
    assert_eq!(reply.status(), 200);
    let told = told.expect("an explanation");
    let decision = &told["decisions"][0];
    assert_eq!(
        (&decision["chosen"], &decision["out"]),
        (&json!("good"), &json!({"cooldown": 1, "weight_0": 1}))
    );
    assert_eq!(told["limits_left"], json!({"api_key requests": "1/2"}));
    assert!(decision["deployments"].is_null() && !told.to_string().contains("cools"), "{told}");
    asked(&gateway, &own, "gpt").await;
    let (reply, told) = asked(&gateway, &own, "gpt").await;
    assert_eq!(reply.status(), 429);
    let told = told.expect("an explanation");
    assert_eq!((&told["refused"], &told["rate_limit_type"]), (&json!("limit_exceeded"), &json!("requests")));
    assert_eq!(refused(&gateway, &own, "GET", "/debug/router", Value::Null).await.0, 403);
}

#[tokio::test]
async fn a_refusal_is_explained_and_may_be_kept_from_callers() {
    let (_provider, gateway) =
        scene(json!({"litellm_settings": {"expose_router_debug_in_errors": false}})).await;
    let own = key(&gateway, json!({})).await;
    assert_eq!(asked(&gateway, &own, "gpt").await.1, None);
    let (reply, told) = asked(&gateway, KEY, "nothing").await;
    assert_eq!((reply.status(), told), (404, Some(json!({"refused": "model_not_found"}))));

    let provider = FakeProvider::start().await;
    let full = with(
        openai("full", &provider, GOOD),
        json!({"litellm_params": {"rpm": 1}, "model_info": {"id": "f"}}),
    );
    let gateway = Gateway::serve(&config(&[full])).await;
    assert_eq!(asked(&gateway, KEY, "full").await.0.status(), 200);
    let (reply, told) = asked(&gateway, KEY, "full").await;
    assert_eq!(reply.status(), 429);
    let decision = &told.expect("an explanation")["decisions"][0];
    assert_eq!(
        (&decision["refused"], &decision["deployments"][0]["out"]),
        (&json!("all_full"), &json!("rpm_full"))
    );
    assert_eq!(decision["deployments"][0]["rpm"], "1/1");
    // The refusal is kept also where nobody asked.
    gateway.chat(&chat("full")).await;
    let router = done(&gateway, "GET", "/debug/router", Value::Null).await;
    let kept = router["decisions"].as_array().unwrap();
    assert_eq!(kept.iter().filter(|one| one["refused"] == "all_full").count(), 2, "{router}");
    assert!(kept.iter().all(|one| one["call_id"].is_string() && one["at"].is_string()), "{router}");
}

#[tokio::test]
async fn the_router_shows_its_state_and_answers_what_if() {
    let (_provider, gateway) = scene(json!({})).await;
    let router = done(&gateway, "GET", "/debug/router?model=gpt&stream=true", Value::Null).await;
    assert_eq!(router["dry_run"]["chosen"], "good");
    assert_eq!(router["strategy"], "simple-shuffle");
    let shown = &router["groups"][0];
    assert_eq!((&shown["name"], shown["deployments"].as_array().unwrap().len()), (&json!("gpt"), 3));
    let cools = &shown["deployments"][0];
    assert_eq!((&cools["id"], &cools["healthy"]), (&json!("cools"), &json!(false)));
    assert_eq!(cools["cooldown"]["cause"], "upstream_rate_limit");
    assert_eq!(cools["cooldown"]["begun_by"], "this replica");
    assert_eq!((&cools["last_minute"]["failures"], &cools["in_flight"]["own"]), (&json!(1), &json!(0)));
    assert_eq!(shown["deployments"][2]["requests_per_minute"]["limit"], 1000);
    let text = router.to_string();
    assert!(!text.contains("sk-fake") && !text.contains("127.0.0.1"), "no keys, no addresses: {text}");
    let before = router["groups"][0]["deployments"][2]["requests_per_minute"]["own"].clone();
    let again = done(&gateway, "GET", "/debug/router?model=gpt", Value::Null).await;
    assert_eq!(
        again["groups"][0]["deployments"][2]["requests_per_minute"]["own"], before,
        "asking takes nothing"
    );
    assert_eq!(refused(&gateway, KEY, "GET", "/debug/router?model=none", Value::Null).await.0, 404);
}

/// A group that fails twice, then a fallback that fails, then one that answers.
async fn falling() -> (FakeProvider, Gateway) {
    let provider = FakeProvider::start().await;
    let named = |group: &str, key: &str, id: &str| {
        with(openai(group, &provider, key), json!({"model_info": {"id": id}}))
    };
    let models = [
        named("main", "sk-fake.status=500.id=1", "main-1"),
        named("second", "sk-fake.status=503.id=2", "second-1"),
        named("third", "sk-fake.text=good.id=3", "third-1"),
    ];
    let settings = json!({
        "general_settings": {"database_url": "sqlite:///falling.db"},
        "router_settings": {"num_retries": 0, "fallbacks": [{"main": ["second", "third"]}]},
    });
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    (provider, gateway)
}

fn steps(told: &Value) -> Vec<(&Value, &Value, &Value, &Value)> {
    let decisions = told["decisions"].as_array().unwrap();
    decisions.iter().map(|one| (&one["group"], &one["chosen"], &one["failed"], &one["error_class"])).collect()
}

#[tokio::test]
async fn each_hop_says_what_the_one_before_it_failed_with() {
    let (_provider, gateway) = falling().await;
    let (reply, told) = asked(&gateway, KEY, "main").await;
    assert_eq!(reply.status(), 200);
    let told = told.expect("an explanation");
    let (none, text) = (Value::Null, |text: &str| json!(text));
    assert_eq!(
        steps(&told),
        [
            (&text("main"), &text("main-1"), &text("upstream_internal"), &text("InternalServerError")),
            (
                &text("second"),
                &text("second-1"),
                &text("upstream_unavailable"),
                &text("ServiceUnavailableError")
            ),
            (&text("third"), &text("third-1"), &none, &none),
        ],
        "{told}"
    );
    // Where nobody asked operators still find why.
    let unasked = gateway.chat(&chat("main")).await;
    let router = done(&gateway, "GET", "/debug/router", Value::Null).await;
    let call_id = unasked.must("x-litellm-call-id");
    let kept: Vec<&Value> = router["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["call_id"] == call_id)
        .rev()
        .collect();
    let kept: Vec<_> = kept.iter().map(|one| (&one["group"], &one["chosen"], &one["failed"])).collect();
    assert_eq!(
        kept,
        [
            (&text("main"), &text("main-1"), &text("upstream_internal")),
            (&text("second"), &text("second-1"), &text("upstream_unavailable")),
            (&text("third"), &text("third-1"), &none),
        ],
        "{router}"
    );
}

#[tokio::test]
async fn a_group_that_a_key_may_not_ask_for_has_no_name_for_it() {
    let (_provider, gateway) = falling().await;
    let own = key(&gateway, json!({"models": ["main"]})).await;
    let (reply, told) = asked(&gateway, &own, "main").await;
    assert_eq!(reply.status(), 200);
    let told = told.expect("an explanation");
    let decisions = told["decisions"].as_array().unwrap();
    let failed: Vec<&Value> = decisions.iter().map(|one| &one["failed"]).collect();
    assert_eq!(failed, [&json!("upstream_internal"), &json!("upstream_unavailable"), &Value::Null], "{told}");
    assert!(decisions[1]["group"].is_null() && decisions[1]["chosen"].is_null(), "{told}");
    assert!(!told.to_string().contains("second") && !told.to_string().contains("third"), "{told}");
}

#[tokio::test]
async fn an_error_does_not_name_a_fallback_that_the_key_may_not_ask_for() {
    let provider = FakeProvider::start().await;
    let models = [
        openai("main", &provider, "sk-fake.status=500.id=1"),
        openai("second", &provider, "sk-fake.status=503.id=2"),
    ];
    let settings = json!({
        "general_settings": {"database_url": "sqlite:///hidden.db"},
        "router_settings": {"num_retries": 0, "fallbacks": [{"main": ["second"]}]},
    });
    let gateway = Gateway::serve(&with(config(&models), settings)).await;
    let own = key(&gateway, json!({"models": ["main"]})).await;
    let (reply, told) = asked(&gateway, &own, "main").await;
    assert_eq!((reply.status(), reply.must("x-litellm-model-group")), (500, "main"));
    assert!(reply.text().contains("A fallback also failed, with status 503."), "{}", reply.text());
    assert!(!reply.text().contains("second"), "{}", reply.text());
    assert!(!told.expect("an explanation").to_string().contains("second"));
    let reply = asked(&gateway, KEY, "main").await.0;
    assert!(reply.text().contains("Fallback to second also failed"), "{}", reply.text());
}
