//! Keys, users, teams, budgets: made, changed, found, deleted.

use serde_json::json;

use super::{Case, DAY, HOUR, NOW, USD, on_every_store};
use crate::domain::keys::{
    Budget, EndUser, Key, Limits, Member, Organization, Role, StoredModel, Tag, Team, TeamRole, User, Window,
};
use crate::domain::ledger::{AccountId, AccountKind};
use crate::store::{Find, Store, StoreError, StoreErrorKind, Test, Value};

on_every_store!(
    a_key_comes_back_as_it_was_saved,
    names_are_taken_once,
    a_change_keeps_money_and_grows_the_version,
    a_shared_budget_rules_the_periods_of_those_who_point_to_it,
    a_grant_has_all_that_decides,
    a_replaced_key_keeps_its_money_and_works_until_revoked,
    owners_go_with_what_is_theirs,
    lists_filter_sort_and_page,
    a_failed_transaction_changes_nothing,
    odd_texts_survive,
    settings_are_kept,
    models_are_kept_and_found_oldest_first,
);

fn limits(max: i64, every: &str) -> Limits {
    Limits { max_budget_nanos: Some(max), budget_duration: Some(every.into()), ..Limits::default() }
}

fn key(hash: &str) -> Key {
    Key { hash: hash.into(), ..Key::default() }
}

fn conflict(result: Result<impl std::fmt::Debug, StoreError>) -> String {
    match result.unwrap_err().kind {
        StoreErrorKind::Conflict(what) => what,
        other => panic!("{other:?}"),
    }
}

async fn a_key_comes_back_as_it_was_saved(case: Case) {
    let new = Key {
        key_alias: Some("a".into()),
        models: vec!["gpt-4o".into(), "anthropic/*".into()],
        limits: limits(5 * USD, "30d"),
        expires_ms: Some(NOW + DAY),
        metadata: json!({"model_rpm_limit": {"gpt-4o": 5}, "z": [1, null]}).as_object().unwrap().clone(),
        permissions: json!({"get_spend_routes": true}).as_object().unwrap().clone(),
        ..key("h1")
    };
    let made = case.store.create(new.clone(), 7, NOW).await.unwrap();
    assert_eq!((made.created_at_ms, made.updated_at_ms), (NOW, NOW));
    assert_eq!((made.state.spend_nanos, made.state.total_spend_nanos), (7, 0));
    // The first of the next month.
    assert_eq!(made.state.budget_reset_at_ms, Some(1_796_083_200_000));
    assert_eq!(case.store.get::<Key>("h1", "").await.unwrap(), Some(made.clone()));
    let plain = Key { state: made.state.clone(), created_at_ms: NOW, updated_at_ms: NOW, ..new };
    assert_eq!(made, plain);
    assert_eq!(case.store.get::<Key>("h2", "").await.unwrap(), None);
}

async fn names_are_taken_once(case: Case) {
    let store = &case.store;
    let named = |hash: &str, alias: &str| Key { key_alias: Some(alias.into()), ..key(hash) };
    store.create(named("h1", "a"), 0, NOW).await.unwrap();
    store.create(named("h2", "b"), 0, NOW).await.unwrap();
    assert_eq!(conflict(store.create(named("h1", "c"), 0, NOW).await), "id");
    assert_eq!(conflict(store.create(named("h3", "a"), 0, NOW).await), "alias");
    let renamed = store.update::<Key>("h2", "", NOW, |key| {
        key.key_alias = Some("a".into());
        Ok(())
    });
    assert_eq!(conflict(renamed.await), "alias");
    let user = |id: &str, email: &str| User {
        user_id: id.into(),
        user_email: Some(email.into()),
        ..User::default()
    };
    store.create(user("u1", "A@x.org"), 0, NOW).await.unwrap();
    assert_eq!(conflict(store.create(user("u2", "a@X.org"), 0, NOW).await), "email");
    let bad = store.create(key(""), 0, NOW).await.unwrap_err();
    assert_eq!(bad.kind, StoreErrorKind::Invalid);
    let gone = store.update::<Key>("nobody", "", NOW, |_| Ok(())).await.unwrap_err();
    assert_eq!(gone.kind, StoreErrorKind::NotFound);
}

