//! The Alerter actor: operators are told of budgets and of what happens to deployments, at the addresses that the
//! configuration names.
//!
//! - owns: an HTTP client, what has been told when, and one queue for each address; replicas that share Redis agree there
//!   on who tells of a budget
//! - accepts: [`Tell`] from the workers, notices of the [`Bulletin`], [`Flush`]
//! - tells: the addresses, one alert at a time each, again with growing pauses while they fail; metrics
//! - never: slows a request down; a full queue drops what is new, and says so
//! - on panic: restarted; what waited is lost, the log has had it
//! - on shutdown: one last [`Flush`], bounded; what is left is lost

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::fut::wrap_future;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture};
use bytes::Bytes;
use futures_util::StreamExt;

use super::bulletin::Bulletin;
use super::keeper::DeathNotice;
use super::topology::{Current, Ground};
use crate::base::clock::unix_ms;
use crate::base::reach::Reach;
use crate::base::secret::Secret;
use crate::config::model::AlertTarget;
use crate::domain::alert::Alert;
use crate::domain::budget::Line;
use crate::domain::notice::{Notice, Repeats};
use crate::redis_link::{Link, Value, cmd};
use crate::telemetry::{Metrics, names};
use crate::upstream::client::HttpUpstream;
use crate::upstream::{Fault, Route, Upstream};

/// Alerts that wait for one address at most.
const MOST_WAITING: usize = 256;
/// Alerts that are remembered at most, so that they are not repeated.
const MOST_TOLD: usize = 10_000;
/// How often an address is tried with one alert.
const TRIES: u32 = 8;
/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after the first failure, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a last flush looks.
const LOOK: Duration = Duration::from_millis(10);

/// What became of a budget's line when it was told: in which period, and when.
type Told = HashMap<(u128, Line), (i64, Instant)>;

/// Tells operators.
pub struct Alerter {
    current: Current,
    client: Rc<HttpUpstream>,
    metrics: Metrics,
    shared: Option<Link>,
    bulletin: std::sync::Arc<Bulletin>,
    told: Told,
    repeats: Repeats,
    lanes: Vec<Lane>,
    /// Alerts that wait or are under way.
    open: Rc<Cell<usize>>,
    notice: DeathNotice<Alerter>,
}

/// The alerts on their way to one address.
struct Lane {
    target: AlertTarget,
    route: Rc<Route>,
    waiting: VecDeque<Bytes>,
    busy: bool,
    /// Whether the last one was dropped, so that a full queue is said once.
    full: bool,
}

impl Alerter {
    /// An incarnation that reads its addresses from the current configuration.
    pub fn new(
        current: Current,
        tls: std::sync::Arc<rustls::ClientConfig>,
        ground: &Ground,
        shared: Option<Link>,
        notice: DeathNotice<Self>,
    ) -> Self {
        let (told, lanes, open) = (Told::new(), Vec::new(), Rc::default());
        let (metrics, bulletin) = (ground.metrics.clone(), std::sync::Arc::clone(&ground.bulletin));
        let (client, repeats) = (Rc::new(HttpUpstream::new(tls)), Repeats::default());
        Alerter { current, client, metrics, shared, bulletin, told, repeats, lanes, open, notice }
    }

    /// Waits for notices, and passes them on.
    fn follow(&self, ctx: &mut Context<Self>) {
        let bulletin = std::sync::Arc::clone(&self.bulletin);
        let reading = wrap_future::<_, Self>(async move { bulletin.read().await });
        ctx.spawn(reading.map(|notices, actor, ctx| {
            notices.iter().for_each(|notice| actor.pass_on(notice, ctx));
            actor.follow(ctx);
        }));
    }

