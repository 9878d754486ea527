//! Promise 8: Redis frozen, killed, slow and cut off, under steady load.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Done, Load, at_once, p99, with_status};
use crate::harness::FakeProvider;
use crate::look::Counters;
use crate::proxy::Proxy;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::{Plan, REPLICAS, Stage, a_while, aside, capped};

/// One request in so much time.
const EVERY: Duration = Duration::from_millis(8);
/// How long the load lasts before and after each fault.
const CALM: Duration = Duration::from_secs(3);
/// What trouble may add.
const ADDED: Duration = Duration::from_millis(50);
const DOWN: &str = "Redis cannot be used";
const BACK: &str = "Redis can be used again";

async fn load(stage: &Stage) -> (String, Load) {
    let key = stage.key(json!({"rpm_limit": 1_000_000, "max_budget": 1_000_000})).await;
    // Nobody is to be looked up under the fault.
    at_once(&stage.ring, &capped(&key), 2 * REPLICAS).await;
    let request = capped(&key);
    (key, Load::steady(&stage.ring, EVERY, move |_| request.clone()))
}

fn ms(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}

/// Notes how much later the slowest of a hundred requests were than before the fault.
fn added(report: &Report, what: &str, before: Duration, during: Duration) {
    let added = during.saturating_sub(before);
    let what = format!("  {what}: p99 {} before, {} then; added", ms(before), ms(during));
    report.tell(8, &what, ms(added), "<= 50 ms", added <= ADDED);
}

fn nobody_hurt(report: &Report, what: &str, all: &[Done]) {
    report.exactly(
        8,
        &format!("{what}: of {} requests, not 200", all.len()),
        all.len() - with_status(all, 200),
        0,
    );
    let others: Vec<u16> = all.iter().map(|done| done.status).filter(|status| *status != 200).collect();
    if !others.is_empty() {
        eprintln!("not 200: {others:?}");
    }
    let slowest = all.iter().map(|done| done.took).max().unwrap_or_default();
    report.within(8, "  the slowest", slowest, Duration::from_secs(1));
}

async fn gauges(stage: &Stage) -> f64 {
    let mut up = 0.0;
    for replica in stage.living() {
        up += replica.metric("stagedoor_redis_up", &[]).await.unwrap_or(-1.0);
    }
    up
}

/// Every change of state stands in the log once: as many lines say that it is back as said that it is gone. More than one
/// of them, and `before` for all replicas together, means that Redis did not answer for a second.
async fn said_once(report: &Report, stage: &Stage, before: usize) {
    let (mut down, mut back, since) = (stage.logged(DOWN), stage.logged(BACK), Instant::now());
    // A line is written a moment after what it tells of.
    while down != back && since.elapsed() < Duration::from_secs(5) {
        a_while(Duration::from_millis(20)).await;
        (down, back) = (stage.logged(DOWN), stage.logged(BACK));
    }
    let what = "  log lines down and up again, by replica";
    let paired = down == back && down.iter().all(|lines| *lines > 0);
    report.note(8, what, format!("{down:?} {back:?}"), "as many of both", paired);
    let changes = down.iter().sum::<usize>() - before;
    report.tell(8, "  log lines down for the one fault", changes, "3", changes == REPLICAS);
}

/// SIGSTOP for four seconds.
pub async fn frozen(report: &Report) {
    let stage = Stage::start(FakeProvider::start().await, Plan::default()).await;
    let (_, load) = load(&stage).await;
    let start = Instant::now();
    a_while(CALM).await;
    stage.redis.signal("STOP");
    let stopped = Instant::now();
    a_while(Duration::from_secs(2)).await;
    stage.ready(&[("redis", "unavailable")]).await;
    let down = gauges(&stage).await;
    a_while(Duration::from_secs(2)).await;
    stage.redis.signal("CONT");
    let back = Instant::now();
    stage.counts_together().await;
    let took = back.elapsed();
    a_while(CALM).await;
    let all = load.end().await;
    nobody_hurt(report, "Redis frozen for 4 s under 125 req/s", &all);
    let second = Duration::from_secs(1);
    let before = p99(&all, start + second, stopped);
    added(report, "first second", before, p99(&all, stopped, stopped + second));
    added(report, "after it", before, p99(&all, stopped + second, back));
    added(report, "thawed", before, p99(&all, back, back + CALM));
    report.exactly(8, "  metrics of replicas that say it is up, meanwhile", down, 0.0);
    report.within(8, "  until all replicas use it again", took, Duration::from_secs(5));
    said_once(report, &stage, 0).await;
    let counted = Counters::of(&stage.redis).requests();
    let admitted = i64::try_from(all.len() + 2 * REPLICAS).unwrap();
    // A call whose answer was lost may have been counted: too many for a minute, never too few.
    let what = "  requests in Redis' window, those of the outage, too";
    report.note(8, what, counted, &format!(">= {admitted}"), counted >= admitted);
}

