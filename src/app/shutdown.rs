//! Going down without breaking anything: readiness first, then no new connections, then patience.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use actix_rt::time::sleep;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::server::Running;
use crate::gateway::pipeline::Shared;

/// How long load balancers get to notice that readiness says 503 (`SHUTDOWN_DRAIN_DELAY`, seconds).
const DRAIN_DELAY: Duration = Duration::from_secs(1);
/// How long open requests get to finish (`GRACEFUL_SHUTDOWN_TIMEOUT`, seconds).
const GRACE: Duration = Duration::from_secs(600);
/// How often the wait looks at what is open.
const LOOK: Duration = Duration::from_millis(20);

/// Serves until SIGTERM or SIGINT, then drains. A second signal ends at once.
pub async fn run_until_stopped(running: Running, shared: &Shared, mut signals: Signals) -> ExitCode {
    let Running { server, handle, .. } = running;
    let serving = actix_rt::spawn(server);
    let first = signals.next().await;
    shared.draining.begin();
    tracing::info!(signal = first, open = shared.in_flight.count(), "shutting down");
    let drained = async {
        // Ctrl-C comes from a person at a terminal; nobody balances load there.
        if first == "SIGTERM" {
            sleep(seconds("SHUTDOWN_DRAIN_DELAY").unwrap_or(DRAIN_DELAY)).await;
        }
        handle.pause().await;
        drain(shared).await
    };
    let finished = tokio::select! {
        finished = drained => finished,
        _ = signals.next() => false,
    };
    handle.stop(false).await;
    serving.abort();
    if !finished {
        tracing::warn!(open = shared.in_flight.count(), "stopped with open requests");
    }
    ExitCode::SUCCESS
}

/// Waits until nothing is open, or the grace period is over.
async fn drain(shared: &Shared) -> bool {
    let end = Instant::now() + seconds("GRACEFUL_SHUTDOWN_TIMEOUT").unwrap_or(GRACE);
    let mut said = Instant::now();
    while shared.in_flight.count() > 0 {
        let now = Instant::now();
        if now >= end {
            return false;
        }
        if now.duration_since(said) >= Duration::from_secs(5) {
            said = now;
            tracing::info!(open = shared.in_flight.count(), "waiting for open requests");
        }
        sleep(LOOK).await;
    }
    // The last bytes of the last answers are still on their way through the sockets.
    sleep(Duration::from_millis(50)).await;
    true
}

fn seconds(name: &str) -> Option<Duration> {
    super::boot::process_env(name)?.parse().ok().and_then(crate::base::durations::from_seconds)
}

/// The signals that end the process.
pub struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// From here on they are received instead of killing the process.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn receive() -> std::io::Result<Self> {
        Ok(Signals { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}
