//! Rows that add to the same accounts and totals, together: a batch has far fewer owners and models than rows.

use hashbrown::HashMap;

use super::{Charge, Fields, LedgerRow, Sums, Text, day_of};

/// What makes rows of a day add to the same accounts and totals.
const SAME: [Text; 11] = [
    Text::KeyHash,
    Text::UserId,
    Text::TeamId,
    Text::OrganizationId,
    Text::EndUser,
    Text::Tags,
    Text::ModelGroup,
    Text::Model,
    Text::Provider,
    Text::CallType,
    Text::AskedModel,
];

/// Rows of the same owners, model and day.
#[derive(Debug)]
pub struct Group {
    /// The first of them.
    pub row: LedgerRow,
    /// What each of them does to its accounts, and whether it is new.
    pub charges: Vec<(Charge, bool)>,
    /// What the new ones come to.
    pub sums: Sums,
}

impl Group {
    /// Puts rows together, of each whether it is new.
    pub fn all<'a>(rows: impl Iterator<Item = (Fields<'a>, bool)>) -> Vec<Group> {
        let mut known: HashMap<(i64, [&'a [u8]; SAME.len()]), usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        for (fields, is_new) in rows {
            let same = (day_of(fields.started_ms()), SAME.map(|text| fields.bytes(text)));
            let place = *known.entry(same).or_insert(groups.len());
            if place == groups.len() {
                let row = LedgerRow::of(&fields);
                groups.push(Group { row, charges: Vec::new(), sums: Sums::default() });
            }
            let Some(group) = groups.get_mut(place) else { continue };
            group.charges.push((Charge::of_fields(&fields), is_new));
            if is_new {
                group.sums.add(Sums::of_fields(&fields));
            }
        }
        groups
    }

    /// Whether one of its rows is new.
    pub fn has_new(&self) -> bool {
        self.sums.requests > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::{DAY_MS, PackedRow};

    #[test]
    fn rows_of_the_same_owners_and_day_meet() {
        let row = |key: &str, started_ms| {
            let row = LedgerRow { key_hash: key.into(), spend_nanos: 2, ..LedgerRow::new(started_ms) };
            PackedRow::try_from(row).unwrap()
        };
        let ms = 1_795_249_500_123;
        let rows = [row("a", ms), row("b", ms), row("a", ms + 1), row("a", ms + DAY_MS)];
        let groups = Group::all(
            rows.iter().zip([true, false, false, true]).map(|(row, new)| (row.fields().unwrap(), new)),
        );
        let found: Vec<_> = groups
            .iter()
            .map(|group| {
                (group.row.key_hash.as_str(), group.charges.len(), group.sums.spend_nanos, group.has_new())
            })
            .collect();
        assert_eq!(found, [("a", 2, 2, true), ("b", 1, 0, false), ("a", 1, 2, true)]);
    }
}
