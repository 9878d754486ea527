//! How deployments stand, as metrics: written when somebody asks for them, from the table that serves then. So they are
//! never old, and a deployment that is gone has none.

use std::time::Instant;

use crate::actors::deployment::DeploymentNames;
use crate::actors::key_directory::Directory;
use crate::actors::topology::{Member, Table};
use crate::telemetry::names;
use crate::telemetry::text::{self, family};

/// One deployment's labels and numbers.
struct Row {
    own: String,
    grouped: String,
    short: String,
    state: u8,
    in_flight: u32,
    limits: [Option<u64>; 2],
    left: [Option<u64>; 2],
}

/// About the bytes of a line without its labels.
const LINE: usize = 50;

/// Appends the text for Prometheus. Answers about how many bytes that and the counters of the same deployments come to
/// when all of it is known: providers tell of their limits, and counters begin, with the first answer.
pub fn render(table: &Table, now: Instant, out: &mut String) -> [usize; 2] {
    let rows: Vec<Row> = table.members().iter().map(|member| row(member, now)).collect();
    family(out, names::DEPLOYMENT_STATE, "gauge", rows.iter().map(|row| (&*row.own, row.state.to_string())));
    let in_flight = rows.iter().map(|row| (&*row.short, row.in_flight.to_string()));
    family(out, names::DEPLOYMENT_IN_FLIGHT, "gauge", in_flight);
    for (place, name) in [names::RPM_LIMIT, names::TPM_LIMIT].into_iter().enumerate() {
        let known =
            rows.iter().filter_map(|row| Some((&*row.grouped, (*row.limits.get(place)?)?.to_string())));
        family(out, name, "gauge", known);
    }
    let left = [names::PROVIDER_REMAINING_REQUESTS, names::PROVIDER_REMAINING_TOKENS];
    for (place, name) in left.into_iter().enumerate() {
        let known = rows.iter().filter_map(|row| Some((&*row.grouped, (*row.left.get(place)?)?.to_string())));
        family(out, name, "gauge", known);
    }
    let lines = |row: &Row, grouped: usize| grouped * (row.grouped.len() + LINE);
    let gauges = |row: &Row| row.own.len() + row.short.len() + 2 * LINE + lines(row, 4);
    [rows.iter().map(gauges).sum(), rows.iter().map(|row| lines(row, 2)).sum()]
}

/// The messages that wait for those actors whom requests have to do with.
pub fn mailboxes(table: &Table, directory: Option<&Directory>, out: &mut String) {
    let facts: u64 = table.members().iter().map(|member| u64::from(member.cell().waiting())).sum();
    let look_ups = directory.map(|directory| u64::from(directory.waiting()));
    let rows = [("deployment", Some(facts)), ("key_directory", look_ups)];
    let rows: Vec<(String, String)> = rows
        .into_iter()
        .filter_map(|(actor, waiting)| Some((text::labels([("actor", actor)]), waiting?.to_string())))
        .collect();
    family(out, names::MAILBOX, "gauge", rows.iter().map(|(labels, waiting)| (&**labels, waiting.clone())));
}

fn row(member: &Member, now: Instant) -> Row {
    let cell = member.cell();
    let (deployment, view) = (cell.deployment(), cell.view());
    let names = DeploymentNames::of(deployment);
    let own = names.labels().full();
    let group = ("model_group", &*deployment.group);
    Row {
        own: text::labels(own),
        grouped: text::labels([group].into_iter().chain(own)),
        short: text::labels([group, ("model_id", &*deployment.id)]),
        state: match (view.cooling(now).is_some(), view.failures_in_row > 0) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        },
        in_flight: cell.in_flight(),
        limits: [deployment.capacity.rpm, deployment.capacity.tpm],
        left: cell.left(),
    }
}
