//! `stagedoor audit`: adds everything up again from the ledger's rows and prints what does not agree.

use std::io::Write as _;
use std::process::ExitCode;

use super::boot::StartError;
use super::remember;
use crate::base::money::Nanos;
use crate::config::Config;
use crate::store::Difference;

/// Audits the store that the configuration names. The code is 0 when everything agrees, 1 when something does not.
///
/// # Errors
/// When no database is configured, or it cannot be read.
pub async fn run(config: &Config) -> Result<ExitCode, StartError> {
    if config.governance.store.database_url.is_none() {
        let message = "general_settings.database_url is not set: there is nothing to audit";
        return Err(StartError::System(message.to_string()));
    }
    let (rows, differences) = remember::store(config)?
        .audit()
        .await
        .map_err(|cause| StartError::System(format!("the ledger cannot be audited: {cause}")))?;
    let text = told(rows, &differences);
    let _closed = std::io::stdout().write_all(text.as_bytes());
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One line for each difference, and what it was about.
fn told(rows: u64, differences: &[Difference]) -> String {
    let line = |one: &Difference| {
        let (kept, counted) = (shown(one.what, one.kept), shown(one.what, one.counted));
        format!("{}: {} is {kept}, the rows come to {counted}\n", one.of, one.what)
    };
    let mut text: String = differences.iter().map(line).collect();
    match differences.len() {
        0 => text.push_str(&format!("OK: {rows} rows, every total agrees with them\n")),
        count => text.push_str(&format!("{count} differences in {rows} rows\n")),
    }
    text
}

/// Dollars, but for counts of requests.
fn shown(what: &str, number: i64) -> String {
    if what == "requests" { number.to_string() } else { format!("${}", Nanos::new(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_in_dollars_and_counts() {
        assert_eq!(told(3, &[]), "OK: 3 rows, every total agrees with them\n");
        let one = Difference { of: "key abc".into(), what: "spend", kept: 1_500_000_000, counted: 700_000 };
        let other = Difference { of: "day 20778".into(), what: "requests", kept: 2, counted: 1 };
        let text = told(3, &[one, other]);
        assert_eq!(
            text,
            "key abc: spend is $1.5, the rows come to $0.0007\nday 20778: requests is 2, the rows come to 1\n\
             2 differences in 3 rows\n"
        );
    }
}
