//! A network between replicas and Redis or the database: it can be slow, and it can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Passes connections on to a port of this machine.
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    delay_us: AtomicU64,
    cut: AtomicBool,
}

impl Proxy {
    /// Starts one.
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = Arc::new(Line::default());
        let own = Arc::clone(&line);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, target, Arc::clone(&own)));
            }
        });
        Proxy { port, line }
    }

    /// Every answer comes so much later from now on.
    pub fn delay(&self, delay: Duration) {
        self.line.delay_us.store(u64::try_from(delay.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// Lets nothing through and says nothing about it; mended, it passes on what has gathered, as TCP does.
    pub fn cut(&self, cut: bool) {
        self.line.cut.store(cut, Ordering::Relaxed);
    }
}

async fn connect(client: TcpStream, target: u16, line: Arc<Line>) {
    // Hangs up when Redis is not there: as if it had refused the connection.
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = pass(from_client, to_server, Arc::clone(&line), false) => {}
        () = pass(from_server, to_client, line, true) => {}
    }
}

/// Passes bytes on, each as much later as the line is long at the time, without waiting for one before the next.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: Arc<Line>, answers: bool) {
    let (late, mut due) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let own = Arc::clone(&line);
    let read = async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let delay = if answers { line.delay_us.load(Ordering::Relaxed) } else { 0 };
            let at = Instant::now() + Duration::from_micros(delay);
            let _ = late.send((at, buffer[..length].to_vec()));
        }
    };
    let write = async move {
        while let Some((at, bytes)) = due.recv().await {
            if at > Instant::now() {
                tokio::time::sleep_until(at).await;
            }
            while own.cut.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}
