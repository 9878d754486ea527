//! Three replicas, what they share, their provider, and the ways in which all of that breaks.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Request, Ring};
use crate::harness::gateway::{Start, command};
use crate::harness::{FakeProvider, Gateway, KEY, chat, config, eventually, openai, with};
use crate::look::{self, Row};
use crate::postgres::Server;
use crate::proxy::Proxy;
use crate::redis::Redis;

/// How many replicas there are.
pub const REPLICAS: usize = 3;

/// What a stage is made of where it is not the usual.
#[derive(Default)]
pub struct Plan {
    /// Deployments; without any, one group `gpt` whose answers cost a cent.
    pub models: Vec<Value>,
    /// A database server that this scenario alone breaks.
    pub own_database: bool,
    /// The replicas reach Redis here.
    pub redis_port: Option<u16>,
    /// The replicas reach the database over a line that can be made slow ([`Stage::line`]).
    pub database_line: bool,
    /// Seconds by which the replicas' clocks are wrong.
    pub clocks: [i32; REPLICAS],
    /// More settings.
    pub settings: Value,
}

/// The cluster.
pub struct Stage {
    pub redis: Redis,
    pub postgres: Arc<Server>,
    pub database: String,
    pub provider: FakeProvider,
    pub ring: Arc<Ring>,
    /// The line to the database, where the plan has one.
    pub line: Option<Proxy>,
    clocks: [i32; REPLICAS],
    replicas: Vec<Option<Gateway>>,
    config: Value,
    folder: TempDir,
}

/// A group whose answers cost exactly 0.01: ten tokens at a thousandth.
pub fn cent(group: &str, provider: &FakeProvider, key: &str) -> Value {
    let price = json!({"litellm_params": {"input_cost_per_token": 0, "output_cost_per_token": 0.001}});
    with(openai(group, provider, key), price)
}

/// A request for such an answer.
pub fn capped(key: &str) -> Request {
    Request::new(key, with(chat("gpt"), json!({"max_tokens": 10})))
}

fn shared_server() -> Arc<Server> {
    static SERVER: OnceLock<Arc<Server>> = OnceLock::new();
    Arc::clone(SERVER.get_or_init(|| Arc::new(Server::start())))
}

/// Does something that takes its time without holding up those who measure time.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

impl Stage {
    /// Sets it up, and waits until all replicas count together.
    pub async fn start(provider: FakeProvider, plan: Plan) -> Self {
        let mut stage = Stage::prepare(provider, Redis::start(&[]), plan).await;
        stage.raise().await;
        stage.counts_together().await;
        stage
    }

