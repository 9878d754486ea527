//! What became of everything, or would become of it.

use std::collections::BTreeMap;

use crate::store::Outcome;

/// So many single rows are named; the rest is counted.
const NAMED: usize = 50;

/// A kind of row, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Shared budgets.
    Budgets,
    /// Organizations.
    Organizations,
    /// Who belongs to them.
    OrgMembers,
    /// Users.
    Users,
    /// What everybody has spent together.
    Everybody,
    /// Teams.
    Teams,
    /// Who is in them.
    Members,
    /// End users.
    EndUsers,
    /// Tags.
    Tags,
    /// Virtual keys.
    Keys,
    /// Hashes of replaced keys that still work.
    Replaced,
    /// The request log.
    Logs,
}

impl Area {
    /// Its name in the report.
    pub fn as_str(self) -> &'static str {
        match self {
            Area::Budgets => "budgets",
            Area::Organizations => "organizations",
            Area::OrgMembers => "organization members",
            Area::Users => "users",
            Area::Everybody => "proxy-wide spend",
            Area::Teams => "teams",
            Area::Members => "team members",
            Area::EndUsers => "end users",
            Area::Tags => "tags",
            Area::Keys => "keys",
            Area::Replaced => "replaced keys",
            Area::Logs => "spend logs",
        }
    }
}

/// How many rows of a kind went which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Made.
    pub new: u64,
    /// Here already.
    pub same: u64,
    /// Different here, and kept.
    pub differs: u64,
    /// Different here, and replaced.
    pub replaced: u64,
    /// Cannot be kept here.
    pub left_out: u64,
}

/// What became of everything.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// By kind.
    pub tallies: BTreeMap<Area, Tally>,
    /// Rows that differ and in which fields, the first of them by name.
    pub differing: Vec<String>,
    /// Rows that were left out and why, the first of them by name.
    pub left_out: Vec<String>,
    /// What was changed on the way, and for how many rows.
    pub notes: BTreeMap<String, u64>,
    /// What has no place here: how many rows, and of what.
    pub elsewhere: Vec<(u64, String)>,
}

impl Report {
    /// Writes down what became of a row.
    pub fn outcome(&mut self, area: Area, name: &str, outcome: Outcome) {
        let tally = self.tallies.entry(area).or_default();
        match outcome {
            Outcome::New => tally.new += 1,
            Outcome::Same => tally.same += 1,
            Outcome::Differs(fields) => {
                tally.differs += 1;
                named(&mut self.differing, || format!("{} {name}: {}", area.as_str(), fields.join(", ")));
            }
            Outcome::Replaced(_) => tally.replaced += 1,
            Outcome::LeftOut(reason) => self.left_out(area, name, &reason),
        }
    }

    /// Writes down that a row cannot be kept.
    pub fn left_out(&mut self, area: Area, name: &str, reason: &str) {
        self.tallies.entry(area).or_default().left_out += 1;
        named(&mut self.left_out, || format!("{} {name}: {reason}", area.as_str()));
    }

    /// Writes down what was changed on the way.
    pub fn note(&mut self, what: &str) {
        *self.notes.entry(what.to_string()).or_default() += 1;
    }

    /// All kinds together.
    pub fn sum(&self) -> Tally {
        self.tallies.values().fold(Tally::default(), |sum, tally| Tally {
            new: sum.new + tally.new,
            same: sum.same + tally.same,
            differs: sum.differs + tally.differs,
            replaced: sum.replaced + tally.replaced,
            left_out: sum.left_out + tally.left_out,
        })
    }
}

fn named(list: &mut Vec<String>, line: impl FnOnce() -> String) {
    if list.len() < NAMED {
        list.push(line());
    }
}
