//! The file's configuration and the rows of the database as one.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Opener, Plain};
use crate::config::model::Config;
use crate::domain::deployment::{
    Capacity, Connection, Deployment, ModelInfo, Origin, Patience, RequestRules,
};
use crate::domain::keys::{JsonMap, StoredModel};
use crate::domain::providers::table;

/// A configuration that has both.
pub struct Merged {
    /// The file's, with the models of the database behind its own.
    pub config: Config,
    /// Models that are switched off and serve nothing.
    pub blocked: Vec<Arc<Deployment>>,
    /// Rows that cannot serve: their ids, and why.
    pub problems: Vec<(String, String)>,
}

impl Config {
    /// This configuration and these rows. A row that cannot be used becomes a deployment with a problem, so that it
    /// is seen; the others and the file's serve.
    pub fn with_models(&self, rows: &[StoredModel], opener: &Opener) -> Merged {
        let mut merged = Merged { config: self.clone(), blocked: Vec::new(), problems: Vec::new() };
        let mut taken: HashSet<Arc<str>> = self.deployments.iter().map(|one| Arc::clone(&one.id)).collect();
        for row in rows {
            let deployments = self.of_row(row, opener, &mut merged);
            for mut one in deployments {
                if !taken.insert(Arc::clone(&one.id)) {
                    one.problem =
                        Some(format!("the id \"{}\" is taken by a model of the config file", one.id));
                    one.id = Arc::from(format!("{}-stored", one.id));
                    taken.insert(Arc::clone(&one.id));
                }
                if let Some(problem) = &one.problem {
                    merged.problems.push((row.model_id.clone(), problem.clone()));
                }
                if row.blocked {
                    merged.blocked.push(Arc::new(one));
                } else {
                    one.position = merged.config.deployments.len();
                    merged.config.deployments.push(Arc::new(one));
                }
            }
        }
        merged
    }

    fn of_row(&self, row: &StoredModel, opener: &Opener, merged: &mut Merged) -> Vec<Deployment> {
        let plain = match opener.plain(row) {
            Ok(plain) => plain,
            Err(why) => return vec![unusable(row, why)],
        };
        let read = self.read_model(&plain, &*opener.environment);
        if let Some(error) = read.error() {
            let at = if error.path.is_empty() { String::new() } else { format!("{}: ", error.path) };
            return vec![unusable(row, format!("{at}{}", error.message))];
        }
        if !read.key_limits.is_empty() && !row.blocked {
            let groups = &mut merged.config.governance.limits.key_by_group;
            groups.entry(Arc::from(row.model_name.as_str())).or_insert(read.key_limits);
        }
        read.deployments
    }
}

impl Opener {
    /// A row with its secrets in the clear.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn plain(&self, row: &StoredModel) -> Result<Plain, String> {
        let sealed = serde_json::Value::Object(row.params.clone());
        let opened = self.seal.open_all(&sealed).map_err(|cause| {
            format!("its litellm_params cannot be decrypted: {cause} (LITELLM_SALT_KEY, else the master key)")
        })?;
        let params = match opened {
            serde_json::Value::Object(params) => params,
            _ => JsonMap::new(),
        };
        Ok(Plain {
            id: row.model_id.clone(),
            group: row.model_name.clone(),
            params,
            info: row.model_info.clone(),
        })
    }
}

/// A deployment that is seen and never picked.
fn unusable(row: &StoredModel, why: String) -> Deployment {
    Deployment {
        id: Arc::from(row.model_id.as_str()),
        group: Arc::from(row.model_name.as_str()),
        position: 0,
        provider: table::NONE,
        model: String::new(),
        connection: Connection::default(),
        request: RequestRules::default(),
        capacity: Capacity::default(),
        patience: Patience::default(),
        info: ModelInfo { raw: row.model_info.clone(), ..ModelInfo::default() },
        origin: Origin { stored: true, params: JsonMap::new() },
        problem: Some(why),
    }
}
