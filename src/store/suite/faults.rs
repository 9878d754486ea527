//! A database that is down, goes away, freezes, is too new, or cannot be opened.

use std::time::{Duration, Instant};

use super::server::Server;
use super::{Case, NOW, row};
use crate::domain::keys::Key;
use crate::store::{Store, StoreErrorKind, StoreOptions};

fn hasty(url: &str) -> Store {
    let options = StoreOptions {
        patience: Duration::from_secs(1),
        long_patience: Duration::from_secs(2),
        ..StoreOptions::default()
    };
    Store::new(url, options).unwrap()
}

/// Tries until it works: the client may have to learn that its connections are gone.
async fn heals(store: &Store) {
    let start = Instant::now();
    while let Err(error) = store.ping().await {
        assert!(error.is_unavailable(), "{error}");
        assert!(start.elapsed() < Duration::from_secs(5), "{error}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_that_is_down_and_comes_back_needs_no_restart() {
    let server = Server::start();
    server.control("stop");
    let store = hasty(&server.url("postgres"));
    let error = store.grant("h1", NOW).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
    server.control("start");
    heals(&store).await;
    let rows = vec![row("h1", NOW, 5), row("h1", NOW + 1, 6)];
    assert_eq!(store.append(rows.clone()).await.unwrap().rows, 2);
    server.control("restart");
    heals(&store).await;
    assert_eq!(store.append(rows).await.unwrap().rows, 0);
    assert_eq!(store.audit().await.unwrap(), (2, vec![]));
}

#[tokio::test]
async fn a_frozen_server_costs_its_callers_their_time_and_no_more() {
    let server = Server::start();
    let store = hasty(&server.url("postgres"));
    store.ping().await.unwrap();
    server.signal("STOP");
    let start = Instant::now();
    let calls = (0..40).map(|_| store.grant("h1", NOW));
    for result in futures_util::future::join_all(calls).await {
        assert!(result.unwrap_err().is_unavailable());
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    server.signal("CONT");
    heals(&store).await;
}

#[tokio::test]
async fn a_schema_from_the_future_is_refused() {
    let case = Case::postgres("from_the_future").await;
    let file = Case::file();
    for case in [case, file] {
        case.store.ping().await.unwrap();
        let later = "INSERT INTO stagedoor_migrations (number, major, applied_by) VALUES (9999, 2, 'x')";
        case.store.write(move |session| session.execute(later, &[])).await.unwrap();
        let older = Store::new(case.url.as_ref().unwrap(), StoreOptions::default()).unwrap();
        let error = older.ping().await.unwrap_err();
        assert!(error.message.contains("newer Stagedoor"), "{error}");
    }
}

#[tokio::test]
async fn replicas_that_start_together_bring_the_schema_up_to_date_once() {
    let case = Case::postgres("starting_together").await;
    let url = case.url.clone().unwrap();
    let stores: Vec<Store> = (0..6).map(|_| Store::new(&url, StoreOptions::default()).unwrap()).collect();
    let pings = stores.iter().map(Store::ping);
    futures_util::future::join_all(pings).await.into_iter().for_each(Result::unwrap);
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_says_why_and_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:///{}/data/x.db", folder.path().display());
    let store = Store::new(&url, StoreOptions::default()).unwrap();
    let error = store.ping().await.unwrap_err();
    assert!(error.is_unavailable() && error.message.contains("there is no folder"), "{error}");
    std::fs::create_dir(folder.path().join("data")).unwrap();
    store.ping().await.unwrap();
    std::fs::write(folder.path().join("not.db"), "not a database, but long enough to be looked at").unwrap();
    let url = format!("sqlite:///{}/not.db", folder.path().display());
    let error = Store::new(&url, StoreOptions::default()).unwrap().ping().await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
}

#[tokio::test]
async fn what_a_file_holds_is_there_after_a_restart() {
    let case = Case::file();
    case.store.create(Key { hash: "h1".into(), ..Key::default() }, 0, NOW).await.unwrap();
    let again = Store::new(case.url.as_ref().unwrap(), StoreOptions::default()).unwrap();
    assert!(again.get::<Key>("h1", "").await.unwrap().is_some());
}

#[tokio::test]
async fn tls_is_checked_as_far_as_sslmode_says() {
    let server = Server::start();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_string()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_string()]).unwrap();
    server.serve_tls(&made.cert.pem(), &made.signing_key.serialize_pem());
    let folder = tempfile::tempdir().unwrap();
    let root = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (right, wrong) = (root("right.pem", made.cert.pem()), root("wrong.pem", other.cert.pem()));
    let (address, name) = (server.url("postgres"), server.url_by_name("postgres"));
    for (url, works) in [
        (format!("{address}?sslmode=disable"), true),
        (format!("{address}?sslmode=prefer"), true),
        (format!("{address}?sslmode=require"), true),
        (format!("{address}?sslmode=require&sslrootcert={wrong}"), false),
        (format!("{address}?sslmode=verify-ca&sslrootcert={right}"), true),
        (format!("{address}?sslmode=verify-ca&sslrootcert={wrong}"), false),
        (format!("{address}?sslmode=verify-ca"), false),
        (format!("{address}?sslmode=verify-full&sslrootcert={right}"), false),
        (format!("{name}?sslmode=verify-full&sslrootcert={right}"), true),
    ] {
        let result = Store::new(&url, StoreOptions::default()).unwrap().ping().await;
        assert_eq!(result.is_ok(), works, "{url}: {result:?}");
        if let Err(error) = result {
            assert!(error.is_unavailable() && error.message.contains("certificate"), "{error}");
        }
    }
    let missing =
        Store::new(&format!("{name}?sslmode=verify-full&sslrootcert=/nowhere"), StoreOptions::default());
    assert_eq!(missing.err().unwrap().kind, StoreErrorKind::Invalid);
}
