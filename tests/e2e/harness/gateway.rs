//! The program as a process with a config file of its own.

use std::future::ready;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::conn::{Conn, Reply};
use super::stream::Streaming;
use super::tls::Certificate;
use super::{eventually, patiently};

/// The master key in the tests' config files.
pub const KEY: &str = "sk-e2e-master-key";

/// How to start the program.
#[derive(Default)]
pub struct Start {
    args: Vec<String>,
    env: Vec<(String, String)>,
    workers: Option<u32>,
    certificate: Option<Certificate>,
}

/// A running gateway; killed when dropped.
pub struct Gateway {
    pub addr: SocketAddr,
    child: Child,
    log: Log,
    certificate: Option<Certificate>,
    folder: TempDir,
}

/// What the process has written to standard error.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<String>>);

impl Log {
    pub fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    fn follow(&self, stream: impl std::io::Read + Send + 'static) {
        let log = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                let Ok(line) = line else { return };
                let mut text = log.0.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
    }
}

impl Start {
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn workers(mut self, workers: u32) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Serves HTTPS.
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Starts it with this config file, and waits until it listens.
    pub async fn serve(self, config: &Value) -> Gateway {
        self.run(Some(&serde_json::to_string_pretty(config).unwrap())).await
    }

    /// Starts it with a config file's text, or without one.
    pub async fn run(self, config: Option<&str>) -> Gateway {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command();
        command.current_dir(folder.path()).env("HOME", folder.path());
        command.args(["--port", "0", "--num_workers", &self.workers.unwrap_or(1).to_string()]);
        if let Some(text) = config {
            let path = folder.path().join("config.yaml");
            std::fs::write(&path, text).unwrap();
            command.arg("--config").arg(path);
        }
        if let Some(certificate) = &self.certificate {
            let (key, chain) = certificate.write(folder.path());
            command.arg("--ssl_keyfile_path").arg(key).arg("--ssl_certfile_path").arg(chain);
        }
        command.args(&self.args).envs(self.env);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Log::default();
        log.follow(child.stderr.take().unwrap());
        let addr = eventually("the gateway listens", || {
            let listens = address(&log.text());
            if let (None, Some(status)) = (listens, child.try_wait().unwrap()) {
                panic!("the gateway ended with {status}: {}", log.text());
            }
            ready(listens)
        })
        .await;
        Gateway { addr, child, log, certificate: self.certificate, folder }
    }
}

/// The program with an environment that holds nothing of this machine's.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stagedoor"));
    command.env_clear().env("PATH", std::env::var("PATH").unwrap_or_default());
    command
}

fn address(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once(" listens on http")?;
    let (_, rest) = rest.split_once("://")?;
    rest.split(' ').next()?.parse().ok()
}

impl Gateway {
    /// How to start one that is not the usual.
    pub fn start() -> Start {
        Start::default()
    }

    /// One worker, this config.
    pub async fn serve(config: &Value) -> Gateway {
        Start::default().serve(config).await
    }

    /// A new connection.
    pub async fn connect(&self) -> Conn {
        let tcp = patiently("a connection", TcpStream::connect(self.addr)).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        match &self.certificate {
            Some(certificate) => Conn::new(certificate.connect(tcp).await),
            None => Conn::new(tcp),
        }
    }

    /// Sends a request with the master key and a JSON body; the answer is not waited for.
    pub async fn send(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Conn {
        let mut conn = self.connect().await;
        let bearer = format!("Bearer {KEY}");
        let mut all = vec![("content-type", "application/json")];
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            all.push(("authorization", &bearer));
        }
        all.extend_from_slice(headers);
        conn.send("POST", path, &all, body.to_string().as_bytes()).await;
        conn
    }

    /// Posts JSON with the master key.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_with(path, &[], body).await
    }

    /// Posts JSON with the master key and more headers.
    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        self.send(path, headers, body).await.reply().await.expect("a whole reply")
    }

    /// Posts to chat/completions.
    pub async fn chat(&self, body: &Value) -> Reply {
        self.post("/v1/chat/completions", body).await
    }

    /// A request of any kind, with only these headers.
    pub async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut conn = self.connect().await;
        conn.send(method, path, headers, body).await;
        conn.reply().await.expect("a whole reply")
    }

    /// `GET` with the master key.
    pub async fn get(&self, path: &str) -> Reply {
        self.raw("GET", path, &[("authorization", &format!("Bearer {KEY}"))], b"").await
    }

    /// Opens a stream; the status must be 200.
    pub async fn stream(&self, path: &str, body: &Value) -> Streaming {
        self.stream_with(path, &[], body).await
    }

    /// Opens a stream with more headers.
    pub async fn stream_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Streaming {
        let mut body = body.clone();
        body["stream"] = true.into();
        Streaming::of(self.send(path, headers, &body).await).await
    }

    /// All that was logged.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits for a line of the log that holds `text`.
    pub async fn logged(&self, text: &str) -> String {
        let log = &self.log;
        eventually(&format!("`{text}` in the log"), || async {
            log.text().lines().find(|line| line.contains(text)).map(str::to_owned)
        })
        .await
    }

    /// Sends a signal (`HUP`, `TERM`).
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the process ends", || ready(child.try_wait().unwrap())).await
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The config file.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log.text();
        if std::thread::panicking() {
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("--- log of the gateway, latest first ---\n{}", tail.join("\n"));
        } else {
            assert!(!log.contains("panicked at"), "the gateway panicked: {log}");
        }
    }
}