    /// Everything but the replicas.
    pub async fn prepare(provider: FakeProvider, redis: Redis, plan: Plan) -> Self {
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        let own = plan.own_database;
        let postgres = aside(move || if own { Arc::new(Server::start()) } else { shared_server() }).await;
        let database = format!("cluster_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        postgres.script("postgres", &format!("CREATE DATABASE {database}")).await;
        let models = match plan.models.is_empty() {
            true => vec![cent("gpt", &provider, "sk-fake.prompt_tokens=5.completion_tokens=10")],
            false => plan.models,
        };
        let port = plan.redis_port.unwrap_or(redis.port);
        let mut url = postgres.url(&database);
        let line = if plan.database_line { Some(detour(&mut url).await) } else { None };
        let shared = json!({
            "general_settings": {"database_url": url, "proxy_batch_write_at": 0.2},
            "router_settings": {"redis_url": format!("redis://127.0.0.1:{port}")},
        });
        let mut config = with(config(&models), shared);
        if !plan.settings.is_null() {
            config = with(config, plan.settings);
        }
        let folder = TempDir::new().unwrap();
        let (ring, replicas) = (Arc::default(), Vec::new());
        let clocks = plan.clocks;
        Stage { redis, postgres, database, provider, ring, line, clocks, replicas, config, folder }
    }

    /// Starts all replicas.
    pub async fn raise(&mut self) {
        for place in 0..REPLICAS {
            self.replicas.push(None);
            self.start_again(place).await;
        }
    }

    /// Starts one where none runs; its disk is the former one's.
    pub async fn start_again(&mut self, place: usize) {
        let replica = self.spare(place).await;
        self.ring.add(replica.addr);
        self.replicas[place] = Some(replica);
    }

    /// Starts one that takes no requests yet.
    pub async fn spare(&self, place: usize) -> Gateway {
        let spool = self.folder.path().join(format!("spool-{place}"));
        let start = Gateway::start().workers(1).env("SPOOL_DIR", &spool.display().to_string());
        match self.clocks.get(place) {
            Some(wrong) if *wrong != 0 => by_another_clock(start, *wrong).serve(&self.config).await,
            _ => start.serve(&self.config).await,
        }
    }

    /// kill -9. The load balancer does not know for a moment.
    pub async fn kill(&mut self, place: usize) {
        let mut replica = self.replicas[place].take().unwrap();
        replica.signal("KILL");
        replica.ended().await;
        self.ring.remove(replica.addr);
    }

    /// Puts another one in a replica's place.
    pub fn swap(&mut self, place: usize, replica: Gateway) -> Gateway {
        self.replicas[place].replace(replica).unwrap()
    }

    /// Those that run.
    pub fn living(&self) -> impl Iterator<Item = &Gateway> {
        self.replicas.iter().flatten()
    }

    /// Waits until all replicas use Redis and the database.
    pub async fn counts_together(&self) {
        self.ready(&[("redis", "connected"), ("db", "connected")]).await;
    }

    /// Waits until the readiness of all replicas says so.
    pub async fn ready(&self, fields: &[(&str, &str)]) {
        for replica in self.living() {
            eventually(&format!("readiness says {fields:?}"), || async {
                let ready = replica.get("/health/readiness").await.json();
                fields.iter().all(|(name, value)| ready[*name] == *value).then_some(())
            })
            .await;
        }
    }

    /// A new virtual key.
    pub async fn key(&self, fields: Value) -> String {
        let made = self.manage("POST", "/key/generate", fields).await;
        made["key"].as_str().unwrap().to_string()
    }

    /// So many of them.
    pub async fn keys(&self, count: usize, fields: Value) -> Vec<String> {
        let mut keys = Vec::new();
        for _ in 0..count {
            keys.push(self.key(fields.clone()).await);
        }
        keys
    }

    /// A management request that must succeed, to the first replica that runs.
    pub async fn manage(&self, method: &str, path: &str, body: Value) -> Value {
        let bearer = format!("Bearer {KEY}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let replica = self.living().next().unwrap();
        let reply = replica.raw(method, path, &headers, body.as_bytes()).await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.json()
    }

    /// What a key has spent, nano-dollars.
    pub async fn spend(&self, key: &str) -> i64 {
        let info = self.manage("GET", &format!("/key/info?key={key}"), Value::Null).await;
        #[allow(clippy::cast_possible_truncation, reason = "a few dollars")]
        let nanos = (info["info"]["spend"].as_f64().unwrap() * 1e9).round() as i64;
        nanos
    }

    /// The ledger.
    pub async fn rows(&self) -> Vec<Row> {
        look::rows(&self.postgres, &self.database).await
    }

    /// The ledger once `enough` of it is there, or as it is when nothing has come for seconds.
    pub async fn settled(&self, enough: impl Fn(&[Row]) -> bool) -> Vec<Row> {
        let (mut rows, mut came) = (self.rows().await, Instant::now());
        while !enough(&rows) && came.elapsed() < Duration::from_secs(5) {
            a_while(Duration::from_millis(100)).await;
            let now = self.rows().await;
            if now.len() > rows.len() {
                came = Instant::now();
            }
            rows = now;
        }
        rows
    }

    /// What `stagedoor audit` says at its end: its exit code.
    pub fn audit(&self) -> i32 {
        let file = self.folder.path().join("audit.yaml");
        std::fs::write(&file, self.config.to_string()).unwrap();
        let done = run_audit(self.folder.path(), &file);
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        if !done.status.success() {
            eprintln!("audit: {said}{}", String::from_utf8_lossy(&done.stderr));
        }
        done.status.code().unwrap_or(-1)
    }

    /// How often a replica has logged this, for each replica.
    pub fn logged(&self, text: &str) -> Vec<usize> {
        self.living().map(|replica| replica.log().matches(text).count()).collect()
    }

    /// Stops the database, or starts it.
    pub async fn database(&self, action: &'static str) {
        let server = Arc::clone(&self.postgres);
        aside(move || server.control(action)).await;
    }
}

/// Lets an address lead over a line of ours.
async fn detour(url: &mut String) -> Proxy {
    let port = url.rsplit(':').next().and_then(|end| end.split('/').next()).unwrap().to_owned();
    let line = Proxy::to(port.parse().unwrap()).await;
    *url = url.replace(&format!(":{port}/"), &format!(":{}/", line.port));
    line
}

/// A process whose clock is wrong by so many seconds: libfaketime comes between it and the kernel.
fn by_another_clock(start: Start, seconds: i32) -> Start {
    let found = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map(|machine| format!("/usr/lib/{machine}/faketime/libfaketimeMT.so.1"));
    let library =
        found.iter().find(|file| Path::new(file).exists()).expect("Debian's package faketime is installed");
    start
        .env("LD_PRELOAD", library)
        .env("FAKETIME", &format!("{seconds:+}s"))
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

fn run_audit(folder: &Path, file: &Path) -> std::process::Output {
    command().current_dir(folder).args(["audit", "--config"]).arg(file).output().unwrap()
}

/// A while in which things take their course.
pub async fn a_while(time: Duration) {
    tokio::time::sleep(time).await;
}
