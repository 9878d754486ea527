//! A PostgreSQL server of the tests' own: free port, temporary folder, gone when the test process is.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A server. Dropping it stops it and removes its folder; so does the end of the process, however it ends.
pub struct Server {
    keeper: Child,
    folder: PathBuf,
    bin: PathBuf,
    port: u16,
}

/// Runs the server as long as its standard input is open. PostgreSQL refuses to run as root.
const KEEPER: &str = r#"
set -eu
bin=$1 folder=$2 port=$3
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid="$user" --regid="$user" --clear-groups "$@"; else "$@"; fi; }
user=postgres
id -u postgres >/dev/null 2>&1 || user=nobody
mkdir -p "$folder/data" && chmod 755 "$folder"
if [ "$(id -u)" = 0 ]; then chown -R "$user" "$folder"; fi
cd "$folder"
as "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$folder/init.log" 2>&1 ||
  { cat "$folder/init.log"; exit 1; }
trap 'as "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"' EXIT
as "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/data/log" \
  -o "-p $port -k $folder/data -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200" start \
  >"$folder/start.log" 2>&1 </dev/null || { cat "$folder/start.log" "$folder/data/log"; exit 1; }
echo ready
cat >/dev/null
"#;

fn binaries() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    found.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let found = found.into_iter().rfind(|folder| folder.join("initdb").is_file());
    found.expect("PostgreSQL is not installed: install the package `postgresql` (tests/run does it)")
}

impl Server {
    /// Starts one and waits until it answers.
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("stagedoor-postgres-{}-{port}", std::process::id()));
        let bin = binaries();
        let mut keeper = Command::new("bash")
            .args(["-c", KEEPER, "keeper"])
            .args([bin.as_os_str(), folder.as_os_str()])
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        for line in BufReader::new(keeper.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line == "ready" {
                break;
            }
            said = format!("{said}{line}\n");
        }
        if keeper.try_wait().unwrap().is_none() && said.is_empty() {
            return Server { keeper, folder, bin, port };
        }
        keeper.wait().unwrap();
        panic!("PostgreSQL did not start:\n{said}");
    }

    /// A URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs statements as its owner.
    pub async fn script(&self, database: &str, sql: &str) {
        let (client, connection) =
            tokio_postgres::connect(&self.url(database), tokio_postgres::NoTls).await.unwrap();
        let running = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        running.await.unwrap().unwrap();
    }

    /// Stops it (at once, breaking connections) or starts it again on the same port, and waits for that.
    pub fn control(&self, action: &str) {
        let data = self.folder.join("data");
        let options = format!("-p {} -k {} -c listen_addresses=127.0.0.1", self.port, data.display());
        let mut command = as_owner(&data);
        command.arg(self.bin.join("pg_ctl")).arg("-D").arg(&data).args(["-w", "-m", "fast", action]);
        if action == "start" {
            command.arg("-l").arg(data.join("log")).args(["-o", &options]);
        }
        let status =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "pg_ctl {action} failed");
    }

    /// Lets it serve TLS with this certificate.
    pub fn serve_tls(&self, certificate: &str, key: &str) {
        let data = self.folder.join("data");
        let script = "umask 077; printf %s \"$1\" >\"$0/server.crt\"; printf %s \"$2\" >\"$0/server.key\"; \
                      echo 'ssl = on' >>\"$0/postgresql.conf\"";
        let mut command = as_owner(&data);
        let command = command.args(["bash", "-c", script]).arg(&data).args([certificate, key]);
        assert!(command.status().unwrap().success());
        self.control("restart");
    }

    /// The same as [`Server::url`], by name instead of address.
    pub fn url_by_name(&self, database: &str) -> String {
        self.url(database).replace("127.0.0.1", "localhost")
    }

    /// Stops all of its processes in their tracks (`STOP`) or lets them go on (`CONT`).
    pub fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap();
        let script = format!("kill -{signal} {pid} $(pgrep -P {pid})");
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    }
}

fn as_owner(data: &Path) -> Command {
    let script = "if [ \"$(id -u)\" = 0 ]; then exec setpriv --reuid=$(stat -c %u \"$0\") --clear-groups \
                  --regid=$(stat -c %g \"$0\") \"$@\"; else exec \"$@\"; fi";
    let mut command = Command::new("bash");
    command.args(["-c", script]).arg(data);
    command
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The server that tests share; each has a database of its own.
pub fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}
