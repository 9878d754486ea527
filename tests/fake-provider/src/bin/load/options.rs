//! The command line.

use std::path::PathBuf;
use std::time::Duration;

pub const USAGE: &str = "\
usage: load --url http://HOST:PORT/PATH [--url ...] --key KEY [...]
  --url URL          where requests go; of several, connections take turns; all have the path of the first
  --key KEY          sent as Authorization: Bearer
  --keys FILE        keys, one a line, that requests take in turns, instead of --key
  --header 'N: V'    a header of every request; may be repeated
  --model MODEL      of the usual short question (gpt-4o)
  --body FILE        the body to send instead of the usual question
  --stream           ask for streams, and expect them
  --end TEXT         what a whole stream holds ('data: [DONE]')
  --expect STATUS    the status of an answer that is no error (200)
  --connections N    connections, each with one request at a time (16)
  --seconds S        no new request after that long (5)
  --requests N       no more requests than that, on all connections together
  --rate R           that many requests a second on all connections together; without it as many as go
  --ramp S           connections begin one after the other within that long (0)
  --hold             one stream a connection: say when each has begun, hold them until standard input is closed";

pub struct Options {
    /// `host:port` of each address.
    pub hosts: Vec<String>,
    pub path: String,
    pub key: String,
    pub keys: Option<PathBuf>,
    pub headers: Vec<String>,
    pub model: String,
    pub body: Option<PathBuf>,
    pub stream: bool,
    pub end: String,
    pub expect: u16,
    pub connections: usize,
    pub seconds: f64,
    pub requests: Option<u64>,
    pub rate: Option<f64>,
    pub ramp: Duration,
    pub hold: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            path: String::new(),
            key: String::new(),
            keys: None,
            headers: Vec::new(),
            model: "gpt-4o".to_owned(),
            body: None,
            stream: false,
            end: "data: [DONE]".to_owned(),
            expect: 200,
            connections: 16,
            seconds: 5.0,
            requests: None,
            rate: None,
            ramp: Duration::ZERO,
            hold: false,
        }
    }
}

/// Reads the arguments.
///
/// # Errors
/// Names the argument that is unknown, or whose value cannot be read.
pub fn read(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(name) = args.next() {
        match name.as_str() {
            "--stream" => options.stream = true,
            "--hold" => options.hold = true,
            _ => {
                let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
                options.set(&name, value)?;
            }
        }
    }
    if options.hosts.is_empty() {
        return Err("--url is missing".to_owned());
    }
    if options.connections == 0 {
        return Err("--connections: at least 1".to_owned());
    }
    if options.hold && !options.stream {
        return Err("--hold is about streams: --stream is missing".to_owned());
    }
    Ok(options)
}

impl Options {
    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "--url" => {
                let bad = || format!("{name}: not an http:// address with a path: {value}");
                let (host, path) =
                    value.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or_else(bad)?;
                self.hosts.push(host.to_owned());
                if self.path.is_empty() {
                    self.path = format!("/{path}");
                }
            }
            "--key" => self.key = value,
            "--keys" => self.keys = Some(value.into()),
            "--header" => self.headers.push(value),
            "--model" => self.model = value,
            "--body" => self.body = Some(value.into()),
            "--end" => self.end = value,
            "--expect" => self.expect = number(name, &value)?,
            "--connections" => self.connections = number(name, &value)?,
            "--requests" => self.requests = Some(number(name, &value)?),
            "--seconds" => self.seconds = positive(name, &value)?,
            "--rate" => self.rate = Some(positive(name, &value)?),
            "--ramp" => self.ramp = Duration::from_secs_f64(positive(name, &value)?),
            _ => return Err(format!("unknown argument: {name}")),
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name}: not such a number: {value}"))
}

fn positive(name: &str, value: &str) -> Result<f64, String> {
    let number: f64 = number(name, value)?;
    if number.is_finite() && number > 0.0 && number < 1e9 {
        Ok(number)
    } else {
        Err(format!("{name}: not a positive number: {value}"))
    }
}
