//! The command line, with the flags that LiteLLM's users know.

use std::ffi::OsString;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::base::secret::Secret;

/// An LLM gateway: one OpenAI-compatible address in front of many providers.
#[derive(Debug, Clone, Parser)]
#[command(name = "stagedoor", version, disable_version_flag = true, rename_all = "snake_case")]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Configuration file (LiteLLM's config.yaml). Without one the built-in quickstart is served.
    #[arg(short, long, env = "CONFIG_FILE_PATH", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// Address to listen on.
    #[arg(long, env = "HOST", default_value = "127.0.0.1", value_parser = address)]
    pub host: IpAddr,

    /// Port to listen on; 0 takes a free one.
    #[arg(long, env = "PORT", default_value_t = 4000)]
    pub port: u16,

    /// Worker threads; one per core by default and for 0.
    #[arg(long, env = "NUM_WORKERS", value_parser = clap::value_parser!(u16).range(0..=1024))]
    pub num_workers: Option<u16>,

    /// Check the configuration, print every problem and exit with 0 or 1; uses no network.
    #[arg(long)]
    pub check: bool,

    /// Make a virtual key for the user of --user_id, print it and exit; needs a database.
    #[arg(long, requires = "user_id", conflicts_with = "check")]
    pub generate_key: bool,

    /// Whose key --generate_key makes; the user is made if there is none.
    #[arg(long, requires = "generate_key", value_name = "ID")]
    pub user_id: Option<String>,

    /// Log what happens to each request.
    #[arg(long)]
    pub debug: bool,

    /// Log everything.
    #[arg(long)]
    pub detailed_debug: bool,

    /// Print the version.
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    pub version: Option<bool>,

    /// Private key for HTTPS (PEM).
    #[arg(long, env = "SSL_KEYFILE_PATH", requires = "ssl_certfile_path", value_name = "FILE")]
    pub ssl_keyfile_path: Option<PathBuf>,

    /// Certificate chain for HTTPS (PEM).
    #[arg(long, env = "SSL_CERTFILE_PATH", requires = "ssl_keyfile_path", value_name = "FILE")]
    pub ssl_certfile_path: Option<PathBuf>,

    /// Seconds an idle client connection is kept open.
    #[arg(long, env = "KEEPALIVE_TIMEOUT", default_value_t = 75)]
    pub keepalive_timeout: u64,

    /// Serve this one model instead of a configuration file.
    #[arg(short, long, conflicts_with = "config")]
    pub model: Option<String>,

    /// The name clients use for --model.
    #[arg(long, requires = "model")]
    pub alias: Option<String>,

    /// Base URL of --model.
    #[arg(long, requires = "model")]
    pub api_base: Option<String>,

    /// Azure API version of --model.
    #[arg(long, requires = "model")]
    pub api_version: Option<String>,

    /// Longest silence of a provider, seconds (like litellm_settings.request_timeout).
    #[arg(long)]
    pub request_timeout: Option<f64>,

    /// Drop parameters a provider does not have (like litellm_settings.drop_params).
    #[arg(long)]
    pub drop_params: bool,

    /// Accepted for LiteLLM's sake; Stagedoor sends no telemetry.
    #[arg(long, hide = true, num_args = 0..=1)]
    pub telemetry: Option<Option<String>>,

    /// Accepted for LiteLLM's sake: switches whose matter does not exist here.
    #[arg(long, hide = true, num_args = 0..=1, aliases = [
        "use_queue", "local", "skip_server_startup", "save", "add_function_to_prompt", "test", "health",
        "log_config", "ciphers", "max_requests_before_restart", "timeout_worker_healthcheck", "user",
        "max_budget", "run_hypercorn", "run_gunicorn", "iam_token_db_auth", "enforce_prisma_migration_check",
    ])]
    pub litellm_only: Vec<String>,

    /// Default temperature of --model.
    #[arg(long, requires = "model")]
    pub temperature: Option<f64>,

    /// Default max_tokens of --model.
    #[arg(long, requires = "model")]
    pub max_tokens: Option<u64>,

    /// Accepted for LiteLLM's sake; migrations are embedded.
    #[arg(long, hide = true)]
    pub use_prisma_db_push: bool,
}

/// What the program can do beside serving.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Add up every total again from the ledger's rows, print what does not agree, and exit with 0 when
    /// everything does, else with 1.
    Audit,

    /// Ask the gateway that runs on this machine, at --port, whether it is ready; exits with 0 if it is, else with 1.
    Health,

    /// Take keys, users, teams, budgets and what was spent over from a LiteLLM proxy's database. Without --apply it
    /// only says what it would do. Exits with 0 when all of it is (or would be) here as it is there, with 3 when
    /// rows were kept because they differ or were left out, with 1 when it could not be done.
    ImportLitellm(ImportLitellm),
}

