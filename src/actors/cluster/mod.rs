//! The Cluster actor: what replicas tell each other.
//!
//! - owns: this replica's voice, what is known of the others, news that nobody could be told yet
//! - accepts: [`Tell`] (a change made here), what comes from the [`Bus`], [`Leave`]
//! - tells: other replicas; the [`Listener`] of changes made elsewhere; cells, how the others use their deployments;
//!   deployments' actors, which cooldowns others began and which latencies they measured
//! - never: is waited for by a request; trusts that it has heard everything after it could not hear
//! - on panic: restarted under the same name; what the others use is known again after a second
//! - on shutdown: [`Leave`] says farewell, so that its numbers go at once; else they go with its silence

mod bus;
mod handle;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture};
use metrics::Gauge;
use tokio::sync::Notify;

pub use bus::Bus;
use bus::Heard;
pub use handle::{ClusterHandle, Replicas};

use super::deployment::{Hear, Measured};
use super::keeper::DeathNotice;
use super::topology::{Current, Table};
use crate::base::clock::unix_ms;
use crate::domain::cluster::{Announcer, Changed, News, Numbers, Outgoing, Peers, Report, Rest};
use crate::domain::routing::StrategyName;
use crate::domain::routing::samples::Samples;
use crate::telemetry::{Metrics, names};

/// How often it is looked how many attempts are under way.
const SAMPLE: Duration = Duration::from_millis(20);
/// How often it is looked whether there is something to say.
const TICK: Duration = Duration::from_millis(100);
/// How often copies are doubted while nothing can be heard.
const DOUBT_EVERY: Duration = Duration::from_secs(1);

/// Somebody who keeps copies of what other replicas can change. Must not wait.
pub trait Listener: Send + Sync {
    /// Another replica has changed this.
    fn changed(&self, changed: &Changed);
    /// Something may have been missed: copies are to be looked up anew before they are believed again.
    fn doubt(&self);
    /// Everything is heard again, after a time in which it was not.
    fn hears_again(&self);
}

/// What every incarnation works with.
#[derive(Clone)]
pub struct Ground {
    /// The way to the others.
    pub bus: Bus,
    /// The deployments.
    pub current: Current,
    /// Who keeps copies.
    pub listener: Arc<dyn Listener>,
    /// Woken when a deployment begins to rest.
    pub cooled: Arc<Notify>,
    /// How many replicas there are.
    pub replicas: Replicas,
    /// The registry.
    pub metrics: Metrics,
}

/// One replica's part in the conversation.
pub struct Cluster {
    ground: Ground,
    voice: Announcer,
    peers: Peers,
    /// The fewest attempts under way since it was said last.
    lows: HashMap<Arc<str>, u32>,
    /// What was measured of the deployments, as it was said last.
    told: HashMap<Arc<str>, Samples>,
    outgoing: Outgoing,
    telling: bool,
    saying: bool,
    /// A cooldown has begun that the others do not know of.
    urgent: bool,
    hears: bool,
    leaves: bool,
    doubted: Instant,
    gauges: [Gauge; 2],
    notice: DeathNotice<Cluster>,
}

impl Cluster {
    /// An incarnation under this replica's name.
    pub fn new(ground: Ground, name: &str, notice: DeathNotice<Self>) -> Self {
        let gauge = |name| ground.metrics.gauge(name, &[]);
        let gauges = [gauge(names::CLUSTER_REPLICAS), gauge(names::CLUSTER_HEARS)];
        // Numbers go on from where an earlier incarnation can have been.
        let voice = Announcer::new(name, u64::try_from(unix_ms()).unwrap_or_default());
        Cluster {
            ground,
            voice,
            peers: Peers::default(),
            lows: HashMap::new(),
            told: HashMap::new(),
            outgoing: Outgoing::default(),
            telling: false,
            saying: false,
            urgent: false,
            hears: false,
            leaves: false,
            doubted: Instant::now(),
            gauges,
            notice,
        }
    }

