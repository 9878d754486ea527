//! What the other replicas are known to do.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Numbers, Report};

/// A replica that was silent for so long no longer counts, nor does a number that was not repeated.
pub const SILENT: Duration = Duration::from_secs(4);
/// Replicas at most: whoever can write into Redis must not be able to fill the memory of those who read.
const MOST_PEERS: usize = 1_000;
/// Deployments of one replica at most.
const MOST_DEPLOYMENTS: usize = 20_000;

/// How all other replicas together use a deployment.
pub type Others = Numbers;

/// The other replicas.
#[derive(Debug, Default)]
pub struct Peers {
    peers: HashMap<String, Peer>,
}

#[derive(Debug)]
struct Peer {
    number: u64,
    heard: Instant,
    used: HashMap<String, (Numbers, Instant)>,
}

impl Peers {
    /// Takes in what a replica says. False when it is older than what it said before.
    pub fn hear(&mut self, report: &Report, now: Instant) -> bool {
        if report.ends {
            self.peers.remove(&report.from);
            return true;
        }
        if !self.peers.contains_key(&report.from) && self.peers.len() >= MOST_PEERS {
            return false;
        }
        let fresh = || Peer { number: 0, heard: now, used: HashMap::new() };
        let peer = self.peers.entry(report.from.clone()).or_insert_with(fresh);
        if report.number <= peer.number {
            return false;
        }
        peer.number = report.number;
        peer.heard = now;
        for (id, numbers) in &report.used {
            if numbers.is_nothing() {
                peer.used.remove(id);
            } else if peer.used.len() < MOST_DEPLOYMENTS || peer.used.contains_key(id) {
                peer.used.insert(id.clone(), (*numbers, now));
            }
        }
        true
    }

    /// Forgets who is silent and what was not repeated.
    pub fn forget_silent(&mut self, now: Instant) {
        let alive = |at: Instant| now.saturating_duration_since(at) < SILENT;
        self.peers.retain(|_, peer| {
            peer.used.retain(|_, (_, at)| alive(*at));
            alive(peer.heard)
        });
    }

    /// Replicas that are there, this one not counted.
    pub fn count(&self) -> usize {
        self.peers.len()
    }

    /// What the others use, by deployment.
    pub fn sums(&self) -> HashMap<&str, Others> {
        let mut sums: HashMap<&str, Others> = HashMap::new();
        for (id, (numbers, _)) in self.peers.values().flat_map(|peer| &peer.used) {
            let sum = sums.entry(id).or_default();
            sum.in_flight = sum.in_flight.saturating_add(numbers.in_flight);
            sum.requests = sum.requests.saturating_add(numbers.requests);
            sum.tokens = sum.tokens.saturating_add(numbers.tokens);
        }
        sums
    }
}
