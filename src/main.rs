//! The `stagedoor` program.

use std::process::ExitCode;

use clap::Parser;
use stagedoor::app;
use stagedoor::app::cli::{self, Cli};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse_from(cli::arguments(std::env::args_os()));
    actix_rt::System::new().block_on(app::run(cli))
}