    /// Looks after everything that depends on time.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = Instant::now();
        if self.ground.replicas.missed_telling() {
            self.outgoing.push(Changed::Everything);
        }
        if self.ground.replicas.missed_hearing() {
            self.ground.listener.doubt();
        }
        self.pump(ctx);
        self.say_usage(ctx);
        self.peers.forget_silent(now);
        self.show();
        if !self.hears && now.saturating_duration_since(self.doubted) >= DOUBT_EVERY {
            self.doubted = now;
            self.ground.listener.doubt();
        }
    }

    /// Puts what the others use where requests look, and their number where others do.
    fn show(&self) {
        let sums = self.peers.sums();
        for member in self.ground.current.load().members() {
            let cell = member.cell();
            cell.hear(sums.get(&*cell.deployment().id).copied().unwrap_or_default());
        }
        // Whoever cannot hear knows nothing new about who is there.
        if self.hears && self.ground.bus.carries_usage() {
            self.ground.replicas.set(self.peers.count() + 1);
        }
        let [replicas, hears] = &self.gauges;
        replicas.set(self.ground.replicas.count() as f64);
        hears.set(if self.hears { 1.0 } else { 0.0 });
    }

    /// Tells the next change, one after the other, until all are told.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        if self.telling {
            return;
        }
        let Some(changed) = self.outgoing.first().cloned() else { return };
        let text = News { from: self.voice.name().to_owned(), changed: changed.clone() }.text();
        let bus = self.ground.bus.clone();
        self.telling = true;
        let telling = wrap_future::<_, Self>(async move { bus.say_news(&text).await });
        ctx.spawn(telling.map(move |told, actor, ctx| {
            actor.telling = false;
            match told {
                Ok(()) => {
                    actor.outgoing.told(changed, Instant::now());
                    actor.pump(ctx);
                }
                Err(cause) => tracing::debug!(cause, "a change could not be told; trying again"),
            }
        }));
    }

    /// What lasts is worth telling: a count that has changed before it is heard would send all replicas to the same
    /// deployment at once. So the fewest attempts since the last word are told, not those of one moment.
    fn sample(&mut self) {
        for member in self.ground.current.load().members() {
            let cell = member.cell();
            let now = cell.in_flight();
            match self.lows.get_mut(&cell.deployment().id) {
                Some(low) => *low = now.min(*low),
                None => drop(self.lows.insert(Arc::clone(&cell.deployment().id), now)),
            }
        }
    }

    /// Says what there is to say.
    fn say_usage(&mut self, ctx: &mut Context<Self>) {
        if !self.ground.bus.carries_usage() || self.saying || self.leaves {
            return;
        }
        let now = Instant::now();
        let table = self.ground.current.load_full();
        self.sample();
        let (used, rests) = (usage(&table, &std::mem::take(&mut self.lows), now), rests(&table, now));
        let urgent = std::mem::take(&mut self.urgent);
        let samples = self.samples(&table);
        let reports = self.voice.next(used, rests, samples, urgent, now);
        if reports.is_empty() {
            return;
        }
        let bus = self.ground.bus.clone();
        self.saying = true;
        let saying = wrap_future::<_, Self>(async move {
            for report in reports {
                bus.say_usage(&report.text()).await;
            }
        });
        ctx.spawn(saying.map(|(), actor, ctx| {
            actor.saying = false;
            if actor.urgent {
                actor.say_usage(ctx);
            }
        }));
    }

    /// Latencies that were measured since the last word, where somebody goes by them.
    fn samples(&mut self, table: &Table) -> Vec<(String, Samples)> {
        if table.config.router.strategy != StrategyName::LatencyBased {
            self.told.clear();
            return Vec::new();
        }
        let news = table.members().iter().filter_map(|member| {
            let (id, own) = (&member.cell().deployment().id, member.cell().view().own);
            // What was measured before anybody counted is as old as this process may be.
            let news = own.since(&self.told.insert(Arc::clone(id), own)?);
            (!news.is_empty()).then(|| (id.to_string(), news))
        });
        let news = news.collect();
        if self.told.len() > table.members().len() {
            self.told
                .retain(|id, _| table.members().iter().any(|member| member.cell().deployment().id == *id));
        }
        news
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Began => {
                self.hears = true;
                self.outgoing.tell_again(Instant::now());
                self.ground.listener.hears_again();
                tracing::info!("changes made by other replicas are heard");
            }
            Heard::Lost => {
                self.hears = false;
                self.doubted = Instant::now();
                self.ground.listener.doubt();
                tracing::warn!(
                    "changes made by other replicas cannot be heard; keys are looked up in the database every second"
                );
            }
            Heard::News(text) => {
                let news = News::read(&text);
                if news.from != self.voice.name() {
                    self.ground.listener.changed(&news.changed);
                }
            }
            Heard::Usage(text) => {
                if let Some(report) = Report::read(&text).filter(|report| report.from != self.voice.name()) {
                    self.take_in(&report);
                }
            }
        }
    }

    fn take_in(&mut self, report: &Report) {
        if !self.peers.hear(report, Instant::now()) {
            return;
        }
        let table = self.ground.current.load();
        let find = |id: &str| table.members().iter().find(|member| *member.cell().deployment().id == *id);
        for (id, rest) in &report.rests {
            if let Some(member) = find(id) {
                let heard = Hear { remaining: rest.remaining, cause: rest.cause };
                // A mailbox that is full loses it until it is said again.
                member.actor().with(|address| address.try_send(heard).is_ok());
            }
        }
        for (id, samples) in &report.samples {
            if let Some(member) = find(id) {
                member.actor().with(|address| address.try_send(Measured(*samples)).is_ok());
            }
        }
        drop(table);
        self.show();
    }
}

