//! Looks every other second whether the database answers, so that readiness, metrics and the log know of trouble
//! before a request does.

use std::time::Duration;

use crate::store::Store;
use crate::telemetry::{Metrics, names};

/// How often.
const EVERY: Duration = Duration::from_secs(2);

/// Looks for ever.
pub async fn run(store: Store, metrics: Metrics) {
    let up = metrics.gauge(names::DATABASE_UP, &[]);
    loop {
        let answers = store.look().await.is_ok();
        up.set(if answers { 1.0 } else { 0.0 });
        actix_rt::time::sleep(EVERY).await;
    }
}
