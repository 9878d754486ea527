//! The API's documentation, as the program serves it.

use crate::harness::{Gateway, KEY, config};

#[tokio::test]
async fn the_document_and_the_page_are_public() {
    let gateway = Gateway::serve(&config(&[])).await;
    let document = gateway.raw("GET", "/openapi.json", &[], b"").await;
    assert_eq!((document.status(), document.must("content-type")), (200, "application/json"));
    let document = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    let generate = &document["paths"]["/key/generate"]["post"];
    let budget =
        &generate["requestBody"]["content"]["application/json"]["schema"]["properties"]["max_budget"];
    assert!(budget["description"].as_str().unwrap().contains("US dollars"), "{budget}");
    assert!(generate["description"].as_str().unwrap().contains("proxy_admin"), "{generate}");
    assert!(document["paths"]["/v1/chat/completions"]["post"]["requestBody"].is_object());
    let page = gateway.raw("GET", "/docs", &[], b"").await;
    assert_eq!((page.status(), page.must("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.must("content-security-policy").starts_with("default-src 'none'"));
    assert!(page.text().contains("/key/generate") && !page.text().contains(KEY));
    // A browser finds it at the front door, a program finds JSON there.
    let door = gateway.raw("GET", "/", &[("accept", "text/html,*/*;q=0.8")], b"").await;
    assert!(door.text().starts_with("<!doctype html>"));
    assert_eq!(gateway.raw("GET", "/", &[("accept", "*/*")], b"").await.json()["name"], "stagedoor");
}

#[tokio::test]
async fn the_page_can_be_elsewhere_or_nowhere() {
    let moved = Gateway::start().env("DOCS_URL", "/manual").serve(&config(&[])).await;
    assert_eq!(moved.raw("GET", "/manual", &[], b"").await.status(), 200);
    assert_eq!(moved.raw("GET", "/docs", &[], b"").await.status(), 404);
    let none = Gateway::start().env("NO_DOCS", "True").serve(&config(&[])).await;
    assert_eq!(none.raw("GET", "/docs", &[], b"").await.status(), 404);
    let door = none.raw("GET", "/", &[("accept", "text/html")], b"").await;
    assert_eq!(door.json()["name"], "stagedoor");
    assert_eq!(none.raw("GET", "/openapi.json", &[], b"").await.status(), 200);
}
