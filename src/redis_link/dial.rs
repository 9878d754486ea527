//! Making connections: to one server, to the master that Sentinels name, to a Cluster; plain or with TLS.

use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::cluster::ClusterClientBuilder;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisConnectionInfo, TlsCertificates, TlsMode, Value,
};

use super::LinkError;
use super::connection::Connection;
use crate::base::secret::Secret;
use crate::config::model::{RedisAddress, RedisChecks, RedisNode, RedisSettings, RedisTls};

/// Longest time for a connection, its encryption and its greeting.
const CONNECT: Duration = Duration::from_secs(1);
/// Longest time for one of several servers that can all give the same answer.
const ASK: Duration = Duration::from_millis(300);
/// Longest silence of a Cluster's server, from the client library's point of view; callers give up by themselves.
const SILENCE: Duration = Duration::from_secs(1);

/// Makes connections from the settings.
pub(super) struct Dialer {
    settings: RedisSettings,
    prefix: String,
    /// Which of several servers is asked first, so that one that hangs is not asked for ever.
    turn: AtomicUsize,
}

impl Dialer {
    pub fn new(settings: RedisSettings) -> Self {
        Dialer { prefix: settings.prefix(), settings, turn: AtomicUsize::new(0) }
    }

    pub fn settings(&self) -> &RedisSettings {
        &self.settings
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub fn is_cluster(&self) -> bool {
        matches!(self.settings.address, RedisAddress::Cluster(_))
    }

    /// A new connection for commands.
    ///
    /// # Errors
    /// Why there is none; after a second and a half at most.
    pub async fn connect(&self) -> Result<Connection, LinkError> {
        match &self.settings.address {
            RedisAddress::Cluster(nodes) => in_time(CONNECT, self.cluster(nodes)).await,
            _ => {
                let client = self.client().await?;
                // Callers bound their calls themselves.
                let config = AsyncConnectionConfig::new().set_response_timeout(None);
                let config = config.set_connection_timeout(Some(CONNECT));
                let connecting =
                    async { Ok(client.get_multiplexed_async_connection_with_config(&config).await?) };
                in_time(CONNECT, connecting).await.map(Connection::One)
            }
        }
    }

    /// What makes connections to one server: the only one, the master, or any of a Cluster.
    ///
    /// # Errors
    /// When no Sentinel knows the master, or certificates cannot be read.
    pub async fn client(&self) -> Result<Client, LinkError> {
        let settings = &self.settings;
        let node = match &settings.address {
            RedisAddress::Socket(path) => {
                let info = ConnectionAddr::Unix(path.clone()).into_connection_info()?;
                return Ok(Client::open(info.set_redis_settings(self.login()))?);
            }
            RedisAddress::Single(node) => node.clone(),
            RedisAddress::Cluster(nodes) => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                let node = nodes.get(turn % nodes.len().max(1));
                node.cloned().ok_or_else(|| LinkError::Broken("no servers are named".to_owned()))?
            }
            RedisAddress::Sentinel { nodes, service, password } => {
                self.master(nodes, service, password.as_ref()).await?
            }
        };
        client(&node, settings.tls.as_ref(), self.login())
    }

    fn login(&self) -> RedisConnectionInfo {
        let info = login(self.settings.username.as_deref(), self.settings.password.as_ref());
        info.set_db(i64::from(self.settings.db))
    }

