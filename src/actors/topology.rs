//! The Topology actor: the current configuration as a routing table.
//!
//! - owns: the table; it alone replaces it
//! - accepts: [`Apply`] (a checked configuration), [`ApplyModels`] (the models of the database), [`Describe`]
//! - tells: workers read the table from a swappable slot, once for each request
//! - never: touches requests; those under way finish on the table they began with
//! - on panic: restarted; the table is in the slot
//! - on shutdown: nothing to save

use std::collections::HashMap;
use std::sync::Arc;

use actix::{Actor, Context, Handler, Message};
use actix_rt::ArbiterHandle;
use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::bulletin::Bulletin;
use super::cell::Cell;
use super::deployment::{DeploymentActor, Setup};
use super::keeper::{DeathNotice, Kept};
use super::wild_prices::WildPrices;
use crate::config::Config;
use crate::config::stored::{Merged, Opener};
use crate::domain::deployment::Deployment;
use crate::domain::keys::{StoredCredential, StoredModel};
use crate::domain::pricing::Price;
use crate::domain::providers::detect::detect;
use crate::domain::reliability::CooldownRules;
use crate::domain::routing::groups::{self, Groups};
use crate::telemetry::{Metrics, names};

/// A deployment as the running gateway has it: memory and actor.
#[derive(Clone)]
pub struct Member(Arc<Parts>);

struct Parts {
    cell: Arc<Cell>,
    actor: Kept<DeploymentActor>,
}

impl Member {
    /// Its shared memory.
    pub fn cell(&self) -> &Arc<Cell> {
        &self.0.cell
    }

    /// Its actor.
    pub fn actor(&self) -> &Kept<DeploymentActor> {
        &self.0.actor
    }

    /// Whether both are the same member.
    pub fn same(&self, other: &Member) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What a configuration means for requests; immutable.
pub struct Table {
    /// Counts configurations, from 1.
    pub generation: u64,
    /// The configuration: the file's with the models of the database.
    pub config: Arc<Config>,
    /// The file's alone.
    pub file: Arc<Config>,
    /// The rows of the database, as they lie there.
    pub rows: Arc<[StoredModel]>,
    /// The credentials of the database, as they lie there; `file` has them in the clear for those models.
    pub credentials: Arc<[StoredCredential]>,
    /// Models of the database that are switched off.
    pub blocked: Vec<Arc<Deployment>>,
    /// Names to deployments.
    pub groups: Groups,
    members: Vec<Member>,
    wild_prices: WildPrices,
}

impl Table {
    /// The member of a deployment of this table.
    pub fn member(&self, deployment: &Deployment) -> Option<&Member> {
        self.members.get(deployment.position)
    }

    /// What a group's member costs: its deployment's price, or for a wildcard that of the model asked for. `None`
    /// when nobody knows.
    pub fn price(&self, member: &groups::Member) -> Option<Arc<Price>> {
        let deployment = &member.deployment;
        if !deployment.is_wildcard() {
            return deployment.info.price.clone();
        }
        self.wild_prices.of(deployment, &member.model, &self.config.governance.money.prices)
    }

    /// All members, in the configuration's order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }
}

/// The slot that holds the current table.
pub type Current = Arc<ArcSwap<Table>>;

/// Where deployments' actors live and what they report to.
#[derive(Clone)]
pub struct Ground {
    /// The control thread.
    pub control: ArbiterHandle,
    /// The registry.
    pub metrics: Metrics,
    /// Opens the rows of the database; `None`: models live in the file only.
    pub opener: Option<Opener>,
    /// Woken when a deployment begins to rest.
    pub cooled: Arc<Notify>,
    /// Where operators are told of what happens to deployments.
    pub bulletin: Arc<Bulletin>,
}

/// Makes the table of a file's configuration; the models of the database stay those of `old`.
pub fn build(old: Option<&Table>, file: Arc<Config>, ground: &Ground) -> Table {
    let rows = old.map(|old| Arc::clone(&old.rows)).unwrap_or_default();
    let credentials = old.map(|old| Arc::clone(&old.credentials)).unwrap_or_default();
    assemble(old, file, (rows, credentials), ground)
}

/// Makes the table of a file's configuration and the rows of the database. Deployments that `old` has unchanged keep
/// memory and actor; changed ones keep counts and health, removed ones are retired.
fn assemble(old: Option<&Table>, file: Arc<Config>, stored: Stored, ground: &Ground) -> Table {
    let (rows, credentials) = stored;
    let file = with_credentials(file, &credentials, ground);
    let (config, blocked) = merged(&file, &rows, ground);
    let mut known: HashMap<&str, &Member> = HashMap::new();
    for member in old.map(Table::members).unwrap_or_default() {
        known.insert(&member.cell().deployment().id, member);
    }
    let members: Vec<Member> = config
        .deployments
        .iter()
        .map(|deployment| admit(known.remove(&*deployment.id), deployment, &config, ground))
        .collect();
    for gone in known.values() {
        gone.actor().retire();
    }
    let deployments: Vec<Arc<Deployment>> =
        members.iter().map(|member| Arc::clone(member.cell().deployment())).collect();
    let groups = Groups::new(&deployments, &config.aliases, Box::new(known_provider));
    Table {
        generation: old.map_or(1, |old| old.generation + 1),
        config,
        file,
        rows,
        credentials,
        blocked,
        groups,
        members,
        wild_prices: WildPrices::default(),
    }
}

/// Models of the database and their credentials.
type Stored = (Arc<[StoredModel]>, Arc<[StoredCredential]>);

/// The file's configuration with the credentials that models of the database may name. Those that cannot be read are
/// told here, once for each change.
fn with_credentials(file: Arc<Config>, rows: &[StoredCredential], ground: &Ground) -> Arc<Config> {
    let Some(opener) = ground.opener.as_ref() else { return file };
    let (config, problems) = file.with_credentials(rows, opener);
    for (credential, problem) in problems {
        tracing::warn!(credential, problem, "a credential of the database cannot be used");
    }
    Arc::new(config)
}

/// Both as one. What cannot serve is told here, once for each change.
fn merged(file: &Arc<Config>, rows: &[StoredModel], ground: &Ground) -> (Arc<Config>, Vec<Arc<Deployment>>) {
    let Some(opener) = ground.opener.as_ref().filter(|_| !rows.is_empty()) else {
        return (Arc::clone(file), Vec::new());
    };
    let Merged { config, blocked, problems } = file.with_models(rows, opener);
    for (model_id, problem) in problems {
        tracing::warn!(model_id, problem, "a model of the database cannot serve");
    }
    (Arc::new(config), blocked)
}

fn admit(known: Option<&Member>, deployment: &Arc<Deployment>, config: &Config, ground: &Ground) -> Member {
    let parallel = config.router.default_max_parallel_requests;
    let setup = |cell: &Arc<Cell>| Setup {
        cell: Arc::clone(cell),
        rules: cooldown_rules(deployment, config),
        group_size: group_size(deployment, config),
        cooled: Arc::clone(&ground.cooled),
        bulletin: Arc::clone(&ground.bulletin),
        outage: config.governance.alerts.outage,
    };
    match known {
        Some(member) if member.cell().describes(deployment, parallel) => {
            let setup = setup(member.cell());
            member.actor().with(|address| address.do_send(super::deployment::Reconfigure(setup)));
            member.clone()
        }
        Some(member) => {
            member.actor().retire();
            start(setup(&Cell::succeed(member.cell(), Arc::clone(deployment), parallel)), ground)
        }
        None => start(setup(&Cell::new(Arc::clone(deployment), parallel)), ground),
    }
}

/// The provider that a bare model name is known for.
fn known_provider(model: &str) -> Option<&'static str> {
    detect(model, None, None).map(|(provider, _)| provider.name)
}

