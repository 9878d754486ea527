//! A provider that a test drives by hand, byte by byte, where the scripted one decides too much itself.

use std::net::SocketAddr;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::patiently;

/// A listener whose connections the test answers itself.
pub struct Manual {
    listener: TcpListener,
    pub addr: SocketAddr,
}

/// A request that waits for its answer.
pub struct Asked {
    pub head: String,
    pub body: Vec<u8>,
    stream: TcpStream,
}

impl Manual {
    pub async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        Self { listener, addr }
    }

    /// Its `api_base`.
    pub fn v1(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// The next connection's request.
    pub async fn asked(&self) -> Asked {
        let (stream, _) = patiently("a call to the provider", self.listener.accept()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        patiently("a whole request", read(stream)).await
    }
}

async fn read(mut stream: TcpStream) -> Asked {
    let mut bytes = BytesMut::new();
    let split = loop {
        if let Some(at) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break at + 4;
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the gateway hung up");
    };
    let head = String::from_utf8(bytes.split_to(split).to_vec()).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    while bytes.len() < length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the gateway hung up");
    }
    Asked { head, body: bytes.to_vec(), stream }
}

impl Asked {
    /// Writes raw bytes.
    pub async fn write(&mut self, bytes: &[u8]) {
        patiently("writing", self.stream.write_all(bytes)).await.unwrap();
    }

    /// Begins an event stream.
    pub async fn begin_stream(&mut self) {
        self.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        )
        .await;
    }

    /// One chunk of a body.
    pub async fn chunk(&mut self, bytes: &[u8]) {
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.write(&framed).await;
    }

    /// Ends a chunked body.
    pub async fn end(&mut self) {
        self.write(b"0\r\n\r\n").await;
    }

    /// A whole answer.
    pub async fn answer(&mut self, status: &str, content_type: &str, body: &[u8]) {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.write(&[head.as_bytes(), body].concat()).await;
    }
}
