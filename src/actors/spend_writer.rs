//! The SpendWriter actor, on a thread of its own: rows go from the spool into the store.
//!
//! - owns: the spool's reading end
//! - accepts: [`Flush`]; otherwise it looks by itself
//! - tells: the budget accounts, what the store has committed
//! - never: drops a row that the store did not take; it comes again until it is confirmed
//! - on panic: restarted; rows that were not confirmed are read again, and the store takes each once
//! - on shutdown: one last [`Flush`]; what is left stays in the spool for the next start

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture};

use super::confirmed::Confirmed;
use super::coordinator::Commons;
use super::keeper::DeathNotice;
use super::spool_gauges::SpoolGauges;
use crate::base::clock::unix_ms;
use crate::domain::budget::Budgets;
use crate::domain::ledger::PackedRow;
use crate::spool::{Batch, Reader, Spool};
use crate::store::{Store, StoreErrorKind};

/// How many rows one transaction takes.
const MOST_ROWS: usize = 2_000;
/// And how many bytes: about what so many usual rows have, because what a batch has no room for is read again.
const MOST_BYTES: usize = 1 << 20;
/// How often it looks whether budget periods are over.
const RESETS: Duration = Duration::from_secs(10);
/// How often what waits is shown.
const SHOWN: Duration = Duration::from_secs(2);
/// The first pause after the store has refused.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// What the writer works with; it outlives a panic of the writer.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    /// Taken while a batch is under way.
    reader: Mutex<Option<Reader>>,
    store: Store,
    budgets: Arc<Budgets>,
    duties: Duties,
}

/// What is to be done how often.
#[derive(Clone)]
pub struct Duties {
    /// How long rows wait for company.
    pub gather: Duration,
    /// How long rows are kept, and how often that is looked after; `None`: for ever.
    pub keep: Option<(Duration, Duration)>,
    /// The spool that is to be forced to disk, and how often.
    pub sync: Option<(Arc<Spool>, Duration)>,
    /// Where what waits is shown.
    pub gauges: SpoolGauges,
    /// Who tells other replicas of what is stored.
    pub commons: Option<Commons>,
}

impl Desk {
    /// The spool's reading end, where rows go, and whose counters know of them.
    pub fn new(reader: Reader, store: Store, budgets: Arc<Budgets>, duties: Duties) -> Self {
        budgets.expect_rows(reader.has_leftovers());
        Desk(Arc::new(Inner { reader: Mutex::new(Some(reader)), store, budgets, duties }))
    }

