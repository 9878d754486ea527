//! The lowest of several, ties broken at random.

use crate::base::rng::Rng;

/// The index of the lowest score; scores that are equal have equal chances. `None` scores do not take
/// part.
pub fn lowest<S: PartialOrd>(
    scores: impl IntoIterator<Item = Option<S>>,
    rng: &mut dyn Rng,
) -> Option<usize> {
    let mut best: Option<(usize, S)> = None;
    let mut ties = 0;
    for (index, score) in scores.into_iter().enumerate() {
        let Some(score) = score else { continue };
        let better = best.as_ref().is_none_or(|(_, known)| score < *known);
        if better {
            best = Some((index, score));
            ties = 1;
        } else if best.as_ref().is_some_and(|(_, known)| score == *known) {
            ties += 1;
            if rng.below(ties) == 0 {
                best = Some((index, score));
            }
        }
    }
    best.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_have_equal_chances() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut counts = [0; 4];
        for _ in 0..30_000 {
            let picked = lowest([Some(1), Some(2), Some(1), Some(1)], &mut rng).unwrap();
            counts[picked] += 1;
        }
        assert_eq!(counts[1], 0);
        for index in [0, 2, 3] {
            assert!((9_600..10_400).contains(&counts[index]), "{counts:?}");
        }
        assert_eq!(lowest::<u8>([None, None], &mut rng), None);
    }
}
