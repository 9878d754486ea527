//! A server that keeps what it is sent, for whatever is exported: each request whole, answered as the test says.

use std::collections::VecDeque;
use std::future::ready;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use flate2::read::GzDecoder;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::eventually;

/// A running collector.
pub struct Collector {
    pub addr: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    /// Answers that come before the usual 200, each for one request: status line, headers, body.
    script: Mutex<VecDeque<(String, String, String)>>,
    /// The status line and the body of all others.
    usual: Mutex<(String, String)>,
    hangs: bool,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it was before it was compressed.
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Collector {
    /// Answers 200, unless a script says otherwise.
    pub async fn start() -> Self {
        Self::with(State::default()).await
    }

    /// Takes requests and never answers.
    pub async fn hanging() -> Self {
        Self::with(State { hangs: true, ..State::default() }).await
    }

    async fn with(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, state) = (listener.local_addr().unwrap(), Arc::new(state));
        let own = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&own)));
            }
        });
        Collector { addr, state }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// The next requests get these answers (`503 Service Unavailable`), with these header lines.
    pub fn answer_with(&self, answers: &[(&str, &str)]) {
        let answers = answers
            .iter()
            .map(|(status, headers)| (status.to_string(), headers.to_string(), "{}".to_owned()));
        self.state.script.lock().unwrap().extend(answers);
    }

    /// The next requests get a 200, or what else is said, with these bodies.
    pub fn say(&self, answers: &[(&str, &str)]) {
        let answers =
            answers.iter().map(|(status, body)| (status.to_string(), String::new(), body.to_string()));
        self.state.script.lock().unwrap().extend(answers);
    }

    /// From now on requests get this answer, unless a script says otherwise.
    pub fn always(&self, status: &str, body: &str) {
        *self.state.usual.lock().unwrap() = (status.to_owned(), body.to_owned());
    }

    /// All that came so far to paths that begin so.
    pub fn to(&self, path: &str) -> Vec<Received> {
        let all = self.state.received.lock().unwrap();
        all.iter().filter(|one| one.path.starts_with(path)).cloned().collect()
    }

    /// Waits until `find` finds something in what has come to paths that begin so.
    pub async fn until<T>(&self, path: &str, mut find: impl FnMut(&[Received]) -> Option<T>) -> T {
        eventually(&format!("something exported to {path}"), || ready(find(&self.to(path)))).await
    }

    /// The first request to a path that begins so.
    pub async fn first(&self, path: &str) -> Received {
        self.until(path, |all| all.first().cloned()).await
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut bytes = BytesMut::new();
    while let Some(received) = read(&mut stream, &mut bytes).await {
        state.received.lock().unwrap().push(received);
        if state.hangs {
            std::future::pending::<()>().await;
        }
        let scripted = state.script.lock().unwrap().pop_front();
        let (status, headers, body) = scripted.unwrap_or_else(|| {
            let (status, body) = state.usual.lock().unwrap().clone();
            if status.is_empty() {
                ("200 OK".to_owned(), String::new(), "{}".to_owned())
            } else {
                (status, String::new(), body)
            }
        });
        let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, bytes: &mut BytesMut) -> Option<Received> {
    let split = loop {
        if let Some(at) = memchr::memmem::find(bytes, b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes.split_to(split).to_vec()).ok()?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse());
    let length: usize = length.and_then(Result::ok).unwrap_or(0);
    while bytes.len() < length {
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
    let mut body = bytes.split_to(length).to_vec();
    if headers.iter().any(|(name, value)| name == "content-encoding" && value == "gzip") {
        let mut plain = Vec::new();
        GzDecoder::new(&*body).read_to_end(&mut plain).ok()?;
        body = plain;
    }
    Some(Received { method, path, headers, body })
}
