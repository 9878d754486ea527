//! What a finished request leaves in metrics and log. Handles of series are made once per combination.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use hashbrown::HashMap;
use metrics::Gauge;

use super::record::{Finished, Settled};
use super::request_log;
use crate::actors::deployment::DeploymentNames;
use crate::store::Grant;
use crate::telemetry::bound::OTHER;
use crate::telemetry::caller_series::{CallerLabels, CallerSeries};
use crate::telemetry::series::{DeploymentLabels, RequestLabels, RequestSeries, Times};
use crate::telemetry::{Metrics, names};
use crate::wire::endpoint::Endpoint;

/// The most combinations one worker keeps handles for; beyond it they are made anew each time.
const MOST_ROWS: usize = 10_000;

/// Turns finished requests into metrics and log events.
pub struct Telemetry {
    metrics: Metrics,
    in_flight: Gauge,
    rows: RefCell<HashMap<Key, Rc<Row>>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    endpoint: Endpoint,
    status: u16,
    class: Option<&'static str>,
    requested: Option<Arc<str>>,
    group: Option<Arc<str>>,
    deployment: Option<Arc<str>>,
    hashed_key: Option<Arc<str>>,
}

/// The series that one kind of request of one caller moves.
struct Row {
    of_kind: RequestSeries,
    of_caller: CallerSeries,
}

impl Telemetry {
    /// A worker's telemetry.
    pub fn new(metrics: Metrics) -> Self {
        let in_flight = metrics.gauge(names::IN_FLIGHT, &[]);
        Telemetry { metrics, in_flight, rows: RefCell::new(HashMap::new()) }
    }

    /// A request has consumed something that has no price. It is rare, or soon mended.
    pub fn unpriced(&self, finished: &Finished) {
        let group = finished.group.as_deref().unwrap_or("unknown");
        self.metrics.counter(names::UNPRICED, &[("model_group", group)]).increment(1);
        let deployment = finished.deployment.as_deref();
        let labels = [
            ("requested_model", group),
            ("model", group),
            ("model_id", deployment.map_or("None", |deployment| &*deployment.id)),
            ("api_provider", deployment.map_or("None", |deployment| deployment.provider.name)),
            ("reason", "no_price"),
        ];
        self.metrics.counter(names::ZERO_COST, &labels).increment(1);
    }

    /// A request has arrived.
    pub fn arrived(&self) {
        self.in_flight.increment(1.0);
    }

    /// A request is over, and this is what it came to.
    pub fn settled(&self, finished: &Finished, settled: &Settled) {
        self.in_flight.decrement(1.0);
        self.count(finished, settled);
        request_log::tell(finished, settled);
    }

    fn count(&self, finished: &Finished, settled: &Settled) {
        let failed = finished.error.is_some();
        let called = finished.attempts > 0;
        let times = Times {
            total: finished.duration,
            upstream: called.then_some(finished.upstream),
            first_token: finished.first_token,
            queued: finished.queued,
        };
        let nanos = settled.cost.map_or(0, |cost| cost.total.get());
        let row = self.row(finished);
        row.of_kind.count(&self.metrics, failed, &times);
        row.of_caller.count(&self.metrics, failed, called, finished.usage.as_ref(), nanos);
    }

    fn row(&self, finished: &Finished) -> Rc<Row> {
        let key = Key {
            endpoint: finished.endpoint,
            status: finished.status,
            class: finished.error.as_ref().map(|error| error.behaviour().class),
            requested: finished.requested_model.clone(),
            group: finished.group.clone(),
            deployment: finished.deployment.as_ref().map(|deployment| Arc::clone(&deployment.id)),
            hashed_key: finished.hashed_key.clone(),
        };
        let mut rows = self.rows.borrow_mut();
        if let Some(row) = rows.get(&key) {
            return Rc::clone(row);
        }
        let row = if self.metrics.shows_caller(&key) {
            Rc::new(self.make(finished, true))
        } else {
            // All callers who are not shown by name share one row of each kind.
            let shared = Key { hashed_key: Some(OTHER.into()), ..key.clone() };
            Rc::clone(rows.entry(shared).or_insert_with(|| Rc::new(self.make(finished, false))))
        };
        if rows.len() < MOST_ROWS {
            rows.insert(key, Rc::clone(&row));
        }
        row
    }

