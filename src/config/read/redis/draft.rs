//! What one place says of Redis.

use std::path::PathBuf;

use serde_json::Value;

use super::url;
use crate::base::secret::Secret;
use crate::config::context::Context;
use crate::config::model::{RedisAddress, RedisChecks, RedisNode, RedisSettings, RedisTls};
use crate::config::problem::At;
use crate::config::read::governance::variables;
use crate::config::scope::{Field, Scope};
use crate::config::yaml::Yaml;

/// Where Redis listens when nothing is said.
pub const PORT: u16 = 6379;
/// Where Sentinels listen when nothing is said.
const SENTINEL_PORT: u16 = 26379;

/// What was said; nothing is decided yet.
#[derive(Default, Clone)]
pub struct Draft {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub socket: Option<PathBuf>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub db: Option<u32>,
    pub ssl: Option<bool>,
    pub ca_file: Option<PathBuf>,
    pub verify: Option<bool>,
    pub check_host: Option<bool>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub cluster: Vec<RedisNode>,
    pub sentinels: Vec<RedisNode>,
    pub service: Option<String>,
    pub sentinel_password: Option<Secret>,
    pub namespace: Option<String>,
    /// Whether a URL stood there, which says all that is to be said of the way to the server.
    pub complete: bool,
}

impl Draft {
    /// Reads a mapping of the file. `prefix` stands before the names (`redis_` in `redis_host`); only those without one name
    /// several servers.
    pub fn of(scope: &Scope<'_>, prefix: &str) -> Self {
        let name = |key: &str| format!("{prefix}{key}");
        let path = |key: &str| scope.text(&name(key)).filter(|text| !text.is_empty()).map(PathBuf::from);
        let text = |key: &str| scope.text(&name(key)).filter(|text| !text.is_empty());
        let of_several = match prefix {
            "" => Draft::of_several(scope),
            _ => Draft::default(),
        };
        let mut draft = Draft {
            host: text("host"),
            port: scope.get(&name("port")).and_then(|field| port(&field)),
            username: text("username"),
            password: scope.secret(&name("password")),
            db: scope.small(&name("db")),
            ssl: scope.bool(&name("ssl")),
            ca_file: path("ssl_ca_certs"),
            verify: scope.get(&name("ssl_cert_reqs")).map(|field| checks_certificate(&field)),
            check_host: scope.bool(&name("ssl_check_hostname")),
            certificate: path("ssl_certfile"),
            key: path("ssl_keyfile"),
            ..of_several
        };
        if let Some(field) = scope.get(&name("url"))
            && let Some(url) = field.text().filter(|url| !url.is_empty())
        {
            draft.complete = true;
            if let Err(why) = url::apply(&url, &mut draft) {
                field.error(why);
            }
        }
        draft
    }

    fn of_several(scope: &Scope<'_>) -> Self {
        let nodes = |key: &str, port| scope.get(key).map(|field| nodes(&field, port)).unwrap_or_default();
        let text = |key: &str| scope.text(key).filter(|text| !text.is_empty());
        Draft {
            cluster: nodes("redis_startup_nodes", PORT),
            sentinels: nodes("sentinel_nodes", SENTINEL_PORT),
            service: text("service_name"),
            sentinel_password: scope.secret("sentinel_password"),
            namespace: text("namespace"),
            ..Draft::default()
        }
    }

    /// Reads the variables `REDIS_HOST` and its kin.
    pub fn of_environment(context: &Context<'_>) -> Self {
        let get = |name: &str| context.environment.get(name);
        let path = |name: &str| get(name).map(PathBuf::from);
        // Kubernetes sets REDIS_PORT to tcp://... where a service is called redis.
        let port = get("REDIS_PORT").filter(|port| !port.contains("://")).and_then(|port| {
            let read = port.trim().parse().ok().filter(|port| *port > 0);
            if read.is_none() {
                variables::wrong(context, "REDIS_PORT", "must be a port, 1 to 65535");
            }
            read
        });
        let nodes = |name: &'static str, port| variable_nodes(context, name, port);
        let mut draft = Draft {
            host: get("REDIS_HOST"),
            port,
            username: get("REDIS_USERNAME"),
            password: get("REDIS_PASSWORD").map(Secret::new),
            db: variables::number(context, "REDIS_DB", 0..=1_000_000).and_then(|db| u32::try_from(db).ok()),
            ssl: variables::flag(context, "REDIS_SSL"),
            ca_file: path("REDIS_SSL_CA_CERTS"),
            verify: get("REDIS_SSL_CERT_REQS").map(|word| !word.eq_ignore_ascii_case("none")),
            check_host: variables::flag(context, "REDIS_SSL_CHECK_HOSTNAME"),
            certificate: path("REDIS_SSL_CERTFILE"),
            key: path("REDIS_SSL_KEYFILE"),
            cluster: nodes("REDIS_CLUSTER_NODES", PORT),
            sentinels: nodes("REDIS_SENTINEL_NODES", SENTINEL_PORT),
            service: get("REDIS_SERVICE_NAME"),
            sentinel_password: get("REDIS_SENTINEL_PASSWORD").map(Secret::new),
            namespace: get("REDIS_NAMESPACE"),
            ..Draft::default()
        };
        if let Some(url) = get("REDIS_URL") {
            draft.complete = true;
            if let Err(why) = url::apply(&url, &mut draft) {
                variables::wrong(context, "REDIS_URL", &why);
            }
        }
        draft
    }

