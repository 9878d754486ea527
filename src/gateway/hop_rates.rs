//! Rate limits of a request that moves on to another group: what it holds of the last group's goes back, the next
//! group's is taken, and what it holds of everybody else's grows with its body.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use smallvec::SmallVec;

use crate::base::clock;
use crate::base::error::{Error, Kind};
use crate::domain::limits::{Limiter, Limits, Quota, Refusal, Ticket};
use crate::domain::scope::{ScopeId, ScopeKind};

/// Changes a ticket for the next group's limits (`rates`) and a request of so many tokens.
///
/// # Errors
/// 429 naming the limit; then the last group's part is held as before.
pub fn change(
    limiter: &Arc<Limiter>,
    ticket: &mut Option<Ticket>,
    rates: &[(ScopeId, Limits)],
    tokens: u64,
) -> Result<(), Error> {
    let now = clock::now();
    let quotas: SmallVec<[Quota<'_>; 2]> =
        rates.iter().map(|(scope, limits)| Quota { scope, limits: *limits }).collect();
    let mut held = ticket.take();
    let mut old = held.as_mut().map(|held| held.split(is_of_model));
    let same = old.as_ref().is_some_and(|old| old.is_of(&quotas));
    let grown = grow(held.as_mut(), now, tokens).and_then(|()| match same {
        true => grow(old.as_mut(), now, tokens),
        false => Ok(()),
    });
    let taken = grown.and_then(|()| match same || quotas.is_empty() {
        true => Ok(None),
        false => limiter.take(now, tokens, &quotas).map(Some).map_err(|refusal| limited(&refusal)),
    });
    let (result, of_group) = match taken {
        Ok(new) if !same => {
            if let Some(old) = old.take() {
                old.cancel();
            }
            (Ok(()), new)
        }
        Ok(_) => (Ok(()), old),
        Err(error) => (Err(error), old),
    };
    *ticket = match (held, of_group) {
        (Some(mut held), Some(of_group)) => {
            held.join(of_group);
            Some(held)
        }
        (held, of_group) => held.or(of_group),
    };
    result
}

fn grow(ticket: Option<&mut Ticket>, now: Instant, tokens: u64) -> Result<(), Error> {
    let Some(Err((kind, limit))) = ticket.map(|ticket| ticket.raise(now, tokens)) else { return Ok(()) };
    let message = format!(
        "Rate limit exceeded for {kind}. Limit type: tokens. Current limit: {limit}. The fallback's request needs \
         about {tokens}."
    );
    Err(Error::new(Kind::LimitExceeded, message))
}

/// The 429 that a refusal means.
pub fn limited(refusal: &Refusal) -> Error {
    let (wait, now) = (refusal.retry_after().map(Duration::from_secs), SystemTime::now());
    let (scope, kind) = (refusal.scope.kind(), refusal.kind.as_str());
    let left = refusal.limit.saturating_sub(refusal.used);
    let error = Error::new(Kind::LimitExceeded, refusal.sentence(now))
        .with_retry_after(wait)
        .with_header("rate_limit_type", kind)
        .with_header(format!("x-ratelimit-{scope}-limit-{kind}"), refusal.limit.to_string())
        .with_header(format!("x-ratelimit-{scope}-remaining-{kind}"), left.to_string());
    match refusal.reset_at(now) {
        Some(at) => error.with_header("reset_at", at),
        None => error,
    }
}

/// Whether a limit or a budget is for one model group only.
pub fn is_of_model(kind: ScopeKind) -> bool {
    matches!(
        kind,
        ScopeKind::ModelPerKey
            | ScopeKind::ModelPerUser
            | ScopeKind::ModelPerTeam
            | ScopeKind::ModelPerEndUser
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Limits = Limits {
        requests_per_minute: Some(10),
        tokens_per_minute: Some(100),
        tokens_per_day: None,
        parallel: None,
    };

    fn of_group(group: &str, requests: u64) -> (ScopeId, Limits) {
        let scope = ScopeId::pair(ScopeKind::ModelPerKey, "k", group);
        (scope, Limits { requests_per_minute: Some(requests), ..Limits::default() })
    }

    fn key() -> (ScopeId, Limits) {
        (ScopeId::new(ScopeKind::Key, "k"), ROOMY)
    }

    fn take(limiter: &Arc<Limiter>, tokens: u64, rates: &[(ScopeId, Limits)]) -> Option<Ticket> {
        let quotas: Vec<Quota<'_>> =
            rates.iter().map(|(scope, limits)| Quota { scope, limits: *limits }).collect();
        limiter.take(Instant::now(), tokens, &quotas).ok()
    }

    /// Requests and tokens that count now.
    fn used(limiter: &Arc<Limiter>, of: &(ScopeId, Limits)) -> (u64, u64) {
        let standing = limiter.peek(Instant::now(), &[Quota { scope: &of.0, limits: of.1 }])[0];
        let of = |kind| standing.rooms().find(|room| room.kind == kind).map_or(0, |room| room.used);
        (of(crate::domain::limits::Kind::Requests), of(crate::domain::limits::Kind::Tokens))
    }

    #[test]
    fn the_last_groups_part_goes_back_and_the_next_ones_is_taken() {
        let limiter = Limiter::new(Instant::now());
        let (first, second) = (of_group("a", 1), of_group("b", 1));
        let mut ticket = take(&limiter, 10, &[key(), first.clone()]);
        change(&limiter, &mut ticket, std::slice::from_ref(&second), 30).unwrap();
        assert_eq!(used(&limiter, &key()), (1, 30));
        assert_eq!((used(&limiter, &first).0, used(&limiter, &second).0), (0, 1));
        // Its place there is taken; here it is free again.
        let mut other = take(&limiter, 10, &[key(), first.clone()]);
        let refused = change(&limiter, &mut other, std::slice::from_ref(&second), 10).unwrap_err();
        assert_eq!(refused.status(), 429);
        assert_eq!((used(&limiter, &first).0, used(&limiter, &second).0), (1, 1));
        ticket.unwrap().finish(Instant::now(), 7);
        drop(other);
        assert_eq!(used(&limiter, &key()), (2, 7));
    }

    #[test]
    fn a_larger_body_needs_room_for_all_of_it() {
        let limiter = Limiter::new(Instant::now());
        let mut ticket = take(&limiter, 10, &[key()]);
        let refused = {
            let _other = take(&limiter, 60, &[key()]);
            change(&limiter, &mut ticket, &[], 90).unwrap_err()
        };
        assert!(refused.message().contains("Limit type: tokens. Current limit: 100"), "{refused}");
        assert_eq!(used(&limiter, &key()), (2, 10));
        change(&limiter, &mut ticket, &[], 90).unwrap();
        assert_eq!(used(&limiter, &key()), (2, 90));
    }

    #[test]
    fn another_body_for_the_same_group_takes_no_second_place() {
        let limiter = Limiter::new(Instant::now());
        let group = of_group("a", 1);
        let mut ticket = take(&limiter, 10, &[key(), group.clone()]);
        change(&limiter, &mut ticket, std::slice::from_ref(&group), 20).unwrap();
        assert_eq!((used(&limiter, &group).0, used(&limiter, &key())), (1, (1, 20)));
        change(&limiter, &mut ticket, &[], 20).unwrap();
        assert_eq!(used(&limiter, &group).0, 0);
    }
}
