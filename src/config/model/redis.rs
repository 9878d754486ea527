//! The Redis (or Valkey) that replicas share.

use std::path::PathBuf;

use crate::base::secret::Secret;

/// Where Redis is and how to get in. One setup for everything that replicas share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisSettings {
    /// The servers.
    pub address: RedisAddress,
    /// The user of Redis' access lists; `None`: the default user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The number of the database; always 0 in a Cluster.
    pub db: u32,
    /// `None`: connections are not encrypted.
    pub tls: Option<RedisTls>,
    /// `namespace`: keeps several gateways in one Redis apart.
    pub namespace: Option<String>,
    /// The place in the configuration that named it, for people.
    pub named_by: &'static str,
}

/// Which servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisAddress {
    /// One server.
    Single(RedisNode),
    /// One server on this machine, by its socket.
    Socket(PathBuf),
    /// Whichever server Sentinels call master of the service.
    Sentinel {
        /// The Sentinels.
        nodes: Vec<RedisNode>,
        /// The service's name.
        service: String,
        /// The password of the Sentinels themselves.
        password: Option<Secret>,
    },
    /// A Redis Cluster, found by any of these nodes.
    Cluster(Vec<RedisNode>),
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisNode {
    /// Name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// How connections are protected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedisTls {
    /// A PEM file with the roots to check certificates against; `None`: the public ones.
    pub ca_file: Option<PathBuf>,
    /// What of the server's certificate is checked.
    pub checks: RedisChecks,
    /// PEM files with the client's own certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// What of a server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RedisChecks {
    /// That a root vouches for it and that it names the host.
    #[default]
    Everything,
    /// That a root vouches for it.
    Issuer,
    /// Nothing: whoever answers is believed.
    Nothing,
}

impl RedisSettings {
    /// What every key begins with: `stagedoor:`, or `namespace:stagedoor:`.
    pub fn prefix(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}:stagedoor:"),
            None => "stagedoor:".to_owned(),
        }
    }
}

impl std::fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RedisAddress::Single(node) => write!(f, "{node}"),
            RedisAddress::Socket(path) => write!(f, "{}", path.display()),
            RedisAddress::Sentinel { nodes, service, .. } => {
                write!(f, "`{service}` of Sentinels {}", listed(nodes))
            }
            RedisAddress::Cluster(nodes) => write!(f, "Cluster {}", listed(nodes)),
        }
    }
}

impl std::fmt::Display for RedisNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (host, port) = (&self.host, self.port);
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

fn listed(nodes: &[RedisNode]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
