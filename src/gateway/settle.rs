//! What a finished request leaves in metrics and log. Handles of series are made once per combination.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use metrics::Gauge;

use super::record::{Finished, Settled};
use super::request_log;
use crate::actors::deployment::DeploymentNames;
use crate::store::Grant;
use crate::telemetry::bound::{Lease, OTHER};
use crate::telemetry::caller_series::CallerSeries;
use crate::telemetry::labels::{CallerLabels, DeploymentLabels, NONE, RequestLabels};
use crate::telemetry::names::Share;
use crate::telemetry::series::{RequestSeries, Times};
use crate::telemetry::{Metrics, names};
use crate::wire::endpoint::Endpoint;

/// The most combinations one worker keeps handles for; those beyond it are counted under `other`.
const MOST_ROWS: usize = 10_000;
/// A row that was not used for so long makes room where somebody waits for it.
const IDLE: Duration = Duration::from_secs(600);
/// How often that is looked at.
const SWEEP: Duration = Duration::from_secs(60);

/// Turns finished requests into metrics and log events.
pub struct Telemetry {
    metrics: Metrics,
    in_flight: Gauge,
    rows: RefCell<HashMap<Key, Place>>,
    swept: Cell<Option<Instant>>,
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

/// Where the requests of a key of the map are counted.
struct Place {
    row: Rc<Row>,
    /// When it was used last.
    used: Cell<Instant>,
    whose: Whose,
}

/// Whose series those of a row are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// One caller's.
    Own,
    /// Those of all callers who are not shown by name.
    Shared,
    /// The same, for one who may get a name later.
    Borrowed,
}

/// The series that one kind of request of one caller moves. They are shown while the leases are held.
struct Row {
    of_kind: RequestSeries,
    of_caller: CallerSeries,
    /// There was no room for all of its names.
    is_cut: bool,
    _leases: [Option<Lease>; 2],
}

impl Telemetry {
    /// A worker's telemetry.
    pub fn new(metrics: Metrics) -> Self {
        let in_flight = metrics.gauge(names::IN_FLIGHT, &[]);
        Telemetry { metrics, in_flight, rows: RefCell::default(), swept: Cell::new(None) }
    }

    /// Lets go of rows that nobody used for long, if others wait for their room; to be called about once a second.
    pub fn tick(&self, now: Instant) {
        let swept = self.swept.get().unwrap_or(now);
        if self.swept.get().is_some() && now.saturating_duration_since(swept) < SWEEP {
            return;
        }
        self.swept.set(Some(now));
        let mut rows = self.rows.borrow_mut();
        if rows.len() < MOST_ROWS / 2 && !rows.values().any(|place| place.row.is_cut) {
            return;
        }
        let keeps_shared = self.metrics.has_room(Share::Others);
        rows.retain(|_, place| {
            let idle = now.saturating_duration_since(place.used.get()) >= IDLE;
            !idle || (keeps_shared && place.whose == Whose::Shared)
        });
        if self.metrics.has_room(Share::Callers) {
            // They ask again with their next request.
            rows.retain(|_, place| place.whose != Whose::Borrowed);
        }
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
            class: finished.error.as_ref().map(|error| error.kind().metric_class()),
            requested: finished.requested_model.clone(),
            group: finished.group.clone(),
            deployment: finished.deployment.as_ref().map(|deployment| Arc::clone(&deployment.id)),
            hashed_key: finished.hashed_key.clone(),
        };
        let now = finished.received + finished.duration;
        let mut rows = self.rows.borrow_mut();
        if let Some(place) = rows.get(&key) {
            place.used.set(now);
            return Rc::clone(&place.row);
        }
        let full = rows.len() >= MOST_ROWS;
        let lease = if full { None } else { self.metrics.shows_caller(&key, &key.hashed_key) };
        if lease.is_some() {
            let row = Rc::new(self.make(finished, lease));
            rows.insert(key, Place { row: Rc::clone(&row), used: Cell::new(now), whose: Whose::Own });
            return row;
        }
        // All callers who are not shown by name share one row of each kind.
        let shared = Key { hashed_key: Some(OTHER.into()), ..key.clone() };
        let made =
            || Place { row: Rc::new(self.make(finished, None)), used: Cell::new(now), whose: Whose::Shared };
        let shared = rows.entry(shared).or_insert_with(made);
        shared.used.set(now);
        let row = Rc::clone(&shared.row);
        if !full {
            rows.insert(key, Place { row: Rc::clone(&row), used: Cell::new(now), whose: Whose::Borrowed });
        }
        row
    }

    fn make(&self, finished: &Finished, lease: Option<Lease>) -> Row {
        let status = finished.status.to_string();
        let deployment = finished.deployment.as_deref();
        let names = deployment.map(DeploymentNames::of);
        let labels = RequestLabels {
            requested_model: finished.requested_model.as_deref().unwrap_or("unknown"),
            model_group: finished.group.as_deref().unwrap_or("unknown"),
            route: finished.endpoint.route(),
            status: &status,
            class: finished.error.as_ref().map(|error| error.kind().metric_class()),
            deployment: names.as_ref().map_or(DeploymentLabels::NONE, DeploymentNames::labels),
        };
        let row = (labels.requested_model, labels.model_group, labels.deployment.model_id);
        // What no provider was called for tells nothing about a model.
        let model = deployment.and_then(|_| self.metrics.shows(&row));
        let shown = match (deployment, &model) {
            (None, _) => labels.among(NONE),
            (Some(_), None) => labels.among(OTHER),
            (Some(_), Some(_)) => labels,
        };
        let of_caller = if lease.is_some() {
            CallerSeries::new(&labels, &caller(finished))
        } else if self.metrics.has_room(Share::Others) {
            CallerSeries::new(&labels, &CallerLabels::OTHERS)
        } else {
            CallerSeries::new(&labels.among(OTHER), &CallerLabels::OTHERS)
        };
        let is_cut = lease.is_none() || (deployment.is_some() && model.is_none());
        Row { of_kind: RequestSeries::new(&labels, &shown), of_caller, is_cut, _leases: [lease, model] }
    }
}

