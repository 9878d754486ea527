//! Changes made here, on their way to the other replicas.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Changed;

/// More that wait become "everything".
const MOST: usize = 1_000;
/// How long a change that was told is kept, and how many are.
const KEPT: Duration = Duration::from_secs(60);
const MOST_KEPT: usize = 500;

/// In the order in which they were made.
#[derive(Debug, Default)]
pub struct Outgoing {
    waiting: VecDeque<Changed>,
    told: VecDeque<(Instant, Changed)>,
}

impl Outgoing {
    /// Somebody has changed something.
    pub fn push(&mut self, changed: Changed) {
        self.waiting.push_back(changed);
    }

    /// What is to be told next.
    pub fn first(&mut self) -> Option<&Changed> {
        if self.waiting.len() > MOST {
            self.waiting = VecDeque::from([Changed::Everything]);
        }
        self.waiting.front()
    }

    /// The bus has taken it.
    pub fn told(&mut self, changed: Changed, now: Instant) {
        // The queue may have become "everything" meanwhile.
        if self.waiting.front() == Some(&changed) {
            self.waiting.pop_front();
        }
        self.told.retain(|(at, known)| now.saturating_duration_since(*at) < KEPT && *known != changed);
        if self.told.len() >= MOST_KEPT {
            self.told.pop_front();
        }
        self.told.push_back((now, changed));
    }

    /// The connection to the bus was lost. A server that was cut off from the others takes news and carries them nowhere, so
    /// what was told lately is told again; copies are only forgotten once more.
    pub fn tell_again(&mut self, now: Instant) {
        for (at, changed) in std::mem::take(&mut self.told).into_iter().rev() {
            let is_old = now.saturating_duration_since(at) >= KEPT;
            if !is_old && self.waiting.len() < MOST && !self.waiting.contains(&changed) {
                self.waiting.push_front(changed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: usize) -> Changed {
        Changed::User(n.to_string())
    }

    fn tell_all(outgoing: &mut Outgoing, now: Instant) -> Vec<Changed> {
        let mut told = Vec::new();
        while let Some(changed) = outgoing.first().cloned() {
            outgoing.told(changed.clone(), now);
            told.push(changed);
        }
        told
    }

    #[test]
    fn what_was_told_lately_is_told_again_after_the_bus_was_lost() {
        let (mut outgoing, now) = (Outgoing::default(), Instant::now());
        (1..=3).for_each(|n| outgoing.push(user(n)));
        assert_eq!(tell_all(&mut outgoing, now), [user(1), user(2), user(3)]);
        assert_eq!(outgoing.first(), None);
        outgoing.push(user(2));
        let later = now + Duration::from_secs(30);
        outgoing.tell_again(later);
        assert_eq!(tell_all(&mut outgoing, later), [user(1), user(3), user(2)]);
        outgoing.tell_again(later + KEPT);
        assert_eq!(outgoing.first(), None, "it is long ago");
    }

    #[test]
    fn too_much_becomes_everything_but_never_by_being_told_again() {
        let (mut outgoing, now) = (Outgoing::default(), Instant::now());
        (0..MOST).for_each(|n| outgoing.push(user(n)));
        assert_eq!(tell_all(&mut outgoing, now).len(), MOST);
        (0..MOST - 1).for_each(|n| outgoing.push(user(MOST + n)));
        outgoing.tell_again(now);
        assert_eq!(tell_all(&mut outgoing, now).len(), MOST);
        (0..=MOST).for_each(|n| outgoing.push(user(n)));
        assert_eq!(tell_all(&mut outgoing, now), [Changed::Everything]);
    }
}
