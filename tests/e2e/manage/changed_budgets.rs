//! Budgets that somebody changes while requests are under way: nobody with money left is refused, and nobody else is
//! served.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::rotated::{audited, cent, ended, file, stored};
use super::{done, key, postgres_url};
use crate::harness::{FakeProvider, Gateway, chat, eventually, with};

async fn status(gateway: &Gateway, key: &str) -> u16 {
    let bearer = format!("Bearer {key}");
    let body = with(chat("gpt"), json!({"max_tokens": 10}));
    gateway.post_with("/v1/chat/completions", &[("authorization", &bearer)], &body).await.status()
}

async fn exhausted(gateway: &Gateway, fields: Value) -> String {
    let text = key(gateway, fields).await;
    assert_eq!([status(gateway, &text).await, status(gateway, &text).await], [200, 422]);
    text
}

async fn served_again(gateway: &Gateway, key: &str, why: &str) {
    eventually(why, || async { (status(gateway, key).await == 200).then_some(()) }).await;
}

/// What was spent becomes nothing, or a period begins that soon ends: the next one has its money.
async fn changes_reach_every_account(url: &str) {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let config = stored(url, folder.path(), 0.05, &[cent(&provider, "sk-fake.completion_tokens=10")]);
    let gateway = Gateway::serve(&config).await;

    let own = exhausted(&gateway, json!({"max_budget": 0.01})).await;
    done(&gateway, "POST", "/key/update", json!({"key": own, "budget_duration": "1s"})).await;
    served_again(&gateway, &own, "a key's own period ends").await;

    let of_model = exhausted(&gateway, json!({"model_max_budget": {"gpt": 0.01}})).await;
    let periods = json!({"gpt": {"max_budget": 0.01, "budget_duration": "1s"}});
    done(&gateway, "POST", "/key/update", json!({"key": of_model, "model_max_budget": periods})).await;
    served_again(&gateway, &of_model, "a model's period ends").await;

    let shared = json!({"budget_id": "b", "max_budget": 0.01});
    done(&gateway, "POST", "/budget/new", shared).await;
    let of_budget = exhausted(&gateway, json!({"budget_id": "b"})).await;
    done(&gateway, "POST", "/budget/update", json!({"budget_id": "b", "budget_duration": "1s"})).await;
    served_again(&gateway, &of_budget, "a shared budget's period ends").await;

    done(&gateway, "POST", "/team/new", json!({"team_id": "t"})).await;
    let member =
        json!({"team_id": "t", "member": {"role": "user", "user_id": "u"}, "max_budget_in_team": 0.01});
    done(&gateway, "POST", "/team/member_add", member).await;
    let of_member = exhausted(&gateway, json!({"team_id": "t", "user_id": "u"})).await;
    // Until its row is stored there is nothing to give back.
    eventually("a member begins anew", || async {
        done(&gateway, "POST", "/team/t/member/u/reset_spend", json!({"reset_to": 0})).await;
        (status(&gateway, &of_member).await == 200).then_some(())
    })
    .await;

    let swept = exhausted(&gateway, json!({"max_budget": 0.01})).await;
    eventually("its row is stored", || async {
        let info = super::got(&gateway, &format!("/key/info?key={swept}")).await;
        (info["info"]["spend"] == 0.01).then_some(())
    })
    .await;
    done(&gateway, "POST", "/global/spend/reset", json!({})).await;
    served_again(&gateway, &swept, "everybody begins anew").await;
    assert_eq!(status(&gateway, &swept).await, 422);

    ended(gateway, "TERM").await;
    audited(&config, folder.path());
}

#[tokio::test]
async fn changes_reach_every_account_on_sqlite() {
    let folder = TempDir::new().unwrap();
    changes_reach_every_account(&file(&folder)).await;
}

#[tokio::test]
async fn changes_reach_every_account_on_postgresql() {
    changes_reach_every_account(&postgres_url().await).await;
}

async fn what_is_added_for_a_while_ends_at_its_moment(url: &str) {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let config = stored(url, folder.path(), 60.0, &[cent(&provider, "sk-fake.completion_tokens=10")]);
    let gateway = Gateway::serve(&config).await;
    let end = jiff::Timestamp::now() + std::time::Duration::from_secs(3);
    let raised =
        json!({"max_budget": 0.01, "temp_budget_increase": 0.5, "temp_budget_expiry": end.to_string()});
    let text = key(&gateway, raised).await;
    assert_eq!([status(&gateway, &text).await, status(&gateway, &text).await], [200, 200]);
    eventually("its end", || async { (jiff::Timestamp::now() > end).then_some(()) }).await;
    assert_eq!(status(&gateway, &text).await, 422);
}

#[tokio::test]
async fn what_is_added_for_a_while_ends_at_its_moment_on_sqlite() {
    let folder = TempDir::new().unwrap();
    what_is_added_for_a_while_ends_at_its_moment(&file(&folder)).await;
}

#[tokio::test]
async fn what_is_added_for_a_while_ends_at_its_moment_on_postgresql() {
    what_is_added_for_a_while_ends_at_its_moment(&postgres_url().await).await;
}
