//! What is spent, and what bounds it, through the real program; rows are put into its ledger from outside.

use serde_json::{Value, json};
use stagedoor::domain::ledger::LedgerRow;
use stagedoor::store::{Store, StoreOptions};

use super::{done, done_by, on_sqlite, refused};
use crate::harness::gateway::command;
use crate::harness::{Gateway, KEY};

/// The file that a gateway keeps its ledger in.
fn database(gateway: &Gateway) -> std::path::PathBuf {
    gateway.config_file().with_file_name("manage.db")
}

async fn append(gateway: &Gateway, rows: Vec<LedgerRow>) {
    let url = format!("sqlite:///{}", database(gateway).display());
    Store::new(&url, StoreOptions::default()).unwrap().append(rows).await.unwrap();
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

fn audit(gateway: &Gateway) -> (Option<i32>, String) {
    let mut command = command();
    command.current_dir(gateway.config_file().parent().unwrap());
    let output = command.args(["audit", "--config"]).arg(gateway.config_file()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn spend_is_seen_by_those_whose_it_is_and_audited() {
    let gateway = on_sqlite().await;
    let made = done(&gateway, "POST", "/key/generate", json!({"key_alias": "hers"})).await;
    let (key, hash) = (made["key"].as_str().unwrap(), made["token"].as_str().unwrap());
    let row = |spend_nanos: i64, end_user: &str| LedgerRow {
        key_hash: hash.into(),
        model: "openai/gpt-4o".into(),
        model_group: "gpt-4o".into(),
        end_user: end_user.into(),
        spend_nanos,
        prompt_tokens: 100,
        completion_tokens: 50,
        ..LedgerRow::new(now_ms())
    };
    append(&gateway, vec![row(700_000, "c1"), row(300_000, "")]).await;

    let spend = done(&gateway, "GET", "/global/spend", Value::Null).await;
    assert_eq!(spend, json!({"spend": 0.001, "max_budget": 0.0}));
    let logs = done(&gateway, "GET", &format!("/spend/logs?api_key={key}"), Value::Null).await;
    assert_eq!(logs.as_array().unwrap().len(), 2);
    let id = logs[0]["request_id"].as_str().unwrap();
    let kept = done(&gateway, "GET", &format!("/spend/logs/ui/{id}"), Value::Null).await;
    assert_eq!(kept["messages"], json!({}));
    let keys = done(&gateway, "GET", "/global/spend/keys", Value::Null).await;
    assert_eq!((&keys[0]["api_key"], &keys[0]["key_alias"]), (&json!(hash), &json!("hers")));
    let customer = done(&gateway, "GET", "/customer/info?end_user_id=c1", Value::Null).await;
    assert_eq!(customer["spend"], json!(0.0007));
    let cost = json!({"model": "gpt-4o", "input_tokens": 100, "output_tokens": 50});
    assert_eq!(done(&gateway, "POST", "/cost/estimate", cost).await["cost_per_request"], json!(0.00075));
    let (code, error) = refused(&gateway, key, "GET", "/spend/logs", Value::Null).await;
    assert_eq!((code, &error["type"]), (403, &json!("auth_error")), "a key without a user sees nothing");

    assert_eq!(audit(&gateway), (Some(0), "OK: 2 rows, every total agrees with them\n".to_string()));
    let interfered = rusqlite::Connection::open(database(&gateway)).unwrap();
    interfered
        .execute("UPDATE stagedoor_accounts SET spend = spend + 1000000 WHERE kind = 'key'", [])
        .unwrap();
    let (code, text) = audit(&gateway);
    assert_eq!(code, Some(1));
    assert!(text.contains(&format!("key {hash}")) && text.ends_with("1 differences in 2 rows\n"), "{text}");
}

#[tokio::test]
async fn a_reset_is_the_masters_alone() {
    let gateway = on_sqlite().await;
    let admin = json!({"user_id": "root", "user_role": "proxy_admin"});
    let _made = super::ask(&gateway, KEY, "POST", "/user/new", &admin).await;
    let made = done(&gateway, "POST", "/key/generate", json!({"user_id": "root"})).await;
    let key = made["key"].as_str().unwrap();
    let (code, _) = refused(&gateway, key, "POST", "/global/spend/reset", json!({})).await;
    assert_eq!(code, 403);
    assert_eq!(done(&gateway, "POST", "/global/spend/reset", json!({})).await["status"], "success");
}

#[tokio::test]
async fn budgets_customers_organizations_and_tags_have_their_routes() {
    let gateway = on_sqlite().await;
    let budget = json!({"budget_id": "b", "max_budget": 1, "budget_duration": "30d"});
    done(&gateway, "POST", "/budget/new", budget.clone()).await;
    for prefix in ["customer", "end_user"] {
        let customer = json!({"user_id": prefix, "budget_id": "b"});
        done(&gateway, "POST", &format!("/{prefix}/new"), customer.clone()).await;
        let ids = json!({"user_ids": [prefix]});
        done(&gateway, "POST", &format!("/{prefix}/block"), ids.clone()).await;
        done(&gateway, "POST", &format!("/{prefix}/unblock"), ids.clone()).await;
        done(&gateway, "POST", &format!("/{prefix}/delete"), ids.clone()).await;
        let gone = refused(&gateway, KEY, "POST", &format!("/{prefix}/delete"), ids.clone()).await;
        assert_eq!(gone.0, 404);
    }
    let organization = json!({"organization_id": "o", "organization_alias": "Org", "budget_id": "b"});
    done(&gateway, "POST", "/organization/new", organization.clone()).await;
    let change = json!({"organization_id": "o", "max_budget": 2});
    let changed = done_by(&gateway, KEY, "PATCH", "/organization/update", change.clone()).await;
    assert_eq!(changed["litellm_budget_table"]["max_budget"], json!(2.0));
    let ids = json!({"organization_ids": ["o"]});
    done(&gateway, "DELETE", "/organization/delete", ids.clone()).await;
    done(&gateway, "POST", "/tag/new", json!({"name": "t", "max_budget": 1})).await;
    assert_eq!(done(&gateway, "GET", "/tag/list", Value::Null).await[0]["name"], "t");
    done(&gateway, "POST", "/budget/delete", json!({"id": "b"})).await;
    let (code, error) = refused(&gateway, KEY, "POST", "/budget/delete", json!({"id": "b"})).await;
    assert_eq!((code, &error["type"]), (404, &json!("not_found_error")));
}