/// How this replica uses its deployments.
fn usage(table: &Table, lows: &HashMap<Arc<str>, u32>, now: Instant) -> Vec<(String, Numbers)> {
    let counted = table.config.router.strategy == StrategyName::UsageBased;
    let of = |member: &super::topology::Member| {
        let cell = member.cell();
        let capacity = &cell.deployment().capacity;
        let limited = counted || capacity.rpm.is_some() || capacity.tpm.is_some();
        let (requests, tokens) = if limited { cell.used(now) } else { (0, 0) };
        let in_flight = lows.get(&cell.deployment().id).copied().unwrap_or_default();
        let numbers = Numbers { in_flight, requests, tokens };
        (cell.deployment().id.to_string(), numbers)
    };
    table.members().iter().map(of).collect()
}

/// The cooldowns that this replica began and that go on.
fn rests(table: &Table, now: Instant) -> Vec<(String, Rest)> {
    let of = |member: &super::topology::Member| {
        let view = member.cell().view();
        let remaining = view.own_cooling_until?.saturating_duration_since(now);
        let rest = Rest { remaining, cause: view.cooldown_cause? };
        (!remaining.is_zero()).then(|| (member.cell().deployment().id.to_string(), rest))
    };
    table.members().iter().filter_map(of).collect()
}

impl Actor for Cluster {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(4096);
        let (address, replicas) = (ctx.address(), self.ground.replicas.clone());
        let ear = move |heard| {
            if matches!(heard, Heard::Began | Heard::Lost) {
                // Rare, and what everything else depends on.
                address.do_send(FromBus(heard));
            } else if address.try_send(FromBus(heard)).is_err() {
                replicas.miss_hearing();
            }
        };
        ctx.spawn(wrap_future(self.ground.bus.clone().listen(Arc::new(ear))));
        ctx.run_interval(TICK, |actor, ctx| actor.tick(ctx));
        if self.ground.bus.carries_usage() {
            ctx.run_interval(SAMPLE, |actor, _| actor.sample());
        }
        let (cooled, address) = (Arc::clone(&self.ground.cooled), ctx.address());
        ctx.spawn(wrap_future(async move {
            loop {
                cooled.notified().await;
                // A full mailbox: the next beat says it.
                let _ = address.try_send(Cooled);
            }
        }));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.notice.retire();
    }
}

/// Something was changed here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tell(pub Changed);

impl Handler<Tell> for Cluster {
    type Result = ();

    fn handle(&mut self, Tell(changed): Tell, ctx: &mut Self::Context) {
        self.outgoing.push(changed);
        self.pump(ctx);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct FromBus(Heard);

impl Handler<FromBus> for Cluster {
    type Result = ();

    fn handle(&mut self, FromBus(heard): FromBus, _: &mut Self::Context) {
        self.hear(heard);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Cooled;

impl Handler<Cooled> for Cluster {
    type Result = ();

    fn handle(&mut self, _: Cooled, ctx: &mut Self::Context) {
        self.urgent = true;
        self.say_usage(ctx);
    }
}

/// This replica ends. Answered when the others have been told.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave;

impl Handler<Leave> for Cluster {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Leave, _: &mut Self::Context) -> Self::Result {
        // Nothing is said after the farewell.
        self.leaves = true;
        let (bus, farewell) = (self.ground.bus.clone(), self.voice.farewell().text());
        Box::pin(async move { bus.say_usage(&farewell).await })
    }
}