/// kill -9, and an empty one on the same port two seconds later.
pub async fn killed_and_empty(report: &Report) {
    let mut stage = Stage::start(FakeProvider::start().await, Plan::default()).await;
    let full = stage.key(json!({"rpm_limit": 60})).await;
    at_once(&stage.ring, &capped(&full), 90).await;
    let (_, load) = load(&stage).await;
    let start = Instant::now();
    a_while(CALM).await;
    stage.redis.signal("KILL");
    let killed = Instant::now();
    stage.ready(&[("redis", "unavailable")]).await;
    a_while(Duration::from_secs(2)).await;
    let (port, back) = (stage.redis.port, Instant::now());
    stage.redis = aside(move || Redis::on(port, &[])).await;
    stage.counts_together().await;
    let took = back.elapsed();
    a_while(CALM).await;
    let all = load.end().await;
    nobody_hurt(report, "Redis killed, 2 s later an empty one, under 125 req/s", &all);
    let second = Duration::from_secs(1);
    added(report, "first second", p99(&all, start + second, killed), p99(&all, killed, killed + second));
    report.within(8, "  until all replicas use it again", took, Duration::from_secs(5));
    said_once(report, &stage, 0).await;
    let again = at_once(&stage.ring, &capped(&full), 60).await;
    let admitted = again.get(&200).copied().unwrap_or(0);
    report.exactly(2, "a full rpm_limit 60 after Redis has lost its windows: admitted", admitted, 0);
}

/// A millisecond away, twenty, and behind a network that lets nothing through.
pub async fn slow_and_cut_off(report: &Report) {
    let redis = Redis::start(&[]);
    let line = Proxy::to(redis.port).await;
    let plan = Plan { redis_port: Some(line.port), ..Plan::default() };
    let mut stage = Stage::prepare(FakeProvider::start().await, redis, plan).await;
    stage.raise().await;
    stage.counts_together().await;
    let (_, load) = load(&stage).await;
    let second = Duration::from_secs(1);
    let mut spans = Vec::new();
    for delay in [0, 1, 20] {
        line.delay(Duration::from_millis(delay));
        a_while(second / 2).await;
        let from = Instant::now();
        a_while(2 * second).await;
        spans.push((delay, from, Instant::now()));
    }
    line.delay(Duration::ZERO);
    a_while(second / 2).await;
    let lost = stage.logged(DOWN);
    line.cut(true);
    let cut = Instant::now();
    stage.ready(&[("redis", "unavailable")]).await;
    a_while(2 * second).await;
    line.cut(false);
    let mended = Instant::now();
    stage.counts_together().await;
    let took = mended.elapsed();
    a_while(second).await;
    let all = load.end().await;
    nobody_hurt(report, "Redis 1 ms and 20 ms away, cut off for 2 s, 125 req/s", &all);
    let near = p99(&all, spans[0].1, spans[0].2);
    for (delay, from, to) in &spans[1..] {
        added(report, &format!("{delay} ms away"), near, p99(&all, *from, *to));
    }
    let lost: usize = lost.iter().sum();
    // The line's own delays are those of this process: a busy machine makes them longer than any patience.
    report.tell(8, "  trouble told while it was slow", lost, "0", lost == 0);
    added(report, "first second cut off", near, p99(&all, cut, cut + second));
    added(report, "after it", near, p99(&all, cut + second, mended));
    report.within(8, "  until all replicas use it again", took, Duration::from_secs(5));
    said_once(report, &stage, lost).await;
}
