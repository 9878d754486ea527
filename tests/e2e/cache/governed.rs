//! Keys, money, limits and the ledger, where answers come from the cache.

use serde_json::{Value, json};

use super::{NUMBERED, cached, cached_config, hello, said};
use crate::harness::{FakeProvider, Gateway, KEY, Reply, eventually, openai, with};
use crate::manage::{ask, done, key};

/// A chat request with some key.
async fn chat_as(gateway: &Gateway, key: &str, body: &Value) -> Reply {
    ask(gateway, key, "POST", "/v1/chat/completions", body).await
}

#[tokio::test]
async fn keys_share_answers_only_where_the_configuration_says_so() {
    let provider = FakeProvider::start().await;
    for (scope, shares_with_team, shares_with_all) in
        [(json!("key"), false, false), (json!("team"), true, false), (json!("global"), true, true)]
    {
        provider.clear();
        let gateway = cached(&provider, json!({"type": "local", "scope": scope})).await;
        let team = done(&gateway, "POST", "/team/new", json!({"team_alias": "a"})).await;
        let in_team = json!({"team_id": team["team_id"]});
        let (one, mate) = (key(&gateway, in_team.clone()).await, key(&gateway, in_team).await);
        let other = key(&gateway, json!({})).await;
        let first = said(&chat_as(&gateway, &one, &hello("a")).await);
        assert_eq!(said(&chat_as(&gateway, &one, &hello("a")).await), first);
        assert_eq!(said(&chat_as(&gateway, &mate, &hello("a")).await) == first, shares_with_team, "{scope}");
        assert_eq!(said(&chat_as(&gateway, &other, &hello("a")).await) == first, shares_with_all, "{scope}");
        assert_eq!(said(&chat_as(&gateway, KEY, &hello("a")).await) == first, shares_with_all, "{scope}");
    }
}

#[tokio::test]
async fn a_key_says_how_its_requests_use_the_cache() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local"})).await;
    let never = key(&gateway, json!({"metadata": {"cache": {"no-cache": true, "no-store": true}}})).await;
    assert_eq!(said(&chat_as(&gateway, &never, &hello("a")).await), "answer 1");
    let sent = with(hello("a"), json!({"cache": {"no-cache": false, "no-store": false}}));
    assert_eq!(said(&chat_as(&gateway, &never, &sent).await), "answer 2");
    let bounded = key(&gateway, json!({"allowed_cache_controls": ["no-cache"]})).await;
    let asks = |cache: Value| with(hello("a"), json!({"cache": cache}));
    assert_eq!(chat_as(&gateway, &bounded, &asks(json!({"no-cache": true}))).await.status(), 200);
    let refused = chat_as(&gateway, &bounded, &asks(json!({"ttl": 5}))).await;
    assert_eq!(refused.status(), 403);
    assert!(
        refused.error()["message"].as_str().unwrap().contains("Not allowed to set ttl as a cache control")
    );
    assert_eq!(provider.stats(NUMBERED).requests, 3, "nothing was sent");
    // Nor may it say the same in another way.
    let bearer = format!("Bearer {bounded}");
    for (header, control) in [("no-store", "no-store"), ("max-age=5", "s-maxage"), ("s-maxage=5", "ttl")] {
        let headers = [("authorization", bearer.as_str()), ("cache-control", header)];
        let refused = gateway.post_with("/v1/chat/completions", &headers, &hello("a")).await;
        assert_eq!((refused.status(), &refused.error()["param"]), (403, &json!("Cache-Control")), "{header}");
        let message = refused.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("Not allowed to set {control} ")), "{message}");
    }
    for (more, param) in [(json!({"ttl": 5}), "ttl"), (json!({"caching": false}), "caching")] {
        let refused = chat_as(&gateway, &bounded, &with(hello("a"), more)).await;
        assert_eq!((refused.status(), &refused.error()["param"]), (403, &json!(param)));
    }
    assert_eq!(provider.stats(NUMBERED).requests, 3, "nothing was sent");
    let headers = [("authorization", bearer.as_str()), ("cache-control", "no-cache")];
    assert_eq!(gateway.post_with("/v1/chat/completions", &headers, &hello("a")).await.status(), 200);
}