/// What to take over from where, and how.
#[derive(Debug, Clone, Args)]
pub struct ImportLitellm {
    /// LiteLLM's PostgreSQL database (postgresql://user:password@host/name); it is only read, and may be in use.
    #[arg(long, env = "LITELLM_DATABASE_URL", hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub from: Secret,

    /// The database to fill, instead of the one that --config names.
    #[arg(long, value_name = "URL", value_parser = secret)]
    pub to: Option<Secret>,

    /// Also take the request log, without prompts and answers.
    #[arg(long, alias = "with_spend_logs")]
    pub with_spend_logs: bool,

    /// Replace rows that are here already and differ.
    #[arg(long)]
    pub overwrite: bool,

    /// Write it down; without this nothing is changed.
    #[arg(long)]
    pub apply: bool,
}

/// A text that is never shown.
fn secret(text: &str) -> Result<Secret, String> {
    if text.trim().is_empty() { Err("a URL is missing".to_string()) } else { Ok(Secret::new(text)) }
}

/// An IP address, or a host name that stands for one (`localhost`).
fn address(text: &str) -> Result<IpAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let found = (text, 0).to_socket_addrs().map_err(|cause| format!("no such host: {cause}"))?;
    let all: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    let v4 = all.iter().find(|address| address.is_ipv4());
    v4.or(all.first()).copied().ok_or_else(|| "the host name has no address".to_string())
}

/// The arguments without a leading `litellm` or `stagedoor`: where an image's entrypoint is this program,
/// a command written for LiteLLM's image (`litellm --config ...`) comes with its own name.
pub fn arguments(all: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = all.into_iter().collect();
    if all.get(1).is_some_and(|word| word == "litellm" || word == "stagedoor") {
        all.remove(1);
    }
    all
}

impl Cli {
    /// The log level that the flags or `LITELLM_LOG` ask for, if they do.
    pub fn log_level(&self, env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        match (self.detailed_debug, self.debug) {
            (true, _) => Some("trace".into()),
            (_, true) => Some("debug".into()),
            _ => env("STAGEDOOR_LOG").or_else(|| env("LITELLM_LOG")).filter(|level| !level.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound_and_litellms_spelling_works() {
        Cli::command().debug_assert();
        let line = "stagedoor --config c.yaml --port 8000 --host 0.0.0.0 --num_workers 2 --detailed_debug --telemetry False";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        assert_eq!((cli.port, cli.num_workers, cli.detailed_debug), (8000, Some(2), true));
        let words = ["stagedoor", "litellm", "--port", "1"].map(OsString::from);
        assert_eq!(Cli::try_parse_from(arguments(words)).unwrap().port, 1);
        assert_eq!(Cli::try_parse_from(["s", "--host", "localhost"]).unwrap().host.to_string(), "127.0.0.1");
        assert!(Cli::try_parse_from(["s", "--use_queue", "--log_config", "x.json", "--local"]).is_ok());
        let line = ["stagedoor", "--config", "c.yaml", "--generate_key", "--user_id", "user1"];
        let cli = Cli::try_parse_from(line).unwrap();
        assert_eq!((cli.generate_key, cli.user_id.as_deref()), (true, Some("user1")));
        assert!(Cli::try_parse_from(["stagedoor", "--generate_key"]).is_err());
        let audit = Cli::try_parse_from(["s", "audit", "--config", "c.yaml"]).unwrap();
        assert!(matches!(audit.command, Some(Command::Audit)));
        assert_eq!(audit.config, Some("c.yaml".into()));
        let health = Cli::try_parse_from(["s", "--port", "8000", "health"]).unwrap();
        assert!(matches!((health.command, health.port), (Some(Command::Health), 8000)));
        let import =
            ["s", "import-litellm", "--from", "postgresql://u:hunter2@h/d", "--to", "sqlite:///x.db"];
        let import = Cli::try_parse_from(import).unwrap();
        assert!(!format!("{import:?}").contains("hunter2"));
        assert!(matches!(import.command, Some(Command::ImportLitellm(asked)) if !asked.apply));
        assert!(Cli::try_parse_from(["s", "import-litellm", "--from", ""]).is_err());
        let half = ["stagedoor", "--ssl_keyfile_path", "k.pem"];
        assert!(Cli::try_parse_from(half).unwrap_err().to_string().contains("ssl_certfile_path"));
    }
}
