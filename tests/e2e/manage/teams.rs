//! Teams: made, filled, bounded, blocked, deleted.

use serde_json::{Value, json};

use super::{ask, done, done_by, got, key, on_both, refused};
use crate::harness::{Gateway, KEY};

on_both!(
    a_team_is_made_filled_and_deleted,
    those_who_run_a_team_manage_it_within_its_bounds,
    members_do_what_the_team_allows_them,
);

async fn a_team_is_made_filled_and_deleted(gateway: Gateway) {
    let body = json!({"team_id": "t1", "team_alias": "One", "models": ["a", "b"], "max_budget": 9,
                      "team_member_budget": 2, "members_with_roles": [{"role": "user", "user_id": "bob"}]});
    let team = done(&gateway, "POST", "/team/new", body).await;
    assert_eq!((&team["team_alias"], &team["max_budget"]), (&json!("One"), &json!(9.0)));
    let roles = team["members_with_roles"].as_array().unwrap();
    assert!(roles.iter().any(|member| member["user_id"] == "default_user_id" && member["role"] == "admin"));
    let (code, error) = refused(&gateway, KEY, "POST", "/team/new", json!({"team_id": "t1"})).await;
    assert_eq!((code, &error["param"]), (400, &json!("team_id")));

    let body = json!({"team_id": "t1", "member": {"role": "user", "user_email": "eve@x.org"}, "max_budget_in_team": 1});
    let added = done(&gateway, "POST", "/team/member_add", body.clone()).await;
    assert_eq!(added["updated_users"][0]["user_email"], "eve@x.org");
    assert_eq!(added["updated_team_memberships"][0]["litellm_budget_table"]["max_budget"], 1.0);
    let (code, error) = refused(&gateway, KEY, "POST", "/team/member_add", body).await;
    assert_eq!((code, &error["type"]), (400, &json!("team_member_already_in_team")));
    let body = json!({"team_id": "t1", "members": [{"user_id": "carl"}, {"user_id": "bob"}]});
    let told = done(&gateway, "POST", "/team/bulk_member_add", body).await;
    assert_eq!((&told["successful_additions"], &told["failed_additions"]), (&json!(1), &json!(1)));
    let body = json!({"team_id": "t1", "user_id": "carl", "max_budget_in_team": 3, "role": "admin"});
    let changed = done(&gateway, "POST", "/team/member_update", body).await;
    assert_eq!((&changed["max_budget_in_team"], &changed["role"]), (&json!(3.0), &json!("admin")));

    let of_bob = key(&gateway, json!({"team_id": "t1", "user_id": "bob"})).await;
    let info = got(&gateway, "/team/info?team_id=t1").await;
    assert_eq!(
        (info["keys"].as_array().unwrap().len(), info["team_memberships"].as_array().unwrap().len()),
        (1, 4)
    );
    assert_eq!(info["team_info"]["team_member_budget_table"]["max_budget"], 2.0);
    let me = done_by(&gateway, &of_bob, "GET", "/team/t1/members/me", Value::Null).await;
    assert_eq!((&me["user_id"], &me["budget_source"]), (&json!("bob"), &json!("team")));
    assert_eq!(got(&gateway, "/team/list").await.as_array().unwrap().len(), 1);
    assert_eq!(got(&gateway, "/v2/team/list?search=ONE").await["teams"][0]["members_count"], 4);

    let patched = ask(&gateway, KEY, "PATCH", "/team/t1", &json!({"max_budget": 8, "spend": 1})).await.json();
    assert_eq!((&patched["data"]["max_budget"], &patched["data"]["spend"]), (&json!(8.0), &json!(1.0)));
    assert_eq!(done(&gateway, "POST", "/team/t1/reset_spend", json!({"reset_to": 0})).await["spend"], 0.0);
    let models = done(&gateway, "POST", "/team/model/add", json!({"team_id": "t1", "models": ["c"]})).await;
    assert_eq!(models["models"], json!(["a", "b", "c"]));
    let models =
        done(&gateway, "POST", "/team/model/delete", json!({"team_id": "t1", "models": ["a", "b"]})).await;
    assert_eq!(models["models"], json!(["c"]));
    let (code, _) =
        refused(&gateway, KEY, "POST", "/team/model/delete", json!({"team_id": "t1", "models": ["c"]})).await;
    assert_eq!(code, 400);

    done(&gateway, "POST", "/team/block", json!({"team_id": "t1"})).await;
    assert_eq!(ask(&gateway, &of_bob, "GET", "/key/info", &Value::Null).await.status(), 401);
    done(&gateway, "POST", "/team/unblock", json!({"team_id": "t1"})).await;
    assert_eq!(ask(&gateway, &of_bob, "GET", "/key/info", &Value::Null).await.status(), 200);
    // Who leaves the team leaves its keys.
    done(&gateway, "POST", "/team/member_delete", json!({"team_id": "t1", "user_id": "bob"})).await;
    assert_eq!(ask(&gateway, &of_bob, "GET", "/key/info", &Value::Null).await.status(), 401);
    let of_team = key(&gateway, json!({"team_id": "t1"})).await;
    done(&gateway, "POST", "/team/delete", json!({"team_ids": ["t1"]})).await;
    assert_eq!(ask(&gateway, &of_team, "GET", "/key/info", &Value::Null).await.status(), 401);
    assert_eq!(refused(&gateway, KEY, "GET", "/team/info?team_id=t1", Value::Null).await.0, 404);
}

