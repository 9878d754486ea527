//! `stagedoor import-litellm`: a LiteLLM proxy's database is taken over, or what that would do is told.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use super::boot::StartError;
use super::cli::ImportLitellm;
use super::remember;
use crate::base::clock::unix_ms;
use crate::config::Config;
use crate::manage::import::{self, Options, Report, Tally};
use crate::store::litellm::{self, Source};
use crate::store::{Store, StoreOptions, TakeOver, Target};

/// Something was kept as it is here because it differs, or could not be kept.
const NOT_ALL: u8 = 3;

/// Takes everything over that has a place here. The code is 0 when it is all here (or would be), 3 when not.
///
/// # Errors
/// When the source cannot be read, or the target is not named, or cannot be used.
pub async fn run(asked: &ImportLitellm, mut config: Config) -> Result<ExitCode, StartError> {
    let failed = |what: &str, cause: String| StartError::System(format!("{what}: {cause}"));
    if let Some(to) = &asked.to {
        config.governance.store.database_url = Some(to.clone());
    }
    let source =
        Source::open(asked.from.expose()).await.map_err(|cause| failed("--from", own_name(cause.message)))?;
    let store = target(&config, asked.apply).await?;
    let how = TakeOver {
        // A clock there that is ahead must not reach into what is spent here from now on.
        as_of_ms: source.as_of_ms().min(unix_ms()),
        overwrite: asked.overwrite,
        apply: asked.apply,
    };
    let options = Options { with_spend_logs: asked.with_spend_logs, how };
    let report = import::run(&source, &store, options).await.map_err(|cause| {
        let again = if asked.apply { "; what was written until then stays: run it again" } else { "" };
        failed("the import was not finished", format!("{cause}{again}"))
    })?;
    let _closed = std::io::stdout().write_all(told(&report, asked).as_bytes());
    let sum = report.sum();
    Ok(if sum.differs + sum.left_out == 0 { ExitCode::SUCCESS } else { ExitCode::from(NOT_ALL) })
}

/// Sentences about URLs speak of the setting that usually holds them.
fn own_name(message: String) -> String {
    message.replace("database_url: ", "").replace("database_url ", "the URL ")
}

/// The store to fill. A dry run makes neither a file nor tables: where there are none it compares with an empty one.
async fn target(config: &Config, apply: bool) -> Result<Store, StartError> {
    let unusable =
        |cause: String| StartError::System(format!("the database to fill cannot be used: {cause}"));
    let Some(url) = &config.governance.store.database_url else {
        let message = "where to? Give --to sqlite:///stagedoor.db or postgresql://..., or --config with a \
                       general_settings.database_url";
        return Err(StartError::System(message.to_string()));
    };
    let known = match Target::parse(url.expose()).map_err(|cause| unusable(cause.to_string()))? {
        Target::Memory => return Err(unusable("it would be gone when this command ends".to_string())),
        Target::File(path) => apply || path.exists(),
        Target::Postgres(_) => {
            apply || litellm::is_ours(url.expose()).await.map_err(|cause| unusable(cause.to_string()))?
        }
    };
    let store = if known {
        remember::store(config)?
    } else {
        let options =
            StoreOptions { calendar: config.governance.money.calendar.clone(), ..Default::default() };
        Store::in_memory(options).map_err(|cause| unusable(cause.to_string()))?
    };
    store.ping().await.map_err(|cause| unusable(cause.to_string()))?;
    Ok(store)
}

/// The report as text.
fn told(report: &Report, asked: &ImportLitellm) -> String {
    let mut text = String::new();
    if !asked.apply {
        text.push_str("Dry run: nothing was changed. --apply does it.\n\n");
    }
    let heads = if asked.apply { ["new", "replaced"] } else { ["would be new", "would be replaced"] };
    let _infallible = writeln!(
        text,
        "{:<22}{:>14}{:>14}{:>20}{:>20}{:>12}",
        "", heads[0], "here already", heads[1], "differ, kept", "left out"
    );
    for (area, tally) in &report.tallies {
        let Tally { new, same, differs, replaced, left_out } = *tally;
        let name = area.as_str();
        let _infallible =
            writeln!(text, "{name:<22}{new:>14}{same:>14}{replaced:>20}{differs:>20}{left_out:>12}");
    }
    let sum = report.sum();
    list(&mut text, "Differ and were kept (--overwrite replaces them):", &report.differing, sum.differs);
    list(&mut text, "Left out:", &report.left_out, sum.left_out);
    let notes: Vec<String> = report.notes.iter().map(|(what, rows)| format!("{rows} {what}")).collect();
    list(&mut text, "Changed on the way:", &notes, notes.len() as u64);
    let elsewhere: Vec<String> =
        report.elsewhere.iter().map(|(rows, what)| format!("{rows} {what}")).collect();
    list(&mut text, "Not taken over:", &elsewhere, elsewhere.len() as u64);
    if sum.new + sum.replaced == 0 {
        text.push_str("\nThere is nothing to do: everything that can be is here.\n");
    }
    text
}

fn list(text: &mut String, title: &str, lines: &[String], all: u64) {
    if all == 0 {
        return;
    }
    let _infallible = writeln!(text, "\n{title}");
    for line in lines {
        let _infallible = writeln!(text, "  {line}");
    }
    let more = all.saturating_sub(lines.len() as u64);
    if more > 0 {
        let _infallible = writeln!(text, "  ... and {more} more");
    }
}
