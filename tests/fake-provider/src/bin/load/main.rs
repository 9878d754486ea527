//! A load generator. Without `--rate` the loop is closed: every connection sends its next request when the last one is
//! answered. With it, requests begin at that many a second, and the time of one that had to wait for the last one's answer
//! counts from when it was due.
//!
//! `load --url http://127.0.0.1:PORT/v1/chat/completions --key K [--model M]` prints one line of JSON: requests, errors,
//! and latencies in microseconds. An answer counts as an error unless it has the status that is expected and is whole (a
//! stream: one that ends as streams of its kind do). What else can be asked for is in [`options::USAGE`].

mod measured;
mod options;
mod requests;
mod wire;

use std::io::Read;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use measured::{Measured, micros};
use options::Options;
use requests::Requests;
use wire::Wire;

fn main() -> ExitCode {
    let options = match options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("load: {message}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let done = Requests::new(&options).and_then(|requests| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(run(Rc::new(options), Rc::new(requests))))
    });
    match done {
        Ok((measured, took)) => {
            println!("{}", measured.report(took));
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("load: {e}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Rc<Options>, requests: Rc<Requests>) -> (Measured, Duration) {
    let start = Instant::now();
    let local = tokio::task::LocalSet::new();
    let tasks: Vec<_> = (0..options.connections)
        .map(|index| local.spawn_local(connection(options.clone(), requests.clone(), index, start)))
        .collect();
    let mut all = Measured::default();
    local
        .run_until(async {
            let mut held = Vec::new();
            for task in tasks {
                let Ok((one, wire)) = task.await else { continue };
                all.add(one);
                held.extend(wire);
            }
            if options.hold {
                // Whoever reads this measures now, and closes our standard input when that is done.
                println!("{}", serde_json::json!({"open": all.total.len(), "errors": all.errors, "last_error": all.last_error}));
                let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
            }
        })
        .await;
    (all, start.elapsed())
}

/// When a connection's next request is due.
struct Pace {
    every: Duration,
    due: Instant,
}

impl Pace {
    /// Waits for it, and returns when its time began: when it was due, if the connection was still taken then. One that
    /// was free begins when the timer has noticed, which may be a millisecond later and is nobody's answer time.
    async fn next(&mut self) -> Instant {
        let due = self.due;
        self.due += self.every;
        if due <= Instant::now() {
            return due;
        }
        tokio::time::sleep_until(due.into()).await;
        Instant::now()
    }
}

/// Sends requests over one connection until there are no more to send. Returns the connection, too, when its stream is
/// to be held open.
async fn connection(
    options: Rc<Options>,
    requests: Rc<Requests>,
    index: usize,
    start: Instant,
) -> (Measured, Option<Wire>) {
    let host = &options.hosts[index % options.hosts.len()];
    let share = index as f64 / options.connections as f64;
    let until = start + Duration::from_secs_f64(options.seconds);
    // Each connection has its share of the rate, and begins at its own time within the first interval.
    let mut pace = options.rate.map(|rate| {
        let every = Duration::from_secs_f64(options.connections as f64 / rate);
        Pace { every, due: start + every.mul_f64(share) }
    });
    tokio::time::sleep_until((start + options.ramp.mul_f64(share)).into()).await;
    let mut measured = Measured::default();
    let mut open: Option<Wire> = None;
    while Instant::now() < until {
        let Some(request) = requests.next(host) else { break };
        let mut wire = match open.take() {
            Some(wire) => wire,
            None => match Wire::connect(host).await {
                Ok(wire) => wire,
                Err(e) => {
                    measured.fail(e);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            },
        };
        let start = match &mut pace {
            Some(pace) => pace.next().await,
            None => Instant::now(),
        };
        match wire.exchange(&request, &options).await {
            Ok(answered) => {
                measured.total.push(micros(start.elapsed()));
                measured.answered(answered);
                if options.hold {
                    return (measured, Some(wire));
                }
                open = Some(wire);
            }
            Err(e) => measured.fail(e),
        }
    }
    (measured, None)
}
