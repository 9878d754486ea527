//! Sums over the ledger on a store in memory.

use std::future::Future;

use serde_json::{Value, json};

use super::*;
use crate::domain::keys::{Member, Role, TeamRole, User};
use crate::domain::ledger::{DAY_MS, LedgerRow, Status};
use crate::manage::Changed;
use crate::manage::authority::Verb;
use crate::manage::testing::{Bench, MASTER, NOW};

const ALICE: &str = "sk-alice-of-the-tests";

/// Alice runs the team `red`. Yesterday she spent 0.25 in it; today she spent 0.5, Bob 1 in the team `blue` for
/// the customer `c1`, and a request of nobody's failed.
async fn bench() -> Bench {
    let bench = Bench::new(crate::manage::Settings::default());
    let store = bench.manage.store();
    let alice = User { user_id: "alice".into(), user_role: Some(Role::InternalUser), ..User::default() };
    store.create(alice, 0, NOW).await.unwrap();
    let red = Team { team_id: "red".into(), team_alias: Some("Red team".into()), ..Team::default() };
    store.create(red, 0, NOW).await.unwrap();
    let member =
        Member { team_id: "red".into(), user_id: "alice".into(), role: TeamRole::Admin, ..Member::default() };
    store.create(member, 0, NOW).await.unwrap();
    let hash = crate::base::ids::sha256_hex(ALICE);
    let key = Key {
        hash: hash.clone(),
        key_alias: Some("hers".into()),
        user_id: Some("alice".into()),
        ..Key::default()
    };
    store.create(key, 0, NOW).await.unwrap();
    let row = |started_ms: i64, key: &str, user: &str, spend_nanos: i64| LedgerRow {
        key_hash: key.into(),
        user_id: user.into(),
        call_type: "acompletion".into(),
        model: "openai/gpt-4o".into(),
        model_group: "gpt-4o".into(),
        provider: "openai".into(),
        spend_nanos,
        prompt_tokens: 100,
        completion_tokens: 50,
        ended_ms: started_ms + 400,
        ..LedgerRow::new(started_ms)
    };
    let rows = vec![
        LedgerRow {
            team_id: "red".into(),
            tags: vec!["x".into(), "y".into()],
            ..row(NOW - DAY_MS, &hash, "alice", 250_000_000)
        },
        LedgerRow { cache_hit: Some(true), ..row(NOW, &hash, "alice", 500_000_000) },
        LedgerRow {
            team_id: "blue".into(),
            end_user: "c1".into(),
            tags: vec!["y".into()],
            provider: "anthropic".into(),
            ..row(NOW, "other", "bob", 1_000_000_000)
        },
        LedgerRow { status: Status::Failure, ..row(NOW, "other", "", 0) },
    ];
    store.append(rows).await.unwrap();
    bench
}

async fn get<F: Future<Output = Result<Value, Error>>>(
    bench: &Bench,
    key: &str,
    path: &'static str,
    run: impl Fn(Call) -> F,
    query: Value,
) -> Result<Value, Error> {
    run(bench.call(key, Verb::Get, path, query).await?).await
}

/// As the master key, with today and yesterday as dates.
macro_rules! shown {
    ($bench:expr, $path:literal, $run:path) => {
        shown!($bench, $path, $run, json!({}))
    };
    ($bench:expr, $path:literal, $run:path, $more:expr) => {{
        let mut query = json!({"start_date": "2026-11-20", "end_date": "2026-11-21"});
        query.as_object_mut().unwrap().extend($more.as_object().unwrap().clone());
        get(&$bench, MASTER, $path, $run, query).await.unwrap()
    }};
}

