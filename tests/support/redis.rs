//! Redis servers of the tests' own: free ports, temporary folders, gone when the test process is.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One `redis-server`. Dropping it ends it; so does the end of the process, however it ends.
pub struct Redis {
    keeper: Child,
    folder: tempfile::TempDir,
    /// Where it listens on 127.0.0.1, with or without TLS.
    pub port: u16,
}

/// Runs the server as long as its standard input is open.
const KEEPER: &str = r#"
folder=$1; shift
"$@" >"$folder/log" 2>&1 </dev/null &
pid=$!
echo $pid >"$folder/pid"
trap 'kill -CONT $pid 2>/dev/null; kill -KILL $pid 2>/dev/null' EXIT
cat >/dev/null
"#;

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Redis {
    /// Starts one with these settings (`name value`), and waits until it listens.
    pub fn start(settings: &[String]) -> Self {
        Self::on(free_port(), settings)
    }

    /// The same on a port.
    pub fn on(port: u16, settings: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut text = format!("bind 127.0.0.1\nsave \"\"\nappendonly no\ndir {}\n", folder.path().display());
        let tls = settings.iter().any(|line| line.starts_with("tls-port"));
        if !tls {
            text.push_str(&format!("port {port}\n"));
        }
        for line in settings {
            text.push_str(&line.replace("PORT", &port.to_string()));
            text.push('\n');
        }
        Self::run(folder, port, &text, &[])
    }

    /// Starts a Sentinel that watches this master under the name `main`.
    pub fn sentinel(master: u16) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let text = format!(
            "bind 127.0.0.1\nport {port}\ndir {}\nsentinel monitor main 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds main 300\nsentinel failover-timeout main 2000\n",
            folder.path().display()
        );
        Self::run(folder, port, &text, &["--sentinel"])
    }

    fn run(folder: tempfile::TempDir, port: u16, text: &str, options: &[&str]) -> Self {
        let file = folder.path().join("redis.conf");
        std::fs::write(&file, text).unwrap();
        let keeper = Command::new("bash")
            .args(["-c", KEEPER, "keeper"])
            .arg(folder.path())
            .arg("redis-server")
            .arg(&file)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Redis { keeper, folder, port };
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
            assert!(since.elapsed() < Duration::from_secs(20), "redis-server did not start: {log}");
            std::thread::sleep(Duration::from_millis(10));
        }
        // Whoever answers could be somebody who was given the same free port a moment ago.
        let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
        assert!(!log.contains("already in use"), "the port {port} is taken: {log}");
        server
    }

    /// The process.
    pub fn pid(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("pid")).unwrap().trim().to_owned()
    }

    /// Stops it in its tracks (`STOP`), lets it go on (`CONT`), or ends it (`KILL`).
    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([&format!("-{signal}"), &self.pid()]).status().unwrap().success());
    }

    /// Sends a command over a plain connection without a password, and returns the first line of the answer.
    pub fn tell(&self, words: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        stream.write_all(text.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A Redis Cluster of three masters.
pub struct Cluster {
    /// Its servers.
    pub nodes: Vec<Redis>,
}

impl Cluster {
    /// Starts one and waits until it serves all slots.
    pub fn start() -> Self {
        let settings = ["cluster-enabled yes".to_owned(), "cluster-node-timeout 1000".to_owned(), bus_port()];
        let nodes: Vec<Redis> = (0..3).map(|_| Redis::start(&settings_with_bus(&settings))).collect();
        let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .arg("--cluster-yes")
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "no cluster");
        let since = Instant::now();
        while nodes.iter().any(|node| !node.is_clustered()) {
            assert!(since.elapsed() < Duration::from_secs(20), "the cluster does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        Cluster { nodes }
    }
}

/// A port of its own for the Cluster's bus: the usual one, 10000 more, may be taken or too high.
fn bus_port() -> String {
    "cluster-port BUS".to_owned()
}

fn settings_with_bus(settings: &[String]) -> Vec<String> {
    settings.iter().map(|line| line.replace("BUS", &free_port().to_string())).collect()
}

impl Redis {
    fn is_clustered(&self) -> bool {
        let out = Command::new("redis-cli").args(["-p", &self.port.to_string(), "cluster", "info"]).output();
        String::from_utf8_lossy(&out.unwrap().stdout).contains("cluster_state:ok")
    }
}

/// A certificate authority's file and a server's certificate and key for 127.0.0.1, written to a folder.
pub fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (chain, key) = (folder.join("redis-cert.pem"), folder.join("redis-key.pem"));
    std::fs::write(&chain, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (chain, key)
}
