//! Rows of the ledger on a store in memory.

use serde_json::{Value, json};

use super::*;
use crate::domain::keys::{Key, Role, User};
use crate::domain::ledger::{DAY_MS, Status};
use crate::manage::authority::Verb;
use crate::manage::testing::{Bench, MASTER, NOW};

const ALICE: &str = "sk-alice-of-the-tests";

/// Two days, two users, three rows; the last failed.
async fn bench() -> Bench {
    let bench = Bench::new(crate::manage::Settings::default());
    let store = bench.manage.store();
    let alice = User { user_id: "alice".into(), user_role: Some(Role::InternalUser), ..User::default() };
    store.create(alice, 0, NOW).await.unwrap();
    let hash = crate::base::ids::sha256_hex(ALICE);
    let key = Key { hash: hash.clone(), user_id: Some("alice".into()), ..Key::default() };
    store.create(key, 0, NOW).await.unwrap();
    let row = |started_ms: i64, key: &str, user: &str, spend_nanos: i64| LedgerRow {
        key_hash: key.into(),
        user_id: user.into(),
        model: "openai/gpt-4o".into(),
        model_group: "gpt-4o".into(),
        spend_nanos,
        prompt_tokens: 100,
        completion_tokens: 50,
        ended_ms: started_ms + 400,
        ..LedgerRow::new(started_ms)
    };
    let first = LedgerRow {
        response_id: "chatcmpl-1".into(),
        cost_breakdown: crate::manage::show::object(json!({"input_cost": 200_000, "currency": "USD"})),
        tags: vec!["blue".into()],
        ..row(NOW - DAY_MS, &hash, "alice", 700_000)
    };
    let failed = LedgerRow {
        status: Status::Failure,
        error_code: "429".into(),
        error_message: "Too many".into(),
        ..row(NOW, scope::MASTER_KEY, "default_user_id", 0)
    };
    store.append(vec![first, row(NOW, "other", "bob", 1_000_000_000), failed]).await.unwrap();
    bench
}

async fn get(bench: &Bench, key: &str, path: &'static str, query: Value) -> Result<Value, Error> {
    let call = bench.call(key, Verb::Get, path, query).await?;
    match path {
        "/spend/logs" => logs(call).await,
        _ => page(call).await,
    }
}

fn spends(rows: &Value) -> Vec<f64> {
    rows.as_array().unwrap().iter().map(|row| row["spend"].as_f64().unwrap()).collect()
}

#[tokio::test]
async fn rows_come_newest_first_and_are_found_by_any_id() {
    let bench = bench().await;
    let all = get(&bench, MASTER, "/spend/logs", json!({})).await.unwrap();
    assert_eq!(all.as_array().unwrap().len(), 3);
    let one = get(&bench, MASTER, "/spend/logs", json!({"request_id": "chatcmpl-1"})).await.unwrap();
    let row = &one[0];
    assert_eq!((&row["spend"], &row["total_tokens"]), (&json!(0.0007), &json!(150)));
    assert_eq!(row["startTime"], "2026-11-20T08:50:35Z");
    assert_eq!((&row["cache_hit"], &row["cache_key"]), (&json!("None"), &json!("Cache OFF")));
    assert_eq!(row["metadata"]["cost_breakdown"], json!({"input_cost": 0.0002, "currency": "USD"}));
    assert_eq!((&row["messages"], &row["request_duration_ms"]), (&json!({}), &json!(400)));
    let same = json!({"request_id": row["request_id"], "start_date": "2026-11-20", "end_date": "2026-11-20"});
    assert_eq!(get(&bench, MASTER, "/spend/logs", same).await.unwrap()[0]["response_id"], "chatcmpl-1");
    let by_key = get(&bench, MASTER, "/spend/logs", json!({"api_key": ALICE})).await.unwrap();
    assert_eq!(spends(&by_key), [0.0007]);
    let masters = get(&bench, MASTER, "/spend/logs", json!({"api_key": MASTER})).await.unwrap();
    assert_eq!(masters[0]["metadata"]["error_information"]["error_code"], "429");
}

#[tokio::test]
async fn days_are_whole_and_both_ends_belong_to_them() {
    let bench = bench().await;
    let today = json!({"start_date": "2026-11-21", "end_date": "2026-11-21"});
    let days = get(&bench, MASTER, "/spend/logs", today.clone()).await.unwrap();
    assert_eq!(spends(&days), [1.0]);
    let mut rows = today;
    rows["summarize"] = "false".into();
    assert_eq!(get(&bench, MASTER, "/spend/logs", rows).await.unwrap().as_array().unwrap().len(), 2);
    let three = json!({"start_date": "2026-11-19", "end_date": "2026-11-21"});
    let days = get(&bench, MASTER, "/spend/logs", three.clone()).await.unwrap();
    assert_eq!(spends(&days), [0.0, 0.0007, 1.0]);
    assert_eq!(days[1]["users"], json!({"alice": 0.0007}));
    assert_eq!(days[1]["models"], json!({"openai/gpt-4o": 0.0007}));
    let hash = crate::base::ids::sha256_hex(ALICE);
    assert_eq!(days[1]["api_keys"][&hash], json!(0.0007));
    assert!(days[1].get(&hash).is_none());
    let mut flat = three.clone();
    flat["flat_keys"] = "true".into();
    assert_eq!(get(&bench, MASTER, "/spend/logs", flat).await.unwrap()[1][&hash], json!(0.0007));
    for narrow in [json!({"user_id": "bob"}), json!({"api_key": "other"})] {
        let mut query = three.clone();
        query.as_object_mut().unwrap().extend(narrow.as_object().unwrap().clone());
        let days = get(&bench, MASTER, "/spend/logs", query).await.unwrap();
        assert_eq!(spends(&days), [0.0, 0.0, 1.0], "{narrow}");
        assert_eq!(days[2]["users"], json!({"bob": 1.0}));
        assert_eq!(days[2]["api_keys"], json!({"other": 1.0}));
    }
}

