//! Users: made, shown, changed, deleted; what they have spent.

use serde_json::{Value, json};

use super::{ask, done, done_by, got, on_both, refused};
use crate::harness::{Gateway, KEY, eventually};

on_both!(
    a_user_comes_with_a_key_and_goes_with_it,
    the_tutorials_snippets_read_and_reset_what_was_spent,
    users_are_found_and_changed,
    the_files_users_are_there,
    what_only_an_admin_page_needs_says_what_to_do_instead,
);

async fn a_user_comes_with_a_key_and_goes_with_it(gateway: Gateway) {
    let body = json!({"user_id": "alice", "user_email": "Alice@Example.com", "user_role": "internal_user",
                      "max_budget": 3, "models": ["gpt-4o"], "tpm_limit": 7});
    let made = done(&gateway, "POST", "/user/new", body).await;
    let key = made["key"].as_str().unwrap();
    assert_eq!(
        (&made["user_id"], &made["max_budget"], &made["token"]),
        (&json!("alice"), &json!(3.0), &Value::Null)
    );
    let own = done_by(&gateway, key, "GET", "/key/info", Value::Null).await;
    // The user's budget holds over all its keys; the key has none of its own.
    assert_eq!((&own["info"]["user_id"], &own["info"]["max_budget"]), (&json!("alice"), &Value::Null));
    assert_eq!((&own["info"]["models"], &own["info"]["tpm_limit"]), (&json!(["gpt-4o"]), &json!(7)));
    let info = done_by(&gateway, key, "GET", "/user/info", Value::Null).await;
    assert_eq!((&info["user_id"], info["keys"].as_array().unwrap().len()), (&json!("alice"), 1));
    assert_eq!(info["user_info"]["user_email"], "Alice@Example.com");

    for (body, status, param) in [
        (json!({"user_id": "alice"}), 409, "user_id"),
        (json!({"user_email": "alice@example.COM"}), 409, "user_email"),
        (json!({"user_role": "root"}), 422, "user_role"),
        (json!({"teams": ["nowhere"]}), 400, "teams"),
        (json!({"password": "x"}), 400, "password"),
    ] {
        let (code, error) = refused(&gateway, KEY, "POST", "/user/new", body.clone()).await;
        assert_eq!((code, &error["param"]), (status, &json!(param)), "{body}: {error}");
    }
    // What was refused has left nothing behind.
    assert_eq!(got(&gateway, "/key/list").await["total_count"], 1);
    let bare = done(&gateway, "POST", "/user/new", json!({"auto_create_key": false})).await;
    assert_eq!((&bare["key"], bare["user_id"].as_str().unwrap().len()), (&json!(""), 36));

    assert_eq!(done(&gateway, "POST", "/user/delete", json!({"user_ids": ["alice"]})).await, 1);
    assert_eq!(ask(&gateway, key, "GET", "/key/info", &Value::Null).await.status(), 401);
    assert_eq!(refused(&gateway, KEY, "POST", "/user/delete", json!({"user_ids": ["alice"]})).await.0, 404);
}

async fn the_tutorials_snippets_read_and_reset_what_was_spent(gateway: Gateway) {
    let body = json!({"user_id": "user123", "max_budget": 10, "budget_duration": "30d", "spend": 2.5});
    let made = done(&gateway, "POST", "/user/new", body).await;
    let key = made["key"].as_str().unwrap();
    let spend = done_by(&gateway, key, "GET", "/user/spend", Value::Null).await;
    assert_eq!(
        (&spend["user_id"], &spend["spend"], &spend["max_budget"]),
        (&json!("user123"), &json!(2.5), &json!(10.0))
    );
    assert!(spend["total_spend"].is_number(), "{spend}");
    assert_eq!(spend["remaining_budget"], 7.5);
    assert_eq!(got(&gateway, "/user/spend?user_id=user123").await["spend"], 2.5);
    assert!(got(&gateway, "/user/spend").await["total_spend"].is_number());
    assert_eq!(refused(&gateway, key, "GET", "/user/spend?user_id=user1", Value::Null).await.0, 403);
    assert_eq!(refused(&gateway, KEY, "GET", "/user/spend?user_id=nobody", Value::Null).await.0, 404);

    assert_eq!(
        refused(&gateway, key, "POST", "/user/reset_budget", json!({"user_id": "user123"})).await.0,
        403
    );
    let reset = done(&gateway, "POST", "/user/reset_budget", json!({"user_id": "user123"})).await;
    assert_eq!((&reset["spend"], &reset["previous_spend"]), (&json!(0.0), &json!(2.5)));
    let spend = done_by(&gateway, key, "GET", "/user/spend", Value::Null).await;
    assert_eq!((&spend["spend"], &spend["remaining_budget"]), (&json!(0.0), &json!(10.0)));
    assert_eq!(
        refused(&gateway, KEY, "POST", "/user/reset_budget", json!({"user_id": "nobody"})).await.0,
        404
    );
}

