//! A load generator. Without `--rate` the loop is closed: every connection sends its next chat completion when the
//! last one is answered. With it, requests begin at that many a second, and latencies count from when one was due.
//!
//! `load --url http://127.0.0.1:PORT/v1/chat/completions --key K [--model M] [--connections N] [--seconds S]
//! [--rate R] [--stream]` prints one line of JSON: requests, errors, and latencies in microseconds. An answer counts as an
//! error unless it is a 200 that is whole (a stream: one that ends with `[DONE]`).

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Options {
    host: String,
    path: String,
    key: String,
    model: String,
    connections: usize,
    seconds: f64,
    rate: Option<f64>,
    stream: bool,
}

/// What one or all connections measured; times in microseconds.
#[derive(Default)]
struct Measured {
    total: Vec<u64>,
    first: Vec<u64>,
    gaps: Vec<u64>,
    errors: u64,
    last_error: Option<String>,
}

/// What one answer was like.
struct Answered {
    first: Duration,
    gaps: Vec<u64>,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("load: {message}");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("load: {e}");
            return ExitCode::FAILURE;
        }
    };
    let (measured, took) = runtime.block_on(run(&options));
    println!("{}", report(measured, took));
    ExitCode::SUCCESS
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        host: String::new(),
        path: String::new(),
        key: String::new(),
        model: "gpt-4o".to_owned(),
        connections: 16,
        seconds: 5.0,
        rate: None,
        stream: false,
    };
    while let Some(name) = args.next() {
        if name == "--stream" {
            options.stream = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        let bad = |what: &str| format!("{name}: not {what}: {value}");
        match name.as_str() {
            "--url" => {
                let rest = value.strip_prefix("http://").ok_or_else(|| bad("an http:// address"))?;
                let (host, path) = rest.split_once('/').ok_or_else(|| bad("an address with a path"))?;
                options.host = host.to_owned();
                options.path = format!("/{path}");
            }
            "--key" => options.key = value,
            "--model" => options.model = value,
            "--connections" => options.connections = value.parse().map_err(|_| bad("a number"))?,
            "--rate" => {
                let rate: f64 = value.parse().map_err(|_| bad("a number"))?;
                if !(rate.is_finite() && rate > 0.0) {
                    return Err(bad("a rate"));
                }
                options.rate = Some(rate);
            }
            "--seconds" => options.seconds = value.parse().map_err(|_| bad("a number"))?,
            _ => return Err(format!("unknown argument: {name}")),
        }
    }
    if options.host.is_empty() {
        return Err("--url is missing".to_owned());
    }
    Ok(options)
}

fn request(options: &Options) -> Vec<u8> {
    let mut body = serde_json::json!({"model": options.model,
        "messages": [{"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Say hello to my friend, please."}],
        "temperature": 0.2, "max_tokens": 256});
    if options.stream {
        body["stream"] = serde_json::json!(true);
    }
    let body = body.to_string();
    format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         accept: application/json\r\nuser-agent: load\r\ncontent-length: {}\r\n\r\n{body}",
        options.path,
        options.host,
        options.key,
        body.len()
    )
    .into_bytes()
}

