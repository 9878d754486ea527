//! The SpendWriter actor, on a thread of its own: rows go from the spool into the store.
//!
//! - owns: the spool's reading end
//! - accepts: [`Flush`]; otherwise it looks by itself
//! - tells: the budget accounts, what the store has committed
//! - never: drops a row that the store did not take; it comes again until it is confirmed
//! - on panic: restarted; rows that were not confirmed are read again, and the store takes each once
//! - on shutdown: one last [`Flush`]; what is left stays in the spool for the next start

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture};

use super::keeper::DeathNotice;
use crate::base::money::Nanos;
use crate::domain::budget::Budgets;
use crate::domain::ledger::{AccountId, AccountKind, LedgerRow};
use crate::domain::scope::{ScopeId, ScopeKind};
use crate::spool::{Batch, Reader};
use crate::store::{Charged, Store, StoreErrorKind};

/// How many rows one transaction takes.
const MOST_ROWS: usize = 2_000;
/// And how many bytes.
const MOST_BYTES: usize = 8 << 20;
/// How long rows gather before they are stored.
const GATHER: Duration = Duration::from_millis(200);
/// The longest pause after the store has refused.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What the writer works with; it outlives a panic of the writer.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    /// Taken while a batch is under way.
    reader: Mutex<Option<Reader>>,
    store: Store,
    budgets: Arc<Budgets>,
}

impl Desk {
    /// The spool's reading end, where rows go, and whose counters know of them.
    pub fn new(reader: Reader, store: Store, budgets: Arc<Budgets>) -> Self {
        Desk(Arc::new(Inner { reader: Mutex::new(Some(reader)), store, budgets }))
    }

    fn take_reader(&self) -> Option<Reader> {
        self.0.reader.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Stores one batch. `Ok(true)`: there may be more. `Ok(false)`: nothing was there, or somebody else is at it.
    async fn step(&self) -> Result<bool, String> {
        let Some(reader) = self.take_reader() else { return Ok(false) };
        let mut held = Held { desk: self, reader: Some(reader) };
        let Some(reader) = held.reader.as_mut() else { return Ok(false) };
        let batch =
            reader.next_batch(MOST_ROWS, MOST_BYTES).map_err(|cause| format!("the spool: {cause}"))?;
        if batch.is_empty() {
            return Ok(false);
        }
        let rows = rows(&batch);
        match self.0.store.append(rows.clone()).await {
            Ok(appended) => self.confirm(&appended.charged),
            // One row that the store cannot take must not stop the others.
            Err(error) if error.kind == StoreErrorKind::Unavailable => return Err(error.to_string()),
            Err(_) => self.one_by_one(rows).await?,
        }
        reader.confirm(batch);
        Ok(true)
    }

    async fn one_by_one(&self, rows: Vec<LedgerRow>) -> Result<(), String> {
        for row in rows {
            let id = row.id.clone();
            match self.0.store.append(vec![row]).await {
                Ok(appended) => self.confirm(&appended.charged),
                Err(error) if error.kind == StoreErrorKind::Unavailable => return Err(error.to_string()),
                Err(error) => tracing::error!(%error, id, "the store refuses a ledger row; it is left out"),
            }
        }
        Ok(())
    }

    fn confirm(&self, charged: &[Charged]) {
        for charged in charged {
            let Some(scope) = scope_of(&charged.id) else { continue };
            let (amount, spent) = (Nanos::new(charged.amount_nanos), Nanos::new(charged.spent_nanos));
            self.0.budgets.confirm(&scope, charged.admitted_ms, amount, spent);
        }
    }
}

/// Gives the reader back, whatever happens.
struct Held<'a> {
    desk: &'a Desk,
    reader: Option<Reader>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *self.desk.0.reader.lock().unwrap_or_else(PoisonError::into_inner) = self.reader.take();
    }
}

fn rows(batch: &Batch) -> Vec<LedgerRow> {
    let read = |bytes: &bytes::Bytes| match serde_json::from_slice::<LedgerRow>(bytes) {
        Ok(row) => Some(row),
        Err(cause) => {
            tracing::error!(%cause, "a row of the spool cannot be read; it is left out");
            None
        }
    };
    batch.rows().iter().filter_map(read).collect()
}

/// Where the money of an account is counted in this process.
fn scope_of(id: &AccountId) -> Option<ScopeId> {
    let AccountId { owner, part, .. } = id;
    Some(match id.kind {
        AccountKind::Key => ScopeId::new(ScopeKind::Key, owner),
        AccountKind::KeyWindow => ScopeId::new(ScopeKind::Key, owner).within(part),
        AccountKind::KeyModel => ScopeId::pair(ScopeKind::ModelPerKey, owner, part),
        AccountKind::User => ScopeId::new(ScopeKind::User, owner),
        AccountKind::UserModel => ScopeId::pair(ScopeKind::ModelPerUser, owner, part),
        AccountKind::Team => ScopeId::new(ScopeKind::Team, owner),
        AccountKind::TeamWindow => ScopeId::new(ScopeKind::Team, owner).within(part),
        AccountKind::TeamModel => ScopeId::pair(ScopeKind::ModelPerTeam, owner, part),
        AccountKind::Member => ScopeId::pair(ScopeKind::TeamMember, owner, part),
        AccountKind::Organization => ScopeId::new(ScopeKind::Organization, owner),
        AccountKind::EndUser => ScopeId::new(ScopeKind::EndUser, owner),
        AccountKind::Tag => ScopeId::new(ScopeKind::Tag, owner),
        AccountKind::Global => ScopeId::global(),
        AccountKind::Budget | AccountKind::Model | AccountKind::OrgMember => return None,
    })
}

/// Moves rows.
pub struct SpendWriter {
    desk: Desk,
    notice: DeathNotice<SpendWriter>,
}

impl SpendWriter {
    /// An incarnation at the shared desk.
    pub fn new(desk: Desk, notice: DeathNotice<Self>) -> Self {
        SpendWriter { desk, notice }
    }
}

impl Actor for SpendWriter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(16);
        ctx.spawn(work(self.desk.clone()).into_actor(self));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.notice.retire();
    }
}

async fn work(desk: Desk) {
    let mut pause = GATHER;
    let mut refused = false;
    loop {
        actix_rt::time::sleep(pause).await;
        match drain(&desk).await {
            Ok(()) => {
                if std::mem::replace(&mut refused, false) {
                    tracing::info!("the store takes ledger rows again");
                }
                pause = GATHER;
            }
            Err(cause) => {
                if !std::mem::replace(&mut refused, true) {
                    tracing::error!(cause, "ledger rows wait in the spool: the store does not take them");
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Stores all that waits now.
async fn drain(desk: &Desk) -> Result<(), String> {
    while desk.step().await? {}
    Ok(())
}

/// Store what waits now. Answers whether all of it is stored.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct Flush;

impl Handler<Flush> for SpendWriter {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, _: Flush, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move {
            // A batch that is under way has the reader; wait for it.
            while desk.0.reader.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
                actix_rt::time::sleep(Duration::from_millis(5)).await;
            }
            drain(&desk).await.is_ok()
        })
    }
}
