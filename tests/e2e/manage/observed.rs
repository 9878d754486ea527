//! What operators see: metrics of budgets and the spool, prompts where they want them, tables, and restarts that a
//! reload asks for.

use serde_json::{Value, json};

use super::{ask, done, got, key, stored_in};
use crate::harness::{FakeProvider, Gateway, KEY, chat, config, eventually, openai, with};

const CHAT: &str = "/v1/chat/completions";
const PROMPT: &str = "canary-prompt-0f1e";

async fn gateway(provider: &FakeProvider, general: Value) -> Gateway {
    let price = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    let model = with(openai("gpt", provider, "sk-fake.completion_tokens=10"), price);
    let general = with(json!({"database_url": "sqlite:///o.db"}), general);
    Gateway::serve(&with(config(&[model]), json!({"general_settings": general}))).await
}

#[tokio::test]
async fn budgets_look_ups_and_the_spool_have_metrics() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({})).await;
    done(&gateway, "POST", "/team/new", json!({"team_id": "red", "max_budget": 2})).await;
    let fields = json!({"key_alias": "c\"i", "team_id": "red", "max_budget": 0.5, "budget_duration": "1d"});
    let own = key(&gateway, fields).await;
    let body = with(chat("gpt"), json!({"max_tokens": 10}));
    assert_eq!(ask(&gateway, &own, "POST", CHAT, &body).await.status(), 200);
    assert_eq!(ask(&gateway, "sk-nobody-knows-this-one", "POST", CHAT, &body).await.status(), 401);
    let text = eventually("rows of the spool", || async {
        let text = gateway.get("/metrics").await.text();
        text.contains("stagedoor_spool_rows_total{result=\"written\"} 1").then_some(text)
    })
    .await;
    let line = |start: &str| {
        text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {text}"))
    };
    let of_key = line("litellm_remaining_api_key_budget_metric{");
    assert!(of_key.contains(r#"api_key_alias="c\"i""#) && of_key.ends_with(" 0.49"), "{of_key}");
    assert!(line("litellm_api_key_max_budget_metric{").ends_with(" 0.5"));
    assert!(line("litellm_api_key_budget_remaining_hours_metric{").contains("hashed_api_key"));
    assert!(line("litellm_remaining_team_budget_metric{team=\"red\"").ends_with(" 1.99"));
    for whole in [
        "stagedoor_key_lookups_total{result=\"found\"} 1",
        "stagedoor_key_lookups_total{result=\"unknown\"} 1",
        "stagedoor_spool_failing 0",
    ] {
        assert!(text.contains(whole), "{whole}: {text}");
    }
    assert!(!text.contains(&own));
}

#[tokio::test]
async fn prompts_are_in_the_ledger_where_they_are_wanted_and_nowhere_else() {
    let provider = FakeProvider::start().await;
    for kept in [true, false] {
        let gateway = gateway(&provider, json!({"store_prompts_in_spend_logs": kept})).await;
        let own = key(&gateway, json!({})).await;
        let long = format!("{PROMPT} {}", "x".repeat(3000));
        let body = with(chat("gpt"), json!({"messages": [{"role": "user", "content": long}]}));
        let reply = ask(&gateway, &own, "POST", CHAT, &body).await;
        let said = reply.json()["choices"][0]["message"]["content"].clone();
        let bearer = format!("Bearer {own}");
        gateway.stream_with(CHAT, &[("authorization", &bearer)], &body).await.rest().await;
        let rows = eventually("two rows", || async {
            let rows = got(&gateway, "/spend/logs").await;
            (rows.as_array().unwrap().len() == 2).then_some(rows)
        })
        .await;
        assert_eq!(rows.to_string().contains(PROMPT), kept);
        let day = rows[0]["startTime"].as_str().unwrap()[..10].to_string();
        let listed = got(&gateway, &format!("/spend/logs/v2?start_date={day}&end_date={day}")).await;
        assert!(!listed.to_string().contains(PROMPT), "lists leave them out");
        for row in rows.as_array().unwrap() {
            let shown =
                got(&gateway, &format!("/spend/logs/ui/{}", row["request_id"].as_str().unwrap())).await;
            let asked = shown["messages"][0]["content"].as_str().unwrap_or_default();
            let answered = &shown["response"]["choices"][0]["message"]["content"];
            assert_eq!((asked.starts_with(PROMPT), *answered == said), (kept, kept), "{shown}");
            assert!(asked.len() < 2100);
        }
        assert!(!gateway.log().contains(PROMPT));
    }
}

#[tokio::test]
async fn days_come_as_tables() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({})).await;
    done(&gateway, "POST", "/team/new", json!({"team_id": "red", "team_alias": "=Red"})).await;
    let own = key(&gateway, json!({"team_id": "red"})).await;
    assert_eq!(ask(&gateway, &own, "POST", CHAT, &chat("gpt")).await.status(), 200);
    let row =
        eventually("a row", || async { got(&gateway, "/spend/logs").await[0].as_object().cloned() }).await;
    let day = &row["startTime"].as_str().unwrap()[..10];
    let path = format!("/team/daily/activity/export?start_date={day}&end_date={day}&format=csv");
    let reply = ask(&gateway, KEY, "GET", &path, &Value::Null).await;
    assert!(reply.must("content-type").starts_with("text/csv"));
    let text = reply.text();
    let line = text.lines().nth(1).unwrap();
    assert!(
        line.starts_with(&format!("{day},red,'=Red,")) && line.contains(",gpt,openai/gpt-up,openai,0.01,"),
        "{text}"
    );
    let all =
        got(&gateway, &format!("/team/daily/activity/aggregated?start_date={day}&end_date={day}")).await;
    assert_eq!(all["metadata"]["total_spend"], json!(0.01));
}