fn start(setup: Setup, ground: &Ground) -> Member {
    let cell = Arc::clone(&setup.cell);
    let metrics = ground.metrics.clone();
    let restarts = metrics.counter(names::ACTOR_RESTARTS, &[("actor", "deployment")]);
    let actor = Kept::start("deployment", ground.control.clone(), restarts, move |notice| {
        DeploymentActor::new(setup.clone(), &metrics, notice)
    });
    Member(Arc::new(Parts { cell, actor }))
}

fn cooldown_rules(deployment: &Deployment, config: &Config) -> CooldownRules {
    let router = &config.router;
    CooldownRules {
        disabled: router.disable_cooldowns,
        router_time: router.cooldown_time,
        deployment_time: deployment.patience.cooldown_time,
        allowed_fails: deployment.patience.allowed_fails.clone().or_else(|| router.allowed_fails.clone()),
        ..CooldownRules::default()
    }
}

fn group_size(deployment: &Deployment, config: &Config) -> usize {
    let peer = |other: &&Arc<Deployment>| other.group == deployment.group && other.problem.is_none();
    config.deployments.iter().filter(peer).count()
}

/// Replaces tables.
pub struct Topology {
    current: Current,
    ground: Ground,
    notice: DeathNotice<Topology>,
}

impl Topology {
    /// An incarnation that serves this slot.
    pub fn new(current: Current, ground: Ground, notice: DeathNotice<Self>) -> Self {
        Topology { current, ground, notice }
    }
}

impl Actor for Topology {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(16);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.notice.retire();
    }
}

/// Serve this configuration from now on. The answer is the new table's generation.
#[derive(Message)]
#[rtype(result = "u64")]
pub struct Apply(pub Arc<Config>);

impl Handler<Apply> for Topology {
    type Result = u64;

    fn handle(&mut self, apply: Apply, _: &mut Self::Context) -> u64 {
        let table = build(Some(&self.current.load()), apply.0, &self.ground);
        let generation = table.generation;
        self.current.store(Arc::new(table));
        generation
    }
}

/// These are the models of the database and their credentials from now on. The answer is the new table's generation.
#[derive(Message)]
#[rtype(result = "u64")]
pub struct ApplyModels {
    /// The models.
    pub rows: Vec<StoredModel>,
    /// The credentials that they may name.
    pub credentials: Vec<StoredCredential>,
}

impl Handler<ApplyModels> for Topology {
    type Result = u64;

    fn handle(&mut self, apply: ApplyModels, _: &mut Self::Context) -> u64 {
        let old = self.current.load();
        let stored = (apply.rows.into(), apply.credentials.into());
        let table = assemble(Some(&old), Arc::clone(&old.file), stored, &self.ground);
        let generation = table.generation;
        self.current.store(Arc::new(table));
        generation
    }
}

/// What is served at the moment.
#[derive(Message)]
#[rtype(result = "(u64, usize)")]
pub struct Describe;

impl Handler<Describe> for Topology {
    type Result = actix::MessageResult<Describe>;

    fn handle(&mut self, _: Describe, _: &mut Self::Context) -> Self::Result {
        let table = self.current.load();
        actix::MessageResult((table.generation, table.members().len()))
    }
}
