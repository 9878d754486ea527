//! Keys, limits, budgets and the ledger: what start-up makes of the configuration, and how changes reach them.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};

use super::boot::StartError;
use crate::actors::alerter::{self, Alerter};
use crate::actors::keeper::Kept;
use crate::actors::key_directory::{Directory, KeyDirectory, Purse, Terms};
use crate::actors::spend_writer::{Desk, Duties, Flush, SpendWriter};
use crate::actors::spool_gauges::SpoolGauges;
use crate::actors::topology::{Current, Ground};
use crate::base::ids;
use crate::base::money::Nanos;
use crate::config::Config;
use crate::config::model::{SpoolFsync, SpoolFull};
use crate::domain::ledger::AccountId;
use crate::domain::scope::ScopeId;
use crate::gateway::governance::{Governance, Rules};
use crate::gateway::named::DefaultBudget;
use crate::gateway::throttle::Share;
use crate::redis_link::Link;
use crate::spool::{self, Fsync, Settings, Spool};
use crate::store::Store;
use crate::telemetry::{Metrics, names};

/// How temporary folders are called.
const PASSING: &str = "stagedoor-rows-";
/// How long the last rows may take to reach the store at the end; what is left waits in the spool.
const LAST_FLUSH: Duration = Duration::from_secs(10);
/// How long the last alerts may take.
const LAST_ALERTS: Duration = Duration::from_secs(5);

/// The counters of this process, with what the configuration limits for everybody.
pub fn governance(config: &Config, store: &Store) -> Governance {
    let settings = &config.governance;
    let mut governance = Governance::new(store.clone(), settings.money.calendar.clone());
    let global = settings.limits.global;
    governance.everybody = (!global.is_empty()).then(|| (ScopeId::global(), global));
    governance.proxy = settings.money.proxy_budget.as_ref().map(|budget| Purse {
        scope: ScopeId::global(),
        id: AccountId::global().into(),
        max: Some(budget.max.get()),
        soft: None,
    });
    governance.named.default_end_user = Arc::new(DefaultBudget {
        max_nanos: settings.grants.end_user_budget.map(Nanos::get),
        budget_id: settings.grants.end_user_budget_id.clone(),
    });
    governance.rules = Arc::new(Rules {
        exceeded_status: settings.money.exceeded_status,
        key_parallel: settings.limits.key_parallel,
        refuses_unpriced: settings.money.refuses_unpriced,
        needs_end_user: settings.identity.needs_end_user,
        tokens: settings.limits.tokens,
        throttle: settings.money.throttle_share.map(Share::new),
        refuses_alone: settings.limits.refuses_alone,
    });
    governance
}

/// The copies of keys, and the actor that looks them up.
pub fn directory(
    config: &Config,
    store: &Store,
    control: &ArbiterHandle,
    metrics: &Metrics,
) -> (Directory, Kept<KeyDirectory>) {
    let identity = &config.governance.identity;
    let terms = Terms {
        team_users_pay: identity.user_budget_in_teams,
        user_budget: config.governance.grants.user_budget.map(Nanos::get),
    };
    let directory = Directory::new(store.clone(), terms, identity.cache_for, identity.cache_entries);
    let restarts = metrics.counter(names::ACTOR_RESTARTS, &[("actor", "key_directory")]);
    let own = directory.clone();
    let actor = Kept::start("key_directory", control.clone(), restarts, move |notice| {
        KeyDirectory::new(own.clone(), notice)
    });
    (directory, actor)
}

/// Who tells operators of budgets.
pub fn alerter(
    current: &Current,
    tls: &Arc<rustls::ClientConfig>,
    redis: Option<&Link>,
    ground: &Ground,
) -> Kept<Alerter> {
    let restarts = ground.metrics.counter(names::ACTOR_RESTARTS, &[("actor", "alerter")]);
    let (current, tls, own, redis) = (Arc::clone(current), Arc::clone(tls), ground.clone(), redis.cloned());
    Kept::start("alerter", ground.control.clone(), restarts, move |notice| {
        Alerter::new(Arc::clone(&current), Arc::clone(&tls), &own, redis.clone(), notice)
    })
}

/// Waits for alerts that are on their way, as far as they arrive soon.
pub async fn last_alerts(alerts: &Kept<Alerter>) {
    let Some(asked) = alerts.with(|address| address.send(alerter::Flush)) else { return };
    if actix_rt::time::timeout(LAST_ALERTS, asked).await.is_err() {
        tracing::warn!("alerts about budgets are left undelivered");
    }
}

