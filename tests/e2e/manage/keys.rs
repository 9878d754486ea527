//! Keys: made, shown, changed, replaced, deleted.

use serde_json::{Value, json};

use super::{ask, done, done_by, got, key, on_both, refused};
use crate::harness::{Gateway, KEY, eventually};

on_both!(
    the_guides_curl_makes_a_key,
    what_cannot_be_is_refused_by_name,
    a_key_lives_from_change_to_change,
    a_replaced_key_keeps_its_settings,
    a_replaced_key_ends_with_its_grace_period,
    keys_are_listed_by_page_filter_and_order,
    several_are_changed_and_deleted_at_once,
);

async fn the_guides_curl_makes_a_key(gateway: Gateway) {
    let body = json!({
        "key_alias": "staging-pipeline",
        "models": ["gpt-fast", "gpt4o-pool"],
        "max_budget": 5.00,
        "budget_duration": "30d",
        "tpm_limit": 100_000,
        "rpm_limit": 100
    });
    let made = done(&gateway, "POST", "/key/generate", body.clone()).await;
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("sk-") && key.len() == 25, "{key}");
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    assert_eq!(made["key_name"], format!("sk-...{}", &key[21..]));
    assert_eq!(made["token"], made["token_id"]);
    assert_eq!(made["created_by"], "default_user_id");
    assert!(made["created_at"].as_str().unwrap().ends_with('Z'));

    let shown = got(&gateway, &format!("/key/info?key={key}")).await;
    assert_eq!(shown["key"], key);
    let info = &shown["info"];
    assert_eq!((&info["spend"], &info["max_budget"]), (&json!(0.0), &json!(5.0)));
    assert_eq!(info["status"], "active");
    assert!(info["budget_reset_at"].as_str().unwrap().ends_with("-01T00:00:00+00:00"), "{info}");
    // By hash, and the key about itself.
    let hash = made["token"].as_str().unwrap();
    assert_eq!(
        got(&gateway, &format!("/key/info?key={hash}")).await["info"]["key_alias"],
        "staging-pipeline"
    );
    let own = done_by(&gateway, key, "GET", "/key/info", Value::Null).await;
    assert_eq!((&own["key"], &own["info"]["rpm_limit"]), (&json!(hash), &json!(100)));
    let several = done(&gateway, "POST", "/v2/key/info", json!({"keys": [key, "sk-nobody"]})).await;
    assert_eq!(several["key"], json!([key]));
    // The secret is shown once and stands nowhere.
    assert!(!gateway.log().contains(&key[3..]));
    assert!(!shown["info"].to_string().contains(&key[3..]));
}

async fn what_cannot_be_is_refused_by_name(gateway: Gateway) {
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
        (json!({"metadata": {"logging": [{"callback_name": "langfuse"}]}}), 400, "metadata.logging"),
        (
            json!({"metadata": {"litellm_disabled_callbacks": "otel"}}),
            422,
            "metadata.litellm_disabled_callbacks",
        ),
        (json!({"budget_limits": [{"max_budget": 1}]}), 422, "budget_limits"),
        (json!({"model_max_budget": {"m": []}}), 422, "model_max_budget"),
    ] {
        let (code, error) = refused(&gateway, KEY, "POST", "/key/generate", body.clone()).await;
        assert_eq!((code, &error["param"]), (status, &json!(param)), "{body}: {error}");
    }
    let chosen = json!({"key": "sk-chosen-by-hand-1", "key_alias": "a", "rpm_limit": "7", "unknown": 1});
    assert_eq!(done(&gateway, "POST", "/key/generate", chosen).await["rpm_limit"], 7);
    let again = json!({"key": "sk-chosen-by-hand-1", "rpm_limit": 9});
    let (code, error) = refused(&gateway, KEY, "POST", "/key/generate", again).await;
    assert_eq!((code, &error["param"]), (409, &json!("key")));
    let (code, error) = refused(&gateway, KEY, "POST", "/key/generate", json!({"key_alias": "a"})).await;
    assert_eq!((code, &error["param"]), (400, &json!("key_alias")));
    assert_eq!(got(&gateway, "/key/info?key=sk-chosen-by-hand-1").await["info"]["rpm_limit"], 7);
    let (code, error) = refused(&gateway, KEY, "GET", "/key/info?key=sk-unknown", Value::Null).await;
    assert_eq!((code, &error["type"]), (404, &json!("not_found_error")));
    assert_eq!(refused(&gateway, "sk-unknown", "GET", "/key/info", Value::Null).await.0, 401);
    let reply = gateway.post("/key/generate", &json!([1])).await;
    assert_eq!(reply.status(), 422);
    let reply =
        gateway.raw("POST", "/key/generate", &[("authorization", &format!("Bearer {KEY}"))], b"{x").await;
    assert_eq!((reply.status(), &reply.error()["type"]), (400, &json!("invalid_request_error")));
    let reply = gateway.raw("DELETE", "/key/generate", &[], b"").await;
    assert_eq!(reply.status(), 405);
}

