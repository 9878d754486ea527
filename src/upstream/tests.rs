//! The client against a server that says exactly what a test wants.

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::client::HttpUpstream;
use super::{Fault, Reply, Route, Upstream};
use crate::base::reach::Reach;

/// What the server does with the connections it gets, one after another.
async fn client(server: impl AsyncFnOnce(TcpListener) + 'static) -> (HttpUpstream, Rc<Route>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    actix_rt::spawn(server(listener));
    let upstream = HttpUpstream::new(super::tls::client_config(true, None).unwrap());
    (upstream, Route::new(url, Vec::new(), Reach::Anywhere))
}

/// Reads one request with the body `body` and answers it.
async fn answer(tcp: &mut TcpStream, body: &str, reply: &str) {
    let mut read = BytesMut::new();
    while !read.ends_with(body.as_bytes()) {
        assert!(tcp.read_buf(&mut read).await.unwrap() > 0, "the request breaks off");
    }
    tcp.write_all(reply.as_bytes()).await.unwrap();
}

async fn body_of(mut reply: Reply) -> Result<String, Fault> {
    let mut all = Vec::new();
    while let Some(chunk) = reply.next().await {
        all.extend_from_slice(&chunk?);
    }
    assert!(reply.next().await.is_none(), "polling on after the end is harmless");
    Ok(String::from_utf8(all).unwrap())
}

async fn sent(upstream: &HttpUpstream, route: &Rc<Route>, body: &'static str) -> Result<Reply, Fault> {
    upstream.send(route, &[], Bytes::from_static(body.as_bytes())).await
}

#[actix_rt::test]
async fn one_connection_carries_many_requests() {
    let (upstream, route) = client(async |listener: TcpListener| {
        let (mut tcp, _) = listener.accept().await.unwrap();
        answer(&mut tcp, "{1}", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none").await;
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n";
        answer(&mut tcp, "{2}", chunked).await;
        answer(&mut tcp, "{3}", "HTTP/1.1 204 No Content\r\n\r\n").await;
        let hinted = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";
        answer(&mut tcp, "{4}", hinted).await;
    })
    .await;
    for (body, status, text) in [("{1}", 200, "one"), ("{2}", 200, "two"), ("{3}", 204, ""), ("{4}", 201, "")]
    {
        let reply = sent(&upstream, &route, body).await.unwrap();
        assert_eq!(reply.status(), status);
        assert_eq!(body_of(reply).await.unwrap(), text);
    }
}

#[actix_rt::test]
async fn a_connection_that_was_closed_meanwhile_is_not_used() {
    let (upstream, route) = client(async |listener: TcpListener| {
        for reply in ["first", "later"] {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{reply}");
            answer(&mut tcp, "{}", &head).await;
        }
    })
    .await;
    let first = sent(&upstream, &route, "{}").await.unwrap();
    assert_eq!(body_of(first).await.unwrap(), "first");
    let later = sent(&upstream, &route, "{}").await.unwrap();
    assert_eq!(body_of(later).await.unwrap(), "later");
}

#[actix_rt::test]
async fn what_breaks_off_is_cut_and_what_ends_with_the_connection_is_whole() {
    let (upstream, route) = client(async |listener: TcpListener| {
        for reply in [
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nwhole",
            "HTTP/1.0 200 OK\r\n\r\nwhole",
            "HTTP/1.1 200 OK\r\ncontent-le",
            "no http at all\r\n\r\n",
        ] {
            let (mut tcp, _) = listener.accept().await.unwrap();
            answer(&mut tcp, "{}", reply).await;
        }
    })
    .await;
    for _ in 0..2 {
        let cut = body_of(sent(&upstream, &route, "{}").await.unwrap()).await;
        assert!(matches!(cut, Err(Fault::Cut(_))), "{cut:?}");
    }
    for _ in 0..2 {
        let whole = body_of(sent(&upstream, &route, "{}").await.unwrap()).await;
        assert_eq!(whole.unwrap(), "whole");
    }
    assert!(matches!(sent(&upstream, &route, "{}").await, Err(Fault::Closed(_))));
    assert!(matches!(sent(&upstream, &route, "{}").await, Err(Fault::Protocol(_))));
}

#[actix_rt::test]
async fn a_server_that_refuses_a_body_is_heard_before_all_of_it_is_sent() {
    let (upstream, route) = client(async |listener: TcpListener| {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut some = [0; 1000];
        tcp.read_exact(&mut some).await.unwrap();
        tcp.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig").await.unwrap();
        // Nothing more is read, and the connection stays open until the client leaves.
        std::future::pending::<()>().await;
    })
    .await;
    let body = Bytes::from(vec![b'x'; 64 << 20]);
    let reply = upstream.send(&route, &[], body).await.unwrap();
    assert_eq!(reply.status(), 413);
    assert_eq!(body_of(reply).await.unwrap(), "big");
}

#[actix_rt::test]
async fn nobody_there_is_a_failed_connection() {
    let upstream = HttpUpstream::new(super::tls::client_config(true, None).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let refused = sent(&upstream, &Route::new(url, Vec::new(), Reach::Anywhere), "{}").await;
    assert!(matches!(refused, Err(Fault::Connect(_))));
}

#[actix_rt::test]
async fn a_name_is_judged_by_what_it_stands_for() {
    let (upstream, operators) = client(async |listener: TcpListener| {
        let (mut tcp, _) = listener.accept().await.unwrap();
        answer(&mut tcp, "{1}", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        answer(&mut tcp, "{2}", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    })
    .await;
    let named = operators.url.replace("127.0.0.1", "localhost");
    let own = Route::new(named.clone(), Vec::new(), Reach::Anywhere);
    assert_eq!(body_of(sent(&upstream, &own, "{1}").await.unwrap()).await.unwrap(), "ok");
    // The operator's idle connection is nobody else's.
    for url in [named, operators.url.clone(), operators.url.replace("127.0.0.1", "2130706433")] {
        let callers = Route::new(url.clone(), Vec::new(), Reach::Public);
        let Err(fault) = sent(&upstream, &callers, "{}").await else { panic!("{url} was called") };
        assert_eq!(fault, Fault::OutOfReach(Reach::Public), "{url}");
        let error = fault.into_error("OpenAI");
        assert_eq!((error.status(), error.param()), (403, Some("api_base")));
    }
    assert_eq!(body_of(sent(&upstream, &own, "{2}").await.unwrap()).await.unwrap(), "ok");
    for url in ["http://0xa9fea9fe/latest", "http://169.254.169.254/", "http://[::ffff:169.254.169.254]/"] {
        let stored = Route::new(url.into(), Vec::new(), Reach::NoMetadata);
        let Err(fault) = sent(&upstream, &stored, "{}").await else { panic!("{url} was called") };
        assert_eq!(fault.into_error("OpenAI").status(), 500, "{url}");
    }
}

#[actix_rt::test]
async fn redirects_are_answers_and_not_followed() {
    let (upstream, route) = client(async |listener: TcpListener| {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let elsewhere = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
        answer(&mut tcp, "{1}", elsewhere).await;
        answer(&mut tcp, "{2}", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    })
    .await;
    assert_eq!(sent(&upstream, &route, "{1}").await.unwrap().status(), 307);
    assert_eq!(body_of(sent(&upstream, &route, "{2}").await.unwrap()).await.unwrap(), "ok");
}