async fn a_change_keeps_money_and_grows_the_version(case: Case) {
    let made = case.store.create(Key { limits: limits(USD, "1h"), ..key("h1") }, 0, NOW).await.unwrap();
    case.store.append(vec![super::row("h1", NOW + 1, 40)]).await.unwrap();
    let changed = case.store.update::<Key>("h1", "", NOW + 5, |key| {
        key.blocked = true;
        key.limits.budget_duration = None;
        key.state.spend_nanos = 1_000_000;
        Ok(())
    });
    let changed = changed.await.unwrap();
    assert!(changed.blocked && changed.state.version > made.state.version);
    assert_eq!((changed.state.spend_nanos, changed.state.total_spend_nanos), (40, 40));
    assert_eq!((changed.updated_at_ms, changed.state.budget_reset_at_ms), (NOW + 5, None));
    let set = case.store.set_spend(AccountId::new(AccountKind::Key, "h1"), 15, NOW + 6).await.unwrap();
    assert_eq!((set.spend_nanos, set.total_nanos), (15, 40));
    assert!(case.store.get::<Key>("h1", "").await.unwrap().unwrap().state.version > changed.state.version);
    let refused = case.store.update::<Key>("h1", "", NOW, |_| Err(StoreError::invalid("no")));
    assert_eq!(refused.await.unwrap_err().message, "no");
}

async fn a_shared_budget_rules_the_periods_of_those_who_point_to_it(case: Case) {
    let store = &case.store;
    let budget = Budget { budget_id: "b1".into(), limits: limits(USD, "1h"), ..Budget::default() };
    store.create(budget, 0, NOW).await.unwrap();
    let pointing = Key { budget_id: Some("b1".into()), ..key("h1") };
    let pointing = store.create(pointing, 0, NOW).await.unwrap();
    let next_hour = NOW / HOUR * HOUR + HOUR;
    assert_eq!(pointing.state.budget_reset_at_ms, Some(next_hour));
    let own = Key { budget_id: Some("b1".into()), limits: limits(USD, "1d"), ..key("h2") };
    let own = store.create(own, 0, NOW).await.unwrap();
    let midnight = NOW / DAY * DAY + DAY;
    assert_eq!(own.state.budget_reset_at_ms, Some(midnight));
    store
        .update::<Budget>("b1", "", NOW, |budget| {
            budget.limits.budget_duration = Some("1d".into());
            Ok(())
        })
        .await
        .unwrap();
    let after = store.get::<Key>("h1", "").await.unwrap().unwrap();
    assert_eq!(after.state.budget_reset_at_ms, Some(midnight));
    assert!(after.state.version > pointing.state.version);
    assert!(store.delete_budget("b1", NOW).await.unwrap().is_some());
    assert_eq!(store.get::<Key>("h1", "").await.unwrap().unwrap().state.budget_reset_at_ms, None);
    assert_eq!(store.get::<Key>("h2", "").await.unwrap().unwrap().state.budget_reset_at_ms, Some(midnight));
    assert_eq!(store.delete_budget("b1", NOW).await.unwrap(), None);
}

async fn people(store: &Store) {
    let organization = Organization { organization_id: "o1".into(), ..Organization::default() };
    store.create(organization, 0, NOW).await.unwrap();
    let team = Team {
        team_id: "t1".into(),
        organization_id: Some("o1".into()),
        budget_limits: vec![Window { budget_duration: "1d".into(), max_budget_nanos: 5 }],
        ..Team::default()
    };
    store.create(team, 0, NOW).await.unwrap();
    let user = User { user_id: "u1".into(), user_role: Some(Role::InternalUser), ..User::default() };
    store.create(user, 0, NOW).await.unwrap();
    let member = Member {
        team_id: "t1".into(),
        user_id: "u1".into(),
        role: TeamRole::Admin,
        budget_id: Some("b1".into()),
        ..Member::default()
    };
    store.create(member, 0, NOW).await.unwrap();
    let budget = Budget { budget_id: "b1".into(), limits: limits(USD, "1d"), ..Budget::default() };
    store.create(budget, 0, NOW).await.unwrap();
    let owned = Key { user_id: Some("u1".into()), team_id: Some("t1".into()), ..key("h1") };
    store.create(owned, 0, NOW).await.unwrap();
}

