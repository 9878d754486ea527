//! Whether any sink has room for another finished request. Workers ask before they make anything of one: where every
//! sink is dead and its queue full, a request costs two looks at shared numbers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Shared by the workers, the queues and the dispatcher.
#[derive(Debug, Default)]
pub struct Gate {
    answered: Side,
    failed: Side,
}

/// What is known of the requests of one outcome.
#[derive(Debug, Default)]
struct Side {
    /// Sinks that are told of these and have room.
    open: AtomicUsize,
    /// Sinks that are told of these.
    wanting: AtomicUsize,
    /// Requests that nobody had room for, since somebody last asked.
    missed: AtomicU64,
}

impl Gate {
    fn side(&self, failed: bool) -> &Side {
        if failed { &self.failed } else { &self.answered }
    }

    fn sides(&self, (answered, failed): (bool, bool)) -> impl Iterator<Item = &Side> {
        [(answered, &self.answered), (failed, &self.failed)]
            .into_iter()
            .filter(|(wants, _)| *wants)
            .map(|(_, side)| side)
    }

    /// A sink with room begins; which outcomes it is told of.
    pub fn join(&self, wants: (bool, bool)) {
        self.sides(wants).for_each(|side| {
            side.wanting.fetch_add(1, Ordering::Relaxed);
            side.open.fetch_add(1, Ordering::Relaxed);
        });
    }

    /// A sink has no room any more.
    pub fn close(&self, wants: (bool, bool)) {
        self.sides(wants).for_each(|side| {
            side.open.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// It has room again.
    pub fn open(&self, wants: (bool, bool)) {
        self.sides(wants).for_each(|side| {
            side.open.fetch_add(1, Ordering::Relaxed);
        });
    }

    /// Whether anybody has room for a request that ended like this. Who asks has such a request: it is counted where it
    /// is wanted and there is none.
    pub fn wants(&self, failed: bool) -> bool {
        let side = self.side(failed);
        if side.open.load(Ordering::Relaxed) > 0 {
            return true;
        }
        if side.wanting.load(Ordering::Relaxed) > 0 {
            side.missed.fetch_add(1, Ordering::Relaxed);
        }
        false
    }

    /// How many requests that ended like this nobody had room for since the last time.
    pub fn missed(&self, failed: bool) -> u64 {
        self.side(failed).missed.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_wanted_while_one_of_its_sinks_has_room() {
        let gate = Gate::default();
        assert!(!gate.wants(false) && gate.missed(false) == 0, "no sink is configured");
        gate.join((true, true));
        gate.join((false, true));
        gate.close((true, true));
        assert!(!gate.wants(false) && gate.wants(true));
        gate.close((false, true));
        assert!(!gate.wants(true) && !gate.wants(false));
        assert_eq!((gate.missed(false), gate.missed(true), gate.missed(true)), (2, 1, 0));
        gate.open((true, true));
        assert!(gate.wants(false) && gate.wants(true));
    }
}