    /// The servers that it names.
    pub fn address(&self) -> Option<RedisAddress> {
        if !self.cluster.is_empty() {
            return Some(RedisAddress::Cluster(self.cluster.clone()));
        }
        if !self.sentinels.is_empty() {
            let service = self.service.clone().unwrap_or_default();
            let password = self.sentinel_password.clone();
            return Some(RedisAddress::Sentinel { nodes: self.sentinels.clone(), service, password });
        }
        if let Some(path) = &self.socket {
            return Some(RedisAddress::Socket(path.clone()));
        }
        let host = self.host.clone()?;
        Some(RedisAddress::Single(RedisNode { host, port: self.port.unwrap_or(PORT) }))
    }

    /// Takes from another place what this one leaves open.
    pub fn fill(&mut self, other: Draft) {
        if self.address().is_none() {
            self.host = other.host;
            self.socket = other.socket;
            self.cluster = other.cluster;
            self.sentinels = other.sentinels;
            self.complete = other.complete;
        }
        self.port = self.port.or(other.port);
        self.service = self.service.take().or(other.service);
        self.sentinel_password = self.sentinel_password.take().or(other.sentinel_password);
        self.username = self.username.take().or(other.username);
        self.password = self.password.take().or(other.password);
        self.db = self.db.or(other.db);
        self.ssl = self.ssl.or(other.ssl);
        self.ca_file = self.ca_file.take().or(other.ca_file);
        self.verify = self.verify.or(other.verify);
        self.check_host = self.check_host.or(other.check_host);
        self.certificate = self.certificate.take().or(other.certificate);
        self.key = self.key.take().or(other.key);
        self.namespace = self.namespace.take().or(other.namespace);
    }

    /// What it comes to, once it names an address.
    pub fn settle(self, named_by: &'static str) -> Option<RedisSettings> {
        let address = self.address()?;
        let tls = self.ssl.unwrap_or(false).then(|| RedisTls {
            ca_file: self.ca_file.clone(),
            checks: match (self.verify, self.check_host) {
                (Some(false), _) => RedisChecks::Nothing,
                (_, Some(false)) => RedisChecks::Issuer,
                _ => RedisChecks::Everything,
            },
            client: self.certificate.clone().zip(self.key.clone()),
        });
        let clustered = matches!(address, RedisAddress::Cluster(_));
        Some(RedisSettings {
            address,
            username: self.username,
            password: self.password,
            db: if clustered { 0 } else { self.db.unwrap_or(0) },
            tls,
            namespace: self.namespace,
            named_by,
        })
    }
}

fn port(field: &Field<'_>) -> Option<u16> {
    let port = u16::try_from(field.count()?).ok().filter(|port| *port > 0);
    if port.is_none() {
        field.error("must be a port, 1 to 65535");
    }
    port
}

/// redis-py's `ssl_cert_reqs`: `none`, or a word for checking; YAML's null never comes here.
fn checks_certificate(field: &Field<'_>) -> bool {
    let words = [("none", false), ("None", false), ("required", true), ("optional", true)];
    let checks = match field.node.value {
        Yaml::Bool(flag) => flag,
        _ => field.word(&words).unwrap_or(true),
    };
    if !checks {
        field.warn("Redis' certificate is not checked: anyone on the way can read its password");
    }
    checks
}

/// A list of servers: mappings (`{host, port}`), pairs (`[host, port]`) or texts (`host:port`).
fn nodes(field: &Field<'_>, default: u16) -> Vec<RedisNode> {
    if let Some(text) = field.node.text() {
        return match serde_json::from_str::<Value>(text).ok().and_then(|list| json_nodes(&list, default)) {
            Some(nodes) => nodes,
            None => text.split(',').filter_map(|one| node_of(&Value::from(one.trim()), default)).collect(),
        };
    }
    let Some(items) = field.list() else { return Vec::new() };
    let read = |item: Field<'_>| {
        let node = node_of(&item.node.to_json(), default);
        if node.is_none() {
            item.error("must be a server: {host: name, port: 6379}, [name, 6379] or name:6379");
        }
        node
    };
    items.into_iter().filter_map(read).collect()
}

fn variable_nodes(context: &Context<'_>, name: &'static str, default: u16) -> Vec<RedisNode> {
    let Some(text) = context.environment.get(name) else { return Vec::new() };
    let read = match serde_json::from_str::<Value>(&text) {
        Ok(list) => json_nodes(&list, default),
        Err(_) => text.split(',').map(|one| node_of(&Value::from(one.trim()), default)).collect(),
    };
    read.unwrap_or_else(|| {
        let what = "must be a list of servers such as [{\"host\": \"name\", \"port\": 6379}] or name:6379,other:6379";
        context.problems.error(At::default(), "", format!("the environment variable {name} {what}"));
        Vec::new()
    })
}

fn json_nodes(list: &Value, default: u16) -> Option<Vec<RedisNode>> {
    list.as_array()?.iter().map(|item| node_of(item, default)).collect()
}

fn node_of(item: &Value, default: u16) -> Option<RedisNode> {
    let port = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some(default),
        Some(Value::String(text)) => text.trim().parse().ok().filter(|port| *port > 0),
        Some(other) => u16::try_from(other.as_u64()?).ok().filter(|port| *port > 0),
    };
    let (host, port) = match item {
        Value::Object(map) => (map.get("host")?.as_str()?, port(map.get("port"))?),
        Value::Array(pair) => (pair.first()?.as_str()?, port(pair.get(1))?),
        Value::String(text) => match text.rsplit_once(':') {
            Some((host, number)) => (host, number.parse().ok().filter(|port| *port > 0)?),
            None => (text.as_str(), default),
        },
        _ => return None,
    };
    (!host.is_empty()).then(|| RedisNode { host: host.to_owned(), port })
}
