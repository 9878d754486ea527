//! Reload: on SIGHUP and when a configuration file changes. A file with errors changes nothing.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};

use super::cli::Cli;
use super::{boot, fixed};
use crate::actors::keeper::Kept;
use crate::actors::topology::{Apply, Topology};
use crate::config::{Config, Severity};
use crate::gateway::pipeline::Shared;
use crate::telemetry::names;

/// How often the files are looked at. Notifications of the system come for whole folders, and a ledger that lies in the
/// same folder would cost one for each of its writes; network and overlay file systems send none.
const LOOK: Duration = Duration::from_millis(250);
/// Editors write a file in several steps; when nothing has changed for so long, it is read.
const SETTLE: Duration = Duration::from_millis(100);

/// Starts to watch the configuration's files, if it has some, and SIGHUP.
pub fn start(cli: &Cli, config: &Arc<Config>, topology: Kept<Topology>, shared: Shared) {
    let mut files = config.files.clone();
    let mut seen = looks(&files);
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
                () = changed(&files, &seen) => {}
            }
            // Taken before the files are read: what is written from here on is another change.
            seen = looks(&files);
            reload(&cli, &topology, &shared).await;
            let now = shared.current.load().config.files.clone();
            if now != files {
                (seen, files) = (looks(&now), now);
            }
        }
    });
}

/// What tells one state of a file from another; `None` while it is not there.
type Look = Option<(u64, u64, u64, SystemTime)>;

fn looks(files: &[PathBuf]) -> Vec<Look> {
    // Links are followed: Kubernetes and many editors put another file in the old one's place.
    let look = |file: &PathBuf| {
        let found = std::fs::metadata(file).ok()?;
        Some((found.dev(), found.ino(), found.len(), found.modified().ok()?))
    };
    files.iter().map(look).collect()
}

/// Waits until the files differ from what was seen and have settled.
async fn changed(files: &[PathBuf], seen: &[Look]) {
    loop {
        actix_rt::time::sleep(LOOK).await;
        let mut now = looks(files);
        if now == seen {
            continue;
        }
        loop {
            actix_rt::time::sleep(SETTLE).await;
            let later = looks(files);
            if later == now {
                return;
            }
            now = later;
        }
    }
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
    let running = &shared.current.load().file;
    if loaded.config.deployments.is_empty() && !running.deployments.is_empty() {
        // A file that is being written, or was cut short, reads like a configuration without models.
        told("refused");
        tracing::error!("the configuration was not reloaded: it has no model_list, the one before stays");
        return;
    }
    for problem in loaded.report.problems.iter().filter(|problem| problem.severity == Severity::Warning) {
        tracing::warn!("{problem}");
    }
    super::prices::warn_of_unpriced(&loaded.config);
    for name in fixed::changed(&shared.current.load().config, &loaded.config) {
        tracing::warn!("{name} has changed: restart to use it");
    }
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
