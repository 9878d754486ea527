//! The Deployment actor, one for each entry of `model_list`.
//!
//! - owns: latency series, success window, cooldown machine, last error of its deployment
//! - accepts: [`Facts`] (finished attempts, in batches), [`Hear`] (another replica's cooldown), [`Measured`] (its
//!   latencies), [`Reconfigure`], [`Inspect`]
//! - tells: publishes its [`View`](crate::domain::routing::snapshot::View) into the [`Cell`]; wakes the Cluster actor
//!   when a cooldown begins; operators, through the [`Bulletin`]; its [`DeploymentSeries`]; the log
//! - never: calls a provider, asks another actor, moves the in-flight count (leases do)
//! - on panic: restarted empty; the published view, and with it a running cooldown, stays until the
//!   first new fact, and in-flight counts are in the cell
//! - on shutdown: nothing to save

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Context, Handler, Message};
use tokio::sync::Notify;

use super::bulletin::Bulletin;
use super::cell::Cell;
use super::keeper::DeathNotice;
use crate::base::error::Kind;
use crate::domain::deployment::Deployment;
use crate::domain::notice::{Notice, NoticeKind};
use crate::domain::reliability::{
    CooldownRules, CooldownStarted, HangWatch, Outage, OutageRules, OutageWatch,
};
use crate::domain::routing::samples::Samples;
use crate::domain::routing::state::{AttemptFact, DeploymentState};
use crate::telemetry::Metrics;
use crate::telemetry::labels::DeploymentLabels;
use crate::telemetry::series::DeploymentSeries;

/// What a deployment's actor works with besides its own memory.
#[derive(Clone)]
pub struct Setup {
    /// The shared memory it publishes into.
    pub cell: Arc<Cell>,
    /// When failures make it rest.
    pub rules: CooldownRules,
    /// Deployments that could serve instead of it, itself included.
    pub group_size: usize,
    /// Woken when a cooldown begins here, so that other replicas hear of it.
    pub cooled: Arc<Notify>,
    /// Where operators are told of cooldowns and outages.
    pub bulletin: Arc<Bulletin>,
    /// What an outage is.
    pub outage: OutageRules,
}

/// Keeps one deployment's health.
pub struct DeploymentActor {
    setup: Setup,
    state: DeploymentState,
    outages: OutageWatch,
    hangs: HangWatch,
    series: DeploymentSeries,
    notice: DeathNotice<DeploymentActor>,
}

impl DeploymentActor {
    /// A new incarnation; a cooldown that an earlier one began goes on.
    pub fn new(setup: Setup, metrics: &Metrics, notice: DeathNotice<Self>) -> Self {
        setup.cell.taken(true);
        let deployment = Arc::clone(setup.cell.deployment());
        let now = Instant::now();
        let mut state = DeploymentState::new(&deployment, now);
        let view = setup.cell.view();
        if let (Some(until), Some(kind)) = (view.cooling(now), view.cooldown_cause) {
            state.cool_until(until, kind);
        }
        drop(view);
        let names = DeploymentNames::of(&deployment);
        let series =
            DeploymentSeries::new(metrics, &deployment.group, &names.labels(), deployment.provider.name);
        let (outages, hangs) = (OutageWatch::default(), HangWatch::default());
        DeploymentActor { setup, state, outages, hangs, series, notice }
    }

    fn take_in(&mut self, fact: &AttemptFact) {
        let now = Instant::now();
        self.count(fact);
        let started = self.state.observe(fact, &self.setup.rules, self.setup.group_size, now);
        if let Some(cooldown) = started {
            self.announce(&cooldown);
            let (label, seconds) = (cooldown.kind.behaviour().label, cooldown.duration.as_secs_f64());
            let message = format!("Deployment rests for {seconds:.1} s after {label}");
            self.post(NoticeKind::Cooldown, "Medium", message, label);
        }
        match &fact.outcome {
            Err(left) if left.kind == Kind::ClientGone && fact.first_token.is_none() => self.left(fact, now),
            Err(failure) if failure.kind != Kind::ClientGone => {
                self.watch(failure.kind.behaviour().status, now);
            }
            _ => self.hangs.answered(now),
        }
    }

    /// Tells operators of a deployment that lets clients wait until they leave, and answers nobody.
    fn left(&mut self, fact: &AttemptFact, now: Instant) {
        let rules = self.setup.outage;
        let view = self.setup.cell.view();
        let usual = if fact.stream { view.first_token.value() } else { view.whole.value() };
        drop(view);
        let usual = usual.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let Some(outage) = self.hangs.left(fact.started, usual, rules, now) else { return };
        let (level, name, detail, count) = match outage {
            Outage::Minor => ("Medium", "minor", "minor, silent", rules.minor),
            Outage::Major => ("High", "major", "major, silent", rules.major),
        };
        let (within, waited) = (rules.within.as_secs(), fact.latency.as_secs_f64());
        let message = format!(
            "{name} outage: {count} clients left before the first token within {within} s, and nobody was answered \
             meanwhile; the last had waited {waited:.1} s"
        );
        self.post(NoticeKind::Outage, level, message, detail);
    }

