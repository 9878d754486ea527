//! Moving in: what a LiteLLM proxy's database knows, taken over.
//!
//! One pass over its tables, in the order in which rows need each other: budgets before those who point to them,
//! teams before their members. Each page of a table is one transaction here, and each row is decided on its own
//! (new, the same, different, not to be kept), so an interrupted run is simply run again. A dry run takes the same
//! way and writes nothing.

mod keys;
mod logs;
mod people;
mod report;
mod shapes;
mod shared;
mod teams;

use crate::store::litellm::{Record, Source};
use crate::store::{Entity, Store, StoreError, TakeOver, Taken};

pub use report::{Area, Report, Tally};

/// Rows that are read, and written in one transaction, at once.
const PAGE: i64 = 200;

/// The user under whose name LiteLLM counts what everybody spends.
const EVERYBODY: &str = "litellm-proxy-budget";

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether the request log is taken over too.
    pub with_spend_logs: bool,
    /// How rows are taken over.
    pub how: TakeOver,
}

/// A row on its way: what it is called in reports, and what it becomes or why it cannot become anything.
struct Read<E> {
    name: String,
    taken: Result<Taken<E>, String>,
}

/// What the steps work with.
struct Mover<'a> {
    source: &'a Source,
    store: &'a Store,
    how: TakeOver,
    report: Report,
}

/// Takes everything over, or finds out what that would do; answers what came of it.
///
/// # Errors
/// When the source cannot be read or the store cannot be written; pages that are done stay done.
pub async fn run(source: &Source, store: &Store, options: Options) -> Result<Report, StoreError> {
    source.require("LiteLLM_VerificationToken").await?;
    let mut mover = Mover { source, store, how: options.how, report: Report::default() };
    shared::budgets(&mut mover).await?;
    shared::organizations(&mut mover).await?;
    people::users(&mut mover).await?;
    shared::org_members(&mut mover).await?;
    teams::teams(&mut mover).await?;
    shared::end_users(&mut mover).await?;
    shared::tags(&mut mover).await?;
    keys::keys(&mut mover).await?;
    keys::replaced(&mut mover).await?;
    if options.with_spend_logs {
        logs::logs(&mut mover).await?;
    }
    mover.elsewhere(options.with_spend_logs).await?;
    Ok(mover.report)
}

/// What LiteLLM keeps that has no place here, and what to do about it.
const ELSEWHERE: &[(&str, &str)] = &[
    ("LiteLLM_ProxyModelTable", "models: write them into config.yaml or add them with /model/new"),
    ("LiteLLM_CredentialsTable", "credentials: make them anew with /credentials or in config.yaml"),
    ("LiteLLM_Config", "settings: write them into config.yaml"),
    ("LiteLLM_ProjectTable", "projects: keys keep their project_id, limits of projects do not hold"),
    ("LiteLLM_ObjectPermissionTable", "object permissions: what they restrict is not restricted here"),
    ("LiteLLM_AccessGroupTable", "access groups: name models in keys' and teams' models instead"),
    ("LiteLLM_GuardrailsTable", "guardrails"),
    ("LiteLLM_MCPServerTable", "MCP servers"),
    ("LiteLLM_AgentsTable", "agents"),
    ("LiteLLM_PolicyTable", "policies"),
    ("LiteLLM_JWTKeyMapping", "JWT mappings"),
    ("LiteLLM_DeletedVerificationToken", "the record of deleted keys"),
    ("LiteLLM_DeletedTeamTable", "the record of deleted teams"),
];

impl Mover<'_> {
    /// Goes through a table, page by page.
    async fn each<E: Entity>(
        &mut self,
        area: Area,
        table: &str,
        keys: &[&str],
        read: impl Fn(&Record) -> Option<Read<E>>,
    ) -> Result<(), StoreError> {
        let mut after: Option<Vec<String>> = None;
        loop {
            let (records, last) = self.source.page(table, keys, after.as_deref(), PAGE).await?;
            if records.is_empty() {
                return Ok(());
            }
            let rows: Vec<Read<E>> = records.iter().filter_map(&read).collect();
            self.take(area, rows).await?;
            after = Some(last);
        }
    }

    /// Takes rows over and writes down what became of them.
    async fn take<E: Entity>(&mut self, area: Area, rows: Vec<Read<E>>) -> Result<(), StoreError> {
        let (mut names, mut taken) = (Vec::new(), Vec::new());
        for row in rows {
            match row.taken {
                Ok(good) => {
                    names.push(row.name);
                    taken.push(good);
                }
                Err(reason) => self.report.left_out(area, &row.name, &reason),
            }
        }
        let outcomes = self.store.take_over(taken, self.how).await?;
        for (name, outcome) in names.iter().zip(outcomes) {
            self.report.outcome(area, name, outcome);
        }
        Ok(())
    }

    /// Counts what is not taken over.
    async fn elsewhere(&mut self, with_spend_logs: bool) -> Result<(), StoreError> {
        for (table, what) in ELSEWHERE {
            let rows = self.source.count(table).await?;
            if rows > 0 {
                self.report.elsewhere.push((rows, (*what).to_string()));
            }
        }
        if !with_spend_logs && self.source.has("LiteLLM_SpendLogs") {
            let rows = self.source.count("LiteLLM_SpendLogs").await?;
            let what = "rows of the request log: --with-spend-logs takes them over";
            self.report.elsewhere.push((rows, what.to_string()));
        }
        Ok(())
    }
}