async fn a_key_lives_from_change_to_change(gateway: Gateway) {
    let key =
        key(&gateway, json!({"max_budget": 1, "metadata": {"a": 1}, "tags": ["x"], "duration": "1h"})).await;
    let change = json!({"key": key, "max_budget": 2.5, "duration": "-1", "model_rpm_limit": {"m": 3}});
    let changed = done(&gateway, "POST", "/key/update", change).await;
    assert_eq!(
        (&changed["key"], &changed["max_budget"], &changed["expires"]),
        (&json!(key), &json!(2.5), &Value::Null)
    );
    assert_eq!(changed["metadata"], json!({"a": 1, "tags": ["x"], "model_rpm_limit": {"m": 3}}));
    assert_eq!(done(&gateway, "POST", "/key/update", json!({"key": key, "spend": 0.5})).await["spend"], 0.5);

    let path = format!("/key/{}/reset_spend", changed["token"].as_str().unwrap());
    let (code, _) = refused(&gateway, KEY, "POST", &path, json!({"reset_to": 5.0})).await;
    assert_eq!(code, 400);
    let reset = done(&gateway, "POST", &path, json!({"reset_to": 0.25})).await;
    assert_eq!((&reset["spend"], &reset["previous_spend"]), (&json!(0.25), &json!(0.5)));

    done(&gateway, "POST", "/key/block", json!({"key": key})).await;
    let (code, error) = refused(&gateway, &key, "GET", "/key/info", Value::Null).await;
    assert_eq!(code, 401);
    assert!(error["message"].as_str().unwrap().contains("blocked"), "{error}");
    assert_eq!(got(&gateway, &format!("/key/info?key={key}")).await["info"]["status"], "revoked");
    done(&gateway, "POST", "/key/unblock", json!({"key": key})).await;
    let healthy = done_by(&gateway, &key, "POST", "/key/health", Value::Null).await;
    assert_eq!(healthy, json!({"key": "healthy", "logging_callbacks": null}));

    let gone = done(&gateway, "POST", "/key/delete", json!({"keys": [key]})).await;
    assert_eq!(gone, json!({"deleted_keys": [key]}));
    assert_eq!(ask(&gateway, &key, "GET", "/key/info", &Value::Null).await.status(), 401);
    assert_eq!(refused(&gateway, KEY, "POST", "/key/delete", json!({"keys": [key]})).await.0, 404);
    assert_eq!(refused(&gateway, KEY, "POST", "/key/delete", json!({})).await.0, 422);
    assert_eq!(refused(&gateway, KEY, "POST", "/key/update", json!({"key": key})).await.0, 404);
    let deleted = got(&gateway, "/key/list?status=deleted").await;
    assert_eq!(deleted["total_count"], 1);
}