    /// Tells operators of an outage.
    fn watch(&mut self, status: u16, now: Instant) {
        let rules = self.setup.outage;
        let Some(outage) = self.outages.observe(status, rules, now) else { return };
        let (level, detail, count) = match outage {
            Outage::Minor => ("Medium", "minor", rules.minor),
            Outage::Major => ("High", "major", rules.major),
        };
        let seconds = rules.within.as_secs();
        let message = format!(
            "{detail} outage: {count} attempts failed within {seconds} s, the last with status {status}"
        );
        self.post(NoticeKind::Outage, level, message, detail);
    }

    fn post(&self, kind: NoticeKind, level: &'static str, message: String, detail: &'static str) {
        let deployment = self.setup.cell.deployment();
        self.setup.bulletin.post(Notice {
            kind,
            level,
            message,
            group: deployment.group.to_string(),
            deployment: deployment.id.to_string(),
            model: deployment.full_model(),
            detail,
        });
    }

    fn count(&self, fact: &AttemptFact) {
        self.series.attempted();
        match &fact.outcome {
            Ok(()) => self.series.succeeded(fact.latency.as_secs_f64(), fact.output_tokens),
            // Counted as a request and no more: a client that leaves is no failure of the deployment's.
            Err(failure) if failure.kind == Kind::ClientGone => {}
            Err(failure) => {
                let row = failure.kind.behaviour();
                self.series.failed(row.status, row.class);
            }
        }
    }

    fn announce(&self, cooldown: &CooldownStarted) {
        let deployment = self.setup.cell.deployment();
        self.series.cooled_down(cooldown.kind.behaviour().status);
        tracing::warn!(
            deployment = &*deployment.id,
            group = &*deployment.group,
            cause = cooldown.kind.behaviour().label,
            rule = cooldown.trigger.label(),
            seconds = cooldown.duration.as_secs_f64(),
            "deployment cools down"
        );
    }

    fn publish(&self) {
        self.setup.cell.publish(self.state.view(Instant::now()));
    }
}

/// A deployment's names in metrics.
pub struct DeploymentNames {
    id: Arc<str>,
    full_model: String,
    provider: &'static str,
    base: String,
}

impl DeploymentNames {
    /// The names of this deployment.
    pub fn of(deployment: &Deployment) -> Self {
        DeploymentNames {
            id: Arc::clone(&deployment.id),
            full_model: deployment.full_model(),
            provider: deployment.provider.name,
            base: deployment.shown_base().into_owned(),
        }
    }

    /// The same as labels.
    pub fn labels(&self) -> DeploymentLabels<'_> {
        DeploymentLabels {
            model_id: &self.id,
            litellm_model_name: &self.full_model,
            api_provider: self.provider,
            api_base: &self.base,
        }
    }
}

impl Actor for DeploymentActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(256);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.notice.retire();
    }
}

/// Attempts that ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Facts(pub Vec<AttemptFact>);

impl Handler<Facts> for DeploymentActor {
    type Result = ();

    fn handle(&mut self, facts: Facts, _: &mut Self::Context) {
        self.setup.cell.taken(false);
        let before = self.setup.cell.view().own_cooling_until;
        for fact in &facts.0 {
            self.take_in(fact);
        }
        self.publish();
        if self.setup.cell.view().own_cooling_until != before {
            self.setup.cooled.notify_one();
        }
    }
}

/// Another replica lets it rest for so long.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Hear {
    /// How much longer.
    pub remaining: Duration,
    /// The failure that did it.
    pub cause: Kind,
}

impl Handler<Hear> for DeploymentActor {
    type Result = ();

    fn handle(&mut self, heard: Hear, _: &mut Self::Context) {
        let now = Instant::now();
        let Some(until) = now.checked_add(heard.remaining) else { return };
        if self.setup.rules.disabled {
            return;
        }
        if let Some(cooldown) = self.state.hear(until, heard.cause, now) {
            self.announce(&cooldown);
            self.publish();
        }
    }
}

/// What another replica has measured.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Measured(pub Samples);

impl Handler<Measured> for DeploymentActor {
    type Result = ();

    fn handle(&mut self, Measured(samples): Measured, _: &mut Self::Context) {
        self.state.hear_samples(&samples, Instant::now());
        self.publish();
    }
}

/// The configuration around it has changed (its own entry has not, or it would be another actor).
#[derive(Message)]
#[rtype(result = "()")]
pub struct Reconfigure(pub Setup);

impl Handler<Reconfigure> for DeploymentActor {
    type Result = ();

    fn handle(&mut self, new: Reconfigure, _: &mut Self::Context) {
        self.setup = new.0;
    }
}

/// What the actor knows, for the admin API.
#[derive(Message)]
#[rtype(result = "Inspection")]
pub struct Inspect;

/// An answer to [`Inspect`].
#[derive(Debug, Clone, PartialEq, actix::MessageResponse)]
pub struct Inspection {
    /// Attempts of the last minute that went well.
    pub successes: u64,
    /// Attempts of the last minute that spoke against it.
    pub failures: u64,
}

impl Handler<Inspect> for DeploymentActor {
    type Result = Inspection;

    fn handle(&mut self, _: Inspect, _: &mut Self::Context) -> Inspection {
        let view = self.state.view(Instant::now());
        Inspection { successes: view.successes, failures: view.failures }
    }
}
