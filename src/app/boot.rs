//! Start-up, as named steps.

use std::process::ExitCode;
use std::sync::Arc;

use actix_rt::Arbiter;
use arc_swap::ArcSwap;

use super::accounts::{self, Ledger};
use super::carrier::{self, Carrier, Copies};
use super::cli::{Cli, Command};
use super::exports::Exports;
use super::remember::Served;
use super::server::Tellers;
use super::{
    audit, banner, coordination, evictions, generate_key, health, heartbeat, import_litellm, models, prices,
    remember, server, shutdown, watch,
};
use crate::actors::bulletin::Bulletin;
use crate::actors::keeper::Kept;
use crate::actors::response_cache::ResponseCache;
use crate::actors::semantic_cache::SemanticCache;
use crate::actors::topology::{self, Ground, Topology};
use crate::base::ids;
use crate::base::secret::Secret;
use crate::config::{self, Config, Loaded, Report, Severity};
use crate::gateway::caller::Identities;
use crate::gateway::decisions::Decisions;
use crate::gateway::pipeline::Shared;
use crate::gateway::reserve::{Draining, InFlight};
use crate::manage::Manage;
use crate::redis_link::Link;
use crate::telemetry::logging::{self, LogSettings};
use crate::telemetry::{Metrics, names};
use crate::upstream::tls;

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration has errors; they have been printed.
    #[error("the configuration has errors")]
    Config,
    /// A key that everybody knows, on an address that everybody reaches.
    #[error(
        "general_settings.master_key is publicly known and {0} is not a loopback address: choose another key, \
         listen on 127.0.0.1, or set LITELLM_ALLOW_INSECURE_MASTER_KEY=true"
    )]
    PublicKey(std::net::IpAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
    /// Certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// A certificate or key file for HTTPS cannot be used.
    #[error("{0}")]
    Certificate(String),
    /// Something that the machine did not give.
    #[error("{0}")]
    System(String),
}