    fn pass_on(&mut self, notice: &Notice, ctx: &mut Context<Self>) {
        let table = self.current.load_full();
        let Some(targets) = table.config.governance.alerts.notices.get(&notice.kind) else { return };
        let Some(more) = self.repeats.tell(notice, Instant::now()) else { return };
        let body = Bytes::from(notice.slack(unix_ms(), more).to_string());
        for target in targets {
            let place = self.lane(target);
            self.queue(place, body.clone(), ctx);
        }
    }

    /// Whether this alert is none that has been told already.
    fn is_new(&mut self, alert: &Alert, repeat_after: Duration) -> bool {
        let now = Instant::now();
        let place = (alert.scope.key(), alert.line);
        let known = self.told.get(&place);
        if known.is_some_and(|(began, since)| {
            *began == alert.began_ms && now.saturating_duration_since(*since) < repeat_after
        }) {
            return false;
        }
        if self.told.len() >= MOST_TOLD {
            self.told.retain(|_, (_, since)| now.saturating_duration_since(*since) < repeat_after / 2);
        }
        if self.told.len() >= MOST_TOLD {
            self.told.clear();
        }
        self.told.insert(place, (alert.began_ms, now));
        true
    }

    fn lane(&mut self, target: &AlertTarget) -> usize {
        if let Some(place) = self.lanes.iter().position(|lane| lane.target == *target) {
            return place;
        }
        let (AlertTarget::Slack(url) | AlertTarget::Webhook(url)) = target;
        let route = Route::new(url.expose().to_string(), Vec::<(String, Secret)>::new(), Reach::Anywhere);
        let waiting = VecDeque::new();
        self.lanes.push(Lane { target: target.clone(), route, waiting, busy: false, full: false });
        self.lanes.len() - 1
    }

    fn queue(&mut self, place: usize, body: Bytes, ctx: &mut Context<Self>) {
        let Some(lane) = self.lanes.get_mut(place) else { return };
        if lane.waiting.len() >= MOST_WAITING {
            if !std::mem::replace(&mut lane.full, true) {
                tracing::warn!(
                    target_kind = lane.target.kind(),
                    "too many alerts wait; new ones are dropped until some are delivered"
                );
            }
            return self.count(place, "dropped");
        }
        lane.full = false;
        lane.waiting.push_back(body);
        self.open.set(self.open.get() + 1);
        self.deliver_next(place, ctx);
    }

    fn deliver_next(&mut self, place: usize, ctx: &mut Context<Self>) {
        let Some(lane) = self.lanes.get_mut(place).filter(|lane| !lane.busy) else { return };
        let Some(body) = lane.waiting.pop_front() else { return };
        lane.busy = true;
        let (client, route) = (Rc::clone(&self.client), Rc::clone(&lane.route));
        let delivering = wrap_future::<_, Self>(async move { deliver(&client, &route, body).await });
        ctx.spawn(delivering.map(move |result, actor, ctx| {
            actor.open.set(actor.open.get().saturating_sub(1));
            actor.count(place, if result.is_ok() { "sent" } else { "failed" });
            if let Some(lane) = actor.lanes.get_mut(place) {
                lane.busy = false;
                if let Err(cause) = result {
                    tracing::warn!(
                        target_kind = lane.target.kind(),
                        cause,
                        "an alert could not be delivered"
                    );
                }
            }
            actor.deliver_next(place, ctx);
        }));
    }

    fn count(&self, place: usize, result: &'static str) {
        let kind = self.lanes.get(place).map_or("", |lane| lane.target.kind());
        self.metrics.counter(names::ALERTS, &[("target", kind), ("result", result)]).increment(1);
    }
}

