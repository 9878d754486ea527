//! Shared budgets on a store in memory.

use serde_json::json;

use super::*;
use crate::manage::authority::Verb;
use crate::manage::testing::{Bench, MASTER};

#[tokio::test]
async fn a_budget_is_made_changed_shown_and_deleted() {
    let bench = Bench::new(crate::manage::Settings::default());
    let body = json!({"budget_id": "b1", "max_budget": 10, "budget_duration": "1d", "rpm_limit": "5"});
    let made = new(bench.post("/budget/new", body.clone()).await).await.unwrap();
    assert_eq!((&made["max_budget"], &made["rpm_limit"]), (&json!(10.0), &json!(5)));
    assert_eq!(made["budget_reset_at"], "2026-11-22T00:00:00Z");
    assert_eq!(made["created_by"], "default_user_id");
    assert_eq!(bench.told(), [Changed::Budget("b1".into())]);

    let again = new(bench.post("/budget/new", body).await).await.unwrap_err();
    assert_eq!((again.status(), again.param()), (400, Some("budget_id")));
    let change = json!({"budget_id": "b1", "max_budget": 0.1, "rpm_limit": null});
    let changed = update(bench.post("/budget/update", change).await).await.unwrap();
    assert_eq!((&changed["max_budget"], &changed["rpm_limit"]), (&json!(0.1), &Value::Null));
    assert_eq!(changed["budget_duration"], "1d", "what is not named stays");
    assert_eq!(bench.told(), [Changed::Budget("b1".into())]);

    let unnamed = new(bench.post("/budget/new", json!({})).await).await.unwrap();
    assert_eq!(unnamed["budget_id"].as_str().unwrap().len(), 36);
    let asked = json!({"budgets": ["nope", "b1"]});
    let shown = info(bench.post("/budget/info", asked).await).await.unwrap();
    assert_eq!(shown.as_array().unwrap().len(), 1);
    let all = bench.call(MASTER, Verb::Get, "/budget/list", json!({})).await.unwrap();
    assert_eq!(list(all).await.unwrap().as_array().unwrap().len(), 2);
    let form = bench.call(MASTER, Verb::Get, "/budget/settings", json!({"budget_id": "b1"})).await.unwrap();
    assert_eq!(settings(form).await.unwrap()[0]["field_value"], json!(0.1));

    let gone = delete(bench.post("/budget/delete", json!({"id": "b1"})).await).await.unwrap();
    assert_eq!(gone["budget_id"], "b1");
}

#[tokio::test]
async fn what_is_not_there_is_404_and_nothing_is_told() {
    let bench = Bench::new(crate::manage::Settings::default());
    let gone = delete(bench.post("/budget/delete", json!({"id": "b1"})).await).await.unwrap_err();
    assert_eq!((gone.status(), gone.param()), (404, Some("id")));
    let change = json!({"budget_id": "b1", "max_budget": 1});
    let changed = update(bench.post("/budget/update", change).await).await.unwrap_err();
    assert_eq!((changed.status(), changed.param()), (404, Some("budget_id")));
    for (bad, status, param) in [
        (json!({"budget_duration": "30"}), 400, "budget_duration"),
        (json!({"max_budget": -1}), 400, "max_budget"),
        (json!({"max_budget": "much"}), 422, "max_budget"),
        (json!({"allowed_models": "all"}), 422, "allowed_models"),
    ] {
        let error = new(bench.post("/budget/new", bad).await).await.unwrap_err();
        assert_eq!((error.status(), error.param()), (status, Some(param)));
    }
    let none = info(bench.post("/budget/info", json!({"budgets": []})).await).await.unwrap_err();
    assert_eq!(none.status(), 400);
    assert!(bench.told().is_empty());
}
