//! What windows count when a request ends.

use super::Change;
use crate::domain::limits::Limits;

/// How a claim ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// So many tokens were used.
    Used(u64),
    /// It counts as a request that used no tokens that anybody knows of.
    Unknown,
    /// As if it had never been.
    Cancelled,
}

impl End {
    /// What changes in the window of one scope. `estimate`: the tokens that the claim was for; `asked`: whether it was
    /// granted, so that they are counted already, or went on because nobody could be asked ([`Change::of_begun`]).
    pub fn change(self, limits: &Limits, estimate: u64, asked: bool) -> Change {
        if !limits.has_window() {
            return Change::default();
        }
        let used = match self {
            End::Used(tokens) => tokens,
            End::Unknown | End::Cancelled => 0,
        };
        let difference = |limit: Option<u64>| {
            let counted = if asked { estimate.min(limit.unwrap_or(u64::MAX)) } else { 0 };
            i64::try_from(i128::from(used) - i128::from(counted)).unwrap_or(i64::MAX)
        };
        let requests = if self == End::Cancelled { -1 } else { 0 };
        let day_tokens = limits.tokens_per_day.map_or(0, |limit| difference(Some(limit)));
        Change { requests, tokens: difference(limits.tokens_per_minute), day_tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        requests_per_minute: Some(10),
        tokens_per_minute: Some(100),
        tokens_per_day: Some(1_000),
        parallel: None,
    };

    #[test]
    fn what_was_counted_is_replaced_by_what_was_used() {
        let change = |end: End| end.change(&LIMITS, 300, true);
        assert_eq!(change(End::Used(40)), Change { requests: 0, tokens: -60, day_tokens: -260 });
        assert_eq!(change(End::Used(400)), Change { requests: 0, tokens: 300, day_tokens: 100 });
        assert_eq!(change(End::Unknown), Change { requests: 0, tokens: -100, day_tokens: -300 });
        assert_eq!(change(End::Cancelled), Change { requests: -1, tokens: -100, day_tokens: -300 });
    }

    #[test]
    fn where_no_window_counts_nothing_comes_back() {
        let parallel = Limits { parallel: Some(3), ..Limits::default() };
        assert_eq!(End::Used(40).change(&parallel, 300, true), Change::default());
        assert_eq!(End::Used(40).change(&parallel, 300, false), Change::default());
    }

    #[test]
    fn what_nobody_was_asked_about_counts_from_its_beginning_and_its_tokens_from_its_end() {
        assert_eq!(Change::of_begun(&LIMITS), Change { requests: 1, ..Change::default() });
        let change = |end: End| end.change(&LIMITS, 300, false);
        assert_eq!(change(End::Used(40)), Change { requests: 0, tokens: 40, day_tokens: 40 });
        assert_eq!(change(End::Unknown), Change::default());
        assert_eq!(change(End::Cancelled), Change { requests: -1, ..Change::default() });
    }
}
