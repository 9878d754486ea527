//! Keys: made, shown, changed, replaced, deleted.

use serde_json::{Value, json};

use super::{ask, done, on_sqlite, refused};
use crate::harness::KEY;

#[tokio::test]
async fn the_guides_curl_makes_a_key() {
    let gateway = on_sqlite().await;
    let body = json!({
        "key_alias": "staging-pipeline",
        "models": ["gpt-fast", "gpt4o-pool"],
        "max_budget": 5.00,
        "budget_duration": "30d",
        "tpm_limit": 100_000,
        "rpm_limit": 100
    });
    let made = done(&gateway, "POST", "/key/generate", &body).await;
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("sk-") && key.len() == 25, "{key}");
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    assert_eq!(made["key_name"], format!("sk-...{}", &key[21..]));
    assert_eq!(made["token"], made["token_id"]);
    assert_eq!(made["created_by"], "default_user_id");
    assert!(made["created_at"].as_str().unwrap().ends_with('Z'));

    let shown = done(&gateway, "GET", &format!("/key/info?key={key}"), &Value::Null).await;
    assert_eq!(shown["key"], key);
    let info = &shown["info"];
    assert_eq!(
        (&info["spend"], &info["max_budget"], &info["status"]),
        (&json!(0.0), &json!(5.0), &json!("active"))
    );
    assert!(info["budget_reset_at"].as_str().unwrap().ends_with("-01T00:00:00+00:00"), "{info}");
    // By hash, and the key about itself.
    let hash = made["token"].as_str().unwrap();
    let by_hash = done(&gateway, "GET", &format!("/key/info?key={hash}"), &Value::Null).await;
    assert_eq!(by_hash["info"]["key_alias"], "staging-pipeline");
    let own = ask(&gateway, key, "GET", "/key/info", &Value::Null).await.json();
    assert_eq!((&own["key"], &own["info"]["rpm_limit"]), (&json!(hash), &json!(100)));
    assert!(!gateway.log().contains(&key[3..]));
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let gateway = on_sqlite().await;
    for (body, status, param) in [
        (json!({"max_budget": "much"}), 422, "max_budget"),
        (json!({"max_budget": -1}), 400, "max_budget"),
        (json!({"models": "gpt-4o"}), 422, "models"),
        (json!({"duration": "banana"}), 400, "duration"),
        (json!({"duration": "30"}), 400, "duration"),
        (json!({"budget_duration": "30"}), 400, "budget_duration"),
        (json!({"key": "sk-short"}), 400, "key"),
        (json!({"key": "no-prefix-but-long-enough"}), 400, "key"),
        (json!({"key": KEY}), 409, "key"),
        (json!({"key_type": "root"}), 422, "key_type"),
        (json!({"budget_id": "nope"}), 400, "budget_id"),
        (json!({"metadata": "x"}), 422, "metadata"),
    ] {
        let (code, error) = refused(&gateway, KEY, "POST", "/key/generate", &body).await;
        assert_eq!((code, &error["param"]), (status, &json!(param)), "{body}: {error}");
    }
    let chosen = json!({"key": "sk-chosen-by-hand-1", "key_alias": "a", "rpm_limit": "7", "unknown": 1});
    assert_eq!(done(&gateway, "POST", "/key/generate", &chosen).await["rpm_limit"], 7);
    let (code, error) = refused(&gateway, KEY, "POST", "/key/generate", &chosen).await;
    assert!(code == 409 || error["param"] == "key_alias", "{error}");
    let again = json!({"key": "sk-chosen-by-hand-1", "rpm_limit": 9});
    assert_eq!(refused(&gateway, KEY, "POST", "/key/generate", &again).await.0, 409);
    let (code, error) = refused(&gateway, KEY, "GET", "/key/info?key=sk-unknown", &Value::Null).await;
    assert_eq!((code, &error["type"]), (404, &json!("not_found_error")));
    assert_eq!(refused(&gateway, "sk-unknown", "GET", "/key/info", &Value::Null).await.0, 401);
    let reply = gateway.post("/key/generate", &json!([1])).await;
    assert_eq!(reply.status(), 422);
}
