//! Customers on a store in memory.

use serde_json::{Value, json};

use super::*;
use crate::manage::authority::Verb;
use crate::manage::testing::{Bench, MASTER};
use crate::manage::{Changed, budgets};

async fn look(bench: &Bench, id: &str) -> Result<Value, Error> {
    let call = bench.call(MASTER, Verb::Get, "/customer/info", json!({"end_user_id": id})).await.unwrap();
    info(call).await
}

async fn with_budget(bench: &Bench) {
    let budget = json!({"budget_id": "shared", "max_budget": 10, "rpm_limit": 7, "budget_duration": "1d"});
    budgets::new(bench.post("/budget/new", budget).await).await.unwrap();
    for id in ["c1", "c2"] {
        let customer = json!({"user_id": id, "budget_id": "shared"});
        new(bench.post("/customer/new", customer).await).await.unwrap();
    }
    bench.told();
}

#[tokio::test]
async fn a_change_of_one_customers_limits_leaves_the_shared_budget_alone() {
    let bench = Bench::new(crate::manage::Settings::default());
    with_budget(&bench).await;
    assert_eq!(look(&bench, "c1").await.unwrap()["litellm_budget_table"]["max_budget"], json!(10.0));
    let change = json!({"user_id": "c1", "max_budget": 2});
    let changed = update(bench.post("/customer/update", change).await).await.unwrap();
    assert_eq!(changed["budget_id"], Value::Null);
    let own = &changed["litellm_budget_table"];
    assert_eq!((&own["max_budget"], &own["rpm_limit"]), (&json!(2.0), &json!(7)));
    assert_eq!(own["budget_duration"], "1d");
    assert_eq!(bench.told(), [Changed::EndUser("c1".into())]);
    assert_eq!(look(&bench, "c2").await.unwrap()["litellm_budget_table"]["max_budget"], json!(10.0));

    let back = json!({"user_id": "c1", "budget_id": "shared", "alias": "First"});
    let back = update(bench.post("/customer/update", back).await).await.unwrap();
    assert_eq!(back["litellm_budget_table"]["max_budget"], json!(10.0));
    assert_eq!(back["alias"], "First");
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let bench = Bench::new(crate::manage::Settings::default());
    with_budget(&bench).await;
    for (bad, status, param) in [
        (json!({}), 422, "user_id"),
        (json!({"user_id": "c1"}), 400, "user_id"),
        (json!({"user_id": "c3", "budget_id": "shared", "max_budget": 1}), 400, "budget_id"),
        (json!({"user_id": "c3", "budget_id": "nope"}), 400, "budget_id"),
        (json!({"user_id": "c3", "allowed_model_region": "mars"}), 422, "allowed_model_region"),
        (json!({"user_id": "c3", "max_budget": -1}), 400, "max_budget"),
    ] {
        let error = new(bench.post("/customer/new", bad.clone()).await).await.unwrap_err();
        assert_eq!((error.status(), error.param()), (status, Some(param)), "{bad}");
    }
    let change = json!({"user_id": "c9", "alias": "x"});
    assert_eq!(update(bench.post("/customer/update", change).await).await.unwrap_err().status(), 404);
    assert_eq!(look(&bench, "c9").await.unwrap_err().status(), 404);
    assert!(bench.told().is_empty());
}

#[tokio::test]
async fn customers_are_blocked_before_they_come_and_deleted_all_or_none() {
    let bench = Bench::new(crate::manage::Settings::default());
    with_budget(&bench).await;
    let ids = json!({"user_ids": ["c1", "never-seen"]});
    let blocked = block(bench.post("/customer/block", ids.clone()).await).await.unwrap();
    assert_eq!(blocked["blocked_users"][1]["user_id"], "never-seen");
    assert_eq!(look(&bench, "never-seen").await.unwrap()["blocked"], true);
    unblock(bench.post("/customer/unblock", ids).await).await.unwrap();
    assert_eq!(look(&bench, "c1").await.unwrap()["blocked"], false);
    let stranger = json!({"user_ids": ["stranger"]});
    assert_eq!(unblock(bench.post("/customer/unblock", stranger).await).await.unwrap_err().status(), 404);

    let some = json!({"user_ids": ["c1", "stranger"]});
    let refused = delete(bench.post("/customer/delete", some).await).await.unwrap_err();
    assert!(refused.status() == 404 && refused.message().contains("stranger"));
    look(&bench, "c1").await.unwrap();
    let gone = delete(bench.post("/customer/delete", json!({"user_ids": ["c1"]})).await).await.unwrap();
    assert_eq!(gone["deleted_customers"], 1);
    let all = bench.call(MASTER, Verb::Get, "/customer/list", json!({})).await.unwrap();
    assert_eq!(list(all).await.unwrap().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn spend_is_set_by_hand() {
    let bench = Bench::new(crate::manage::Settings::default());
    let made = json!({"user_id": "c", "spend": 1.5, "max_budget": 2});
    let made = new(bench.post("/customer/new", made).await).await.unwrap();
    assert_eq!(made["spend"], json!(1.5));
    let change = json!({"user_id": "c", "spend": 0});
    assert_eq!(update(bench.post("/customer/update", change).await).await.unwrap()["spend"], json!(0.0));
}
