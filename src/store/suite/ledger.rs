//! The ledger: each row once, every account and total moved with it.

use super::{Case, DAY, HOUR, NOW, USD, on_every_store, row};
use crate::domain::keys::{EndUser, Key, Limits, Window};
use crate::domain::ledger::{Account, AccountId, AccountKind, LedgerRow};
use crate::store::{Store, StoreErrorKind, StoreOptions};

on_every_store!(
    a_row_counts_once_however_often_it_comes,
    rows_given_again_are_answered_as_at_first,
    rows_count_into_the_period_of_their_admission,
    resets_that_are_due_are_written,
    further_windows_are_charged,
    an_end_user_is_known_after_its_first_row,
    writers_at_once_lose_nothing,
    a_row_with_impossible_texts_is_not_stuck,
);

async fn account(store: &Store, kind: AccountKind, owner: &str) -> Account {
    let id = AccountId::new(kind, owner);
    store.accounts(vec![id.clone()], 0).await.unwrap().remove(&id).unwrap_or_default()
}

async fn a_row_counts_once_however_often_it_comes(case: Case) {
    let store = &case.store;
    let rows: Vec<LedgerRow> = (0..150).map(|n| row("h1", NOW + n, 1_000 + n)).collect();
    let cost: i64 = rows.iter().map(|row| row.spend_nanos).sum();
    let twice = rows.iter().chain(&rows).cloned().collect();
    assert_eq!(store.append(twice).await.unwrap().rows, 150);
    assert_eq!(store.append(rows.clone()).await.unwrap().rows, 0);
    let mut more = rows;
    more.push(row("h1", NOW - 40 * DAY, 5));
    assert_eq!(store.append(more).await.unwrap().rows, 1);
    for (kind, owner) in [
        (AccountKind::Key, "h1"),
        (AccountKind::User, "u1"),
        (AccountKind::Team, "t1"),
        (AccountKind::Global, ""),
    ] {
        let account = account(store, kind, owner).await;
        assert_eq!((account.spend_nanos, account.total_nanos), (cost + 5, cost + 5), "{kind:?}");
        assert_eq!(account.last_active_ms, Some(NOW + 149 + 250));
    }
    let foreign = LedgerRow { id: "chatcmpl-1".into(), ..row("h1", NOW, 1) };
    assert_eq!(store.append(vec![foreign]).await.unwrap_err().kind, StoreErrorKind::Invalid);
    assert_eq!(store.append(Vec::<LedgerRow>::new()).await.unwrap().rows, 0);
}

/// The first answer was lost: the second attempt tells the same, and charges nothing.
async fn rows_given_again_are_answered_as_at_first(case: Case) {
    let store = &case.store;
    let rows: Vec<LedgerRow> = (0..5).map(|n| row("h1", NOW + n, 10)).collect();
    let first = store.append(rows.clone()).await.unwrap();
    let again = store.append(rows.clone()).await.unwrap();
    assert_eq!((first.rows, again.rows), (5, 0));
    assert!(first.charged.iter().any(|charged| charged.id == AccountId::new(AccountKind::Key, "h1")));
    assert_eq!(again.charged, first.charged);
    let more = store.append(rows.into_iter().chain([row("h1", NOW + 9, 3)]).collect()).await.unwrap();
    assert!(more.charged.iter().all(|charged| charged.spent_nanos == 53), "{more:?}");
    assert_eq!(account(store, AccountKind::Key, "h1").await.spend_nanos, 53);
}

async fn rows_count_into_the_period_of_their_admission(case: Case) {
    let store = &case.store;
    let limits = Limits { budget_duration: Some("1h".into()), ..Limits::default() };
    let key = Key { hash: "h1".into(), limits, ..Key::default() };
    store.create(key, 0, NOW).await.unwrap();
    let next = NOW / HOUR * HOUR + HOUR;
    store.append(vec![row("h1", NOW + 1, 10)]).await.unwrap();
    // The next hour's row comes before the last one of this hour.
    store.append(vec![row("h1", next, 200)]).await.unwrap();
    store.append(vec![row("h1", next - 1, 3_000)]).await.unwrap();
    let key = store.get::<Key>("h1", "").await.unwrap().unwrap();
    assert_eq!((key.state.spend_nanos, key.state.total_spend_nanos), (200, 3_210));
    assert_eq!((key.state.period_start_ms, key.state.budget_reset_at_ms), (next, Some(next + HOUR)));
}