#[tokio::test]
async fn nobody_has_answers_kept_for_longer_than_the_configuration_says() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local", "ttl": 1})).await;
    let lasting = key(&gateway, json!({"metadata": {"cache": {"ttl": 3600}}})).await;
    let asks = |more: Value| with(hello("a"), more);
    let age = [("authorization", format!("Bearer {KEY}")), ("cache-control", "s-maxage=3600".to_owned())];
    let age: Vec<(&str, &str)> = age.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for body in [asks(json!({"cache": {"ttl": 3600}, "seed": 1})), asks(json!({"ttl": "3600", "seed": 2}))] {
        let first = said(&chat_as(&gateway, KEY, &body).await);
        eventually("its time is over", || async {
            (said(&chat_as(&gateway, KEY, &body).await) != first).then_some(())
        })
        .await;
    }
    let first = said(&gateway.post_with("/v1/chat/completions", &age, &asks(json!({"seed": 3}))).await);
    eventually("its time is over", || async {
        (said(&chat_as(&gateway, KEY, &asks(json!({"seed": 3}))).await) != first).then_some(())
    })
    .await;
    let first = said(&chat_as(&gateway, &lasting, &hello("a")).await);
    eventually("its time is over", || async {
        (said(&chat_as(&gateway, &lasting, &hello("a")).await) != first).then_some(())
    })
    .await;
    let wrong = chat_as(&gateway, KEY, &asks(json!({"ttl": "soon"}))).await;
    assert_eq!((wrong.status(), &wrong.error()["param"]), (400, &json!("ttl")));
}

#[tokio::test]
async fn what_a_key_cannot_want_of_the_cache_is_refused_where_it_is_written() {
    let provider = FakeProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.db");
    let database = json!({"general_settings": {"database_url": format!("sqlite:///{}", file.display())}});
    let gateway = Gateway::serve(&with(cached_config(&provider, json!({"type": "local"})), database)).await;
    let good =
        done(&gateway, "POST", "/key/generate", json!({"metadata": {"cache": {"no-store": true}}})).await;
    let team = done(&gateway, "POST", "/team/new", json!({"team_alias": "a"})).await;
    for wrong in [json!({"ttl": "soon"}), json!({"no-cache": 3}), json!(true), json!({"namespace": ""})] {
        let metadata = json!({"cache": wrong});
        for (path, body) in [
            ("/key/generate", json!({"metadata": metadata})),
            ("/key/update", json!({"key": good["key"], "metadata": metadata})),
            ("/team/new", json!({"metadata": metadata})),
            ("/team/update", json!({"team_id": team["team_id"], "metadata": metadata})),
            ("/user/new", json!({"metadata": metadata})),
        ] {
            let refused = ask(&gateway, KEY, "POST", path, &body).await;
            assert_eq!(refused.status(), 400, "{path} {wrong}: {}", refused.text());
            assert_eq!(refused.error()["param"], "metadata.cache", "{path}");
        }
    }
    // What an older database holds is left aside, and the rest of it holds.
    let hash = good["token"].as_str().unwrap();
    let changed = rusqlite::Connection::open(&file).unwrap().execute(
        "UPDATE stagedoor_keys SET doc = json_set(doc, '$.metadata.cache.ttl', 'soon') WHERE id = ?1",
        [hash],
    );
    assert_eq!(changed.unwrap(), 1);
    let other = Gateway::serve(&with(
        cached_config(&provider, json!({"type": "local"})),
        json!({"general_settings": {"database_url": format!("sqlite:///{}", file.display())}}),
    ))
    .await;
    let key = good["key"].as_str().unwrap();
    let answers =
        [said(&chat_as(&other, key, &hello("a")).await), said(&chat_as(&other, key, &hello("a")).await)];
    assert_eq!(answers, ["answer 1", "answer 2"], "nothing is kept for it");
    other.logged("metadata.cache of a key is left aside").await;
    let told = other.log().matches("metadata.cache of a key is left aside").count();
    assert_eq!(told, 1, "{}", other.log());
}

