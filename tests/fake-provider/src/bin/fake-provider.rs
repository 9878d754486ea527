//! The fake provider as a process: `fake-provider [--port N]`. Prints `listening on http://127.0.0.1:PORT` and
//! serves until it is killed.

use std::io::Write;
use std::process::ExitCode;

use fake_provider::FakeProvider;

fn main() -> ExitCode {
    let port = match port(std::env::args().skip(1)) {
        Ok(port) => port,
        Err(message) => {
            eprintln!("{message}\nusage: fake-provider [--port N]");
            return ExitCode::from(2);
        }
    };
    match FakeProvider::bind(port) {
        Ok(provider) => {
            println!("listening on {}", provider.base());
            // Whoever started this reads the line through a pipe.
            let _ = std::io::stdout().flush();
            provider.join();
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("fake-provider: port {port}: {e}");
            ExitCode::FAILURE
        }
    }
}

fn port(mut args: impl Iterator<Item = String>) -> Result<u16, String> {
    match (args.next().as_deref(), args.next()) {
        (None, _) => Ok(0),
        (Some("--port"), Some(n)) => n.parse().map_err(|_| format!("not a port: {n}")),
        (Some(other), _) => Err(format!("unknown argument: {other}")),
    }
}
