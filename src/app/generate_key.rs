//! `--generate_key`: a key for a user, made without a server.

use std::process::ExitCode;
use std::sync::Arc;

use super::boot::StartError;
use super::cli::Cli;
use super::remember::Served;
use super::{banner, remember};
use crate::base::secret::Secret;
use crate::config::Config;
use crate::config::model::ConfiguredUser;
use crate::manage::changes::NoCopies;
use crate::manage::{now_ms, users};
use crate::store::Target;

/// Makes a key for the user of `--user_id`, who is made if there is none, as the file's `user_config` has it, and
/// prints the key.
///
/// # Errors
/// When there is no database that outlives this process, or it cannot be used.
pub async fn run(cli: &Cli, config: &Config, master_key: &Secret) -> Result<ExitCode, StartError> {
    let failed = |cause: String| StartError::System(format!("no key was made: {cause}"));
    let user_id = cli.user_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
    let user_id = user_id.ok_or_else(|| failed("--user_id must name a user".into()))?;
    if !outlives(config) {
        return Err(failed(
            "without a database it would be gone when this command ends; set general_settings.database_url to \
             sqlite:///stagedoor.db or postgresql://..."
                .into(),
        ));
    }
    let configured = config.governance.users.iter().find(|user| user.user_id == user_id).cloned();
    let user =
        configured.unwrap_or_else(|| ConfiguredUser { user_id: user_id.to_string(), ..Default::default() });
    let manage =
        remember::manage(config, remember::store(config)?, master_key, Arc::new(NoCopies), Served::default());
    let key = users::key_for(&manage, &user, now_ms()).await.map_err(|error| {
        failed(match error.cause() {
            Some(cause) => format!("{error} ({cause})"),
            None => error.to_string(),
        })
    })?;
    banner::say_key(&key);
    Ok(ExitCode::SUCCESS)
}

/// Whether what is made is still there when this process has ended.
fn outlives(config: &Config) -> bool {
    match &config.governance.store.database_url {
        // One that cannot be read is told when it is opened.
        Some(url) => !matches!(Target::parse(url.expose()), Ok(Target::Memory)),
        None => false,
    }
}