async fn a_grant_has_all_that_decides(case: Case) {
    let store = &case.store;
    people(store).await;
    store.append(vec![super::row("h1", NOW, 3)]).await.unwrap();
    let grant = store.grant("h1", NOW).await.unwrap().unwrap();
    assert_eq!(grant.key.state.spend_nanos, 3);
    assert_eq!(grant.user.unwrap().user_role, Some(Role::InternalUser));
    assert_eq!(grant.team.unwrap().state.spend_nanos, 3);
    let member = grant.member.unwrap();
    assert_eq!((member.role, member.state.spend_nanos), (TeamRole::Admin, 3));
    assert_eq!(grant.organization.unwrap().organization_id, "o1");
    assert_eq!(grant.budgets[0].limits.max_budget_nanos, Some(USD));
    let window = AccountId::pair(AccountKind::TeamWindow, "t1", "1d");
    assert_eq!(grant.accounts[&window].spend_nanos, 3);
    assert!(grant.accounts.contains_key(&AccountId::pair(AccountKind::KeyModel, "h1", "gpt-4o")));
    // What the reset has not written yet shows as if it had.
    let grant = store.grant("h1", NOW + DAY).await.unwrap().unwrap();
    assert_eq!(grant.accounts[&window].spend_nanos, 0);
    assert_eq!(store.grant("h2", NOW).await.unwrap(), None);
    let plain = store.create(key("h3"), 0, NOW).await.unwrap();
    assert_eq!(store.grant("h3", NOW).await.unwrap().unwrap().key, plain);
}

async fn a_replaced_key_keeps_its_money_and_works_until_revoked(case: Case) {
    let store = &case.store;
    let first = Key { key_alias: Some("a".into()), limits: limits(USD, "1d"), ..key("h1") };
    store.create(first, 0, NOW).await.unwrap();
    store.append(vec![super::row("h1", NOW, 30)]).await.unwrap();
    let renew = store.regenerate_key("h1", "h2", NOW + HOUR, None, NOW + 1, |key| {
        key.key_name = Some("sk-...2".into());
        Ok(())
    });
    let new = renew.await.unwrap();
    assert_eq!((new.hash.as_str(), new.key_alias.as_deref(), new.rotation_count), ("h2", Some("a"), 1));
    assert_eq!((new.state.spend_nanos, new.created_at_ms), (30, NOW));
    assert_eq!((new.counted_as(), new.first_hash.as_deref()), ("h1", Some("h1")));
    assert_eq!(store.grant("h1", NOW + 2).await.unwrap().unwrap().key.hash, "h2");
    assert_eq!(store.grant("h1", NOW + HOUR).await.unwrap(), None);
    // A request of the old key that was under way.
    let appended = store.append(vec![super::row("h1", NOW + 5, 12)]).await.unwrap();
    assert_eq!(appended.replaced.into_iter().collect::<Vec<_>>(), [("h1".to_string(), "h2".to_string())]);
    assert_eq!(store.get::<Key>("h2", "").await.unwrap().unwrap().state.spend_nanos, 42);
    store.regenerate_key("h2", "h3", NOW, None, NOW + 2, |_| Ok(())).await.unwrap();
    assert_eq!(store.grant("h1", NOW + 3).await.unwrap().unwrap().key.hash, "h3");
    for hash in ["h1", "h2", "h3"] {
        let id = AccountId::new(AccountKind::Key, hash);
        let found = store.accounts(vec![id.clone()], NOW + 3).await.unwrap();
        assert_eq!(found[&id].spend_nanos, 42, "{hash}");
    }
    assert_eq!(store.grant("h2", NOW + 3).await.unwrap(), None);
    let gone = store.delete_keys(vec!["h3".into(), "h9".into()], Some("me".into()), NOW + 9).await.unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!(store.grant("h1", NOW + 10).await.unwrap(), None);
    let deleted = store.deleted_keys(vec![], 1, 10).await.unwrap();
    assert_eq!((deleted.total, deleted.rows[0].deleted_by.as_deref()), (3, Some("me")));
    assert_eq!((deleted.rows[0].key.hash.as_str(), deleted.rows[0].key.state.spend_nanos), ("h3", 42));
    store.create(Key { key_alias: Some("a".into()), ..key("h4") }, 0, NOW).await.unwrap();
    // Rows on their way name the old texts, and nobody else pays for them.
    assert_eq!(conflict(store.create(key("h1"), 0, NOW).await), "key");
    for taken in ["h1", "h3"] {
        let renew = store.regenerate_key("h4", taken, NOW, None, NOW + 11, |_| Ok(())).await;
        assert_eq!(conflict(renew), "key", "{taken}");
    }
    assert_eq!(store.audit().await.unwrap(), (2, vec![]));
}

