//! Models of the database and their credentials on their way into the table: looked for after each change here, and from time to time for
//! what other replicas have changed.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::ArbiterHandle;
use tokio::sync::{Mutex, oneshot};

use super::keeper::Kept;
use super::topology::{ApplyModels, Topology};
use crate::domain::keys::{StoredCredential, StoredModel};
use crate::store::{Entity, Find, Store, StoreError};

/// How long to wait before a database that did not answer is asked again.
const AGAIN: Duration = Duration::from_secs(2);
/// Rows that are read at once.
const PAGE: u32 = 1000;

/// Why the table does not have the database's models.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// The database did not give them.
    #[error("the models of the database could not be read: {0}")]
    Store(#[from] StoreError),
    /// Nobody could put them into the table.
    #[error("the topology actor is being restarted")]
    Topology,
}

/// Brings rows into the table. Clones are the same.
#[derive(Clone)]
pub struct StoredModels(Arc<Inner>);

struct Inner {
    store: Store,
    topology: Kept<Topology>,
    control: ArbiterHandle,
    /// What the table has: ids and versions. Held while a look is under way, so that an older one cannot arrive
    /// after a newer.
    applied: Mutex<Seen>,
}

/// Names and versions of models, and of credentials.
type Seen = (Vec<(String, i64)>, Vec<(String, i64)>);

impl StoredModels {
    /// From this store into this actor's table; the work is done on `control`.
    pub fn new(store: Store, topology: Kept<Topology>, control: ArbiterHandle) -> Self {
        StoredModels(Arc::new(Inner { store, topology, control, applied: Mutex::default() }))
    }

    /// Looks now; afterwards the table has what the database had when this was called. Goes on when the caller does
    /// not wait for it.
    ///
    /// # Errors
    /// Why the table may be older; the next look tries again.
    pub async fn refresh(&self) -> Result<(), Stale> {
        let (told, looked) = oneshot::channel();
        let own = self.clone();
        self.0.control.spawn(async move {
            // Nobody may be waiting any more.
            let _ = told.send(own.look().await);
        });
        looked.await.unwrap_or(Err(Stale::Topology))
    }

    /// Looks every so often, for ever; a database that is away is asked more often.
    pub async fn follow(self, every: Duration) {
        let mut told = false;
        loop {
            let pause = match self.refresh().await {
                Ok(()) => {
                    told = false;
                    every
                }
                Err(cause) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(%cause, "the models stay as they are; trying again");
                    }
                    AGAIN.min(every)
                }
            };
            actix_rt::time::sleep(pause).await;
        }
    }

    async fn look(&self) -> Result<(), Stale> {
        let mut applied = self.0.applied.lock().await;
        let (credentials, rows) = (self.rows::<StoredCredential>().await?, self.rows::<StoredModel>().await?);
        let seen: Seen = (
            rows.iter().map(|row| (row.model_id.clone(), row.state.version)).collect(),
            credentials.iter().map(|row| (row.name.clone(), row.state.version)).collect(),
        );
        if seen == *applied {
            return Ok(());
        }
        let models = rows.len();
        let asked = self.0.topology.with(|address| address.send(ApplyModels { rows, credentials }));
        let generation = asked.ok_or(Stale::Topology)?.await.map_err(|_| Stale::Topology)?;
        *applied = seen;
        tracing::info!(models, generation, "the models of the database are in use");
        Ok(())
    }

    /// All rows, the oldest first, so that what is added comes behind what is there.
    async fn rows<E: Entity>(&self) -> Result<Vec<E>, StoreError> {
        let mut rows = Vec::new();
        for page in 1.. {
            let find = Find { sort_by: "created_ms", descending: false, page, size: PAGE, ..Find::default() };
            let found = self.0.store.find::<E>(find).await?;
            let last = found.rows.len() < PAGE as usize;
            rows.extend(found.rows);
            if last {
                break;
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use actix_rt::Arbiter;
    use arc_swap::ArcSwap;
    use serde_json::json;

    use super::*;
    use crate::actors::topology::{Apply, Current, Ground, build};
    use crate::base::seal::Seal;
    use crate::base::secret::Secret;
    use crate::config::stored::Opener;
    use crate::config::{Config, load_text};
    use crate::store::StoreOptions;
    use crate::telemetry::Metrics;

    fn config(group: &str) -> Arc<Config> {
        let text =
            format!("model_list: [{{model_name: {group}, litellm_params: {{model: openai/x, api_key: k}}}}]");
        Arc::new(load_text(&text, "test.yaml", &|_| None).unwrap().config)
    }

    fn row(id: &str, seal: &Seal) -> StoredModel {
        let params = seal.seal_all(&json!({"model": "openai/y", "api_key": "k"})).unwrap();
        StoredModel {
            model_id: id.into(),
            model_name: id.into(),
            params: params.as_object().unwrap().clone(),
            ..StoredModel::default()
        }
    }

    fn names(current: &Current) -> Vec<String> {
        current.load().groups.public_names().map(str::to_string).collect()
    }

    #[actix_rt::test]
    async fn the_table_has_what_the_database_has_and_keeps_it_over_reloads() {
        let seal = Seal::new(Secret::from("salt"));
        let opener = Opener { seal: seal.clone(), environment: Arc::new(|_| None) };
        let metrics = Metrics::new(None).unwrap();
        let ground = Ground {
            control: Arbiter::current(),
            metrics,
            opener: Some(opener),
            cooled: Arc::default(),
            bulletin: Arc::default(),
        };
        let current = Arc::new(ArcSwap::from_pointee(build(None, config("file"), &ground)));
        let slot = Arc::clone(&current);
        let topology = Kept::start("topology", Arbiter::current(), metrics::Counter::noop(), move |notice| {
            Topology::new(Arc::clone(&slot), ground.clone(), notice)
        });
        while topology.address().is_none() {
            tokio::task::yield_now().await;
        }
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        let models = StoredModels::new(store.clone(), topology.clone(), Arbiter::current());
        store.create(row("one", &seal), 0, 1).await.unwrap();
        store.create(row("two", &seal), 0, 2).await.unwrap();
        models.refresh().await.unwrap();
        assert_eq!(names(&current), ["file", "one", "two"]);
        let generation = current.load().generation;
        models.refresh().await.unwrap();
        assert_eq!(current.load().generation, generation, "nothing has changed");
        topology.address().unwrap().send(Apply(config("other"))).await.unwrap();
        assert_eq!(names(&current), ["other", "one", "two"]);
        store.delete::<StoredModel>(vec![("one".into(), String::new())]).await.unwrap();
        models.refresh().await.unwrap();
        assert_eq!(names(&current), ["other", "two"]);
    }
}
