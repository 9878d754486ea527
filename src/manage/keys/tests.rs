//! Keys on a store in memory: who is told, what the configuration rules.

use serde_json::{Value, json};

use super::{block, delete, generate, info, regenerate, update};
use crate::config::model::KeyRule;
use crate::domain::keys::{JsonMap, Role};
use crate::manage::authority::Verb;
use crate::manage::testing::{Bench, MASTER, NOW};
use crate::manage::{Changed, Settings, budgets, users};

fn map(value: Value) -> JsonMap {
    value.as_object().unwrap().clone()
}

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_else(|| panic!("no {name} in {row}")).to_string()
}

fn changed(hash: &str, first: &str) -> Changed {
    Changed::Key { hash: hash.to_string(), counted_as: first.to_string() }
}

#[tokio::test]
async fn every_change_is_told_and_nothing_else() {
    let bench = Bench::new(Settings::default());
    let made = generate(bench.post("/key/generate", json!({"key_alias": "a"})).await).await.unwrap();
    let (key, hash) = (text(&made, "key"), text(&made, "token"));
    assert_eq!(bench.told(), [changed(&hash, &hash)]);
    assert!(generate(bench.post("/key/generate", json!({"key_alias": "a"})).await).await.is_err());
    update(bench.post("/key/update", json!({"key": key, "rpm_limit": 1})).await).await.unwrap();
    block(bench.post("/key/block", json!({"key": key})).await).await.unwrap();
    assert_eq!(bench.told(), [changed(&hash, &hash), changed(&hash, &hash)]);
    let new = regenerate(bench.post("/key/regenerate", json!({"key": key})).await).await.unwrap();
    let new_hash = text(&new, "token");
    assert_eq!(bench.told(), [changed(&hash, &hash), changed(&new_hash, &hash)]);
    delete(bench.post("/key/delete", json!({"keys": [&new_hash]})).await).await.unwrap();
    assert_eq!(bench.told(), [changed(&new_hash, &hash)]);
}

#[tokio::test]
async fn a_key_works_until_its_end_and_not_after() {
    let mut bench = Bench::new(Settings::default());
    let made = generate(bench.post("/key/generate", json!({"duration": "30s"})).await).await.unwrap();
    assert_eq!(made["expires"], "2026-11-21T08:51:05Z");
    let key = text(&made, "key");
    bench.now_ms = NOW + 29_999;
    assert!(bench.caller(&key).await.is_ok());
    bench.now_ms = NOW + 30_000;
    let error = bench.caller(&key).await.unwrap_err();
    assert_eq!((error.status(), error.type_()), (401, "expired_key"));
    let call = bench.call(MASTER, Verb::Get, "/key/info", json!({"key": key})).await.unwrap();
    assert_eq!(info(call).await.unwrap()["info"]["status"], "expired");
}

#[tokio::test]
async fn the_configuration_gives_and_bounds() {
    let bench = Bench::new(Settings {
        default_key_params: map(json!({"rpm_limit": 7, "models": ["cheap"]})),
        upper_bounds: map(json!({"max_budget": 10})),
        no_custom_keys: true,
        ..Settings::default()
    });
    let made = generate(bench.post("/key/generate", json!({})).await).await.unwrap();
    assert_eq!((&made["rpm_limit"], &made["models"]), (&json!(7), &json!(["cheap"])));
    assert_eq!(made["max_budget"], 10.0);
    for (body, status, param) in
        [(json!({"max_budget": 11}), 400, "max_budget"), (json!({"key": "sk-chosen-by-hand-1"}), 403, "key")]
    {
        let error = generate(bench.post("/key/generate", body).await).await.unwrap_err();
        assert_eq!((error.status(), error.param()), (status, Some(param)));
    }
}

#[tokio::test]
async fn rules_say_who_makes_keys_and_what_they_say() {
    let rule = KeyRule { roles: Some(vec![Role::ProxyAdmin]), required: vec!["key_alias".into()] };
    let bench = Bench::new(Settings { personal_keys: Some(rule), ..Settings::default() });
    let error = generate(bench.post("/key/generate", json!({})).await).await.unwrap_err();
    assert_eq!((error.status(), error.param()), (400, Some("key_alias")));
    let user =
        users::new(bench.post("/user/new", json!({"user_role": "internal_user"})).await).await.unwrap();
    let call = bench.call(&text(&user, "key"), Verb::Post, "/key/generate", json!({"key_alias": "x"})).await;
    assert_eq!(generate(call.unwrap()).await.unwrap_err().status(), 403);
    let bench = Bench::new(Settings { keys_need_team: true, ..Settings::default() });
    let error = generate(bench.post("/key/generate", json!({})).await).await.unwrap_err();
    assert_eq!(error.param(), Some("team_id"));
}