fn caller(finished: &Finished) -> CallerLabels<'_> {
    let grant = finished.identity.as_ref().and_then(|identity| identity.grant.as_deref());
    let of = |name: fn(&Grant) -> Option<&str>| {
        grant.and_then(name).filter(|name| !name.is_empty()).unwrap_or(NONE)
    };
    CallerLabels {
        hashed_api_key: finished.hashed_key.as_deref().unwrap_or(NONE),
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
    use super::*;
    use crate::base::error::{Error, Kind};
    use crate::base::money::Nanos;
    use crate::base::usage::Usage;
    use crate::config::Config;
    use crate::domain::pricing::Cost;
    use crate::gateway::testing::config;

    fn models(count: usize) -> Config {
        let models: Vec<String> = (0..count)
            .map(|n| {
                format!(
                    "  - model_name: family-of-models/model-{n}\n    litellm_params: {{model: openai/gpt-of-size-{n}, \
                     api_key: k, rpm: 100, tpm: 9000, api_base: https://region-{}.example.com/v1}}\n",
                    n % 7
                )
            })
            .collect();
        config(&format!("model_list:\n{}", models.concat()))
    }

    fn finished(config: &Config, key: usize, model: usize) -> Finished {
        let deployment = &config.deployments[model % config.deployments.len()];
        let mut finished = Finished::of_test(Endpoint::Chat, 200, Some(Arc::clone(deployment)));
        finished.hashed_key = Some(format!("{key:064x}").into());
        finished.usage =
            Some(Usage { prompt_tokens: 10, completion_tokens: 20, cached_tokens: 1, ..Usage::default() });
        finished.first_token = Some(Duration::from_millis(7));
        finished.queued = Some(Duration::from_micros(40));
        finished
    }

    /// Refused before any deployment was picked.
    fn refused(config: &Config, key: usize, model: usize, kind: Kind, endpoint: Endpoint) -> Finished {
        let error = Error::new(kind, "No.");
        let group = Some(Arc::clone(&config.deployments[model % config.deployments.len()].group));
        let mut finished = Finished::of_test(endpoint, error.status(), None);
        finished.hashed_key = Some(format!("{key:064x}").into());
        (finished.requested_model, finished.group) = (group.clone(), group);
        (finished.error, finished.attempts) = (Some(error), 0);
        finished
    }

    fn tell(telemetry: &Telemetry, finished: &Finished) {
        telemetry.arrived();
        let cost = Cost { total: Nanos::new(42), ..Cost::default() };
        telemetry.settled(finished, &Settled { cost: Some(cost), ..Settled::default() });
    }

    /// The sum of a metric's series whose text holds the label.
    fn total(text: &str, name: &str, label: &str) -> u64 {
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    fn named(text: &str, key: usize) -> bool {
        text.contains(&format!("hashed_api_key=\"{key:064x}\""))
    }

    /// A million requests differ from these by the numbers in them.
    #[test]
    #[allow(clippy::print_stdout, reason = "size and time are for people")]
    fn a_scrape_stays_small_with_ten_thousand_keys_and_hundreds_of_models() {
        let config = models(250);
        let metrics = Metrics::new(None).unwrap();
        let telemetry = Telemetry::new(metrics.clone());
        for n in 0..30_000 {
            tell(&telemetry, &finished(&config, n / 3, n));
        }
        let kinds = [Kind::Forbidden, Kind::LimitExceeded, Kind::InvalidRequest];
        for n in 0..3_000 {
            let endpoint = [Endpoint::Chat, Endpoint::Embeddings][n % 2];
            tell(&telemetry, &refused(&config, n % 5, n / 3, kinds[n % 3], endpoint));
        }
        let started = Instant::now();
        let text = metrics.render();
        println!("{} bytes, {:?} in this build", text.len(), started.elapsed());
        assert!(text.len() < 700_000, "{} bytes", text.len());
        assert_eq!(total(&text, names::PROXY_REQUESTS, ""), 33_000, "nothing is lost");
        assert_eq!(total(&text, names::TOTAL_TOKENS, ""), 900_000, "nothing is lost");
        let count = format!("{}_count", names::TOTAL_LATENCY);
        assert_eq!(total(&text, &count, ""), 33_000, "nothing is lost");
        assert!(total(&text, names::PROXY_REQUESTS, "hashed_api_key=\"other\"") > 20_000);
        assert!(total(&text, &count, "model_id=\"other\"") > 10_000);
        let groups = format!("{}{{", names::REQUESTS);
        assert_eq!(
            text.lines().filter(|line| line.starts_with(&groups) && line.contains("\"200\"")).count(),
            250
        );
    }

    #[test]
    fn few_keys_and_models_are_all_told_by_name() {
        let config = models(9);
        let metrics = Metrics::new(None).unwrap();
        let telemetry = Telemetry::new(metrics.clone());
        for n in 0..45 {
            tell(&telemetry, &finished(&config, n / 9, n));
        }
        let text = metrics.render();
        assert!(!text.contains("\"other\""), "everybody has a name");
    }

    #[test]
    fn one_key_does_not_take_the_names_of_all_others() {
        let config = models(100);
        let metrics = Metrics::new(None).unwrap();
        let telemetry = Telemetry::new(metrics.clone());
        for n in 0..4_000 {
            let kind = [Kind::Forbidden, Kind::LimitExceeded, Kind::InvalidRequest][n % 3];
            let endpoint = [Endpoint::Chat, Endpoint::Embeddings, Endpoint::Responses][n / 3 % 3];
            tell(&telemetry, &refused(&config, 1, n / 9, kind, endpoint));
        }
        for key in 2..12 {
            tell(&telemetry, &finished(&config, key, key));
        }
        let text = metrics.render();
        assert!(
            total(&text, names::PROXY_REQUESTS, "hashed_api_key=\"other\"") > 0,
            "there is no room for all"
        );
        assert!((1..12).all(|key| named(&text, key)), "each key has a name");
    }

    #[test]
    fn a_name_that_nobody_uses_makes_room() {
        let config = models(10);
        let metrics = Metrics::new(None).unwrap();
        // Two workers hold the same rows.
        let telemetry = [Telemetry::new(metrics.clone()), Telemetry::new(metrics.clone())];
        let told = |worker: &Telemetry, key, at: Instant| {
            let mut finished = finished(&config, key, key);
            finished.received = at;
            tell(worker, &finished);
        };
        let start = Instant::now();
        for key in 0..2_000 {
            told(&telemetry[key % 2], key, start);
            told(&telemetry[(key + 1) % 2], key, start);
        }
        let before = metrics.render();
        assert!(named(&before, 0) && named(&before, 1) && !named(&before, 1_999));
        let later = start + IDLE + SWEEP;
        told(&telemetry[0], 0, later);
        told(&telemetry[1], 1_999, later);
        for worker in &telemetry {
            worker.tick(later + SWEEP);
        }
        let swept = metrics.render();
        assert!(named(&swept, 0) && !named(&swept, 1), "who was away is gone");
        for worker in &telemetry {
            worker.tick(later + SWEEP * 3);
        }
        told(&telemetry[1], 1_999, later + SWEEP * 3);
        let after = metrics.render();
        assert!(named(&after, 1_999), "who waited has a name");
        let of = |text: &str| total(text, names::PROXY_REQUESTS, &format!("hashed_api_key=\"{:064x}\"", 0));
        assert_eq!((of(&before), of(&after)), (2, 3), "what stays goes on counting");
        let others = |text: &str| total(text, names::PROXY_REQUESTS, "hashed_api_key=\"other\"");
        assert!(others(&after) >= others(&before), "what is told together never goes down");
    }

    #[test]
    fn own_refusals_are_told_from_a_providers() {
        let config = models(1);
        let metrics = Metrics::new(None).unwrap();
        let telemetry = Telemetry::new(metrics.clone());
        tell(&telemetry, &refused(&config, 1, 0, Kind::LimitExceeded, Endpoint::Chat));
        tell(&telemetry, &refused(&config, 1, 0, Kind::AllCooling, Endpoint::Chat));
        let mut theirs = finished(&config, 1, 0);
        (theirs.status, theirs.error) = (429, Some(Error::new(Kind::UpstreamRateLimit, "Slow down.")));
        tell(&telemetry, &theirs);
        let text = metrics.render();
        for class in ["HTTPException", "RouterRateLimitError", "Openai.RateLimitError"] {
            let label = format!("exception_class=\"{class}\"");
            assert_eq!(total(&text, names::PROXY_FAILED, &label), 1, "{class} in\n{text}");
        }
        for class in ["HTTPException", "RouterRateLimitError", "RateLimitError"] {
            let label = format!("exception_class=\"{class}\"");
            assert_eq!(total(&text, names::FAILED_REQUESTS, &label), 1, "{class} in\n{text}");
        }
    }
}