#[tokio::test]
async fn the_whole_gateway() {
    let bench = bench().await;
    assert_eq!(shown!(bench, "/global/spend", spend), json!({"spend": 1.75, "max_budget": 0.0}));
    assert_eq!(
        shown!(bench, "/global/spend/logs", logs),
        json!([{"date": "2026-11-20", "spend": 0.25}, {"date": "2026-11-21", "spend": 1.5}])
    );
    let of_key = shown!(bench, "/global/spend/logs", logs, json!({"api_key": ALICE}));
    assert_eq!(of_key[1], json!({"date": "2026-11-21", "spend": 0.5}));
    let keys = shown!(bench, "/global/spend/keys", top_keys);
    assert_eq!((&keys[0]["api_key"], &keys[1]["key_alias"]), (&json!("other"), &json!("hers")));
    assert_eq!(keys[1]["total_spend"], json!(0.75));
    let one = shown!(bench, "/global/spend/keys", top_keys, json!({"limit": "1"}));
    assert_eq!(one.as_array().unwrap().len(), 1);
    let models = shown!(bench, "/global/spend/models", top_models);
    assert_eq!(models, json!([{"model": "openai/gpt-4o", "total_spend": 1.75}]));
    let providers = shown!(bench, "/global/spend/provider", providers);
    assert_eq!(providers[0], json!({"provider": "anthropic", "spend": 1.0}));
    let body = json!({"api_key": "other", "startTime": "2026-11-21", "endTime": "2026-11-21"});
    let ends = customers(bench.post("/global/spend/end_users", body).await).await.unwrap();
    assert_eq!(ends, json!([{"end_user": "c1", "total_count": 1, "total_spend": 1.0}]));
}

