//! Several rows by their ids.

use std::collections::{BTreeMap, BTreeSet};

use super::{Call, fail};
use crate::base::error::Error;
use crate::store::{Entity, Find, Test};

/// How many are asked for at once.
const PIECE: usize = 500;

/// The rows of these ids, those that do not exist left out.
///
/// # Errors
/// 503.
pub async fn named<E: Entity>(
    call: &Call,
    ids: impl Iterator<Item = &str>,
) -> Result<BTreeMap<String, E>, Error> {
    let ids: BTreeSet<&str> = ids.filter(|id| !id.is_empty()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut found = BTreeMap::new();
    for piece in ids.chunks(PIECE) {
        let find = Find::all(vec![Test::OneOf("id", piece.iter().map(|id| (*id).into()).collect())]);
        let page = call.manage.store().find::<E>(find).await.map_err(fail::store)?;
        found.extend(page.rows.into_iter().map(|row| (row.id().0.to_string(), row)));
    }
    Ok(found)
}
