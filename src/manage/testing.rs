//! The operations on a store in memory, for tests.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::body::Body;
use super::{Call, Caller, Changed, Changes, Manage, Settings, authority};
use crate::base::error::Error;
use crate::base::secret::Secret;
use crate::manage::authority::Verb;
use crate::store::{Store, StoreOptions};

/// 2026-11-21 08:50:35 UTC, a Saturday.
pub const NOW: i64 = 1_795_251_035_000;
/// The master key.
pub const MASTER: &str = "sk-master-of-the-tests";

/// Remembers what it was told.
#[derive(Default)]
pub struct Told(Mutex<Vec<Changed>>);

impl Changes for Told {
    fn tell(&self, changed: Changed) {
        self.0.lock().unwrap().push(changed);
    }
}

/// A gateway's management without HTTP.
pub struct Bench {
    pub manage: Manage,
    pub told: Arc<Told>,
    pub now_ms: i64,
}

impl Bench {
    pub fn new(settings: Settings) -> Self {
        let store = Store::in_memory(StoreOptions::default()).unwrap();
        let told = Arc::new(Told::default());
        let manage =
            Manage::new(store, settings, Secret::from(MASTER), Arc::clone(&told) as Arc<dyn Changes>);
        Bench { manage, told, now_ms: NOW }
    }

    /// Who has this key.
    pub async fn caller(&self, key: &str) -> Result<Caller, Error> {
        self.manage.identify(key, self.now_ms).await
    }

    /// A call as the handler makes it: the query of a GET stands in `fields`.
    pub async fn call(
        &self,
        key: &str,
        verb: Verb,
        route: &'static str,
        fields: Value,
    ) -> Result<Call, Error> {
        let caller = self.caller(key).await?;
        authority::admit(&caller, verb, route, route)?;
        let fields = Body(fields.as_object().unwrap().clone());
        let (body, query) =
            if verb == Verb::Get { (Body::default(), fields) } else { (fields, Body::default()) };
        let (manage, path) = (self.manage.clone(), Default::default());
        Ok(Call { manage, caller, now_ms: self.now_ms, body, query, path, route, changed_by: None })
    }

    /// A POST with the master key.
    pub async fn post(&self, route: &'static str, fields: Value) -> Call {
        self.call(MASTER, Verb::Post, route, fields).await.unwrap()
    }

    /// What was told since the last time.
    pub fn told(&self) -> Vec<Changed> {
        std::mem::take(&mut *self.told.0.lock().unwrap())
    }
}
