//! Every role at every kind of endpoint, and every field that gives more than its caller has.

use serde_json::{Value, json};

use super::{ask, done, done_by, got, key, on_both, refused};
use crate::harness::Gateway;

on_both!(roles_may_what_the_contract_says, nobody_gives_itself_more_than_it_has, key_types_bind);

/// A key for each kind of caller: admin, viewer, internal user, internal viewer, no user.
async fn callers(gateway: &Gateway) -> [String; 5] {
    let mut keys = Vec::new();
    for role in ["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"] {
        let body = json!({"user_id": role, "user_role": role});
        keys.push(done(gateway, "POST", "/user/new", body).await["key"].as_str().unwrap().to_string());
    }
    keys.push(key(gateway, json!({})).await);
    keys.try_into().unwrap()
}

async fn roles_may_what_the_contract_says(gateway: Gateway) {
    let keys = callers(&gateway).await;
    let nothing = Value::Null;
    let some = json!({"key": "nobody", "user_id": "nobody", "team_id": "nobody", "keys": ["nobody"],
                      "user_ids": ["nobody"], "team_ids": ["nobody"], "member": {"user_id": "x"}});
    // Passed the roles: anything but 401 and 403.
    for (method, path, body, passes) in [
        ("GET", "/key/info", &nothing, [1, 1, 1, 1, 1]),
        ("GET", "/key/list", &nothing, [1, 1, 1, 1, 0]),
        ("POST", "/key/generate", &json!({}), [1, 0, 1, 0, 0]),
        ("POST", "/key/update", &some, [1, 0, 1, 0, 0]),
        ("POST", "/key/delete", &some, [1, 0, 1, 0, 0]),
        ("POST", "/key/block", &some, [1, 0, 1, 0, 0]),
        ("POST", "/key/bulk_update", &json!({"keys": []}), [1, 0, 0, 0, 0]),
        ("POST", "/key/nobody/regenerate", &json!({}), [1, 0, 1, 0, 0]),
        ("GET", "/user/info?user_id=proxy_admin", &nothing, [1, 1, 0, 0, 0]),
        ("GET", "/user/info", &nothing, [1, 1, 1, 1, 1]),
        ("GET", "/user/list", &nothing, [1, 1, 0, 0, 0]),
        ("GET", "/user/spend", &nothing, [1, 1, 1, 1, 1]),
        ("POST", "/user/new", &json!({"auto_create_key": false}), [1, 0, 0, 0, 0]),
        ("POST", "/user/update", &some, [1, 0, 0, 0, 0]),
        ("POST", "/user/delete", &some, [1, 0, 0, 0, 0]),
        ("POST", "/user/reset_budget", &some, [1, 0, 0, 0, 0]),
        ("GET", "/team/list", &nothing, [1, 1, 1, 1, 1]),
        ("GET", "/team/info?team_id=nobody", &nothing, [1, 1, 0, 0, 0]),
        ("POST", "/team/new", &json!({}), [1, 0, 0, 0, 0]),
        ("POST", "/team/update", &some, [1, 0, 0, 0, 0]),
        ("POST", "/team/block", &some, [1, 0, 0, 0, 0]),
        ("POST", "/team/delete", &some, [1, 0, 0, 0, 0]),
        ("POST", "/team/member_add", &some, [1, 0, 0, 0, 0]),
        ("POST", "/team/model/add", &some, [1, 0, 0, 0, 0]),
        ("GET", "/model/info", &nothing, [1, 1, 1, 1, 1]),
        ("GET", "/v2/model/info", &nothing, [1, 1, 1, 1, 1]),
        ("GET", "/model_group/info", &nothing, [1, 1, 1, 1, 1]),
        ("POST", "/model/new", &some, [1, 0, 0, 0, 0]),
        ("POST", "/model/update", &some, [1, 0, 0, 0, 0]),
        ("PATCH", "/model/x/update", &some, [1, 0, 0, 0, 0]),
        ("POST", "/model/delete", &some, [1, 0, 0, 0, 0]),
        ("POST", "/model/block", &some, [1, 0, 0, 0, 0]),
        ("GET", "/credentials", &nothing, [1, 1, 0, 0, 0]),
        ("POST", "/credentials", &some, [1, 0, 0, 0, 0]),
        ("PATCH", "/credentials/x", &some, [1, 0, 0, 0, 0]),
        ("GET", "/user/available_users", &nothing, [1, 1, 0, 0, 0]),
        ("GET", "/tag/dau", &nothing, [1, 1, 0, 0, 0]),
        ("GET", "/gateway/daily/activity", &nothing, [1, 1, 0, 0, 0]),
    ] {
        for (key, passes) in keys.iter().zip(passes) {
            let reply = ask(&gateway, key, method, path, body).await;
            let passed = ![401, 403].contains(&reply.status());
            assert_eq!(passed, passes == 1, "{method} {path} {}", reply.text());
            assert!(passed || reply.status() == 403, "{method} {path}: role denials are 403");
        }
    }
    // Everybody sees its own keys only.
    let [_, viewer, user, ..] = &keys;
    let count = |list: Value| list["total_count"].as_u64().unwrap();
    let all = count(got(&gateway, "/key/list").await);
    assert_eq!(count(done_by(&gateway, viewer, "GET", "/key/list", Value::Null).await), all);
    let own = count(done_by(&gateway, user, "GET", "/key/list", Value::Null).await);
    assert!(own < all, "{own} of {all}");
    let others = done_by(&gateway, user, "GET", "/key/list?user_id=proxy_admin", Value::Null).await;
    assert_eq!(count(others), 0);
}