/// The environment of the process.
pub fn process_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Runs the program.
pub async fn run(cli: Cli) -> ExitCode {
    let result = start(cli).await;
    logging::flush();
    match result {
        Ok(code) => code,
        Err(error) => {
            banner::say_error(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn start(cli: Cli) -> Result<ExitCode, StartError> {
    if let Some(Command::Health) = cli.command {
        // It asks another process, which has a configuration of its own.
        return health::run(&cli).await;
    }
    let loaded = load(&cli);
    if cli.check {
        return Ok(check(&loaded));
    }
    let loaded = loaded.map_err(|report| {
        banner::say_report(&report);
        StartError::Config
    })?;
    match &cli.command {
        Some(Command::Audit) => return audit::run(&loaded.config).await,
        Some(Command::ImportLitellm(asked)) => return import_litellm::run(asked, loaded.config).await,
        Some(Command::Health) | None => {}
    }
    let config = Arc::new(loaded.config);
    install_log(&cli, &config);
    log_report(&loaded.report);
    prices::warn_of_unpriced(&config);
    if !cli.litellm_only.is_empty() {
        tracing::info!("flags that only LiteLLM has were ignored");
    }
    let master = master_key(&config)?;
    if cli.generate_key {
        return generate_key::run(&cli, &config, &master.key).await;
    }
    refuse_public_key(&cli, &master)?;
    serve(&cli, config, &master).await
}

/// Makes the actors and the server, serves until somebody ends it, and takes all down in the opposite order.
async fn serve(cli: &Cli, config: Arc<Config>, master: &Master) -> Result<ExitCode, StartError> {
    coordination::share_names(&master.key);
    let metrics = Metrics::new(config.settings.latency_buckets.as_deref())
        .map_err(|cause| StartError::System(cause.to_string()))?;
    let redis = config.redis.as_ref().map(|settings| Link::start(settings, &metrics)).transpose();
    let redis = redis.map_err(|cause| StartError::System(cause.to_string()))?;
    let control = Arbiter::new();
    let opener = models::opener(&config, master);
    let cooled = Arc::default();
    let bulletin = Arc::new(Bulletin::new(config.governance.alerts.slow_after));
    let ground = Ground { control: control.handle(), metrics: metrics.clone(), opener, cooled, bulletin };
    let current = Arc::new(ArcSwap::from_pointee(topology::build(None, Arc::clone(&config), &ground)));
    let topology = keep_topology(&current, &ground);
    let tls = tls::client_config(config.settings.ssl_verify, config.settings.ca_file.as_deref())?;
    let alerts = accounts::alerter(&current, &tls, redis.as_ref(), &ground);
    let exports = Exports::start(&config, &tls, &metrics);
    let store = remember::store(&config)?;
    let mut governance = accounts::governance(&config, &store);
    let common = redis.clone().map(|link| (link, coordination::join(&mut governance, &metrics)));
    let (directory, keys) = accounts::directory(&config, &store, &ground.control, &metrics);
    let ledger = Ledger::open(&config, &store, &mut governance, &metrics)?;
    let coordinator =
        common.map(|common| coordination::start(common, &ledger, &governance, &ground.control, &metrics));
    let stored = models::stored(&store, &topology, &ground);
    let cache = config.cache.as_ref().map(|cache| ResponseCache::new(cache, redis.as_ref(), &metrics));
    let of_models = (stored.clone(), cache.clone());
    let copies = Copies::new(directory.clone(), governance.clone(), of_models, ground.control.clone());
    let cluster = carrier::join(redis.as_ref(), &store, &current, &copies, &ground);
    let carrier = Arc::new(Carrier::new(copies, cluster.clone()));
    let served = Served { cache: cache.clone(), ..models::follow(&config, stored, &ground, &current) };
    let manage = remember::open(&config, store, master, carrier, served);
    let beside = |cache| SemanticCache::beside(cache, config.semantic.as_ref(), &metrics);
    let semantic = cache.as_ref().map(beside);
    let shared = Shared {
        current: Arc::clone(&current),
        identities: Identities::new(master.key.clone())
            .with_keys(directory, keys)
            .open_when_down(config.governance.store.open_when_down),
        governance,
        redis,
        cache,
        semantic,
        metrics: metrics.clone(),
        in_flight: InFlight::default(),
        draining: Draining::default(),
        decisions: Decisions::default(),
    };
    // Before it says that it listens: from then on signals and file changes must not be missed.
    let signals = shutdown::Signals::receive().map_err(|cause| StartError::System(cause.to_string()))?;
    watch::start(cli, &config, topology, shared.clone());
    coordination::first_answer(&shared.governance, shared.redis.as_ref()).await;
    let bulletin = Arc::clone(&ground.bulletin);
    let tellers = Tellers { alerts: alerts.clone(), exports: exports.intake(), bulletin };
    let running = server::start(cli, &shared, &manage, &ledger, tellers, tls)?;
    banner::say_started(&running, &config, master, cli.config.as_deref());
    look_after(&control, &manage, shared.redis.clone(), metrics);
    let code = shutdown::run_until_stopped(running, &shared, signals).await;
    if let Some(cluster) = &cluster {
        cluster.leave().await;
    }
    accounts::last_alerts(&alerts).await;
    exports.close().await;
    ledger.close().await;
    if let Some(coordinator) = coordinator {
        coordination::close(&coordinator).await;
    }
    control.stop();
    Ok(code)
}

/// Reads the configuration that the command line names.
///
/// # Errors
/// The report with its errors.
pub fn load(cli: &Cli) -> Result<Loaded, Report> {
    let mut loaded = match (&cli.config, &cli.model) {
        (Some(path), _) => config::load(Some(path), &process_env),
        (None, Some(model)) => config::load_text(&one_model(cli, model), "--model", &process_env),
        (None, None) => config::load(None, &process_env),
    }?;
    if let Some(timeout) = cli.request_timeout.and_then(crate::base::durations::from_seconds) {
        loaded.config.router.timeout = timeout;
    }
    loaded.config.settings.drop_params |= cli.drop_params;
    Ok(loaded)
}

/// The configuration that `--model` stands for.
fn one_model(cli: &Cli, model: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = format!(
        "model_list:\n  - model_name: {}\n    litellm_params:\n      model: {}\n",
        quoted(cli.alias.as_deref().unwrap_or(model)),
        quoted(model)
    );
    for (key, value) in [("api_base", &cli.api_base), ("api_version", &cli.api_version)] {
        if let Some(value) = value {
            text.push_str(&format!("      {key}: {}\n", quoted(value)));
        }
    }
    if let Some(temperature) = cli.temperature {
        text.push_str(&format!("      temperature: {temperature}\n"));
    }
    if let Some(max_tokens) = cli.max_tokens {
        text.push_str(&format!("      max_tokens: {max_tokens}\n"));
    }
    text
}

fn check(loaded: &Result<Loaded, Report>) -> ExitCode {
    let report = match loaded {
        Ok(loaded) => &loaded.report,
        Err(report) => report,
    };
    banner::say_checked(report, loaded.as_ref().ok().map(|loaded| &loaded.config));
    if report.has_errors() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn install_log(cli: &Cli, config: &Config) {
    let configured =
        if config.settings.verbose { Some("debug".into()) } else { config.general.log_level.clone() };
    let level = cli.log_level(&process_env).or(configured).unwrap_or_default();
    let json = config.settings.json_logs
        || process_env("JSON_LOGS").is_some_and(|on| on.eq_ignore_ascii_case("true"));
    logging::install(&LogSettings { level, json, requests: config.general.request_log });
}

fn log_report(report: &Report) {
    for problem in &report.problems {
        if problem.severity == Severity::Warning {
            tracing::warn!("{problem}");
        } else {
            tracing::info!("{problem}");
        }
    }
}

/// The admin key and where it came from.
pub struct Master {
    /// The key.
    pub key: Secret,
    /// Whether it was made just now, so that it has to be shown.
    pub made: bool,
}

fn master_key(config: &Config) -> Result<Master, StartError> {
    match &config.general.master_key {
        Some(key) if !key.is_empty() => Ok(Master { key: key.clone(), made: false }),
        _ => {
            let key = ids::random_key().map_err(|cause| StartError::System(cause.to_string()))?;
            Ok(Master { key: Secret::new(key), made: true })
        }
    }
}

/// Keys that stand in documentations and tutorials.
const PUBLIC_KEYS: [&str; 6] =
    ["sk-1234", "sk-12345", "sk-123", "sk-master-key", "sk-litellm-master-key", "your-master-key"];

fn refuse_public_key(cli: &Cli, master: &Master) -> Result<(), StartError> {
    if !PUBLIC_KEYS.iter().any(|known| master.key.matches(known)) {
        return Ok(());
    }
    let allowed = ["LITELLM_ALLOW_INSECURE_MASTER_KEY", "STAGEDOOR_ALLOW_INSECURE_MASTER_KEY"]
        .iter()
        .any(|name| process_env(name).is_some_and(|on| on.eq_ignore_ascii_case("true") || on == "1"));
    if !cli.host.is_loopback() && !allowed {
        return Err(StartError::PublicKey(cli.host));
    }
    tracing::warn!(
        "general_settings.master_key is publicly known: anybody who reaches this address is admin"
    );
    Ok(())
}

fn keep_topology(current: &topology::Current, ground: &Ground) -> Kept<Topology> {
    let restarts = ground.metrics.counter(names::ACTOR_RESTARTS, &[("actor", "topology")]);
    let (current, own) = (Arc::clone(current), ground.clone());
    Kept::start("topology", ground.control.clone(), restarts, move |notice| {
        Topology::new(Arc::clone(&current), own.clone(), notice)
    })
}

/// Looks now and then after what lies beside the requests' way.
fn look_after(control: &Arbiter, manage: &Manage, redis: Option<Link>, metrics: Metrics) {
    control.spawn(heartbeat::run(manage.store().clone(), metrics.clone()));
    if let Some(link) = redis {
        control.spawn(evictions::run(link, metrics));
    }
}
