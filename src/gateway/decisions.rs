//! The last decisions of the router, for `GET /debug/router`: refusals, picks after a failure, picks that somebody
//! asked to have explained, and at debug level all. What goes well the first time costs nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::clock::unix_ms;
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
    /// What was seen and chosen.
    pub decision: Arc<Decision>,
}

/// The last ones of this process. Cloning shares them.
#[derive(Clone, Default)]
pub struct Decisions(Arc<Mutex<VecDeque<Decided>>>);

impl Decisions {
    /// Keeps one; the oldest goes.
    pub fn keep(&self, call_id: &str, attempts: u32, decision: Arc<Decision>) {
        let decided = Decided { at_ms: unix_ms(), call_id: call_id.into(), attempts, decision };
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
            let decision = Decision {
                group: number.to_string().into(),
                strategy: StrategyName::LeastBusy,
                chosen: None,
                nothing: None,
                of: 0,
                members: Vec::new(),
            };
            decisions.keep("call", 0, Arc::new(decision));
        }
        let latest = decisions.latest();
        assert_eq!(latest.len(), MOST);
        assert_eq!(latest.first().map(|one| &*one.decision.group), Some("104"));
    }
}
