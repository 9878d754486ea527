//! The cluster as its users have it: three real processes over one Redis and one PostgreSQL, a client that goes round,
//! and the faults of a bad night. What was promised is counted, and the counts are printed as a table at the end:
//! `cargo test --test cluster`, or with a part of a scenario's name behind it.
//!
//! Scenarios run one after the other, because they measure time. `CLUSTER_SECONDS` (default 12) is how long each of
//! those that live on load keeps it up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the report is what it is for")]

mod client;
#[path = "../e2e/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the end-to-end tests use the rest")]
mod harness;
mod look;
#[path = "../support/postgres.rs"]
#[allow(dead_code, reason = "the store's own tests use the rest")]
mod postgres;
mod proxy;
#[path = "../support/redis.rs"]
#[allow(dead_code, reason = "the link's own tests use the rest")]
mod redis;
mod report;
mod scenarios;
mod stage;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use report::Report;

/// How long a scenario may take beside the load that it was asked for.
const MOST: Duration = Duration::from_secs(90);

type Scenario = fn(Arc<Report>) -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! scenarios {
    ($($module:ident::$name:ident),* $(,)?) => {
        &[$((
            concat!(stringify!($module), "::", stringify!($name)),
            (|report| Box::pin(async move { scenarios::$module::$name(&report).await })) as Scenario,
        )),*]
    };
}

const SCENARIOS: &[(&str, Scenario)] = scenarios![
    exact::rates,
    exact::budgets,
    ledger::kills_and_a_stopped_database,
    money::everything_at_once,
    redis::frozen,
    redis::killed_and_empty,
    redis::slow_and_cut_off,
    database::down_at_the_start,
    database::slow_and_full,
    clocks::apart,
    slots::mixed_ends_and_a_kill,
    rolling::open_streams,
    shared::revoked_keys,
    shared::least_busy,
];

/// How long load lasts.
fn load_time() -> Duration {
    let asked = std::env::var("CLUSTER_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(asked.unwrap_or(12))
}

/// Runs one; says whether it held what was promised.
fn run(name: &str, scenario: Scenario, report: &Arc<Report>) -> bool {
    let misses = report.misses();
    let most = MOST + load_time();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let work = scenario(Arc::clone(report));
    let done =
        catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { tokio::time::timeout(most, work).await })));
    runtime.shutdown_background();
    match done {
        Ok(Ok(())) => report.misses() == misses,
        Ok(Err(_)) => {
            eprintln!("{name}: not over within {most:?}");
            false
        }
        Err(_) => false,
    }
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let chosen: Vec<_> = SCENARIOS
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())))
        .collect();
    if std::env::args().any(|word| word == "--list") {
        chosen.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let (began, report) = (Instant::now(), Arc::new(Report::default()));
    println!("\nrunning {} tests", chosen.len());
    let mut failed = 0;
    for (name, scenario) in &chosen {
        let since = Instant::now();
        let good = run(name, *scenario, &report);
        failed += usize::from(!good);
        eprintln!("{name}: {:.1} s", since.elapsed().as_secs_f64());
        println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
    }
    println!("\n{report}");
    // In the words of Rust's own test harness, so that whoever counts its tests counts these.
    println!(
        "test result: {}. {} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failed == 0 { "ok" } else { "FAILED" },
        chosen.len() - failed,
        SCENARIOS.len() - chosen.len(),
        began.elapsed().as_secs_f64(),
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
