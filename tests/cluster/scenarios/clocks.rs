//! Promises 2, 3 and 10 where no two replicas agree what time it is: minutes apart, one before and one behind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::at_once;
use crate::harness::{FakeProvider, KEY, eventually};
use crate::report::Report;
use crate::stage::{Plan, Stage, capped};

const CLOCKS: [i32; 3] = [0, 150, -240];

/// What the replicas themselves take for the time, seconds apart.
async fn apart_by(stage: &Stage) -> i64 {
    let mut times = Vec::new();
    for replica in stage.living() {
        let bearer = format!("Bearer {KEY}");
        let reply = replica.raw("GET", "/v1/models", &[("authorization", &bearer)], b"").await;
        times.push(httpdate::parse_http_date(reply.must("date")).unwrap());
    }
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    i64::try_from(last.duration_since(*first).unwrap().as_secs()).unwrap()
}

/// Bursts on limits and budgets, and a key that is blocked on the replica whose clock is behind.
pub async fn apart(report: &Report) {
    let stage = Stage::start(FakeProvider::start().await, Plan { clocks: CLOCKS, ..Plan::default() }).await;
    let seconds = apart_by(&stage).await;
    report.note(2, "clocks of the replicas are apart, seconds", seconds, "about 390", seconds > 300);
    let limited = stage.key(json!({"rpm_limit": 100})).await;
    let counts = at_once(&stage.ring, &capped(&limited), 200).await;
    report.exactly(2, "  200 at once, rpm_limit 100: admitted", count(&counts, 200), 100);
    let counts = at_once(&stage.ring, &capped(&limited), 60).await;
    report.exactly(2, "  60 more in the same minute: admitted", count(&counts, 200), 0);
    // A period begins when a replica's clock says so, so none of theirs may be about to.
    let budget = json!({"max_budget": 1.0, "budget_duration": "30d"});
    let bought = stage.key(budget).await;
    let counts = at_once(&stage.ring, &capped(&bought), 500).await;
    report.exactly(
        3,
        "clocks apart: 500 at once, 0.01 each, max_budget 1.00: admitted",
        count(&counts, 200),
        100,
    );
    eventually("all rows are stored", || async {
        (stage.spend(&bought).await == 1_000_000_000).then_some(())
    })
    .await;
    let known = stage.key(json!({})).await;
    at_once(&stage.ring, &capped(&known), 6).await;
    let replica = stage.living().nth(2).unwrap();
    let bearer = format!("Bearer {KEY}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({"key": known}).to_string();
    assert_eq!(replica.raw("POST", "/key/block", &headers, body.as_bytes()).await.status(), 200);
    let since = Instant::now();
    let still = AtomicUsize::new(0);
    for replica in stage.living() {
        eventually("the key is refused", || async {
            let status = capped(&known).send(Some(replica.addr)).await.status;
            still.fetch_add(usize::from(status == 200), Ordering::Relaxed);
            (status == 401).then_some(())
        })
        .await;
    }
    report.within(
        10,
        "clocks apart: /key/block on the one behind, until all refuse",
        since.elapsed(),
        Duration::from_secs(1),
    );
    let answers = 206 + still.into_inner();
    let rows = stage.settled(|rows| rows.len() >= answers).await;
    report.exactly(1, &format!("clocks apart: rows of {answers} answers"), rows.len(), answers);
    report.exactly(1, "  audit", stage.audit(), 0);
}

fn count(counts: &BTreeMap<u16, usize>, status: u16) -> usize {
    counts.get(&status).copied().unwrap_or(0)
}
