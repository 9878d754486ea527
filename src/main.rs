//! The `stagedoor` program.

use std::process::ExitCode;

use clap::Parser;
use stagedoor::app;
use stagedoor::app::cli::{self, Cli};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Huge pages would hold 20 MB resident where 4 MB are used, and made no request cheaper (measured with 32 connections).
fn use_small_pages() {
    // Where the kernel does not want to, it decides.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

fn main() -> ExitCode {
    use_small_pages();
    let cli = Cli::parse_from(cli::arguments(std::env::args_os()));
    actix_rt::System::new().block_on(app::run(cli))
}