#[tokio::test]
async fn pages_are_filtered_and_sorted() {
    let bench = bench().await;
    let ask = async |more: Value| {
        let mut query = json!({"start_date": "2026-11-20", "end_date": "2026-11-21 23:59:59"});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        get(&bench, MASTER, "/spend/logs/v2", query).await
    };
    let page = ask(json!({"sort_by": "spend", "page_size": "2"})).await.unwrap();
    assert_eq!(spends(&page["data"]), [1.0, 0.0007]);
    assert_eq!((&page["total"], &page["total_pages"]), (&json!(3), &json!(2)));
    assert!(page["data"][0].get("messages").is_none());
    for (filter, expected) in [
        (json!({"status_filter": "failure"}), vec![0.0]),
        (json!({"min_spend": "0.0007", "max_spend": "0.5"}), vec![0.0007]),
        (json!({"model": "gpt-4o", "user_id": "bob"}), vec![1.0]),
        (json!({"error_message": "too MANY"}), vec![0.0]),
        (json!({"error_code": "429", "cache_hit_filter": "false"}), vec![0.0]),
        (json!({"cache_hit_filter": "true"}), vec![]),
        (json!({"search": "chatcmpl"}), vec![0.0007]),
        (json!({"tag": "blue"}), vec![0.0007]),
        (json!({"page": 2, "page_size": 2, "sort_by": "spend", "sort_order": "asc"}), vec![1.0]),
    ] {
        assert_eq!(spends(&ask(filter.clone()).await.unwrap()["data"]), expected, "{filter}");
    }
    for (bad, param) in [
        (json!({"sort_by": "beauty"}), "sort_by"),
        (json!({"status_filter": "maybe"}), "status_filter"),
        (json!({"page_size": 5_000}), "page_size"),
    ] {
        let error = ask(bad).await.unwrap_err();
        assert_eq!((error.status(), error.param()), (422, Some(param)));
    }
    let open = get(&bench, MASTER, "/spend/logs/v2", json!({"start_date": "2026-11-20"})).await.unwrap_err();
    assert_eq!((open.status(), open.param()), (400, Some("end_date")));
}

#[tokio::test]
async fn others_rows_stay_theirs() {
    let bench = bench().await;
    let own = get(&bench, ALICE, "/spend/logs", json!({})).await.unwrap();
    assert_eq!(spends(&own), [0.0007]);
    let other = get(&bench, ALICE, "/spend/logs", json!({"user_id": "bob"})).await.unwrap_err();
    assert_eq!((other.status(), other.param()), (403, Some("user_id")));
    let by_key = get(&bench, ALICE, "/spend/logs", json!({"api_key": "other"})).await.unwrap();
    assert!(by_key.as_array().unwrap().is_empty());
    let id = get(&bench, MASTER, "/spend/logs", json!({"api_key": "other"})).await.unwrap();
    let id = id[0]["request_id"].as_str().unwrap();
    for (key, found) in [(MASTER, true), (ALICE, false)] {
        let mut call = bench.call(key, Verb::Get, "/spend/logs/ui/{request_id}", json!({})).await.unwrap();
        call.path.insert("request_id".into(), id.into());
        match details(call).await {
            Ok(shown) => {
                assert!(found && shown == json!({"messages": {}, "response": {}, "proxy_server_request": {}}))
            }
            Err(error) => assert!(!found && error.status() == 404),
        }
    }
}

#[tokio::test]
async fn sessions_stand_as_one_row_with_their_sums() {
    let bench = bench().await;
    let row = |ms: i64, session: &str, spend_nanos: i64| LedgerRow {
        session_id: session.into(),
        model: "openai/gpt-4o".into(),
        spend_nanos,
        ..LedgerRow::new(NOW + ms)
    };
    let rows = vec![row(10, "s1", 1_000_000), row(20, "s2", 5_000_000), row(30, "s1", 2_000_000)];
    bench.manage.store().append(rows).await.unwrap();
    let ask = async |more: Value| {
        let mut query =
            json!({"start_date": "2026-11-21", "end_date": "2026-11-21", "group_by_session": "true"});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let page = get(&bench, MASTER, "/spend/logs/v2", query).await.unwrap();
        let told = page["data"].as_array().unwrap().iter().map(|row| {
            let count = row["session_total_count"].as_i64().unwrap();
            (
                row["session_id"].as_str().unwrap().to_string(),
                count,
                row["session_total_spend"].as_f64().unwrap(),
            )
        });
        (told.collect::<Vec<_>>(), page["total"].as_i64().unwrap())
    };
    let of = |session: &str, count: i64, spend: f64| (session.to_string(), count, spend);
    let (told, total) = ask(json!({})).await;
    assert_eq!(told[..2], [of("s1", 2, 0.003), of("s2", 1, 0.005)], "the latest first");
    assert_eq!((told.len(), total), (4, 4), "rows without a session stand for themselves");
    assert!(told[2..].iter().all(|(session, count, _)| session.is_empty() && *count == 1), "{told:?}");
    let (dearest, _) = ask(json!({"sort_by": "spend", "page_size": "2", "page": "2"})).await;
    assert_eq!(dearest, [of("s1", 2, 0.003), of("", 1, 0.0)]);
    let (own, total) = ask(json!({"session_id": "s1"})).await;
    assert_eq!((own, total), (vec![of("s1", 2, 0.003)], 1));
}
