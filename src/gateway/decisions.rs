//! The last decisions of the router, for `GET /debug/router`: refusals, failed attempts, picks after one, picks that
//! somebody asked to have explained, and at debug level all. What goes well the first time costs nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::clock::unix_ms;
use crate::base::error::Kind;
use crate::domain::routing::Decision;

/// How many are kept.
const MOST: usize = 100;

/// A decision and whose it was.
#[derive(Debug, Clone)]
pub struct Decided {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// The request.
    pub call_id: Arc<str>,
    /// Its attempts before this pick.
    pub attempts: u32,
    /// The group.
    pub group: Arc<str>,
    /// What was seen and chosen; `None`: nobody asked for it before the attempt failed.
    pub decision: Option<Arc<Decision>>,
    /// The deployment whose attempt failed, and what with.
    pub failed: Option<(Arc<str>, Kind)>,
}

/// The last ones of this process. Cloning shares them.
#[derive(Clone, Default)]
pub struct Decisions(Arc<Mutex<VecDeque<Decided>>>);

impl Decisions {
    /// Keeps one; the oldest goes.
    pub fn keep(&self, call_id: &str, attempts: u32, decision: Arc<Decision>) {
        let (call_id, group) = (call_id.into(), Arc::clone(&decision.group));
        let (decision, failed) = (Some(decision), None);
        self.push(Decided { at_ms: unix_ms(), call_id, attempts, group, decision, failed });
    }

    /// Keeps what the attempt on a deployment of a group has failed with, beside the decision for it if that is kept.
    pub fn failed(&self, call_id: &str, attempts: u32, (group, id): (&Arc<str>, &Arc<str>), kind: Kind) {
        let failed = Some((Arc::clone(id), kind));
        {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let decided =
                kept.iter_mut().rev().find(|one| one.attempts == attempts && &*one.call_id == call_id);
            if let Some(decided) = decided {
                decided.failed = failed;
                return;
            }
        }
        let (call_id, group) = (call_id.into(), Arc::clone(group));
        self.push(Decided { at_ms: unix_ms(), call_id, attempts, group, decision: None, failed });
    }

    fn push(&self, decided: Decided) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.pop_front();
        }
        kept.push_back(decided);
    }

    /// The latest first.
    pub fn latest(&self) -> Vec<Decided> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing::StrategyName;

    #[test]
    fn the_oldest_go() {
        let decisions = Decisions::default();
        for number in 0..MOST + 5 {
            decisions.keep("call", 0, decision(&number.to_string()));
        }
        let latest = decisions.latest();
        assert_eq!(latest.len(), MOST);
        assert_eq!(latest.first().map(|one| &*one.group), Some("104"));
    }
    #[test]
    fn a_failure_stands_beside_its_decision_or_alone() {
        let decisions = Decisions::default();
        let (group, id): (Arc<str>, Arc<str>) = ("g".into(), "d".into());
        decisions.failed("call", 0, (&group, &id), Kind::Connect);
        decisions.keep("call", 1, decision("g"));
        decisions.failed("call", 1, (&group, &id), Kind::UpstreamInternal);
        let told: Vec<_> =
            decisions.latest().iter().map(|one| one.failed.as_ref().map(|one| one.1)).collect();
        assert_eq!(told, [Some(Kind::UpstreamInternal), Some(Kind::Connect)]);
    }

    fn decision(group: &str) -> Arc<Decision> {
        Arc::new(Decision {
            group: group.into(),
            strategy: StrategyName::LeastBusy,
            chosen: None,
            nothing: None,
            of: 0,
            members: Vec::new(),
        })
    }
}
