//! Accepts connections and answers the requests on each, one after the other.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::control;
use crate::dialect::{self, Call};
use crate::http::{self, Request};
use crate::play::{After, play};
use crate::reply::Reply;
use crate::route::route;
use crate::script::Script;
use crate::state::{Flight, State};

/// Replies of bench keys, rendered once: by key, path and whether it streams.
type Rendered = Mutex<HashMap<(String, String, bool), Reply>>;

/// Serves for ever. Dropping the future closes the listener; the connections end with their runtime.
pub async fn serve(listener: TcpListener, state: Arc<State>) {
    let rendered = Arc::new(Rendered::default());
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (state, rendered) = (state.clone(), rendered.clone());
        tokio::spawn(async move {
            // An error here is a client that went away or does not speak HTTP: nothing to tell it.
            let _ = connection(stream, &state, &rendered).await;
        });
    }
}

async fn connection(mut stream: TcpStream, state: &Arc<State>, rendered: &Rendered) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buf = BytesMut::with_capacity(16 * 1024);
    while let Some(request) = http::read_request(&mut stream, &mut buf).await? {
        let after = match control::answer(&request, state).await {
            Some(reply) => {
                let (_, mut writer) = stream.split();
                play(&mut writer, reply, &Script::default(), request.keep_alive).await?
            }
            None => provider(&mut stream, &mut buf, &request, state, rendered).await?,
        };
        match after {
            After::Whole if request.keep_alive => {}
            After::Whole | After::Close => return Ok(()),
            After::Reset => return stream.set_zero_linger(),
        }
    }
    Ok(())
}

/// Answers as a provider, watching for the client's leaving.
async fn provider(
    stream: &mut TcpStream,
    buf: &mut BytesMut,
    request: &Request,
    state: &Arc<State>,
    rendered: &Rendered,
) -> io::Result<After> {
    let (flight, script) = match state.begin(request) {
        Ok(begun) => begun,
        Err(message) => {
            let reply = Reply::json(400, &json!({"error": {"message": message, "type": "fake_provider"}}));
            return play(stream, reply, &Script::default(), request.keep_alive).await;
        }
    };
    let mut reply = if script.bench {
        prepared(request, &flight, &script, rendered)
    } else {
        render(request, &flight, &script)
    };
    for (name, value) in &script.headers {
        reply = reply.with(name, value);
    }
    let (mut reader, mut writer) = stream.split();
    let after = tokio::select! {
        biased;
        played = play(&mut writer, reply, &script, request.keep_alive) => played?,
        // Dropping the flight unfinished is what notes that the client left.
        () = http::client_closed(&mut reader, buf) => return Err(io::ErrorKind::ConnectionAborted.into()),
    };
    flight.complete();
    Ok(after)
}

fn render(request: &Request, flight: &Flight, script: &Script) -> Reply {
    let Some((dialect, endpoint)) = route(&request.method, &request.path) else {
        let message = format!("Invalid URL ({} {})", request.method, request.path);
        return Reply::json(
            404,
            &json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}}),
        );
    };
    let body: Value = match serde_json::from_slice(&request.body) {
        Ok(body) => body,
        Err(_) if request.header("content-type").is_some_and(|t| t.starts_with("multipart/")) => json!({}),
        Err(_) if request.body.is_empty() => json!({}),
        Err(e) => {
            return Reply::json(
                400,
                &dialect::error_body(400, dialect, &format!("We could not parse the JSON body: {e}")),
            );
        }
    };
    let call = Call { request, dialect, body: &body, script, ordinal: flight.ordinal, id: flight.id };
    dialect::answer(&endpoint, &call)
}

fn prepared(request: &Request, flight: &Flight, script: &Script, rendered: &Rendered) -> Reply {
    let has = |needle: &[u8]| memchr::memmem::find(&request.body, needle).is_some();
    let stream = has(b"\"stream\":true") || has(b"\"stream\": true");
    let key = (request.key().to_owned(), request.path.clone(), stream);
    let mut cache = rendered.lock().unwrap_or_else(PoisonError::into_inner);
    cache.entry(key).or_insert_with(|| render(request, flight, script)).clone()
}