async fn users_are_found_and_changed(gateway: Gateway) {
    for (id, role) in [("u-1", "internal_user"), ("u-2", "internal_user_viewer"), ("u-3", "proxy_admin")] {
        let body = json!({"user_id": id, "user_email": format!("{id}@x.org"), "user_role": role, "auto_create_key": false});
        done(&gateway, "POST", "/user/new", body).await;
    }
    let list = got(&gateway, "/user/list?user_email=X.ORG&page_size=2&sort_by=user_id&sort_order=asc").await;
    assert_eq!(
        (&list["total"], &list["total_pages"], &list["users"][0]["user_id"]),
        (&json!(3), &json!(2), &json!("u-1"))
    );
    assert_eq!(list["users"][0]["key_count"], 0);
    assert_eq!(got(&gateway, "/user/list?role=proxy_admin").await["total"], 1);

    let body = json!({"user_email": "U-1@x.org", "max_budget": 4, "spend": 1});
    let changed = done(&gateway, "POST", "/user/update", body).await;
    assert_eq!(
        (&changed["user_id"], &changed["data"]["max_budget"], &changed["data"]["spend"]),
        (&json!("u-1"), &json!(4.0), &json!(1.0))
    );
    let (code, _) =
        refused(&gateway, KEY, "POST", "/user/update", json!({"user_id": "nobody", "max_budget": 1})).await;
    assert_eq!(code, 404);
    let (code, _) =
        refused(&gateway, KEY, "POST", "/user/update", json!({"user_id": "u-1", "user_email": "u-2@x.org"}))
            .await;
    assert_eq!(code, 409);
    let body = json!({"users": [{"user_id": "u-1", "rpm_limit": 1}, {"user_id": "nobody"}]});
    let told = done(&gateway, "POST", "/user/bulk_update", body).await;
    assert_eq!((&told["successful_updates"], &told["failed_updates"]), (&json!(1), &json!(1)));
    let flat = got(&gateway, "/v2/user/info?user_id=u-1").await;
    assert_eq!((&flat["rpm_limit"], flat.as_object().unwrap().len()), (&json!(1), 17));
    assert!(got(&gateway, "/user/available_roles").await["proxy_admin"]["description"].is_string());
    assert!(got(&gateway, "/user/info").await["user_info"].is_null());
}

async fn the_files_users_are_there(gateway: Gateway) {
    let info = eventually("the user of user_config", || async {
        let reply = ask(&gateway, KEY, "GET", "/user/info?user_id=user1", &Value::Null).await;
        (reply.status() == 200).then(|| reply.json())
    })
    .await;
    let user = &info["user_info"];
    assert_eq!((&user["user_role"], &user["max_budget"]), (&json!("internal_user"), &json!(100.0)));
    assert_eq!(user["user_email"], "user1@example.com");
}

async fn what_only_an_admin_page_needs_says_what_to_do_instead(gateway: Gateway) {
    for (method, path, instead) in [
        ("POST", "/invitation/new", "/key/generate"),
        ("GET", "/invitation/info", "/key/generate"),
        ("POST", "/invitation/update", "/key/generate"),
        ("POST", "/invitation/delete", "/key/generate"),
        ("POST", "/user/password/change", "/key/regenerate"),
    ] {
        let (status, error) = refused(&gateway, KEY, method, path, json!({"user_id": "alice"})).await;
        assert_eq!((status, &error["type"]), (400, &json!("not_supported")), "{path}: {error}");
        assert!(error["message"].as_str().unwrap().contains(instead), "{path}: {error}");
    }
}