    fn take_reader(&self) -> Option<Reader> {
        self.0.reader.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Stores one batch. `Ok(true)`: there is more than it had room for. `Ok(false)`: that was all, or somebody else is at
    /// it. What has come meanwhile waits for company: a transaction costs as much as a hundred rows, and one after the
    /// other would find only a few rows each.
    async fn step(&self) -> Result<bool, String> {
        let Some(reader) = self.take_reader() else { return Ok(false) };
        let mut held = Held { desk: self, reader: Some(reader) };
        let Some(reader) = held.reader.as_mut() else { return Ok(false) };
        let batch =
            reader.next_batch(MOST_ROWS, MOST_BYTES).map_err(|cause| format!("the spool: {cause}"))?;
        let (rows, mut confirmed) = read(&batch);
        confirmed.accounts().for_each(|account| self.0.budgets.storing(account));
        if !rows.is_empty() {
            self.store(rows, &mut confirmed).await?;
        }
        // Both or none: rows that are told of as stored do not come again.
        let accounts: Vec<u128> = confirmed.accounts().collect();
        let foreign = (0..batch.rows().len()).any(|place| !batch.is_own(place));
        let inherited: Vec<_> = confirmed.elsewhere().filter(|_| foreign).collect();
        confirmed.tell(&self.0.budgets);
        let more = batch.leaves_more();
        reader.confirm(batch);
        if let Some(commons) = &self.0.duties.commons {
            commons.stored(accounts.into_iter());
            commons.inherited(inherited.into_iter());
            commons.departed(reader.take_finished());
        }
        self.0.budgets.expect_rows(reader.has_leftovers());
        Ok(more)
    }

    async fn store(&self, rows: Vec<PackedRow>, confirmed: &mut Confirmed) -> Result<(), String> {
        match self.0.store.append(rows.clone()).await {
            Ok(appended) => confirmed.add(&appended),
            // One row that makes no sense must not stop the others; everything else is the store's trouble.
            Err(error) if error.kind == StoreErrorKind::Invalid => {
                self.one_by_one(rows, confirmed).await?;
            }
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }

    async fn one_by_one(&self, rows: Vec<PackedRow>, confirmed: &mut Confirmed) -> Result<(), String> {
        for row in rows {
            let id = row.id();
            match self.0.store.append(vec![row]).await {
                Ok(appended) => confirmed.add(&appended),
                Err(error) if error.kind == StoreErrorKind::Invalid => {
                    tracing::error!(%error, %id, "a ledger row makes no sense; it is left out");
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
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

/// The rows of a batch, and what the accounts of this process will be told of them. What a former process has counted
/// means nothing here.
fn read(batch: &Batch) -> (Vec<PackedRow>, Confirmed) {
    let (mut rows, mut confirmed) = (Vec::with_capacity(batch.rows().len()), Confirmed::default());
    for (place, bytes) in batch.rows().iter().enumerate() {
        match PackedRow::of_spool(bytes) {
            Ok(row) => {
                if batch.is_own(place) {
                    confirmed.count(&row);
                }
                confirmed.place(&row);
                rows.push(row);
            }
            Err(cause) => tracing::error!(%cause, "a row of the spool cannot be read; it is left out"),
        }
    }
    (rows, confirmed)
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
        ctx.spawn(look_after(self.desk.clone()).into_actor(self));
        ctx.spawn(force(self.desk.clone()).into_actor(self));
        ctx.spawn(show(self.desk.clone()).into_actor(self));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.notice.retire();
    }
}

async fn work(desk: Desk) {
    let gather = desk.0.duties.gather;
    let mut pause = Duration::ZERO;
    let mut refused = false;
    loop {
        actix_rt::time::sleep(pause).await;
        match drain(&desk).await {
            Ok(()) => {
                if std::mem::replace(&mut refused, false) {
                    tracing::info!("the store takes ledger rows again");
                }
                pause = gather;
            }
            Err(cause) => {
                if !std::mem::replace(&mut refused, true) {
                    tracing::error!(cause, "ledger rows wait in the spool: the store does not take them");
                }
                pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            }
        }
    }
}

/// Begins budget periods anew and lets old rows go. Neither is needed for budgets to be right: what is shown is then
/// as it is counted, and the database stays small.
async fn look_after(desk: Desk) {
    let mut next_clean_up = Instant::now();
    loop {
        actix_rt::time::sleep(RESETS).await;
        let now = unix_ms();
        match desk.0.store.reset_due(now).await {
            Ok(begun) if begun.is_empty() => {}
            Ok(begun) => tracing::info!(accounts = begun.len(), "budget periods have begun anew"),
            Err(error) => tracing::debug!(%error, "budget periods could not be looked after"),
        }
        let Some((keep, every)) = desk.0.duties.keep else { continue };
        if Instant::now() >= next_clean_up {
            next_clean_up = Instant::now() + every;
            let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
            if let Err(error) = desk.0.store.retain(now.saturating_sub(keep)).await {
                tracing::warn!(%error, "old ledger rows could not be deleted");
            }
        }
    }
}

/// Shows what waits; while a batch is under way, what waited before it.
async fn show(desk: Desk) {
    loop {
        let reader = desk.take_reader();
        let mut held = reader.map(|reader| Held { desk: &desk, reader: Some(reader) });
        let backlog = held.as_mut().and_then(|held| held.reader.as_mut()).map(Reader::backlog);
        drop(held);
        desk.0.duties.gauges.show(backlog);
        actix_rt::time::sleep(SHOWN).await;
    }
}

/// Forces the spool to disk as often as the configuration wants.
async fn force(desk: Desk) {
    let Some((spool, every)) = desk.0.duties.sync.clone() else { return };
    loop {
        actix_rt::time::sleep(every).await;
        if let Err(cause) = spool.sync() {
            tracing::warn!(%cause, "the spool could not be forced to disk");
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