async fn a_replaced_key_keeps_its_settings(gateway: Gateway) {
    let old = key(&gateway, json!({"key_alias": "r", "rpm_limit": 5, "spend": 0.25})).await;
    let new = done(&gateway, "POST", "/key/regenerate", json!({"key": old, "tpm_limit": 9})).await;
    let text = new["key"].as_str().unwrap();
    assert_ne!(text, old);
    assert_eq!((&new["rpm_limit"], &new["tpm_limit"], &new["spend"]), (&json!(5), &json!(9), &json!(0.25)));
    assert_eq!(new["key_alias"], "r");
    assert_eq!(ask(&gateway, &old, "GET", "/key/info", &Value::Null).await.status(), 401);
    assert_eq!(ask(&gateway, text, "GET", "/key/info", &Value::Null).await.status(), 200);
    // With time to change over, by the path, to a chosen text.
    let body = json!({"new_key": "sk-chosen-again-22", "grace_period": "1h"});
    let path = format!("/key/{text}/regenerate");
    assert_eq!(done(&gateway, "POST", &path, body).await["key"], "sk-chosen-again-22");
    for works in [text, "sk-chosen-again-22"] {
        let own = done_by(&gateway, works, "GET", "/key/info?", Value::Null).await;
        assert_eq!((&own["info"]["key_alias"], &own["info"]["rotation_count"]), (&json!("r"), &json!(2)));
    }
    let (code, error) = refused(
        &gateway,
        KEY,
        "POST",
        "/key/regenerate",
        json!({"key": "sk-chosen-again-22", "grace_period": "x"}),
    )
    .await;
    assert_eq!((code, &error["param"]), (400, &json!("grace_period")));
    assert_eq!(refused(&gateway, KEY, "POST", "/key/nobody/regenerate", json!({})).await.0, 404);
}

async fn a_replaced_key_ends_with_its_grace_period(gateway: Gateway) {
    let old = key(&gateway, json!({})).await;
    let path = format!("/key/{old}/regenerate");
    done(&gateway, "POST", &path, json!({"grace_period": "2s"})).await;
    let status = async || ask(&gateway, &old, "GET", "/v1/models", &Value::Null).await.status();
    assert_eq!(status().await, 200);
    let start = std::time::Instant::now();
    eventually("it is refused", || async { (status().await == 401).then_some(()) }).await;
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

async fn keys_are_listed_by_page_filter_and_order(gateway: Gateway) {
    for number in 0..5 {
        let fields = json!({"key_alias": format!("Alias-{number}"), "max_budget": number,
                            "user_id": if number < 2 { "few" } else { "many" }});
        key(&gateway, fields).await;
    }
    let list =
        got(&gateway, "/key/list?size=2&page=3&sort_by=max_budget&sort_order=asc&return_full_object=true")
            .await;
    assert_eq!(
        (&list["total_count"], &list["total_pages"], &list["current_page"]),
        (&json!(5), &json!(3), &json!(3))
    );
    assert_eq!(list["keys"][0]["key_alias"], "Alias-4");
    let hash = list["keys"][0]["token"].clone();
    assert_eq!(got(&gateway, "/key/list?search=ALIAS-4").await["keys"], json!([hash]));
    assert_eq!(got(&gateway, "/key/list?user_id=few").await["total_count"], 2);
    assert_eq!(got(&gateway, "/key/list?page=9").await["keys"], json!([]));
    assert_eq!(got(&gateway, "/key/list?status=expired").await["total_count"], 0);
    for bad in ["page=0", "size=101", "size=x", "sort_by=secret", "status=lost", "sort_order=up"] {
        let (code, error) = refused(&gateway, KEY, "GET", &format!("/key/list?{bad}"), Value::Null).await;
        assert!(code == 400 || code == 422, "{bad}: {code}");
        assert_eq!(error["param"], bad.split('=').next().unwrap());
    }
    let aliases = got(&gateway, "/key/aliases?search=alias&size=2").await;
    assert_eq!((&aliases["aliases"], &aliases["total_count"]), (&json!(["Alias-0", "Alias-1"]), &json!(5)));
}

async fn several_are_changed_and_deleted_at_once(gateway: Gateway) {
    let one = key(&gateway, json!({"key_alias": "one"})).await;
    let body = json!({"keys": [{"key": one, "rpm_limit": 3}, {"key": "sk-nobody-at-all", "rpm_limit": 3},
                               {"key": one, "rpm_limit": []}]});
    let told = done(&gateway, "POST", "/key/bulk_update", body).await;
    assert_eq!(told["total_requested"], 3);
    assert_eq!(told["successful_updates"][0]["key_info"]["rpm_limit"], 3);
    assert_eq!(told["failed_updates"].as_array().unwrap().len(), 2);
    let gone = done(&gateway, "POST", "/key/delete", json!({"key_aliases": ["one", "two"]})).await;
    assert_eq!(gone["deleted_keys"], json!(["one"]));
}