/// A team with its boss and a plain member; their keys.
async fn staffed(gateway: &Gateway) -> (String, String) {
    let mut keys = Vec::new();
    for id in ["boss", "hand"] {
        let body = json!({"user_id": id, "user_role": "internal_user"});
        keys.push(done(gateway, "POST", "/user/new", body).await["key"].as_str().unwrap().to_string());
    }
    let body = json!({"team_id": "t", "max_budget": 10, "models": ["a", "b"], "members_with_roles": [
        {"role": "admin", "user_id": "boss"}, {"role": "user", "user_id": "hand"}]});
    done(gateway, "POST", "/team/new", body).await;
    done(gateway, "POST", "/team/new", json!({"team_id": "other"})).await;
    (keys.remove(0), keys.remove(0))
}

async fn those_who_run_a_team_manage_it_within_its_bounds(gateway: Gateway) {
    let (boss, hand) = staffed(&gateway).await;
    let change = |fields: Value| {
        let mut body = fields;
        body["team_id"] = "t".into();
        body
    };
    done_by(&gateway, &boss, "POST", "/team/update", change(json!({"team_alias": "T", "max_budget": 9})))
        .await;
    for (fields, param) in [
        (json!({"max_budget": 11}), "max_budget"),
        (json!({"max_budget": null}), "max_budget"),
        (json!({"models": []}), "models"),
        (json!({"models": ["a", "c"]}), "models"),
        (json!({"budget_duration": "1h"}), "budget_duration"),
        (json!({"organization_id": "o"}), "organization_id"),
        (json!({"spend": 0}), "spend"),
        (json!({"router_settings": {"num_retries": 9}}), "router_settings"),
    ] {
        let (code, error) = refused(&gateway, &boss, "POST", "/team/update", change(fields.clone())).await;
        assert_eq!((code, &error["param"]), (403, &json!(param)), "{fields}");
    }
    let (code, _) =
        refused(&gateway, &boss, "POST", "/team/update", json!({"team_id": "other", "team_alias": "x"}))
            .await;
    assert_eq!(code, 403);
    assert_eq!(
        refused(&gateway, &hand, "POST", "/team/update", change(json!({"team_alias": "x"}))).await.0,
        403
    );
    done_by(
        &gateway,
        &boss,
        "POST",
        "/team/member_add",
        change(json!({"member": {"user_id": "new", "role": "user"}})),
    )
    .await;
    let body = change(json!({"user_id": "boss", "max_budget_in_team": 100}));
    assert_eq!(refused(&gateway, &boss, "POST", "/team/member_update", body).await.0, 403);
    let own = done_by(&gateway, &boss, "GET", "/team/list", Value::Null).await;
    assert_eq!(own.as_array().unwrap().len(), 1);
    assert_eq!(refused(&gateway, &boss, "GET", "/team/info?team_id=other", Value::Null).await.0, 403);
    let service =
        done_by(&gateway, &boss, "POST", "/key/service-account/generate", json!({"team_id": "t"})).await;
    assert!(service["user_id"].is_null());
    let (code, _) =
        refused(&gateway, &hand, "POST", "/key/service-account/generate", json!({"team_id": "t"})).await;
    assert_eq!(code, 403);
}

async fn members_do_what_the_team_allows_them(gateway: Gateway) {
    let (boss, hand) = staffed(&gateway).await;
    let (code, error) = refused(&gateway, &hand, "POST", "/key/generate", json!({"team_id": "t"})).await;
    assert_eq!((code, &error["type"]), (403, &json!("team_member_permission_error")));
    let body = json!({"team_id": "t", "team_member_permissions": ["/key/generate"]});
    assert_eq!(refused(&gateway, &hand, "POST", "/team/permissions_update", body.clone()).await.0, 403);
    done_by(&gateway, &boss, "POST", "/team/permissions_update", body).await;
    let listed = done_by(&gateway, &hand, "GET", "/team/permissions_list?team_id=t", Value::Null).await;
    assert_eq!(listed["team_member_permissions"], json!(["/key/generate"]));
    let made = done_by(&gateway, &hand, "POST", "/key/generate", json!({"team_id": "t"})).await;
    let team_key = made["key"].as_str().unwrap();
    assert_eq!((&made["user_id"], &made["team_id"]), (&json!("hand"), &json!("t")));
    // A key of the team cannot make one outside of it.
    let made = done_by(&gateway, team_key, "POST", "/key/generate", json!({})).await;
    assert_eq!(made["team_id"], "t");
    let (code, error) = refused(&gateway, team_key, "POST", "/key/generate", json!({"team_id": null})).await;
    assert_eq!((code, &error["param"]), (403, &json!("team_id")));
    let (code, _) =
        refused(&gateway, &hand, "POST", "/key/update", json!({"key": team_key, "key_alias": "x"})).await;
    assert_eq!(code, 403);
    done_by(&gateway, &boss, "POST", "/key/update", json!({"key": team_key, "key_alias": "x"})).await;
    let (code, _) = refused(&gateway, &hand, "POST", "/key/generate", json!({"team_id": "other"})).await;
    assert_eq!(code, 403);
}
