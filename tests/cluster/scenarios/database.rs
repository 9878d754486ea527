//! Promises 1 and 9: the database down at the start, back later, stopped under load, slow, and full.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Load, at_once, p99, with_status};
use crate::harness::{FakeProvider, Gateway, KEY, eventually};
use crate::look;
use crate::redis::Redis;
use crate::report::Report;
use crate::stage::{Plan, REPLICAS, Stage, a_while, capped};

/// What a database may need to be missed, and to be used again.
const HEALS: Duration = Duration::from_secs(5);

async fn statuses(stage: &Stage, key: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for replica in stage.living() {
        statuses.push(capped(key).send(Some(replica.addr)).await.status);
    }
    statuses
}

/// The most connections that the database saw in a while.
async fn most_connections(stage: &Stage, time: Duration) -> usize {
    let (end, mut most) = (Instant::now() + time, 0);
    while Instant::now() < end {
        most = most.max(look::connections(&stage.postgres, &stage.database).await);
        a_while(Duration::from_millis(50)).await;
    }
    most
}

/// Down at the start; then there; then stopped and started under load.
pub async fn down_at_the_start(report: &Report) {
    let plan = Plan { own_database: true, ..Plan::default() };
    let mut stage = Stage::prepare(FakeProvider::start().await, Redis::start(&[]), plan).await;
    stage.database("stop").await;
    stage.raise().await;
    let unknown = "sk-nobody-knows-this-key";
    report.exactly(
        9,
        "started without database: master key",
        list(&statuses(&stage, KEY).await),
        list(&[200; REPLICAS]),
    );
    report.exactly(9, "  unknown keys", list(&statuses(&stage, unknown).await), list(&[503; REPLICAS]));
    stage.database("start").await;
    let since = Instant::now();
    eventually("unknown keys are refused", || async {
        (statuses(&stage, unknown).await == [401; REPLICAS]).then_some(())
    })
    .await;
    report.within(9, "  until it is used after it has come", since.elapsed(), HEALS);
    under_load(&stage, report).await;
}

async fn under_load(stage: &Stage, report: &Report) {
    let key = stage.key(json!({"max_budget": 1_000_000, "rpm_limit": 1_000_000})).await;
    at_once(&stage.ring, &capped(&key), 2 * REPLICAS).await;
    let request = capped(&key);
    let load = Load::steady(&stage.ring, Duration::from_millis(8), move |_| request.clone());
    let most = most_connections(stage, Duration::from_secs(2)).await;
    let bar = 10 * REPLICAS;
    report.note(
        9,
        "connections of 3 replicas under 125 req/s, at most",
        most,
        &format!("<= {bar}"),
        most <= bar,
    );
    stage.database("stop").await;
    a_while(Duration::from_secs(3)).await;
    stage.ready(&[("db", "unavailable")]).await;
    report.exactly(
        9,
        "  unknown keys while it is stopped",
        list(&statuses(stage, "sk-nobody-either").await),
        list(&[503; REPLICAS]),
    );
    stage.database("start").await;
    let since = Instant::now();
    stage.ready(&[("db", "connected")]).await;
    report.within(9, "  until all replicas use it again", since.elapsed(), HEALS);
    let all = load.end().await;
    let failed = all.len() - with_status(&all, 200);
    report.exactly(9, &format!("  of {} requests with a known key, not 200", all.len()), failed, 0);
    // The master key's requests of the start have rows, too.
    let asked = all.len() + 2 * REPLICAS + REPLICAS;
    let rows = stage.settled(|rows| rows.len() >= asked).await;
    report.exactly(9, "  rows", rows.len(), asked);
    let crashed = stage.living().filter(|replica| has_panicked(replica)).count();
    report.exactly(9, "  replicas that panicked", crashed, 0);
}

/// What a full disk makes of every row.
const FULL: &str = "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER no_room BEFORE INSERT ON stagedoor_ledger FOR EACH STATEMENT EXECUTE FUNCTION no_room();";
const ROOM: &str = "DROP TRIGGER no_room ON stagedoor_ledger; DROP FUNCTION no_room();";

async fn waiting(stage: &Stage) -> f64 {
    let mut rows = 0.0;
    for replica in stage.living() {
        rows += replica.metric("stagedoor_spool_rows_waiting", &[]).await.unwrap_or_default();
    }
    rows
}

/// Each round trip takes half a second; then the disk is full; then all is well.
pub async fn slow_and_full(report: &Report) {
    let plan = Plan { database_line: true, ..Plan::default() };
    let stage = Stage::start(FakeProvider::start().await, plan).await;
    let key = stage.key(json!({"max_budget": 1_000_000, "rpm_limit": 1_000_000})).await;
    at_once(&stage.ring, &capped(&key), 2 * REPLICAS).await;
    let request = capped(&key);
    let load = Load::steady(&stage.ring, Duration::from_millis(8), move |_| request.clone());
    let line = stage.line.as_ref().unwrap();
    let (calm, second) = (Instant::now(), Duration::from_secs(1));
    a_while(2 * second).await;
    line.delay(Duration::from_millis(250));
    let slow = Instant::now();
    a_while(3 * second).await;
    let full = Instant::now();
    stage.postgres.script(&stage.database, FULL).await;
    line.delay(Duration::ZERO);
    a_while(3 * second).await;
    let kept = waiting(&stage).await;
    stage.postgres.script(&stage.database, ROOM).await;
    let since = Instant::now();
    let all = load.end().await;
    let failed = all.len() - with_status(&all, 200);
    report.exactly(9, &format!("database slow, then full: of {} requests, not 200", all.len()), failed, 0);
    let [before, then] = [p99(&all, calm, slow), p99(&all, slow, full)];
    let added = then.saturating_sub(before);
    let what = format!("  half a second for a round trip: p99 {} ms before; added", before.as_millis());
    report.tell(9, &what, format!("{} ms", added.as_millis()), "<= 50 ms", added.as_millis() <= 50);
    report.note(1, "database full: rows that wait in the spools", kept, "> 100", kept > 100.0);
    let asked = all.len() + 2 * REPLICAS;
    let rows = stage.settled(|rows| rows.len() >= asked).await;
    report.exactly(1, "  rows afterwards", rows.len(), asked);
    report.within(1, "  until all were stored", since.elapsed(), 2 * HEALS);
    report.exactly(1, "  audit", stage.audit(), 0);
}

fn has_panicked(replica: &Gateway) -> bool {
    replica.log().contains("panicked at")
}

fn list(statuses: &[u16]) -> String {
    format!("{statuses:?}")
}
