//! The worker's [`Settle`]: the bill, the ledger row, what was taken, and then metrics and log.

use std::cell::RefCell;
use std::sync::Arc;

use super::bill::{Bill, bill};
use super::governance::Taken;
use super::ledger_line;
use super::record::{Finished, Settle, Settled};
use super::settle::Telemetry;
use super::{alarm, handover};
use crate::actors::alerter::{Alerter, Tell};
use crate::actors::bulletin::Bulletin;
use crate::actors::export::Intake;
use crate::actors::keeper::Kept;
use crate::base::clock::{self, unix_ms};
use crate::base::money::Nanos;
use crate::base::usage::Usage;
use crate::config::model::TokenCount;
use crate::domain::budget::Crossing;
use crate::domain::ledger::AccountKind;
use crate::domain::pricing::Price;
use crate::spool::{Appender, Unwritten};

/// One worker's books.
pub struct Books {
    telemetry: Telemetry,
    spool: Option<RefCell<Spool>>,
    /// Whether requests with the master key have rows.
    keeps_master: bool,
    /// Which tokens count for limits.
    counted: TokenCount,
    /// Who tells operators of budgets.
    alerts: Option<Kept<Alerter>>,
    /// Where operators are told of slow and failed requests.
    bulletin: Option<Arc<Bulletin>>,
    /// Who passes finished requests on to sinks.
    exports: Option<Arc<Intake>>,
}

struct Spool {
    appender: Appender,
    line: Vec<u8>,
    /// Whether the last row found no place on disk, so that a change is said once.
    refused: bool,
}

impl Books {
    /// Books that are kept, or not (`None`), also of the master key or not.
    pub fn new(
        telemetry: Telemetry,
        appender: Option<Appender>,
        keeps_master: bool,
        counted: TokenCount,
    ) -> Self {
        let spool =
            appender.map(|appender| RefCell::new(Spool { appender, line: Vec::new(), refused: false }));
        Books { telemetry, spool, keeps_master, counted, alerts: None, bulletin: None, exports: None }
    }

    /// Operators are told of budgets by this one, and of requests through the other.
    #[must_use]
    pub fn with_alerts(mut self, alerts: Kept<Alerter>, bulletin: Arc<Bulletin>) -> Self {
        (self.alerts, self.bulletin) = (Some(alerts), Some(bulletin));
        self
    }

    /// Finished requests are left here, too.
    #[must_use]
    pub fn with_exports(mut self, exports: Option<Arc<Intake>>) -> Self {
        self.exports = exports;
        self
    }

    /// Leaves a request to the exporters, where somebody wants to know of it.
    fn export(&self, finished: &mut Finished, admitted: Option<(&Taken, &Bill)>) {
        if let Some(intake) = self.exports.as_deref().filter(|intake| intake.wants(finished.error.is_some()))
        {
            intake.push(handover::facts(finished, admitted));
        }
    }

    /// Lets the spool close old segments and catch up, and metrics forget; to be called about once a second.
    pub fn tick(&self) {
        self.telemetry.tick(clock::now());
        if let Some(spool) = &self.spool {
            spool.borrow_mut().appender.tick(u64::try_from(unix_ms()).unwrap_or(0));
        }
    }

    /// An operator is told by somebody else; a request never waits for it.
    fn tell(&self, taken: &Taken, crossing: &Crossing) {
        let Some(alert) = alarm::alert(taken, crossing) else { return };
        let told = self.alerts.as_ref().and_then(|alerter| {
            alerter.with(|address| address.try_send(Tell(Box::new(alert.clone()))).is_ok())
        });
        if told != Some(true) {
            tracing::warn!(owner = alert.scope.shown(), "{}", alert.message());
        }
    }

    /// The tokens that limits count.
    fn tokens(&self, usage: &Usage) -> u64 {
        let input = usage.prompt_tokens.saturating_sub(usage.cached_tokens);
        match self.counted {
            TokenCount::Total => input.saturating_add(usage.completion_tokens),
            TokenCount::Input => input,
            TokenCount::Output => usage.completion_tokens,
        }
    }

    fn close(&self, finished: &mut Finished, mut taken: Taken) -> Settled {
        let bill = bill(finished, taken.input_tokens);
        if bill.unpriced {
            self.telemetry.unpriced(finished);
        }
        let wanted = self.keeps_master || taken.caller.identity().grant.is_some();
        let spool = self.spool.as_ref().filter(|_| wanted);
        let kept = spool.is_none_or(|spool| spool.borrow_mut().keep(finished, &taken, &bill));
        // What the response cache tells again was counted when it was made.
        let used = finished.usage.filter(|_| finished.cache_hit() != Some(true));
        let tokens = self.tokens(&used.unwrap_or_default());
        if let Some(ticket) = taken.ticket.take() {
            ticket.finish(clock::now(), tokens);
        }
        let cost = bill.cost.map_or(Nanos::ZERO, |cost| cost.total);
        let mut key_spend = taken.caller.identity().spent_with(cost);
        // Money that no row will ever tell of would be in the budgets' way for ever.
        if let Some(charge) = taken.charge.take().filter(|_| kept) {
            let settlement = charge.settle(cost);
            for crossing in &settlement.crossings {
                self.tell(&taken, crossing);
            }
            let of_key = taken.purses.iter().position(|purse| purse.id.kind == AccountKind::Key);
            key_spend = of_key.and_then(|place| settlement.spent(place)).or(key_spend);
        }
        // Last: what it has cost is counted here before it is held no longer there.
        if let Some(hold) = taken.hold.take() {
            hold.finish(tokens);
        }
        self.export(finished, Some((&taken, &bill)));
        let margin_share = finished.price().map_or(Nanos::ZERO, Price::margin_share);
        Settled { cost: bill.cost, margin_share, key_spend }
    }
}

impl Spool {
    /// Answers whether the row is on its way.
    fn keep(&mut self, finished: &Finished, taken: &Taken, bill: &Bill) -> bool {
        self.line.clear();
        if let Err(cause) = ledger_line::write(finished, taken, bill, &mut self.line) {
            tracing::error!(%cause, "a ledger row could not be written");
            return false;
        }
        let result = self.appender.append(u64::try_from(unix_ms()).unwrap_or(0), &self.line);
        match result {
            Err(cause @ Unwritten::Kept) if !self.refused => {
                tracing::error!(%cause, "the spool refuses rows")
            }
            Err(cause @ (Unwritten::Lost | Unwritten::TooLong(_))) => {
                tracing::error!(%cause, call_id = &*finished.call_id, "a ledger row is lost");
            }
            Ok(()) if self.refused => tracing::info!("the spool takes rows again"),
            Ok(()) | Err(_) => {}
        }
        self.refused = result.is_err();
        matches!(result, Ok(()) | Err(Unwritten::Kept))
    }
}

impl Settle for Books {
    fn traces(&self) -> bool {
        self.exports.is_some()
    }

    fn arrived(&self) {
        self.telemetry.arrived();
    }

    fn settle(&self, mut finished: Finished) -> Settled {
        if let Some(bulletin) = &self.bulletin {
            alarm::notices(&finished, bulletin);
        }
        let mut settled = Settled::default();
        if let Some(taken) = finished.taken.take() {
            settled = self.close(&mut finished, *taken);
        } else if finished.hashed_key.is_some() {
            // Refused before it was admitted. What nobody knows the caller of is in the metrics only: anybody could
            // fill the sinks with it.
            self.export(&mut finished, None);
        }
        self.telemetry.settled(&finished, &settled);
        settled
    }
}