async fn owners_go_with_what_is_theirs(case: Case) {
    let store = &case.store;
    people(store).await;
    let (users, keys) = store.delete_users(vec!["u1".into(), "u2".into()], None, NOW).await.unwrap();
    assert_eq!((users.len(), keys.len()), (1, 1));
    assert_eq!(store.get::<Member>("t1", "u1").await.unwrap(), None);
    assert_eq!(store.grant("h1", NOW).await.unwrap(), None);
    store.create(Key { team_id: Some("t1".into()), ..key("h5") }, 0, NOW).await.unwrap();
    let (gone, keys) = store.delete_organizations(vec!["o1".into()], None, NOW).await.unwrap();
    assert_eq!((gone.len(), keys.len()), (1, 1));
    assert_eq!(store.get::<Team>("t1", "").await.unwrap(), None);
    let (teams, _) = store.delete_teams(vec!["t1".into()], None, NOW).await.unwrap();
    assert!(teams.is_empty());
}

async fn lists_filter_sort_and_page(case: Case) {
    let store = &case.store;
    for (place, alias) in ["Beta_1", "alpha%", "gamma"].into_iter().enumerate() {
        let place_ms = i64::try_from(place).unwrap();
        let team_id = (place > 0).then(|| "t1".to_string());
        let new = Key { key_alias: Some(alias.into()), team_id, ..key(&format!("h{place}")) };
        store.create(new, place_ms * 10, NOW + place_ms).await.unwrap();
    }
    let hashes = async |find: Find| {
        let page = store.find::<Key>(find).await.unwrap();
        (page.rows.into_iter().map(|key| key.hash).collect::<Vec<_>>().join(" "), page.total)
    };
    assert_eq!(hashes(Find::default()).await, ("h2 h1 h0".into(), 3));
    let by_spend = Find { sort_by: "spend", descending: false, page: 2, size: 2, ..Find::default() };
    assert_eq!(hashes(by_spend).await, ("h2".into(), 3));
    assert_eq!(hashes(Find { page: 9, ..Find::default() }).await.0, "");
    let contains = |text: &str| Find::all(vec![Test::Contains("alias", text.into())]);
    assert_eq!(hashes(contains("BETA")).await.0, "h0");
    assert_eq!(hashes(contains("%")).await.0, "h1");
    assert_eq!(hashes(contains("_1")).await.0, "h0");
    let of_team = Test::Is("team_id", Value::from("t1"));
    assert_eq!(hashes(Find::all(vec![of_team.clone()])).await, ("h2 h1".into(), 2));
    let either = Test::Any(vec![Test::Is("id", Value::from("h0")), of_team]);
    let both = vec![either, Test::IsNot("alias", Value::from("gamma")), Test::Is("blocked", false.into())];
    assert_eq!(hashes(Find::all(both)).await.0, "h1 h0");
    assert_eq!(hashes(Find::all(vec![Test::Nothing("team_id")])).await.0, "h0");
    assert_eq!(hashes(Find::all(vec![Test::OneOf("id", vec![])])).await.0, "");
    let wrong = store.find::<Key>(Find::all(vec![Test::Nothing("doc; DROP TABLE x")])).await.unwrap_err();
    assert_eq!(wrong.kind, StoreErrorKind::Invalid);
}