async fn resets_that_are_due_are_written(case: Case) {
    let store = &case.store;
    let limits = Limits { budget_duration: Some("1h".into()), ..Limits::default() };
    let key = Key { hash: "h1".into(), limits, ..Key::default() };
    store.create(key, 70, NOW).await.unwrap();
    store.append(vec![row("h1", NOW + 1, 10)]).await.unwrap();
    let next = NOW / HOUR * HOUR + HOUR;
    assert_eq!(store.next_reset().await.unwrap(), Some(next));
    assert!(store.reset_due(next - 1).await.unwrap().is_empty());
    let due = store.reset_due(next + 2 * HOUR).await.unwrap();
    assert_eq!(due, [AccountId::new(AccountKind::Key, "h1")]);
    let key = store.get::<Key>("h1", "").await.unwrap().unwrap();
    assert_eq!((key.state.spend_nanos, key.state.total_spend_nanos), (0, 10));
    assert_eq!(key.state.budget_reset_at_ms, Some(next + 3 * HOUR));
    store.append(vec![row("h1", next + 2 * HOUR, 5)]).await.unwrap();
    assert_eq!(store.clear_spend(vec![AccountKind::Key, AccountKind::Team]).await.unwrap(), 2);
    assert_eq!(account(store, AccountKind::Key, "h1").await.spend_nanos, 0);
    assert_eq!(account(store, AccountKind::User, "u1").await.spend_nanos, 15);
}

async fn further_windows_are_charged(case: Case) {
    let store = &case.store;
    let window = |every: &str| Window { budget_duration: every.into(), max_budget_nanos: USD };
    let key = Key { hash: "h1".into(), budget_limits: vec![window("1h"), window("1d")], ..Key::default() };
    store.create(key, 0, NOW).await.unwrap();
    let next = NOW / HOUR * HOUR + HOUR;
    store.append(vec![row("h1", NOW, 10), row("h1", next, 5)]).await.unwrap();
    let spent = async |every: &str| {
        let id = AccountId::pair(AccountKind::KeyWindow, "h1", every);
        store.accounts(vec![id.clone()], 0).await.unwrap().remove(&id).map(|account| account.spend_nanos)
    };
    assert_eq!((spent("1h").await, spent("1d").await), (Some(5), Some(15)));
    store
        .update::<Key>("h1", "", next, |key| {
            key.budget_limits.remove(0);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!((spent("1h").await, spent("1d").await), (None, Some(15)));
}

async fn an_end_user_is_known_after_its_first_row(case: Case) {
    let of = |name: &str| LedgerRow { end_user: name.into(), ..row("h1", NOW, 9) };
    case.store.append(vec![of("e1"), of("e1"), of("e2")]).await.unwrap();
    case.store.append(vec![of("e1")]).await.unwrap();
    let user = case.store.get::<EndUser>("e1", "").await.unwrap().unwrap();
    assert_eq!((user.state.spend_nanos, user.blocked), (27, false));
    let blocked = case.store.update::<EndUser>("e1", "", NOW, |user| {
        user.blocked = true;
        Ok(())
    });
    blocked.await.unwrap();
    case.store.append(vec![of("e1")]).await.unwrap();
    let user = case.store.get::<EndUser>("e1", "").await.unwrap().unwrap();
    assert_eq!((user.state.spend_nanos, user.blocked), (36, true));
}

async fn writers_at_once_lose_nothing(case: Case) {
    let second = case.url.as_ref().map(|url| Store::new(url, StoreOptions::default()).unwrap());
    let stores = [case.store.clone(), second.unwrap_or_else(|| case.store.clone())];
    let limits = Limits { budget_duration: Some("1h".into()), ..Limits::default() };
    case.store.create(Key { hash: "h0".into(), limits, ..Key::default() }, 0, NOW).await.unwrap();
    let mut running = Vec::new();
    for n in 0..16 {
        let store = stores[n % 2].clone();
        running.push(tokio::spawn(async move {
            // Owners in another order in each batch.
            let rows = (0..30).map(|k| row(&format!("h{}", (k * 7 + n * 11) % 30), NOW + 1, 1));
            store.append(rows.collect()).await.unwrap();
            let change = store.update::<Key>("h0", "", NOW, |key| {
                key.metadata.insert(format!("m{}", key.metadata.len()), true.into());
                Ok(())
            });
            change.await.unwrap();
        }));
    }
    for task in running {
        task.await.unwrap();
    }
    assert_eq!(account(&case.store, AccountKind::Global, "").await.total_nanos, 480);
    assert_eq!(account(&case.store, AccountKind::Key, "h7").await.total_nanos, 16);
    assert_eq!(case.store.get::<Key>("h0", "").await.unwrap().unwrap().metadata.len(), 16);
}

async fn a_row_with_impossible_texts_is_not_stuck(case: Case) {
    let metadata = serde_json::json!({"\0": "\0 \u{d7ff}"}).as_object().unwrap().clone();
    let odd = LedgerRow {
        end_user: "ü\0".repeat(4_000),
        tags: vec!["t\0".repeat(4_000)],
        error_message: "nul \0".into(),
        model_group: "m".repeat(9_000),
        metadata,
        ..row("h1", NOW, 1)
    };
    let ancient = row("h1", -5, 1);
    let far = row("h1", i64::MAX / 4, 1);
    assert_eq!(case.store.append(vec![odd, ancient, far]).await.unwrap().rows, 3);
    assert_eq!(account(&case.store, AccountKind::Key, "h1").await.total_nanos, 3);
}