/// Sends one alert, again and again while that may help.
async fn deliver(client: &HttpUpstream, route: &Rc<Route>, body: Bytes) -> Result<(), String> {
    let mut cause = String::new();
    for tries in 0..TRIES {
        if tries > 0 {
            actix_rt::time::sleep(pause(tries, fastrand::f64())).await;
        }
        match actix_rt::time::timeout(PATIENCE, send(client, route, body.clone())).await {
            Ok(Ok(200..=299)) => return Ok(()),
            Ok(Ok(status)) => {
                cause = format!("the address answers with status {status}");
                if !matches!(status, 408 | 425 | 429 | 500..) {
                    return Err(cause);
                }
            }
            Ok(Err(fault @ Fault::Unsendable(_))) => return Err(fault.to_string()),
            Ok(Err(fault)) => cause = fault.to_string(),
            Err(_) => cause = "the address does not answer".into(),
        }
    }
    Err(cause)
}

/// The answer's status; its body is read so that it ends in order.
async fn send(client: &HttpUpstream, route: &Rc<Route>, body: Bytes) -> Result<u16, Fault> {
    let mut reply = client.send(route, &[], body).await?;
    let status = reply.status();
    while let Some(Ok(_)) = reply.next().await {}
    Ok(status)
}

/// The pause after so many failures, between half and all of it by `jitter` (0 to 1).
pub(super) fn pause(failures: u32, jitter: f64) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
    whole.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

impl Actor for Alerter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1024);
        self.follow(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.notice.retire();
    }
}

/// A budget's line has been passed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tell(pub Box<Alert>);

impl Handler<Tell> for Alerter {
    type Result = ();

    fn handle(&mut self, Tell(alert): Tell, ctx: &mut Self::Context) {
        let repeat_after = self.current.load().config.governance.alerts.repeat_after;
        if !self.is_new(&alert, repeat_after) {
            return;
        }
        let Some(link) = self.shared.clone() else { return self.tell(&alert, ctx) };
        self.open.set(self.open.get() + 1);
        let asking =
            wrap_future::<_, Self>(async move { (is_first(&link, &alert, repeat_after).await, alert) });
        ctx.spawn(asking.map(|(is_first, alert), actor, ctx| {
            actor.open.set(actor.open.get().saturating_sub(1));
            if is_first {
                actor.tell(&alert, ctx);
            }
        }));
    }
}

/// Whether no other replica has told this alert. Where nobody can be asked it is told rather twice than never.
async fn is_first(link: &Link, alert: &Alert, repeat_after: Duration) -> bool {
    let Alert { scope, line, began_ms, .. } = alert;
    let mut command = cmd("SET");
    command.arg(format!("{}alert:{:032x}:{}:{began_ms}", link.prefix(), scope.key(), line.bit()));
    command.arg(1).arg("NX").arg("PX").arg(repeat_after.as_millis().max(1).to_string());
    !matches!(link.query(&command).await, Ok(Value::Nil))
}

impl Alerter {
    fn tell(&mut self, alert: &Alert, ctx: &mut Context<Self>) {
        let table = self.current.load_full();
        let settings = &table.config.governance.alerts;
        tracing::warn!(
            event = alert.event(),
            owner = alert.scope.shown(),
            spent = %alert.spend,
            "{}",
            alert.message()
        );
        for target in &settings.targets {
            let body = match target {
                AlertTarget::Slack(_) => alert.slack(),
                AlertTarget::Webhook(_) => alert.webhook(),
            };
            let place = self.lane(target);
            self.queue(place, Bytes::from(body.to_string()), ctx);
        }
    }
}

/// Answers when nothing waits any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Flush;

impl Handler<Flush> for Alerter {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        let open = Rc::clone(&self.open);
        Box::pin(async move {
            while open.get() > 0 {
                actix_rt::time::sleep(LOOK).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(pause(1, 1.0), FIRST_PAUSE);
        assert_eq!(pause(1, 0.0), FIRST_PAUSE / 2);
        assert_eq!(pause(3, 1.0), FIRST_PAUSE * 4);
        assert_eq!(pause(40, 1.0), LONGEST_PAUSE);
        let all: Duration = (1..TRIES).map(|failures| pause(failures, 1.0)).sum();
        assert!(all < Duration::from_secs(120), "{all:?}");
    }
}