async fn a_failed_transaction_changes_nothing(case: Case) {
    let store = &case.store;
    let failed = store.transaction(NOW, |transaction| {
        let budget = Budget { budget_id: "b1".into(), ..Budget::default() };
        transaction.create(budget, 0)?;
        transaction.create(key("h1"), 0)?;
        transaction.create(key("h1"), 0)
    });
    assert_eq!(conflict(failed.await), "id");
    assert_eq!(store.get::<Budget>("b1", "").await.unwrap(), None);
    let done = store.transaction(NOW, |transaction| {
        transaction.create(key("h1"), 0)?;
        transaction.update::<Key>("h1", "", &|key| {
            key.blocked = true;
            Ok(())
        })?;
        transaction.delete::<Key>("h1", "")
    });
    assert!(done.await.unwrap().unwrap().blocked);
    let panics = store.transaction::<()>(NOW, |_| panic!("a defect in the caller's code")).await;
    assert_eq!(panics.unwrap_err().kind, StoreErrorKind::Defect);
    store.create(key("h1"), 0, NOW).await.unwrap();
}

async fn odd_texts_survive(case: Case) {
    let store = &case.store;
    let odd = "ü'\"\\;--$1?1\u{1f600}";
    let tag = Tag { name: odd.into(), description: Some("nul \0 here".into()), ..Tag::default() };
    let made = store.create(tag, 0, NOW).await.unwrap();
    assert_eq!(made.name, odd);
    // The document keeps even what no column could.
    assert_eq!(made.description.as_deref(), Some("nul \0 here"));
    let user = EndUser { user_id: "e1".into(), alias: Some("nul \0 here".into()), ..EndUser::default() };
    store.create(user, 0, NOW).await.unwrap();
    let model = StoredModel { model_id: "m1".into(), model_name: odd.into(), ..StoredModel::default() };
    assert_eq!(store.create(model, 0, NOW).await.unwrap().model_name, odd);
    let found = store.find::<Tag>(Find::all(vec![Test::Contains("id", "--$1".into())])).await.unwrap();
    assert_eq!(found.total, 1);
    assert_eq!(store.delete::<Tag>(vec![(odd.into(), String::new())]).await.unwrap().len(), 1);
}

async fn settings_are_kept(case: Case) {
    let store = &case.store;
    let first = store.change_setting("general_settings", NOW, |old| {
        assert!(old.is_null());
        Ok(Some(json!({"a": 1})))
    });
    first.await.unwrap();
    let first = store.settings().await.unwrap();
    let more = store.change_setting("general_settings", NOW + 1, |old| Ok(Some(json!({"old": old}))));
    more.await.unwrap();
    let second = store.settings().await.unwrap();
    assert_eq!(second[0].value, json!({"old": {"a": 1}}));
    assert!(second[0].version > first[0].version && second[0].updated_ms == NOW + 1);
    store.change_setting("general_settings", NOW, |_| Ok(None)).await.unwrap();
    assert!(store.settings().await.unwrap().is_empty());
}

async fn models_are_kept_and_found_oldest_first(case: Case) {
    let store = &case.store;
    let model = |id: &str, name: &str| StoredModel {
        model_id: id.into(),
        model_name: name.into(),
        params: serde_json::from_value(json!({"api_key": "v2:gcm:AAAA", "rpm": 5})).unwrap(),
        ..StoredModel::default()
    };
    let first = store.create(model("b", "x"), 0, NOW).await.unwrap();
    store.create(model("a", "x"), 0, NOW + 1).await.unwrap();
    assert_eq!(conflict(store.create(model("b", "y"), 0, NOW).await), "id");
    let blocked = store.update::<StoredModel>("b", "", NOW + 2, |model| {
        model.blocked = true;
        Ok(())
    });
    let blocked = blocked.await.unwrap();
    assert!(blocked.blocked && blocked.state.version > first.state.version);
    assert_eq!((&blocked.params, blocked.updated_at_ms), (&first.params, NOW + 2));
    let all = || Find { sort_by: "created_ms", descending: false, ..Find::default() };
    let ids = |rows: Vec<StoredModel>| rows.into_iter().map(|row| row.model_id).collect::<Vec<_>>();
    assert_eq!(ids(store.find(all()).await.unwrap().rows), ["b", "a"]);
    let serving = Find { tests: vec![Test::Is("blocked", false.into())], ..all() };
    assert_eq!(ids(store.find(serving).await.unwrap().rows), ["a"]);
    store.delete::<StoredModel>(vec![("b".into(), String::new())]).await.unwrap();
    assert_eq!(ids(store.find(all()).await.unwrap().rows), ["a"]);
}