#[tokio::test]
async fn a_reload_names_what_needs_a_restart() {
    let gateway = Gateway::serve(&stored_in("sqlite:///one.db")).await;
    let changed = with(stored_in("sqlite:///two.db"), json!({"general_settings": {"global_max_rpm": 7}}));
    std::fs::write(gateway.config_file(), changed.to_string()).unwrap();
    gateway.signal("HUP");
    gateway.logged("general_settings.database_url has changed: restart").await;
    gateway.logged("general_settings.global_max_rpm").await;
    gateway.logged("configuration reloaded").await;
}

/// The id of an answer as its client reads it.
fn id_in(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_string()
}

#[tokio::test]
async fn rows_are_found_by_what_the_answer_calls_itself_and_users_without_a_row_begin_anew() {
    let provider = FakeProvider::start().await;
    let gateway = gateway(&provider, json!({})).await;
    let own = key(&gateway, json!({"user_id": "only-named"})).await;
    let whole = id_in(&ask(&gateway, &own, "POST", CHAT, &chat("gpt")).await.json());
    let bearer = format!("Bearer {own}");
    let streamed = gateway.stream_with(CHAT, &[("authorization", &bearer)], &chat("gpt")).await.rest().await;
    let stream = id_in(&streamed.values()[0]);
    assert_ne!(whole, stream);
    for id in [whole, stream] {
        let path = format!("/spend/logs?request_id={id}");
        let rows = eventually("the answer's row", || async {
            let rows = got(&gateway, &path).await;
            (!rows.as_array().unwrap().is_empty()).then_some(rows)
        })
        .await;
        assert_eq!((rows.as_array().unwrap().len(), &rows[0]["response_id"]), (1, &json!(id)));
    }

    let spent = got(&gateway, "/user/spend?user_id=only-named").await["spend"].clone();
    assert!(spent.as_f64().unwrap() > 0.0);
    let reset = done(&gateway, "POST", "/user/reset_budget", json!({"user_id": "only-named"})).await;
    assert_eq!((&reset["previous_spend"], &reset["spend"]), (&spent, &json!(0.0)));
}