#[tokio::test]
async fn what_the_configuration_gives_is_no_way_around_ones_own_bounds() {
    let bench = Bench::new(Settings {
        default_key_params: map(json!({"models": ["dear"], "duration": "30d", "rpm_limit": 3})),
        upper_bounds: map(json!({"max_budget": 100})),
        ..Settings::default()
    });
    let user = json!({"user_id": "u", "user_role": "internal_user", "auto_create_key": false});
    users::new(bench.post("/user/new", user).await).await.unwrap();
    let own = json!({"user_id": "u", "models": ["cheap"], "max_budget": 5, "duration": "1h", "rpm_limit": 9});
    let own = generate(bench.post("/key/generate", own).await).await.unwrap();
    let call = bench.call(&text(&own, "key"), Verb::Post, "/key/generate", json!({})).await.unwrap();
    let made = generate(call).await.unwrap();
    for name in ["models", "max_budget", "expires", "user_id"] {
        assert_eq!(made[name], own[name], "{name}");
    }
    assert_eq!(made["rpm_limit"], 3);
}

#[tokio::test]
async fn a_key_whose_shared_budget_is_gone_can_still_be_changed() {
    let bench = Bench::new(Settings::default());
    budgets::new(bench.post("/budget/new", json!({"budget_id": "b"})).await).await.unwrap();
    let made = generate(bench.post("/key/generate", json!({"budget_id": "b"})).await).await.unwrap();
    budgets::delete(bench.post("/budget/delete", json!({"id": "b"})).await).await.unwrap();
    let key = text(&made, "key");
    let changed = update(bench.post("/key/update", json!({"key": key, "rpm_limit": 1})).await).await.unwrap();
    assert_eq!(changed["rpm_limit"], 1);
    let other = json!({"key": key, "budget_id": "c"});
    let error = update(bench.post("/key/update", other).await).await.unwrap_err();
    assert_eq!((error.status(), error.param()), (400, Some("budget_id")));
}

#[tokio::test]
async fn an_empty_length_of_time_changes_nothing_and_null_takes_it_away() {
    let bench = Bench::new(Settings::default());
    let fields = json!({"duration": "1d", "max_budget": 1, "budget_duration": "30d"});
    let made = generate(bench.post("/key/generate", fields).await).await.unwrap();
    let key = text(&made, "key");
    let lengths = async |value: Value| {
        let body = json!({"key": key, "duration": value, "budget_duration": value});
        let row = update(bench.post("/key/update", body).await).await.unwrap();
        (row["expires"].is_null(), row["budget_duration"].clone())
    };
    assert_eq!(lengths(json!("")).await, (false, json!("30d")));
    assert_eq!(lengths(Value::Null).await, (true, Value::Null));
}

#[tokio::test]
async fn bounds_hold_for_keys_that_are_there_too() {
    let bounds = map(json!({"max_budget": 100, "rpm_limit": 10, "duration": "30d"}));
    let bench = Bench::new(Settings { upper_bounds: bounds, ..Settings::default() });
    let person = json!({"user_id": "u", "user_role": "internal_user"});
    let made = users::new(bench.post("/user/new", person).await).await.unwrap();
    let own = text(&made, "key");
    let by = async |path: &'static str, body: Value| bench.call(&own, Verb::Post, path, body).await.unwrap();
    let empty = json!({"max_budget": "", "rpm_limit": "", "duration": ""});
    let made = generate(by("/key/generate", empty).await).await.unwrap();
    assert_eq!((&made["max_budget"], &made["rpm_limit"]), (&json!(100.0), &json!(10)));
    let key = text(&made, "key");
    for (name, value) in [
        ("max_budget", json!(101)),
        ("rpm_limit", json!(11)),
        ("duration", json!("-1")),
        ("max_budget", Value::Null),
        ("duration", Value::Null),
    ] {
        let body = json!({"key": key, name: value});
        for error in [
            update(by("/key/update", body.clone()).await).await.unwrap_err(),
            regenerate(by("/key/regenerate", body).await).await.unwrap_err(),
        ] {
            assert_eq!((error.status(), error.param()), (400, Some(name)), "{name} {value}");
        }
    }
    update(by("/key/update", json!({"key": key, "max_budget": 50})).await).await.unwrap();
    let lifted = json!({"key": key, "max_budget": null});
    update(bench.post("/key/update", lifted).await).await.unwrap();
}