/// The ledger of this process.
pub struct Ledger {
    /// Where workers append; `None`: no rows are kept.
    pub spool: Option<Arc<Spool>>,
    /// Whether requests with the master key have rows, too.
    pub keeps_master: bool,
    writer: Option<Kept<SpendWriter>>,
    arbiter: Arbiter,
    /// A folder that goes with the process.
    passing: Option<PathBuf>,
}

impl Ledger {
    /// Opens the spool and starts to move rows.
    ///
    /// # Errors
    /// When the spool's folder cannot be used.
    pub fn open(
        config: &Config,
        store: &Store,
        governance: &mut Governance,
        metrics: &Metrics,
    ) -> Result<Self, StartError> {
        let arbiter = Arbiter::new();
        let settings = &config.governance;
        let mut ledger = Ledger {
            spool: None,
            keeps_master: settings.spool.dir.is_some(),
            writer: None,
            arbiter,
            passing: None,
        };
        if !settings.store.keeps_rows {
            return Ok(ledger);
        }
        let dir = match &settings.spool.dir {
            Some(dir) => dir.clone(),
            None => {
                let Some(dir) = passing_folder() else { return Ok(ledger) };
                ledger.passing = Some(dir.clone());
                dir
            }
        };
        let shown = dir.display().to_string();
        let opened =
            Spool::open(Settings { sync: fsync(settings.spool.fsync), ..Settings::new(dir, "stagedoor") });
        let (spool, reader) = opened.map_err(|cause| {
            StartError::System(format!("general_settings.spool_dir: {shown} cannot be used: {cause}"))
        })?;
        if settings.spool.full == SpoolFull::Refuse {
            governance.spool = Some(Arc::clone(&spool));
        }
        let duties = Duties {
            gather: settings.store.batch_every,
            keep: settings.store.retention.map(|retention| (retention.keep, retention.every)),
            sync: match settings.spool.fsync {
                SpoolFsync::Interval(every) => Some((Arc::clone(&spool), every)),
                SpoolFsync::Never | SpoolFsync::Always => None,
            },
            gauges: SpoolGauges::new(Arc::clone(&spool), metrics),
            commons: governance.commons.clone(),
        };
        let desk = Desk::new(reader, store.clone(), Arc::clone(governance.budgets()), duties);
        let restarts = metrics.counter(names::ACTOR_RESTARTS, &[("actor", "spend_writer")]);
        let writer = Kept::start("spend_writer", ledger.arbiter.handle(), restarts, move |notice| {
            SpendWriter::new(desk.clone(), notice)
        });
        ledger.spool = Some(spool);
        ledger.writer = Some(writer);
        Ok(ledger)
    }

    /// Stores what waits, as far as that is possible now.
    pub async fn close(self) {
        if let Some(asked) =
            self.writer.as_ref().and_then(|writer| writer.with(|address| address.send(Flush)))
        {
            match actix_rt::time::timeout(LAST_FLUSH, asked).await {
                Ok(Ok(true)) => {}
                _ => tracing::warn!("ledger rows are left in the spool; the next start stores them"),
            }
        }
        self.arbiter.stop();
        if let Some(dir) = self.passing
            && let Err(cause) = std::fs::remove_dir_all(&dir)
        {
            tracing::debug!(%cause, "a temporary folder is left");
        }
    }
}

/// A folder for rows that need not outlive the process. A machine without a place for one (a read-only file system)
/// is no reason not to start.
fn passing_folder() -> Option<PathBuf> {
    let all = std::env::temp_dir();
    sweep(&all);
    let made = ids::random_key().map_err(|cause| cause.to_string()).and_then(|random| {
        let name = format!("{PASSING}{}", random.trim_start_matches("sk-"));
        let dir = all.join(name);
        DirBuilder::new().mode(0o700).create(&dir).map(|()| dir).map_err(|cause| cause.to_string())
    });
    match made {
        Ok(dir) => Some(dir),
        Err(cause) => {
            tracing::warn!(cause, "no temporary folder: what keys spend is counted, and not shown");
            None
        }
    }
}

/// Removes the folders of processes that were killed. A living one holds a lock in its folder, which also holds
/// between containers that share a folder for temporary files but not their process ids.
fn sweep(all: &Path) {
    let Ok(entries) = std::fs::read_dir(all) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let passing = name.to_str().is_some_and(|name| name.starts_with(PASSING));
        if passing && spool::is_abandoned(&entry.path()) {
            // Somebody else's folder cannot be removed, and need not be.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn fsync(setting: SpoolFsync) -> Fsync {
    match setting {
        SpoolFsync::Never => Fsync::Never,
        SpoolFsync::Interval(every) => Fsync::Interval(every),
        SpoolFsync::Always => Fsync::Always,
    }
}
