//! What owners bring along from another gateway: it stays theirs, and the audit agrees at every step.

use std::collections::BTreeMap;

use super::{Case, DAY, NOW, on_every_store, row};
use crate::domain::keys::{Key, User};
use crate::store::{Outcome, Store, TakeOver, Taken};

on_every_store!(
    brought_amounts_survive_rows_retention_and_a_new_text,
    a_dry_run_decides_the_same_and_writes_nothing,
    deleted_keys_do_not_come_back,
);

const HOW: TakeOver = TakeOver { as_of_ms: NOW, overwrite: false, apply: true };

fn taken(spend_nanos: i64, total_nanos: i64) -> Taken<Key> {
    let row = Key { hash: "h1".into(), key_alias: Some("one".into()), created_at_ms: 7, ..Key::default() };
    Taken {
        row,
        spend_nanos,
        total_nanos,
        reset_at_ms: None,
        windows: BTreeMap::new(),
        unique: Some(("alias", "one".into())),
    }
}

async fn agrees(store: &Store) {
    assert_eq!(store.audit().await.unwrap().1, []);
}

async fn money(store: &Store, hash: &str) -> (i64, i64) {
    let state = store.get::<Key>(hash, "").await.unwrap().unwrap().state;
    (state.spend_nanos, state.total_spend_nanos)
}

async fn brought_amounts_survive_rows_retention_and_a_new_text(case: Case) {
    let store = &case.store;
    assert_eq!(store.take_over_everybody(30, HOW).await.unwrap(), Outcome::New);
    assert_eq!(store.take_over(vec![taken(30, 100)], HOW).await.unwrap(), [Outcome::New]);
    assert_eq!(store.get::<Key>("h1", "").await.unwrap().unwrap().created_at_ms, 7);
    agrees(store).await;
    let past = vec![row("h1", NOW - 40 * DAY, 40), row("h1", NOW - DAY, 10)];
    assert_eq!(store.append_history(past.clone()).await.unwrap(), 2);
    assert_eq!(store.append_history(past.clone()).await.unwrap(), 0);
    let ids: Vec<String> = past.iter().map(|row| row.id.clone()).collect();
    assert_eq!(store.known_rows(ids).await.unwrap().len(), 2);
    assert_eq!(money(store, "h1").await, (30, 100));
    store.append(vec![row("h1", NOW + 1, 5)]).await.unwrap();
    assert_eq!(money(store, "h1").await, (35, 105));
    agrees(store).await;
    assert_eq!(store.take_over(vec![taken(30, 100)], HOW).await.unwrap(), [Outcome::Same]);
    store.retain(NOW - 10 * DAY).await.unwrap();
    assert!(store.first_whole_day().await.unwrap().is_some());
    agrees(store).await;
    store.regenerate_key("h1", "h2", NOW, None, NOW + 2, |_| Ok(())).await.unwrap();
    assert_eq!(money(store, "h2").await, (35, 105));
    agrees(store).await;
}

async fn a_dry_run_decides_the_same_and_writes_nothing(case: Case) {
    let store = &case.store;
    let dry = TakeOver { apply: false, ..HOW };
    assert_eq!(store.take_over(vec![taken(30, 100)], dry).await.unwrap(), [Outcome::New]);
    assert!(store.get::<Key>("h1", "").await.unwrap().is_none());
    store.take_over(vec![taken(30, 100)], HOW).await.unwrap();
    let mut other = taken(50, 120);
    other.row.blocked = true;
    let differs = Outcome::Differs(vec!["blocked".into(), "spend".into()]);
    let found = store.take_over(vec![other.clone()], dry).await.unwrap();
    assert_eq!(found.first(), Some(&differs));
    assert_eq!(store.take_over(vec![other.clone()], HOW).await.unwrap(), [differs]);
    assert_eq!(money(store, "h1").await, (30, 100));
    let over = TakeOver { overwrite: true, ..HOW };
    let replaced = store.take_over(vec![other.clone()], over).await.unwrap();
    assert!(matches!(replaced.as_slice(), [Outcome::Replaced(_)]));
    assert_eq!(money(store, "h1").await, (50, 120));
    assert_eq!(store.take_over(vec![other], over).await.unwrap(), [Outcome::Same]);
    agrees(store).await;
}

async fn deleted_keys_do_not_come_back(case: Case) {
    let store = &case.store;
    store.take_over(vec![taken(1, 1)], HOW).await.unwrap();
    store.delete_keys(vec!["h1".into()], None, NOW).await.unwrap();
    let again = store.take_over(vec![taken(1, 1)], HOW).await.unwrap();
    assert_eq!(again, [Outcome::LeftOut("it was deleted or replaced here".into())]);
    // Whose alias somebody else has meanwhile, and whose id cannot be kept.
    store
        .create(Key { hash: "h2".into(), key_alias: Some("two".into()), ..Key::default() }, 0, NOW)
        .await
        .unwrap();
    let mut clash = taken(0, 0);
    clash.row.hash = "h3".into();
    clash.unique = Some(("alias", "two".into()));
    let user = User { user_id: "x".repeat(300), ..User::default() };
    let user = Taken {
        row: user,
        spend_nanos: 0,
        total_nanos: 0,
        reset_at_ms: None,
        windows: BTreeMap::new(),
        unique: None,
    };
    let refused = store.take_over(vec![clash], HOW).await.unwrap();
    assert_eq!(refused, [Outcome::LeftOut("its alias belongs to another key here".into())]);
    assert!(matches!(store.take_over(vec![user], HOW).await.unwrap().as_slice(), [Outcome::LeftOut(_)]));
    agrees(store).await;
}