#[tokio::test]
async fn teams_and_what_belongs_to_none() {
    let bench = bench().await;
    let shown = shown!(bench, "/global/spend/teams", teams);
    let days = &shown["daily_spend"];
    assert_eq!(days[0], json!({"date": "2026-11-20", "Red team": 0.25, "blue": 0.0, "Unassigned": 0.0}));
    assert_eq!(days[1], json!({"date": "2026-11-21", "Red team": 0.0, "blue": 1.0, "Unassigned": 0.5}));
    assert_eq!(shown["teams"], json!(["Red team", "Unassigned", "blue"]));
    assert_eq!(shown["total_spend_per_team"][0], json!({"team_id": "blue", "total_spend": 1.0}));
    let by_user = shown!(bench, "/team/spend/by_user", by_member, json!({"team_ids": "red"}));
    let first = &by_user["results"][0];
    assert_eq!((&first["team_alias"], &first["user_id"]), (&json!("Red team"), &json!("alice")));
    assert_eq!((&first["spend"], by_user["results"].as_array().unwrap().len()), (&json!(0.25), 1));
    let all = shown!(bench, "/team/spend/by_user", by_member);
    assert_eq!(all["results"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn tags_of_everybody_and_ones_own() {
    let bench = bench().await;
    let all = shown!(bench, "/spend/tags", own_tags);
    assert_eq!(all[0], json!({"individual_request_tag": "y", "log_count": 2, "total_spend": 1.25}));
    let own = get(&bench, ALICE, "/spend/tags", own_tags, json!({})).await.unwrap();
    assert_eq!(own.as_array().unwrap().len(), 2);
    assert!(own.as_array().unwrap().iter().all(|tag| tag["total_spend"] == json!(0.25)));
    let one = shown!(bench, "/global/spend/tags", spend_per_tag, json!({"tags": "x,z"}));
    assert_eq!(one, json!({"spend_per_tag": [{"name": "x", "spend": 0.25, "log_count": 1}]}));
    assert_eq!(shown!(bench, "/global/spend/all_tag_names", all_tag_names), json!({"tag_names": ["x", "y"]}));
}

#[tokio::test]
async fn bills_by_team_customer_and_key() {
    let bench = bench().await;
    let by_team = shown!(bench, "/global/spend/report", report);
    assert_eq!(by_team[0]["group_by_day"], "2026-11-20");
    let team = &by_team[0]["teams"][0];
    assert_eq!((&team["team_name"], &team["total_spend"]), (&json!("Red team"), &json!(0.25)));
    assert_eq!(team["metadata"][0]["total_tokens"], 150);
    let customers = shown!(bench, "/global/spend/report", report, json!({"group_by": "customer"}));
    assert_eq!(customers[0]["customers"][0]["customer"], "c1");
    let by_key =
        shown!(bench, "/global/spend/report", report, json!({"group_by": "api_key", "api_key": ALICE}));
    assert_eq!((&by_key[0]["total_cost"], &by_key[0]["total_input_tokens"]), (&json!(0.75), &json!(200)));
    assert_eq!(by_key[0]["model_details"][0]["model"], "openai/gpt-4o");
    let own = shown!(bench, "/key/spend/report", key_report, json!({"api_key": ALICE}));
    assert_eq!(own, by_key);
    assert!(shown!(bench, "/key/spend/report", key_report).as_array().unwrap().len() > 1);
    let of_user = shown!(bench, "/global/spend/report", report, json!({"internal_user_id": "bob"}));
    assert_eq!(of_user[0]["api_key"], "other");
    let all = shown!(bench, "/global/spend/report", report, json!({"group_by": "api_key"}));
    let count = |bill: &Value| bill.as_array().map_or(0, Vec::len);
    let mut paged = Vec::new();
    for page in 1..=count(&all) {
        let query = json!({"group_by": "api_key", "page": page.to_string(), "page_size": "1"});
        paged.extend(shown!(bench, "/global/spend/report", report, query).as_array().unwrap().clone());
    }
    assert_eq!((count(&all) > 1, Value::from(paged)), (true, all.clone()), "one line of each key");
    let beyond = json!({"group_by": "api_key", "page": "100", "page_size": "1"});
    assert_eq!(shown!(bench, "/global/spend/report", report, beyond), json!([]));
    let query = json!({"page": "0", "start_date": "2026-11-20", "end_date": "2026-11-20"});
    let bad = get(&bench, MASTER, "/global/spend/report", report, query).await.unwrap_err();
    assert_eq!((bad.status(), bad.param()), (422, Some("page")));
    let query = json!({"group_by": "mood", "start_date": "2026-11-20", "end_date": "2026-11-20"});
    let bad = get(&bench, MASTER, "/global/spend/report", report, query).await.unwrap_err();
    assert_eq!((bad.status(), bad.param()), (422, Some("group_by")));
}

#[tokio::test]
async fn activity_counts_and_internal_users_count_their_own() {
    let bench = bench().await;
    let all = shown!(bench, "/global/activity", activity);
    assert_eq!(all["daily_data"][1], json!({"date": "Nov 21", "api_requests": 3, "total_tokens": 450}));
    assert_eq!((&all["sum_api_requests"], &all["sum_total_tokens"]), (&json!(4), &json!(600)));
    let own = get(&bench, ALICE, "/global/activity", activity, json!({})).await.unwrap();
    assert_eq!(own["sum_api_requests"], 2);
    let models = shown!(bench, "/global/activity/model", model_activity);
    assert_eq!((&models[0]["model"], &models[0]["sum_api_requests"]), (&json!("gpt-4o"), &json!(4)));
    let hits = shown!(bench, "/global/activity/cache_hits", cache_hits);
    let hers = hits.as_array().unwrap().iter().find(|row| row["cache_hit_true_rows"] == 1).unwrap();
    assert_eq!((&hers["total_rows"], &hers["generated_completion_tokens"]), (&json!(2), &json!(50)));
}

#[tokio::test]
async fn days_are_broken_down() {
    let bench = bench().await;
    let own = json!({"start_date": "2026-11-01", "end_date": "2026-11-21"});
    let shown = get(&bench, ALICE, "/user/daily/activity", user_days, own.clone()).await.unwrap();
    assert_eq!(shown["metadata"]["total_spend"], json!(0.75));
    assert_eq!(
        (&shown["metadata"]["total_pages"], &shown["metadata"]["has_more"]),
        (&json!(1), &json!(false))
    );
    let latest = &shown["results"][0];
    assert_eq!((&latest["date"], &latest["metrics"]["api_requests"]), (&json!("2026-11-21"), &json!(1)));
    let hash = crate::base::ids::sha256_hex(ALICE);
    let model = &latest["breakdown"]["models"]["openai/gpt-4o"];
    assert_eq!(model["api_key_breakdown"][&hash]["metadata"]["key_alias"], "hers");
    assert_eq!(latest["breakdown"]["endpoints"]["acompletion"]["metrics"]["spend"], json!(0.5));
    let all = shown!(bench, "/user/daily/activity", user_days, json!({"page_size": 3}));
    assert_eq!((&all["metadata"]["has_more"], &all["metadata"]["total_pages"]), (&json!(true), &json!(2)));
    assert_eq!((all["results"].as_array().unwrap().len(), &all["metadata"]["total_spend"]), (1, &json!(1.5)));
    assert_eq!(all["results"][0]["metrics"]["failed_requests"], 1);
    assert_eq!(all["results"][0]["breakdown"]["api_keys"]["other"]["metadata"]["key_exists"], false);
    let last = shown!(bench, "/user/daily/activity", user_days, json!({"page_size": 3, "page": 2}));
    assert_eq!(
        (&last["results"][0]["date"], &last["metadata"]["has_more"]),
        (&json!("2026-11-20"), &json!(false))
    );
    let of_team = get(&bench, ALICE, "/team/daily/activity", team_days, own.clone()).await.unwrap();
    assert_eq!(of_team["metadata"]["total_spend"], json!(0.25));
    assert_eq!(of_team["results"][0]["breakdown"]["entities"]["red"]["metadata"]["alias"], "Red team");
    let tags = shown!(bench, "/tag/daily/activity", tag_days, json!({"tags": "x"}));
    assert_eq!(tags["metadata"]["total_spend"], json!(0.25));
    let customers = shown!(bench, "/customer/daily/activity", customer_days);
    assert_eq!(customers["metadata"]["total_api_requests"], 1);
}

#[tokio::test]
async fn what_is_not_ones_own_is_refused() {
    let bench = bench().await;
    let dates = |more: Value| {
        let mut query = json!({"start_date": "2026-11-20", "end_date": "2026-11-21"});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        query
    };
    let other = dates(json!({"user_id": "bob"}));
    let error = get(&bench, ALICE, "/user/daily/activity", user_days, other).await.unwrap_err();
    assert_eq!((error.status(), error.param()), (403, Some("user_id")));
    let other = dates(json!({"team_ids": "red,blue"}));
    let error = get(&bench, ALICE, "/team/spend/by_user", by_member, other).await.unwrap_err();
    assert_eq!((error.status(), error.param()), (403, Some("team_ids")));
    let error = get(&bench, ALICE, "/global/spend", spend, json!({})).await.unwrap_err();
    assert_eq!(error.status(), 403);
    let error = get(&bench, MASTER, "/user/daily/activity", user_days, json!({})).await.unwrap_err();
    assert_eq!((error.status(), error.param()), (400, Some("start_date")));
}

#[tokio::test]
async fn owners_by_spend_and_a_reset() {
    let bench = bench().await;
    let own = get(&bench, ALICE, "/spend/keys", keys, json!({})).await.unwrap();
    // The key was made today; what is said to have been spent before counts for ever, but not for its period.
    assert_eq!((&own[0]["spend"], &own[0]["total_spend"]), (&json!(0.5), &json!(0.75)));
    assert_eq!(own.as_array().unwrap().len(), 1);
    let users_shown = get(&bench, ALICE, "/spend/users", users, json!({})).await.unwrap();
    assert_eq!((&users_shown[0]["user_id"], &users_shown[0]["spend"]), (&json!("alice"), &json!(0.5)));
    let done = reset(bench.post("/global/spend/reset", json!({})).await).await.unwrap();
    assert_eq!(done["status"], "success");
    assert_eq!(bench.told(), [Changed::Everything]);
    let after = shown!(bench, "/spend/keys", keys);
    assert_eq!((&after[0]["spend"], &after[0]["total_spend"]), (&json!(0.0), &json!(0.75)));
    let kept = shown!(bench, "/spend/users", users);
    assert_eq!(kept[0]["spend"], json!(0.5));
    assert_eq!(bench.manage.store().audit().await.unwrap().1, []);
}

#[tokio::test]
async fn all_days_at_once_tables_and_tags_in_short() {
    let bench = bench().await;
    let all = shown!(bench, "/tag/daily/activity/aggregated", tag_all, json!({"page_size": 1}));
    assert_eq!((all["results"].as_array().unwrap().len(), &all["metadata"]["has_more"]), (2, &json!(false)));
    let rows = shown!(bench, "/team/daily/activity/export", team_export, json!({"format": "json"}));
    let red = rows.as_array().unwrap().iter().find(|row| row["team_id"] == "red").unwrap();
    assert_eq!(
        (&red["date"], &red["alias"], &red["spend"]),
        (&json!("2026-11-20"), &json!("Red team"), &json!(0.25))
    );
    assert_eq!((&red["key_alias"], &red["total_tokens"]), (&json!("hers"), &json!(150)));
    let table = shown!(bench, "/team/daily/activity/export", team_export);
    let lines: Vec<&str> = table.as_str().unwrap().lines().collect();
    assert!(lines[0].starts_with("date,team_id,alias,api_key") && lines.len() == 3, "{lines:?}");
    // A team's admin has its own teams only.
    let dates = json!({"start_date": "2026-11-20", "end_date": "2026-11-21", "format": "json"});
    let own = get(&bench, ALICE, "/team/daily/activity/export", team_export, dates).await.unwrap();
    assert_eq!(own.as_array().unwrap().len(), 1);
    let tags = shown!(bench, "/tag/summary", tag_summary);
    let first = &tags["results"][0];
    assert_eq!(
        (&first["tag"], &first["unique_users"], &first["total_spend"]),
        (&json!("y"), &json!(2), &json!(1.25))
    );
}

#[tokio::test]
async fn what_the_gateway_answered_and_for_whom() {
    let bench = bench().await;
    let gateway = shown!(bench, "/gateway/daily/activity", gateway_days);
    assert_eq!(
        (&gateway["total_successful_requests"], &gateway["total_failed_requests"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(
        gateway["by_route"],
        json!([{"category": "llm", "route": "/chat/completions", "successful_requests": 3, "failed_requests": 1}])
    );
    assert_eq!(
        gateway["by_date"][0],
        json!({"date": "2026-11-20", "successful_requests": 1, "failed_requests": 0})
    );
    let tags = get(&bench, MASTER, "/tag/distinct", distinct_tags, json!({})).await.unwrap();
    assert_eq!(tags, json!({"results": [{"tag": "y"}, {"tag": "x"}]}));
    let days = get(&bench, MASTER, "/tag/dau", daily_users, json!({"tag_filter": "Y"})).await.unwrap();
    let day = |day: &str| json!({"tag": "y", "active_users": 1, "date": day, "period_start": day, "period_end": day});
    assert_eq!(days, json!({"results": [day("2026-11-20"), day("2026-11-21")]}));
    let weeks =
        get(&bench, MASTER, "/tag/wau", weekly_users, json!({"tag_filters": "y,nobody's"})).await.unwrap();
    let week = json!({"tag": "y", "active_users": 2, "date": "Week 7 (Nov 15)", "period_start": "2026-11-15",
        "period_end": "2026-11-21"});
    assert_eq!(weeks, json!({"results": [week]}));
    let months = get(&bench, MASTER, "/tag/mau", monthly_users, json!({})).await.unwrap();
    let named: Vec<&Value> = months["results"].as_array().unwrap().iter().map(|row| &row["tag"]).collect();
    assert_eq!(named, ["y", "x"]);
    assert_eq!(months["results"][0]["date"], "Month 7 (Oct)");
}
