//! How callers are recognised: headers, addresses, users, and what happens while the database is away.

use serde_json::{Value, json};

use super::{ask, done, got, key};
use crate::harness::{FakeProvider, Gateway, KEY, chat, config, eventually, openai, with};

const CHAT: &str = "/v1/chat/completions";

async fn gateway(provider: &FakeProvider, general: Value, litellm: Value) -> Gateway {
    let price = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    let model = with(openai("gpt", provider, "sk-fake.completion_tokens=10"), price);
    let general = with(json!({"database_url": "sqlite:///c.db"}), general);
    let settings = json!({"general_settings": general, "litellm_settings": litellm});
    Gateway::serve(&with(config(&[model]), settings)).await
}

fn capped(more: Value) -> Value {
    with(with(chat("gpt"), json!({"max_tokens": 10})), more)
}

#[tokio::test]
async fn one_header_replaces_the_usual_ones() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({"litellm_key_header_name": "X-My-Key"}), json!({})).await;
    let body = chat("gpt").to_string();
    let status = async |path: &str, name: &str| {
        let method = if path == CHAT { "POST" } else { "GET" };
        let headers = [(name, format!("Bearer {KEY}")), ("content-type", "application/json".into())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        gateway.raw(method, path, &headers, if path == CHAT { body.as_bytes() } else { b"" }).await.status()
    };
    for path in [CHAT, "/v1/models", "/key/list"] {
        assert_eq!(status(path, "x-my-key").await, 200, "{path}");
        assert_eq!(status(path, "authorization").await, 401, "{path}");
    }
}

#[tokio::test]
async fn only_the_named_addresses_may_call() {
    let provider = FakeProvider::start().await;
    let general = json!({"allowed_ips": ["10.0.0.0/8"], "use_x_forwarded_for": true});
    let gateway = gateway(&provider, general, json!({})).await;
    let status = async |path: &str, forwarded: &str| {
        let bearer = format!("Bearer {KEY}");
        let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", forwarded)];
        gateway.raw("GET", path, &headers, b"").await.status()
    };
    for path in ["/v1/models", "/key/list"] {
        assert_eq!((status(path, "10.1.2.3").await, status(path, "10.1.2.3, 192.0.2.1").await), (200, 403));
    }
    let refused = gateway.chat(&chat("gpt")).await;
    assert_eq!((refused.status(), refused.error()["type"].clone()), (403, json!("auth_error")));
    assert_eq!(status("/health/liveliness", "192.0.2.1").await, 200, "load balancers ask from anywhere");
}

#[tokio::test]
async fn rows_name_the_address_of_the_caller() {
    let provider = FakeProvider::start().await;
    for (trusts, shown) in [(false, "127.0.0.1"), (true, "10.1.2.3")] {
        let gateway = gateway(&provider, json!({"use_x_forwarded_for": trusts}), json!({})).await;
        let bearer = format!("Bearer {KEY}");
        let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", "192.0.2.9, 10.1.2.3:4711")];
        let answer = gateway.raw("POST", CHAT, &headers, chat("gpt").to_string().as_bytes()).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let row = eventually("the row is in the ledger", || async {
            let logs = ask(&gateway, KEY, "GET", "/spend/logs", &Value::Null).await.json();
            logs.get(0).cloned()
        })
        .await;
        assert_eq!(row["requester_ip_address"], shown);
        assert_eq!(row["metadata"]["requester_ip_address"], shown);
    }
}

#[tokio::test]
async fn headers_name_customers_and_users() {
    let provider = FakeProvider::start().await;
    let general = json!({
        "user_header_mappings": [
            {"header_name": "X-Customer", "litellm_user_role": "customer"},
            {"header_name": "X-User", "litellm_user_role": "internal_user"},
        ],
        "user_header_name": "x-old-customer",
        "enforce_user_param": true,
    });
    let gateway = gateway(&provider, general, json!({})).await;
    let key = key(&gateway, json!({})).await;
    done(&gateway, "POST", "/customer/new", json!({"user_id": "poor", "max_budget": 0.01})).await;
    let bearer = format!("Bearer {key}");
    let call = async |headers: &[(&str, &str)]| {
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        gateway.post_with(CHAT, &all, &capped(json!({}))).await.status()
    };
    assert_eq!(call(&[]).await, 400);
    assert_eq!(call(&[("x-customer", "poor"), ("x-user", "ann")]).await, 200);
    for name in ["x-customer", "x-old-customer", "x-litellm-customer-id", "x-litellm-end-user-id"] {
        assert_eq!(call(&[(name, "poor")]).await, 422, "{name}");
    }
    assert_eq!(call(&[("x-customer", "rich"), ("x-litellm-session-id", "s-1")]).await, 200);
    eventually("the session's row", || async {
        let found = got(&gateway, "/spend/logs/session/ui?session_id=s-1").await;
        (found["total"] == 1).then_some(())
    })
    .await;
    let row = eventually("the row", || async {
        let rows = got(&gateway, "/spend/logs?user_id=ann").await;
        rows.as_array().unwrap().first().cloned()
    })
    .await;
    assert_eq!((&row["user"], &row["end_user"]), (&json!("ann"), &json!("poor")));
}

