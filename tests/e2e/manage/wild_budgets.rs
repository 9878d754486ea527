//! Budgets of a model that is served through a wildcard hold under its own name, also after a restart.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::rotated::{audited, cent, ended, file, stored};
use super::{done, key, postgres_url};
use crate::harness::{FakeProvider, Gateway, chat, with};

/// A wildcard whose answers cost 0.01.
fn wild(provider: &FakeProvider) -> Value {
    let any = json!({"model_name": "any/*", "litellm_params": {"model": "openai/*"}});
    with(cent(provider, "sk-fake.completion_tokens=10"), any)
}

async fn status(gateway: &Gateway, key: &str, model: &str) -> u16 {
    let bearer = format!("Bearer {key}");
    let body = with(chat(model), json!({"max_tokens": 10}));
    gateway.post_with("/v1/chat/completions", &[("authorization", &bearer)], &body).await.status()
}

/// How many of so many calls at once succeed.
async fn served(gateway: &Gateway, key: &str, model: &str, calls: usize) -> usize {
    let ends = join_all((0..calls).map(|_| status(gateway, key, model))).await;
    assert!(ends.iter().all(|status| [200, 422].contains(status)), "{ends:?}");
    ends.into_iter().filter(|status| *status == 200).count()
}

async fn a_budget_holds_behind_a_wildcard(url: &str) {
    let provider = FakeProvider::start().await;
    let folder = TempDir::new().unwrap();
    let config = stored(url, folder.path(), 60.0, &[wild(&provider)]);
    let gateway = Gateway::serve(&config).await;
    let budgets = json!({"any/a": {"max_budget": 0.05, "budget_duration": "30d"}, "any/*": 0.08});
    let text = key(&gateway, json!({"model_max_budget": budgets})).await;
    let user = json!({"user_id": "u", "model_max_budget": {"any/a": 0.02}});
    done(&gateway, "POST", "/user/new", user).await;
    let of_user = key(&gateway, json!({"user_id": "u"})).await;
    done(&gateway, "POST", "/team/new", json!({"team_id": "t", "model_max_budget": {"any/a": 0.02}})).await;
    let of_team = key(&gateway, json!({"team_id": "t"})).await;
    assert_eq!(served(&gateway, &text, "any/a", 3).await, 3);
    for text in [&of_user, &of_team] {
        assert_eq!(served(&gateway, text, "any/a", 1).await, 1);
    }
    ended(gateway, "KILL").await;
    let gateway = Gateway::serve(&config).await;
    assert_eq!(served(&gateway, &text, "any/a", 5).await, 2);
    for text in [&of_user, &of_team] {
        assert_eq!(served(&gateway, text, "any/a", 3).await, 1);
        assert_eq!(status(&gateway, text, "any/b").await, 200);
    }
    // The other model's money is the wildcard's, of which five hundredths are spent.
    assert_eq!(served(&gateway, &text, "any/b", 6).await, 3);
    ended(gateway, "TERM").await;
    audited(&config, folder.path());
    let gateway = Gateway::serve(&config).await;
    for (text, model) in [(&text, "any/a"), (&text, "any/b"), (&of_user, "any/a"), (&of_team, "any/a")] {
        assert_eq!(status(&gateway, text, model).await, 422, "{model}");
    }
}

#[tokio::test]
async fn a_budget_holds_behind_a_wildcard_on_sqlite() {
    let folder = TempDir::new().unwrap();
    a_budget_holds_behind_a_wildcard(&file(&folder)).await;
}

#[tokio::test]
async fn a_budget_holds_behind_a_wildcard_on_postgresql() {
    a_budget_holds_behind_a_wildcard(&postgres_url().await).await;
}