/// A key of an internal user with bounds of every kind.
async fn bounded(gateway: &Gateway) -> String {
    let body = json!({"user_id": "mallory", "user_role": "internal_user", "auto_create_key": false});
    done(gateway, "POST", "/user/new", body).await;
    let bounds = json!({
        "user_id": "mallory", "models": ["cheap"], "max_budget": 5, "budget_duration": "30d", "rpm_limit": 10,
        "tpm_limit": 10, "tpd_limit": 10, "max_parallel_requests": 2, "duration": "1h",
        "model_max_budget": {"cheap": {"max_budget": 1, "budget_duration": "1d"}},
        "budget_limits": [{"budget_duration": "1h", "max_budget": 1}], "aliases": {"x": "cheap"},
        "tags": ["watched"], "model_rpm_limit": {"cheap": 1},
    });
    key(gateway, bounds).await
}

async fn nobody_gives_itself_more_than_it_has(gateway: Gateway) {
    let mallory = bounded(&gateway).await;
    let before = got(&gateway, &format!("/key/info?key={mallory}")).await["info"].clone();
    done(&gateway, "POST", "/team/new", json!({"team_id": "rich"})).await;
    for (field, value) in [
        ("max_budget", json!(6)),
        ("max_budget", json!(null)),
        ("budget_duration", json!("1s")),
        ("budget_duration", json!(null)),
        ("rpm_limit", json!(11)),
        ("tpm_limit", json!(null)),
        ("tpd_limit", json!(11)),
        ("max_parallel_requests", json!(3)),
        ("models", json!([])),
        ("models", json!(["cheap", "dear"])),
        ("aliases", json!({"x": "dear"})),
        ("duration", json!("2d")),
        ("duration", json!("-1")),
        ("model_max_budget", json!({})),
        ("budget_limits", json!([])),
        ("metadata", json!({})),
        ("tags", json!([])),
        ("model_rpm_limit", json!({"cheap": 99})),
        ("budget_fallbacks", json!({"cheap": ["dear"]})),
        ("spend", json!(0)),
        ("permissions", json!({"get_spend_routes": true})),
        ("allowed_routes", json!(["/*"])),
        ("key_type", json!("management")),
        ("user_id", json!("proxy_admin")),
        ("team_id", json!("rich")),
        ("organization_id", json!("rich")),
        ("end_user_budget_id", json!("b")),
        ("throttle_on_budget_exceeded", json!(true)),
        ("router_settings", json!({"model_group_alias": {"cheap": "dear"}})),
        ("object_permission_id", json!("o")),
        ("access_group_ids", json!(["g"])),
    ] {
        for path in ["/key/generate", "/key/update", "/key/regenerate"] {
            let mut body = json!({field: value});
            if path != "/key/generate" {
                body["key"] = mallory.clone().into();
            }
            let reply = ask(&gateway, &mallory, "POST", path, &body).await;
            let harmless = field == "spend" && path == "/key/generate";
            assert!(harmless || reply.status() == 403, "{path} {body}: {}", reply.text());
        }
        let after = got(&gateway, &format!("/key/info?key={mallory}")).await["info"].clone();
        assert_eq!(after, before, "{field} = {value} changed something");
    }
    // What it makes is bound as it is.
    let made = done_by(&gateway, &mallory, "POST", "/key/generate", json!({"key_alias": "child"})).await;
    for field in [
        "models",
        "max_budget",
        "budget_duration",
        "rpm_limit",
        "model_max_budget",
        "budget_limits",
        "user_id",
    ] {
        assert_eq!(made[field], before[field], "{field}");
    }
    assert_eq!((&made["metadata"]["tags"], made["expires"].is_string()), (&json!(["watched"]), true));
    done_by(&gateway, &mallory, "POST", "/key/generate", json!({"max_budget": 4, "rpm_limit": 1})).await;
    // A block is lifted by others.
    let child = made["key"].as_str().unwrap();
    done_by(&gateway, &mallory, "POST", "/key/block", json!({"key": child})).await;
    assert_eq!(refused(&gateway, &mallory, "POST", "/key/unblock", json!({"key": child})).await.0, 403);
    let (code, error) =
        refused(&gateway, &mallory, "POST", "/key/update", json!({"key": child, "blocked": false})).await;
    assert_eq!((code, &error["param"]), (403, &json!("blocked")));
    // And what is somebody else's stays so.
    let others = key(&gateway, json!({"user_id": "somebody"})).await;
    for (method, path, body) in [
        ("GET", format!("/key/info?key={others}"), Value::Null),
        ("POST", "/key/update".into(), json!({"key": others, "key_alias": "x"})),
        ("POST", "/key/delete".into(), json!({"keys": [others]})),
        ("POST", "/key/regenerate".into(), json!({"key": others})),
        ("POST", "/key/block".into(), json!({"key": others})),
        ("POST", format!("/key/{others}/reset_spend"), json!({"reset_to": 0})),
    ] {
        assert_eq!(refused(&gateway, &mallory, method, &path, body).await.0, 403, "{path}");
    }
    let several = done_by(&gateway, &mallory, "POST", "/v2/key/info", json!({"keys": [others]})).await;
    assert_eq!(several["key"], json!([]));
}

async fn key_types_bind(gateway: Gateway) {
    done(
        &gateway,
        "POST",
        "/user/new",
        json!({"user_id": "u", "user_role": "internal_user", "auto_create_key": false}),
    )
    .await;
    for (key_type, info, generate) in
        [("default", 200, 200), ("llm_api", 403, 403), ("read_only", 200, 403), ("management", 200, 200)]
    {
        let bound = key(&gateway, json!({"user_id": "u", "key_type": key_type})).await;
        let reply = ask(&gateway, &bound, "GET", "/key/info", &Value::Null).await;
        assert_eq!(reply.status(), info, "{key_type}: {}", reply.text());
        let reply = ask(&gateway, &bound, "POST", "/key/generate", &json!({})).await;
        assert_eq!(reply.status(), generate, "{key_type}: {}", reply.text());
        if generate == 200 && key_type == "management" {
            assert_eq!(reply.json()["allowed_routes"], json!(["management_routes"]));
        }
    }
}