#[tokio::test]
async fn bodies_name_customers_in_several_places() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({}), json!({})).await;
    let key = key(&gateway, json!({})).await;
    done(&gateway, "POST", "/customer/new", json!({"user_id": "poor", "max_budget": 0.01})).await;
    let places = [
        json!({"safety_identifier": "poor"}),
        json!({"metadata": {"user_id": "poor"}}),
        json!({"litellm_metadata": {"user": "poor"}}),
        json!({"user": "poor"}),
    ];
    let mut expected = 200;
    for place in places {
        let reply = ask(&gateway, &key, "POST", CHAT, &capped(place.clone())).await;
        assert_eq!(reply.status(), expected, "{place}: {}", reply.text());
        expected = 422;
    }
}

#[tokio::test]
async fn other_schemes_than_bearer_carry_keys() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({}), json!({})).await;
    let key = key(&gateway, json!({})).await;
    let signed =
        format!("AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/bedrock/aws4_request, Signature=00");
    for (scheme, expected) in
        [(format!("Basic {key}"), 200), (signed, 200), (format!("BASIC {key}x"), 401), (key.clone(), 401)]
    {
        let reply = gateway.post_with(CHAT, &[("authorization", &scheme)], &chat("gpt")).await;
        assert_eq!(reply.status(), expected, "{}", reply.text());
    }
}

#[tokio::test]
async fn tags_of_callers_can_be_refused() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({"reject_clientside_metadata_tags": true}), json!({})).await;
    let tagged = with(chat("gpt"), json!({"metadata": {"tags": ["cheap"]}}));
    let refused = gateway.chat(&tagged).await;
    assert_eq!((refused.status(), refused.error()["param"].clone()), (400, json!("metadata.tags")));
    assert_eq!(gateway.post_with(CHAT, &[("x-litellm-tags", "a")], &chat("gpt")).await.status(), 400);
    assert_eq!(gateway.chat(&chat("gpt")).await.status(), 200);
    // The operator's own tags of a key stay.
    let key = key(&gateway, json!({"metadata": {"tags": ["team-a"]}})).await;
    assert_eq!(ask(&gateway, &key, "POST", CHAT, &chat("gpt")).await.status(), 200);
}

#[tokio::test]
async fn users_without_a_budget_get_the_general_one() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({}), json!({"max_user_budget": 0.01})).await;
    done(&gateway, "POST", "/user/new", json!({"user_id": "ann"})).await;
    done(&gateway, "POST", "/user/new", json!({"user_id": "rich", "max_budget": 5})).await;
    for (user, last) in [("ann", 422), ("rich", 200)] {
        let key = key(&gateway, json!({"user_id": user})).await;
        for expected in [200, last] {
            let reply = ask(&gateway, &key, "POST", CHAT, &capped(json!({}))).await;
            assert_eq!(reply.status(), expected, "{user}: {}", reply.text());
        }
    }
}

#[tokio::test]
async fn unknown_keys_are_served_without_a_database_where_that_is_wanted() {
    let provider = FakeProvider::start().await;
    for (open, expected) in [(false, 503), (true, 200)] {
        let general = json!({
            "database_url": "postgresql://nobody@127.0.0.1:1/none",
            "allow_requests_on_db_unavailable": open,
        });
        let gateway = gateway(&provider, general, json!({})).await;
        let reply = ask(&gateway, "sk-nobody-can-look-this-up", "POST", CHAT, &chat("gpt")).await;
        assert_eq!(reply.status(), expected, "{}", reply.text());
        let managing = ask(&gateway, "sk-nobody-can-look-this-up", "GET", "/health", &Value::Null).await;
        assert!(managing.json().get("healthy_endpoints").is_none(), "{}", managing.text());
        assert_eq!(
            ask(&gateway, "sk-nobody-can-look-this-up", "GET", "/key/list", &Value::Null).await.status(),
            503
        );
    }
}