/// Where answers cost a hundred dollars.
async fn costly(provider: &FakeProvider, more: Value) -> Gateway {
    let model = with(
        openai("gpt", provider, NUMBERED),
        json!({"litellm_params": {"input_cost_per_token": 0.001, "output_cost_per_token": 0.001}}),
    );
    let config = with(cached_config(provider, json!({"type": "local"})), json!({"model_list": [model]}));
    Gateway::serve(&with(config, more)).await
}

#[tokio::test]
async fn a_hit_costs_nothing_and_is_written_down() {
    let provider = FakeProvider::start().await;
    let gateway = costly(&provider, json!({})).await;
    // Enough for one answer; what is gone is no reason to refuse what costs nothing.
    let key = key(&gateway, json!({"max_budget": 0.022, "max_parallel_requests": 1})).await;
    let body = with(hello("a"), json!({"max_tokens": 2}));
    let first = chat_as(&gateway, &key, &body).await;
    assert_eq!(said(&first), "answer 1");
    for _ in 0..5 {
        let hit = chat_as(&gateway, &key, &body).await;
        assert_eq!((said(&hit).as_str(), hit.header("x-litellm-response-cost")), ("answer 1", Some("0.0")));
        assert_eq!(hit.header("x-litellm-key-spend"), first.header("x-litellm-key-spend"));
        assert_eq!(hit.json()["usage"], first.json()["usage"], "the usage is told again");
    }
    let other = with(hello("other"), json!({"max_tokens": 2}));
    assert_eq!(chat_as(&gateway, &key, &other).await.json()["error"]["type"], "budget_exceeded");
    let rows = eventually("all rows are stored", || async {
        let rows = done(&gateway, "GET", "/spend/logs", Value::Null).await;
        let rows: Vec<Value> =
            rows.as_array().unwrap().iter().filter(|row| row["status"] == "success").cloned().collect();
        (rows.len() == 6).then_some(rows)
    })
    .await;
    let (hits, misses): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(|row| row["cache_hit"] == "True");
    assert_eq!((hits.len(), misses.len()), (5, 1));
    assert_eq!(misses[0]["cache_hit"], "False");
    assert!(misses[0]["spend"].as_f64().unwrap() > 0.0);
    for hit in hits {
        assert_eq!((&hit["spend"], &hit["total_tokens"]), (&json!(0.0), &misses[0]["total_tokens"]));
        assert_eq!((&hit["cache_key"], &hit["model_id"]), (&misses[0]["cache_key"], &misses[0]["model_id"]));
    }
    let report = done(&gateway, "GET", "/global/activity/cache_hits", Value::Null).await;
    assert_eq!(report[0]["cache_hit_true_rows"], 5);
}

#[tokio::test]
async fn a_hit_holds_no_slot_and_counts_as_a_request() {
    let provider = FakeProvider::start().await;
    let gateway = cached(&provider, json!({"type": "local"})).await;
    let key = key(&gateway, json!({"rpm_limit": 4, "tpm_limit": 100_000, "max_parallel_requests": 1})).await;
    assert_eq!(said(&chat_as(&gateway, &key, &hello("a")).await), "answer 1");
    provider.script(NUMBERED, "hang");
    let headers = [("authorization", format!("Bearer {key}"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let held = gateway.send("/v1/chat/completions", &headers, &hello("slow")).await;
    eventually("the slot is held", || async { (provider.stats(NUMBERED).in_flight == 1).then_some(()) })
        .await;
    for _ in 0..2 {
        let hit = chat_as(&gateway, &key, &hello("a")).await;
        assert_eq!(said(&hit), "answer 1");
    }
    let refused = chat_as(&gateway, &key, &hello("a")).await;
    assert_eq!((refused.status(), refused.header("rate_limit_type")), (429, Some("requests")));
    drop(held);
}