async fn run(options: &Options) -> (Measured, Duration) {
    let request = request(options);
    let start = Instant::now();
    let until = start + Duration::from_secs_f64(options.seconds);
    let local = tokio::task::LocalSet::new();
    // Each connection has its share of the rate, and begins at its own time within the first interval.
    let every = options.rate.map(|rate| Duration::from_secs_f64(options.connections as f64 / rate));
    let tasks: Vec<_> = (0..options.connections)
        .map(|index| {
            let pace = every.map(|every| Pace {
                every,
                due: start + every.mul_f64(index as f64 / options.connections as f64),
            });
            local.spawn_local(connection(options.host.clone(), request.clone(), options.stream, until, pace))
        })
        .collect();
    let mut all = Measured::default();
    local
        .run_until(async {
            for task in tasks {
                let Ok(one) = task.await else { continue };
                all.total.extend(one.total);
                all.first.extend(one.first);
                all.gaps.extend(one.gaps);
                all.errors += one.errors;
                all.last_error = one.last_error.or(all.last_error.take());
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
    async fn next(&mut self) -> Instant {
        let due = self.due;
        self.due += self.every;
        tokio::time::sleep_until(due.into()).await;
        due
    }
}

async fn connection(
    host: String,
    request: Vec<u8>,
    stream: bool,
    until: Instant,
    mut pace: Option<Pace>,
) -> Measured {
    let mut measured = Measured::default();
    let mut open: Option<(TcpStream, BytesMut)> = None;
    while Instant::now() < until {
        let (mut socket, mut buf) = match open.take() {
            Some(open) => open,
            None => match TcpStream::connect(&host).await.and_then(|s| s.set_nodelay(true).map(|()| s)) {
                Ok(socket) => (socket, BytesMut::with_capacity(64 * 1024)),
                Err(e) => {
                    measured.errors += 1;
                    measured.last_error = Some(e.to_string());
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            },
        };
        let start = match &mut pace {
            Some(pace) => pace.next().await,
            None => Instant::now(),
        };
        match exchange(&mut socket, &mut buf, &request, stream).await {
            Ok(answer) => {
                measured.total.push(micros(start.elapsed()));
                measured.first.push(micros(answer.first));
                measured.gaps.extend(answer.gaps);
                open = Some((socket, buf));
            }
            Err(e) => {
                measured.errors += 1;
                measured.last_error = Some(e);
            }
        }
    }
    measured
}

/// Sends the request and reads the answer to its end.
async fn exchange(
    socket: &mut TcpStream,
    buf: &mut BytesMut,
    request: &[u8],
    stream: bool,
) -> Result<Answered, String> {
    let start = Instant::now();
    socket.write_all(request).await.map_err(|e| e.to_string())?;
    let length = loop {
        if let Some(length) = head(buf)? {
            break length;
        }
        fill(socket, buf).await?;
    };
    let mut answered = Answered { first: Duration::ZERO, gaps: Vec::new() };
    if let Some(length) = length {
        while buf.len() < length {
            fill(socket, buf).await?;
        }
        answered.first = start.elapsed();
        buf.advance(length);
        return if stream { Err("not a stream".to_owned()) } else { Ok(answered) };
    }
    let mut done = false;
    let mut last: Option<Instant> = None;
    loop {
        while let Some(chunk) = chunk(buf)? {
            if chunk.is_empty() {
                return if stream && !done { Err("the stream ended early".to_owned()) } else { Ok(answered) };
            }
            let now = Instant::now();
            match last {
                None => answered.first = start.elapsed(),
                Some(last) => answered.gaps.push(micros(now - last)),
            }
            last = Some(now);
            done |= memchr::memmem::find(&chunk, b"data: [DONE]").is_some();
        }
        fill(socket, buf).await?;
    }
}

async fn fill(socket: &mut TcpStream, buf: &mut BytesMut) -> Result<(), String> {
    buf.reserve(16 * 1024);
    match socket.read_buf(buf).await {
        Ok(0) => Err("the connection was closed".to_owned()),
        Ok(_) => Ok(()),
        Err(e) => Err(e.to_string()),
    }
}

/// Takes the head off `buf` once it is complete: `Some(None)` means a chunked body.
fn head(buf: &mut BytesMut) -> Result<Option<Option<usize>>, String> {
    let mut storage = [httparse::EMPTY_HEADER; 96];
    let mut parsed = httparse::Response::new(&mut storage);
    let httparse::Status::Complete(end) = parsed.parse(buf).map_err(|e| e.to_string())? else {
        return Ok(None);
    };
    if parsed.code != Some(200) {
        let body = String::from_utf8_lossy(buf.get(end..).unwrap_or_default()).into_owned();
        return Err(format!("status {:?}: {body}", parsed.code));
    }
    let length = parsed.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length = match length {
        Some(h) => {
            Some(std::str::from_utf8(h.value).ok().and_then(|v| v.parse().ok()).ok_or("bad content-length")?)
        }
        None => None,
    };
    buf.advance(end);
    Ok(Some(length))
}

/// Takes one chunk off `buf` once it is complete; an empty one is the body's end.
fn chunk(buf: &mut BytesMut) -> Result<Option<BytesMut>, String> {
    let Some(line) = memchr::memmem::find(buf, b"\r\n") else { return Ok(None) };
    let size = std::str::from_utf8(buf.get(..line).unwrap_or_default()).map_err(|e| e.to_string())?;
    let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
        .map_err(|e| e.to_string())?;
    if buf.len() < line + 2 + size + 2 {
        return Ok(None);
    }
    buf.advance(line + 2);
    let data = buf.split_to(size);
    buf.advance(2);
    Ok(Some(data))
}

fn micros(d: Duration) -> u64 {
    u64::try_from(d.as_micros()).unwrap_or(u64::MAX)
}

fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or(0)
}

fn report(mut measured: Measured, took: Duration) -> String {
    for list in [&mut measured.total, &mut measured.first, &mut measured.gaps] {
        list.sort_unstable();
    }
    let requests = measured.total.len();
    serde_json::json!({
        "requests": requests,
        "errors": measured.errors,
        "last_error": measured.last_error,
        "seconds": took.as_secs_f64(),
        "per_second": requests as f64 / took.as_secs_f64(),
        "p50_us": percentile(&measured.total, 50),
        "p99_us": percentile(&measured.total, 99),
        "first_p50_us": percentile(&measured.first, 50),
        "first_p99_us": percentile(&measured.first, 99),
        "gap_p50_us": percentile(&measured.gaps, 50),
        "gap_p99_us": percentile(&measured.gaps, 99),
    })
    .to_string()
}
