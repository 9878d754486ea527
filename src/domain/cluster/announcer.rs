//! When a replica says what: changes soon, everything now and then.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Numbers, Report, Rest};
use crate::domain::routing::samples::Samples;

/// Everything is said so often, so that nothing lost stays lost and everybody knows who is there.
const BEAT: Duration = Duration::from_secs(1);
/// For so long after a change its value is said with everything, also when it is nothing.
const MEMORY: Duration = Duration::from_secs(5);
/// Deployments in one message at most.
const MOST: usize = 500;

/// One replica's voice.
#[derive(Debug)]
pub struct Announcer {
    from: String,
    number: u64,
    said: HashMap<String, (Numbers, Instant)>,
    last_beat: Option<Instant>,
}

impl Announcer {
    /// Under this name; the messages' numbers begin after `number`, which must be more than any said before under it.
    pub fn new(from: impl Into<String>, number: u64) -> Self {
        Announcer { from: from.into(), number, said: HashMap::new(), last_beat: None }
    }

    /// The replica's name.
    pub fn name(&self) -> &str {
        &self.from
    }

    /// What is to be said now, given all that is true now. To be asked every 100 ms, and when a cooldown begins.
    pub fn next(
        &mut self,
        used: impl IntoIterator<Item = (String, Numbers)>,
        rests: Vec<(String, Rest)>,
        samples: Vec<(String, Samples)>,
        urgent: bool,
        now: Instant,
    ) -> Vec<Report> {
        let beat = self.last_beat.is_none_or(|last| now.saturating_duration_since(last) >= BEAT);
        let mut news = Vec::new();
        for (id, numbers) in used {
            let known = self.said.get(&id);
            let changed = known.map_or(!numbers.is_nothing(), |(known, _)| *known != numbers);
            let recent = known.is_some_and(|(_, at)| now.saturating_duration_since(*at) < MEMORY);
            if changed {
                self.said.insert(id.clone(), (numbers, now));
            }
            if changed || (beat && (recent || !numbers.is_nothing())) {
                news.push((id, numbers));
            }
        }
        if beat {
            self.last_beat = Some(now);
            // Deployments that are configured no more.
            self.said.retain(|_, (numbers, at)| {
                !numbers.is_nothing() || now.saturating_duration_since(*at) < MEMORY
            });
        }
        if news.is_empty() && samples.is_empty() && !beat && !urgent {
            return Vec::new();
        }
        self.reports(news, if beat || urgent { rests } else { Vec::new() }, samples)
    }

    /// The last word.
    pub fn farewell(&mut self) -> Report {
        let mut report = self.report(Vec::new(), Vec::new(), Vec::new());
        report.ends = true;
        report
    }

    fn reports(
        &mut self,
        used: Vec<(String, Numbers)>,
        rests: Vec<(String, Rest)>,
        samples: Vec<(String, Samples)>,
    ) -> Vec<Report> {
        let messages = used.len().max(rests.len()).max(samples.len()).div_ceil(MOST).max(1);
        let (mut used, mut rests, mut samples) = (used.into_iter(), rests.into_iter(), samples.into_iter());
        let mut part = || {
            (
                used.by_ref().take(MOST).collect(),
                rests.by_ref().take(MOST).collect(),
                samples.by_ref().take(MOST).collect(),
            )
        };
        let parts: Vec<(Vec<_>, Vec<_>, Vec<_>)> = (0..messages).map(|_| part()).collect();
        parts.into_iter().map(|(used, rests, samples)| self.report(used, rests, samples)).collect()
    }

    fn report(
        &mut self,
        used: Vec<(String, Numbers)>,
        rests: Vec<(String, Rest)>,
        samples: Vec<(String, Samples)>,
    ) -> Report {
        self.number += 1;
        Report { from: self.from.clone(), number: self.number, ends: false, used, rests, samples }
    }
}
