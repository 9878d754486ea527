//! Reload: on SIGHUP and when a configuration file changes. A file with errors changes nothing.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::boot;
use super::cli::Cli;
use crate::actors::keeper::Kept;
use crate::actors::topology::{Apply, Topology};
use crate::config::{Config, Severity};
use crate::gateway::pipeline::Shared;
use crate::telemetry::names;

/// Editors write a file in several steps; this long after the last one it is read.
const SETTLE: Duration = Duration::from_millis(100);

/// Starts to watch the configuration's files, if it has some, and SIGHUP.
pub fn start(cli: &Cli, config: &Arc<Config>, topology: Kept<Topology>, shared: Shared) {
    let (wake, mut woken) = mpsc::channel::<()>(8);
    let mut files = config.files.clone();
    let mut watcher = watch_files(&files, wake.clone());
    let cli = cli.clone();
    let hangup = signal(SignalKind::hangup());
    actix_rt::spawn(async move {
        let mut hangup = match hangup {
            Ok(hangup) => hangup,
            Err(cause) => return tracing::error!(%cause, "SIGHUP cannot be received"),
        };
        loop {
            tokio::select! {
                _ = hangup.recv() => {}
                _ = woken.recv() => {}
            }
            // What else comes while the file settles belongs to the same change.
            while let Ok(Some(())) = tokio::time::timeout(SETTLE, woken.recv()).await {}
            reload(&cli, &topology, &shared).await;
            let now = shared.current.load().config.files.clone();
            if now != files {
                drop(watcher.take());
                watcher = watch_files(&now, wake.clone());
                files = now;
            }
        }
    });
}

async fn reload(cli: &Cli, topology: &Kept<Topology>, shared: &Shared) {
    let told =
        |result: &'static str| shared.metrics.counter(names::RELOADS, &[("result", result)]).increment(1);
    let loaded = match boot::load(cli) {
        Ok(loaded) => loaded,
        Err(report) => {
            told("refused");
            tracing::error!("the configuration was not reloaded, the one before stays:\n{report}");
            return;
        }
    };
    let running = &shared.current.load().config;
    if loaded.config.deployments.is_empty() && !running.deployments.is_empty() {
        // A file that is being written, or was cut short, reads like a configuration without models.
        told("refused");
        tracing::error!("the configuration was not reloaded: it has no model_list, the one before stays");
        return;
    }
    for problem in loaded.report.problems.iter().filter(|problem| problem.severity == Severity::Warning) {
        tracing::warn!("{problem}");
    }
    warn_of_fixed(&shared.current.load().config, &loaded.config);
    let Some(address) = topology.address() else {
        told("refused");
        tracing::error!("the configuration was not reloaded: the topology actor is being restarted");
        return;
    };
    match address.send(Apply(Arc::new(loaded.config))).await {
        Ok(generation) => {
            told("applied");
            tracing::info!(generation, "configuration reloaded");
        }
        Err(cause) => {
            told("refused");
            tracing::error!(%cause, "the configuration was not reloaded");
        }
    }
}

/// Settings that are read once at start.
fn warn_of_fixed(old: &Config, new: &Config) {
    if old.general.master_key != new.general.master_key {
        tracing::warn!("general_settings.master_key has changed: restart to use the new key");
    }
    let tls = |config: &Config| (config.settings.ssl_verify, config.settings.ca_file.clone());
    if tls(old) != tls(new) {
        tracing::warn!("TLS settings have changed: restart to use them");
    }
    let log = |config: &Config| {
        (config.settings.json_logs, config.settings.verbose, config.general.log_level.clone())
    };
    if log(old) != log(new) {
        tracing::warn!("log settings have changed: restart to use them");
    }
    if old.settings.latency_buckets != new.settings.latency_buckets {
        tracing::warn!("prometheus_latency_buckets has changed: restart to use them");
    }
}

/// Watches the folders, because editors and Kubernetes replace files instead of writing into them.
fn watch_files(files: &[PathBuf], wake: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let names: HashSet<PathBuf> =
        files.iter().filter_map(|file| file.file_name().map(PathBuf::from)).collect();
    let folders: HashSet<PathBuf> = files
        .iter()
        .filter_map(|file| file.parent())
        .map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder }.to_path_buf())
        .collect();
    if folders.is_empty() {
        return None;
    }
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let ours = |path: &PathBuf| {
            path.file_name().is_some_and(|name| names.contains(Path::new(name)) || name == "..data")
        };
        // A full channel already holds what this would say.
        if !event.kind.is_access() && event.paths.iter().any(ours) {
            let _already_woken = wake.try_send(());
        }
    });
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(cause) => {
            tracing::warn!(%cause, "file changes cannot be watched; SIGHUP reloads");
            return None;
        }
    };
    for folder in folders {
        if let Err(cause) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
            tracing::warn!(folder = %folder.display(), %cause, "cannot be watched; SIGHUP reloads");
        }
    }
    Some(watcher)
}
