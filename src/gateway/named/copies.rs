//! What is known of end users and tags, by all workers together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crate::domain::keys::Limits;
use crate::domain::scope::ScopeKind;

/// How long a row is believed.
const FRESH: Duration = Duration::from_secs(60);
/// How long the database is left alone after it has not answered.
const QUIET: Duration = Duration::from_secs(2);
/// The most names that are kept; callers choose names.
const MOST: usize = 10_000;

/// What a name is limited to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    pub limits: Limits,
    pub blocked: bool,
}

/// A name, with the budget that the asking key gives end users who have none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub kind: ScopeKind,
    pub name: String,
    pub shared: Option<String>,
}

struct Copy {
    bounds: Arc<Bounds>,
    /// When it is looked up anew.
    until: Instant,
}

/// The copies.
#[derive(Default)]
pub struct Copies(Mutex<Known>);

#[derive(Default)]
struct Known {
    copies: HashMap<Place, Copy>,
    /// Counts what was forgotten: a look-up that began before it brings an old truth.
    epoch: u64,
    /// The database has not answered; it is not asked before that.
    quiet_until: Option<Instant>,
}

/// What is known of a request's names.
pub struct Found {
    /// Of each name, what is known.
    pub bounds: Vec<Option<Arc<Bounds>>>,
    /// Names that have to be looked up before the request goes on.
    pub missing: Vec<Place>,
    /// Names that have to be looked up, and can be used meanwhile. Each is told to one request.
    pub stale: Vec<Place>,
}

impl Copies {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of these names, and who is to look up the rest.
    pub fn find(&self, places: &[Place], now: Instant) -> Found {
        let mut known = self.lock();
        let asks = known.quiet_until.is_none_or(|until| until <= now);
        let mut found =
            Found { bounds: Vec::with_capacity(places.len()), missing: Vec::new(), stale: Vec::new() };
        for place in places {
            let copy = known.copies.get_mut(place);
            match &copy {
                None if asks => found.missing.push(place.clone()),
                Some(copy) if asks && copy.until <= now => found.stale.push(place.clone()),
                _ => {}
            }
            found.bounds.push(copy.map(|copy| {
                if asks && copy.until <= now {
                    copy.until = now + QUIET;
                }
                Arc::clone(&copy.bounds)
            }));
        }
        found
    }

    /// To be taken before the database is asked.
    pub fn epoch(&self) -> u64 {
        self.lock().epoch
    }

    /// Keeps what the database said, unless something was forgotten since.
    pub fn keep(&self, epoch: u64, answers: Vec<(Place, Bounds)>, now: Instant) -> bool {
        let mut known = self.lock();
        known.quiet_until = None;
        if known.epoch != epoch {
            return false;
        }
        if known.copies.len() + answers.len() > MOST {
            known.copies.clear();
        }
        let copies = answers.into_iter().map(|(place, bounds)| {
            let copy = Copy { bounds: Arc::new(bounds), until: now + FRESH };
            (place, copy)
        });
        known.copies.extend(copies);
        true
    }

    /// The database did not answer.
    pub fn failed(&self, now: Instant) {
        self.lock().quiet_until = Some(now + QUIET);
    }

    /// Changes may have been missed: each copy is looked up anew, behind the request that uses it next.
    pub fn doubt(&self, now: Instant) {
        let mut known = self.lock();
        known.epoch += 1;
        known.copies.values_mut().for_each(|copy| copy.until = copy.until.min(now));
    }

    /// Forgets a name, or all of a kind.
    pub fn forget(&self, kind: ScopeKind, name: Option<&str>) {
        let mut known = self.lock();
        known.epoch += 1;
        known.copies.retain(|place, _| place.kind != kind || name.is_some_and(|name| name != place.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str) -> Place {
        Place { kind: ScopeKind::Tag, name: name.into(), shared: None }
    }

    fn blocked() -> Bounds {
        Bounds { blocked: true, ..Bounds::default() }
    }

    #[test]
    fn an_answer_from_before_a_change_is_not_kept() {
        let (copies, now) = (Copies::default(), Instant::now());
        let epoch = copies.epoch();
        copies.forget(ScopeKind::Tag, Some("a"));
        assert!(!copies.keep(epoch, vec![(tag("a"), blocked())], now));
        assert_eq!(copies.find(&[tag("a")], now).missing, [tag("a")]);
        assert!(copies.keep(copies.epoch(), vec![(tag("a"), blocked())], now));
        assert!(copies.find(&[tag("a")], now).missing.is_empty());
    }

    #[test]
    fn an_old_copy_is_used_and_looked_up_by_one_request() {
        let (copies, now) = (Copies::default(), Instant::now());
        copies.keep(0, vec![(tag("a"), blocked())], now);
        let later = now + FRESH;
        assert_eq!(copies.find(&[tag("a")], later).stale, [tag("a")]);
        let second = copies.find(&[tag("a")], later);
        assert!(second.stale.is_empty() && second.bounds[0].as_ref().unwrap().blocked);
    }

    #[test]
    fn a_doubted_copy_is_looked_up_anew_and_older_answers_do_not_count() {
        let (copies, now) = (Copies::default(), Instant::now());
        copies.keep(0, vec![(tag("a"), blocked())], now);
        copies.doubt(now);
        assert!(!copies.keep(0, vec![(tag("a"), blocked())], now));
        assert_eq!(copies.find(&[tag("a")], now).stale, [tag("a")]);
    }

    #[test]
    fn a_database_in_trouble_is_left_alone_for_a_while() {
        let (copies, now) = (Copies::default(), Instant::now());
        copies.failed(now);
        assert!(copies.find(&[tag("a")], now).missing.is_empty());
        assert_eq!(copies.find(&[tag("a")], now + QUIET).missing, [tag("a")]);
    }
}