    fn make(&self, finished: &Finished, shows_caller: bool) -> Row {
        let status = finished.status.to_string();
        let deployment = finished.deployment.as_deref();
        let names = deployment.map(DeploymentNames::of);
        let mut labels = RequestLabels {
            requested_model: finished.requested_model.as_deref().unwrap_or("unknown"),
            model_group: finished.group.as_deref().unwrap_or("unknown"),
            route: finished.endpoint.route(),
            status: &status,
            class: finished.error.as_ref().map(|error| error.behaviour().class),
            deployment: names.as_ref().map_or(DeploymentLabels::NONE, DeploymentNames::labels),
        };
        let row = (labels.requested_model, labels.model_group, labels.deployment.model_id);
        if !self.metrics.shows(&row) {
            (labels.requested_model, labels.model_group) = (OTHER, OTHER);
            labels.deployment = DeploymentLabels::OTHERS;
        }
        let caller = if shows_caller { caller(finished) } else { CallerLabels::OTHERS };
        Row { of_kind: RequestSeries::new(&labels), of_caller: CallerSeries::new(&labels, &caller) }
    }
}

fn caller(finished: &Finished) -> CallerLabels<'_> {
    let grant = finished.identity.as_ref().and_then(|identity| identity.grant.as_deref());
    let of = |name: fn(&Grant) -> Option<&str>| {
        grant.and_then(name).filter(|name| !name.is_empty()).unwrap_or("None")
    };
    CallerLabels {
        hashed_api_key: finished.hashed_key.as_deref().unwrap_or("None"),
        api_key_alias: of(|grant| grant.key.key_alias.as_deref()),
        team: of(|grant| grant.key.team_id.as_deref()),
        team_alias: of(|grant| grant.team.as_ref()?.team_alias.as_deref()),
        user: of(|grant| grant.key.user_id.as_deref()),
        org_id: of(|grant| Some(grant.organization.as_ref()?.organization_id.as_str())),
        org_alias: of(|grant| grant.organization.as_ref()?.organization_alias.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::base::usage::Usage;
    use crate::gateway::testing::config;

    /// A million requests differ from these by the numbers in them.
    #[test]
    #[allow(clippy::print_stdout, reason = "the time is for people")]
    fn a_scrape_stays_small_with_ten_thousand_keys() {
        let deployments: Vec<String> = (0..3)
            .flat_map(|group| {
                (0..3).map(move |n| format!(
                    "  - model_name: group-{group}\n    litellm_params: {{model: openai/gpt-{n}, api_key: k, \
                     api_base: https://region-{n}.example.com/v1}}\n"
                ))
            })
            .collect();
        let config = config(&format!("model_list:\n{}", deployments.concat()));
        let metrics = Metrics::new(None).unwrap();
        let telemetry = Telemetry::new(metrics.clone());
        let usage = Usage { prompt_tokens: 10, completion_tokens: 20, cached_tokens: 1, ..Usage::default() };
        for number in 0..30_000usize {
            let deployment = &config.deployments[number % config.deployments.len()];
            let mut finished = Finished::of_test(Endpoint::Chat, 200, Some(Arc::clone(deployment)));
            finished.hashed_key = Some(format!("{:064x}", number / 3).into());
            finished.usage = Some(usage);
            finished.first_token = Some(Duration::from_millis(7));
            telemetry.arrived();
            telemetry.settled(&finished, &Settled::default());
        }
        let started = Instant::now();
        let text = metrics.render();
        println!("{} bytes, {:?} in an unoptimized build", text.len(), started.elapsed());
        assert!(text.len() < 1_000_000, "{} bytes", text.len());
        let total = |label: &str| -> u64 {
            let lines =
                text.lines().filter(|line| line.starts_with(names::PROXY_REQUESTS) && line.contains(label));
            lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
        };
        assert_eq!(total(""), 30_000, "nothing is lost");
        assert!(total("hashed_api_key=\"other\"") > 29_000);
        let named = text.lines().filter(|line| line.starts_with(names::PROXY_REQUESTS)).count();
        assert!(named <= crate::telemetry::bound::MOST_CALLERS + config.deployments.len(), "{named}");
    }
}
