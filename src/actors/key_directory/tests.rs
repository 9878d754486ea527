//! Old truths never come back: every order of a look-up and a change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Age, Directory, Found, Identity, Terms};
use crate::base::clock::unix_ms;
use crate::domain::keys::Key;
use crate::store::{Grant, Store, StoreOptions};

fn directory() -> Directory {
    let store = Store::in_memory(StoreOptions::default()).unwrap();
    let terms = Terms { team_users_pay: false, user_budget: None };
    Directory::new(store, terms, super::FRESH, 100)
}

fn known(directory: &Directory, hash: &str) -> Found {
    let key = Key { hash: hash.into(), ..Key::default() };
    let (user, team, member, organization, revoke_ms) = (None, None, None, None, None);
    let (budgets, accounts) = (Vec::new(), BTreeMap::new());
    let grant = Grant { key, revoke_ms, user, team, member, organization, budgets, accounts };
    Found::Known(Arc::new(Identity::of_grant(grant, unix_ms(), directory.0.terms)))
}

fn asks(directory: &Directory) -> u64 {
    directory.0.epoch.load(Ordering::Acquire)
}

#[test]
fn an_answer_from_before_a_change_is_not_kept() {
    let directory = directory();
    let old = known(&directory, "h");
    for forget in [|all: &Directory| all.forget("h"), |all: &Directory| all.doubt()] {
        let asked = asks(&directory);
        forget(&directory);
        assert!(!directory.keep("h", &old, asked), "the store was asked before the change");
        assert!(directory.copy("h").is_none());
    }
    let asked = asks(&directory);
    assert!(directory.keep("h", &old, asked));
    assert!(matches!(directory.copy("h"), Some((Found::Known(_), Age::Fresh))));
}

#[test]
fn a_doubted_copy_is_asked_for_before_it_is_used_and_kept_for_bad_times() {
    let directory = directory();
    let one = known(&directory, "h");
    assert!(directory.keep("h", &one, asks(&directory)));
    assert!(directory.keep("nobody", &Found::Unknown, asks(&directory)));
    directory.doubt();
    assert!(matches!(directory.copy("h"), Some((Found::Known(_), Age::Old))));
    assert!(directory.copy("nobody").is_none(), "a key that was unknown may have been made");
    assert!(directory.keep("h", &one, asks(&directory)));
    assert!(matches!(directory.copy("h"), Some((Found::Known(_), Age::Fresh))));
}

/// Look-ups run on several threads while the truth changes; after each change nobody may find what was true before.
#[test]
fn no_order_of_look_ups_and_changes_brings_an_old_truth_back() {
    let directory = directory();
    let truth = Arc::new(std::sync::Mutex::new(0u64));
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let lookers: Vec<_> = (0..3)
        .map(|_| {
            let (directory, truth, done) = (directory.clone(), Arc::clone(&truth), Arc::clone(&done));
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let asked = asks(&directory);
                    let said = *truth.lock().unwrap();
                    std::thread::yield_now();
                    directory.keep("h", &known(&directory, &said.to_string()), asked);
                }
            })
        })
        .collect();
    for round in 1..=3_000u64 {
        // First the change is committed, then it is told.
        *truth.lock().unwrap() = round;
        directory.forget("h");
        if let Some((Found::Known(identity), _)) = directory.copy("h") {
            assert_eq!(identity.key().unwrap().hash, round.to_string());
        }
    }
    done.store(true, Ordering::Relaxed);
    lookers.into_iter().for_each(|looker| looker.join().unwrap());
}