    /// Asks the Sentinels, one after the other, who is master.
    async fn master(
        &self,
        nodes: &[RedisNode],
        service: &str,
        password: Option<&Secret>,
    ) -> Result<RedisNode, LinkError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut why = LinkError::Broken("no Sentinels are named".to_owned());
        for node in nodes.iter().cycle().skip(turn % nodes.len().max(1)).take(nodes.len()) {
            let asked = async {
                let client = client(node, self.settings.tls.as_ref(), login(None, password))?;
                let mut connection = client.get_multiplexed_async_connection().await?;
                let mut command = redis::cmd("SENTINEL");
                command.arg("get-master-addr-by-name").arg(service);
                let answer: Value = command.query_async(&mut connection).await?;
                Ok(redis::from_redis_value::<Option<(String, u16)>>(answer).ok().flatten())
            };
            match in_time(ASK, asked).await {
                Ok(Some((host, port))) => return Ok(RedisNode { host, port }),
                Ok(None) => why = LinkError::Broken(format!("Sentinel {node} knows no `{service}`")),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    async fn cluster(&self, nodes: &[RedisNode]) -> Result<Connection, LinkError> {
        let settings = &self.settings;
        let infos = nodes.iter().map(|node| info(node, settings.tls.as_ref(), self.login()));
        let infos = infos.collect::<Result<Vec<_>, LinkError>>()?;
        let mut builder = ClusterClientBuilder::new(infos)
            .connection_timeout(ASK)
            .response_timeout(SILENCE)
            .tcp_settings(tcp())
            .retries(3)
            .min_retry_wait(5)
            .max_retry_wait(20);
        if let Some(tls) = &settings.tls {
            let mode = if tls.checks == RedisChecks::Nothing { TlsMode::Insecure } else { TlsMode::Secure };
            builder = builder.certs(certificates(tls)?).tls(mode);
            builder = builder.danger_accept_invalid_hostnames(tls.checks == RedisChecks::Issuer);
        }
        Ok(Connection::Cluster(builder.build()?.get_async_connection().await?))
    }
}

async fn in_time<T>(
    longest: Duration,
    work: impl Future<Output = Result<T, LinkError>>,
) -> Result<T, LinkError> {
    tokio::time::timeout(longest, work).await.unwrap_or(Err(LinkError::Late))
}

fn login(username: Option<&str>, password: Option<&Secret>) -> RedisConnectionInfo {
    let mut login = RedisConnectionInfo::default();
    if let Some(username) = username {
        login = login.set_username(username);
    }
    if let Some(password) = password {
        login = login.set_password(password.expose());
    }
    login
}

fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn info(
    node: &RedisNode,
    tls: Option<&RedisTls>,
    login: RedisConnectionInfo,
) -> Result<ConnectionInfo, LinkError> {
    let (host, port) = (node.host.clone(), node.port);
    let address = match tls {
        None => ConnectionAddr::Tcp(host, port),
        Some(tls) => {
            let insecure = tls.checks == RedisChecks::Nothing;
            ConnectionAddr::TcpTls { host, port, insecure, tls_params: None }
        }
    };
    Ok(address.into_connection_info()?.set_redis_settings(login).set_tcp_settings(tcp()))
}

fn client(node: &RedisNode, tls: Option<&RedisTls>, login: RedisConnectionInfo) -> Result<Client, LinkError> {
    let info = info(node, tls, login)?;
    let Some(tls) = tls else { return Ok(Client::open(info)?) };
    let client = Client::build_with_tls(info, certificates(tls)?)?;
    if tls.checks != RedisChecks::Issuer {
        return Ok(client);
    }
    let info = client.get_connection_info().clone();
    let mut address = info.addr().clone();
    address.set_danger_accept_invalid_hostnames(true);
    Ok(Client::open(info.set_addr(address))?)
}

/// Read anew for each connection, so that a renewed file is used without a restart.
fn certificates(tls: &RedisTls) -> Result<TlsCertificates, LinkError> {
    let client_tls = match &tls.client {
        Some((certificate, key)) => {
            Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
        }
        None => None,
    };
    let root_cert = tls.ca_file.as_deref().map(read).transpose()?;
    Ok(TlsCertificates { client_tls, root_cert })
}

fn read(file: &Path) -> Result<Vec<u8>, LinkError> {
    std::fs::read(file).map_err(|cause| LinkError::Broken(format!("{}: {cause}", file.display())))
}
