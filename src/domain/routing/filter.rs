//! Which members of a group may serve this attempt, and if none, why.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::{Candidate, Full, RequestTags, Tried};

/// Indexes into the candidates.
pub type Indexes = SmallVec<[usize; 8]>;

/// A fair guess at when a parallel slot comes free.
const SLOT_WAIT: Duration = Duration::from_secs(1);

/// The settings of the router that filters obey.
#[derive(Debug, Clone, Copy)]
pub struct FilterSettings {
    /// `enable_pre_call_checks`: leave out deployments whose context is too small.
    pub pre_call_checks: bool,
    /// `enable_tag_filtering`
    pub tag_filtering: bool,
    /// `tag_filtering_match_any`
    pub tag_match_any: bool,
    /// `default_max_parallel_requests`
    pub default_max_parallel: Option<u32>,
}

impl Default for FilterSettings {
    fn default() -> Self {
        FilterSettings {
            pre_call_checks: false,
            tag_filtering: false,
            tag_match_any: true,
            default_max_parallel: None,
        }
    }
}

/// What filters need to know of the request.
#[derive(Debug, Clone, Copy)]
pub struct FilterRequest<'a> {
    /// Its tags.
    pub tags: &'a RequestTags<'a>,
    /// About how many tokens its input has.
    pub input_tokens: u64,
    /// About how many tokens it takes from `tpm` limits, output included.
    pub estimated_tokens: u64,
    /// The members it has tried.
    pub tried: &'a Tried,
    /// The moment of the decision.
    pub now: Instant,
}

/// Why no member may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {
    /// None can work as configured (or the group is empty).
    AllBroken,
    /// All cool down. The one that is back soonest is there to be tried all the same.
    AllCooling {
        /// Its index.
        soonest: usize,
        /// Until when it cools.
        until: Instant,
    },
    /// All have used up a limit of their own.
    AllFull {
        /// How long until the first of them has room.
        retry_after: Duration,
        /// The limit of that one.
        which: Full,
    },
    /// None has the tags.
    NoTagMatch,
    /// The input fits no member's context.
    ContextTooSmall {
        /// The largest context there is, tokens.
        largest: u64,
    },
    /// All that are left have refused this request for good.
    AllTried,
}

/// Leaves out, in this order, the members that are broken, have other tags, too small a context, refused
/// for good, cool down, are full, or were tried already while another is left; of the rest those of the
/// lowest `order` stay (those without one only if no other is left).
///
/// What depends on the request comes before what passes with time, so that the reason is the true one: a
/// group whose only matching deployment cools down is cooling, not mismatched. `wait` tells how long a
/// candidate's window needs until the request fits; it is asked only when all are full.
///
/// # Errors
/// Why nothing is left.
pub fn filter(
    candidates: &[Candidate<'_>],
    request: &FilterRequest<'_>,
    settings: &FilterSettings,
    wait: &dyn Fn(usize, Full) -> Duration,
) -> Result<Indexes, Nothing> {
    let mut left = may_serve(candidates, request, settings)?;
    let cooling =
        take_out(&mut left, |index| at(candidates, index, |c| c.view.cooling(request.now).is_some()));
    if left.is_empty() {
        return Err(all_cooling(candidates, cooling, request, settings, wait));
    }
    let full = take_out(&mut left, |index| is_full(candidates, index, request, settings).is_some());
    if left.is_empty() {
        return Err(all_full(candidates, &full, request, settings, wait));
    }
    let tried = take_out(&mut left, |index| request.tried.contains(index));
    if left.is_empty() {
        left = tried;
    }
    keep_lowest_order(candidates, &mut left);
    Ok(left)
}

/// Whether another `order` tier has members that were not tried yet: then the group is worth another
/// round, as a hop, before its fallbacks are.
pub fn untried_tier(orders: impl IntoIterator<Item = Option<i64>>, tried: &Tried) -> bool {
    let mut failed: SmallVec<[i64; 8]> = SmallVec::new();
    let mut untried: SmallVec<[i64; 8]> = SmallVec::new();
    for (index, order) in orders.into_iter().enumerate() {
        let tier = order.unwrap_or(i64::MAX);
        if tried.contains(index) { failed.push(tier) } else { untried.push(tier) }
    }
    failed.iter().max().is_some_and(|last| untried.iter().any(|tier| tier > last))
}

/// The members that may serve this request at some time.
fn may_serve(
    candidates: &[Candidate<'_>],
    request: &FilterRequest<'_>,
    settings: &FilterSettings,
) -> Result<Indexes, Nothing> {
    let mut left: Indexes = (0..candidates.len()).collect();
    left.retain(|index| at(candidates, *index, |c| c.deployment.problem.is_none()));
    if left.is_empty() {
        return Err(Nothing::AllBroken);
    }
    if settings.tag_filtering {
        left = by_tags(candidates, &left, request.tags, settings.tag_match_any);
        if left.is_empty() {
            return Err(Nothing::NoTagMatch);
        }
    }
    if settings.pre_call_checks {
        by_context(candidates, &mut left, request.input_tokens)?;
    }
    left.retain(|index| !request.tried.is_barred(*index));
    if left.is_empty() { Err(Nothing::AllTried) } else { Ok(left) }
}

pub(super) fn by_tags(all: &[Candidate<'_>], left: &Indexes, tags: &RequestTags<'_>, any: bool) -> Indexes {
    let those = |fits: &dyn Fn(&[String]) -> bool| -> Indexes {
        let fit = |index: &usize| at(all, *index, |c| fits(&c.deployment.capacity.tags));
        left.iter().copied().filter(fit).collect()
    };
    let fitting = those(&|own| tags.fits(own, any));
    if fitting.is_empty() { those(&|own| tags.fits_by_default(own)) } else { fitting }
}

fn by_context(candidates: &[Candidate<'_>], left: &mut Indexes, tokens: u64) -> Result<(), Nothing> {
    let limit = |index: usize| candidates.get(index).and_then(|c| c.deployment.info.max_input_tokens);
    let largest = left.iter().filter_map(|index| limit(*index)).max().unwrap_or(0);
    left.retain(|index| limit(*index).is_none_or(|most| tokens <= most));
    if left.is_empty() { Err(Nothing::ContextTooSmall { largest }) } else { Ok(()) }
}

/// All cool down: the soonest with room is there to be tried; if none has room, they are all full.
fn all_cooling(
    candidates: &[Candidate<'_>],
    cooling: Indexes,
    request: &FilterRequest<'_>,
    settings: &FilterSettings,
    wait: &dyn Fn(usize, Full) -> Duration,
) -> Nothing {
    let until = |index: usize| candidates.get(index).and_then(|c| c.view.cooling(request.now));
    let with_room = cooling.iter().filter(|index| is_full(candidates, **index, request, settings).is_none());
    let soonest =
        with_room.filter_map(|index| Some((request.tried.contains(*index), until(*index)?, *index))).min();
    match soonest {
        Some((_, until, soonest)) => Nothing::AllCooling { soonest, until },
        None => all_full(candidates, &cooling, request, settings, wait),
    }
}

fn all_full(
    candidates: &[Candidate<'_>],
    full: &Indexes,
    request: &FilterRequest<'_>,
    settings: &FilterSettings,
    wait: &dyn Fn(usize, Full) -> Duration,
) -> Nothing {
    let soonest = full
        .iter()
        .filter_map(|index| {
            let which = is_full(candidates, *index, request, settings)?;
            let after = if which == Full::Parallel { SLOT_WAIT } else { wait(*index, which) };
            Some((after, which))
        })
        .min_by_key(|(after, _)| *after);
    let (retry_after, which) = soonest.unwrap_or((SLOT_WAIT, Full::Parallel));
    Nothing::AllFull { retry_after, which }
}

pub(super) fn keep_lowest_order(candidates: &[Candidate<'_>], left: &mut Indexes) {
    let order = |index: usize| candidates.get(index).and_then(|c| c.deployment.capacity.order);
    if let Some(lowest) = left.iter().filter_map(|index| order(*index)).min() {
        left.retain(|index| order(*index) == Some(lowest));
    }
}

fn is_full(
    candidates: &[Candidate<'_>],
    index: usize,
    request: &FilterRequest<'_>,
    settings: &FilterSettings,
) -> Option<Full> {
    candidates.get(index)?.full(request.estimated_tokens, settings.default_max_parallel)
}

fn at(candidates: &[Candidate<'_>], index: usize, test: impl Fn(&Candidate<'_>) -> bool) -> bool {
    candidates.get(index).is_some_and(test)
}

/// Moves what `out` names into a list of its own.
fn take_out(left: &mut Indexes, out: impl Fn(usize) -> bool) -> Indexes {
    let taken: Indexes = left.iter().copied().filter(|index| out(*index)).collect();
    if !taken.is_empty() {
        left.retain(|index| !taken.contains(index));
    }
    taken
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::deployment::{Capacity, Deployment, ModelInfo};
    use crate::domain::routing::View;
    use crate::domain::routing::testing::{candidate, deployment, sized};

    const WAIT: Duration = Duration::from_secs(17);

    struct Scene {
        deployments: Vec<Arc<Deployment>>,
        views: Vec<View>,
        used_rpm: Vec<u64>,
        tried: Tried,
        settings: FilterSettings,
        tags: Vec<&'static str>,
        tokens: u64,
        now: Instant,
    }

    impl Scene {
        fn of(deployments: Vec<Arc<Deployment>>) -> Self {
            let count = deployments.len();
            Scene {
                deployments,
                views: vec![View::default(); count],
                used_rpm: vec![0; count],
                tried: Tried::new(),
                settings: FilterSettings::default(),
                tags: Vec::new(),
                tokens: 10,
                now: Instant::now(),
            }
        }

        fn plain(count: usize) -> Self {
            Scene::of((0..count).map(|n| Arc::new(deployment(&n.to_string()))).collect())
        }

        fn cool(&mut self, index: usize, seconds: u64) -> Instant {
            let until = self.now + Duration::from_secs(seconds);
            self.views[index].cooling_until = Some(until);
            until
        }

        fn left(&self) -> Result<Vec<usize>, Nothing> {
            let tags = RequestTags::parse(self.tags.iter().copied());
            let candidates: Vec<Candidate> = (0..self.deployments.len())
                .map(|n| Candidate {
                    used_rpm: self.used_rpm[n],
                    ..candidate(&self.deployments[n], &self.views[n])
                })
                .collect();
            let request = FilterRequest {
                tags: &tags,
                input_tokens: self.tokens,
                estimated_tokens: self.tokens,
                tried: &self.tried,
                now: self.now,
            };
            filter(&candidates, &request, &self.settings, &|_, _| WAIT).map(|left| left.to_vec())
        }
    }

    fn with(capacity: Capacity) -> Arc<Deployment> {
        sized("x", capacity)
    }

    fn ordered(order: Option<i64>) -> Arc<Deployment> {
        with(Capacity { order, ..Capacity::default() })
    }

    fn tagged(tags: &[&str]) -> Arc<Deployment> {
        with(Capacity { tags: tags.iter().map(|tag| tag.to_string()).collect(), ..Capacity::default() })
    }

    #[test]
    fn broken_deployments_are_never_picked() {
        let mut broken = deployment("broken");
        broken.problem = Some("no API key".into());
        let broken = Arc::new(broken);
        let scene = Scene::of(vec![broken.clone(), Arc::new(deployment("fine"))]);
        assert_eq!(scene.left(), Ok(vec![1]));
        assert_eq!(Scene::of(vec![broken]).left(), Err(Nothing::AllBroken));
        assert_eq!(Scene::of(vec![]).left(), Err(Nothing::AllBroken));
    }

    #[test]
    fn a_group_never_goes_dark() {
        let mut scene = Scene::plain(3);
        scene.cool(0, 30);
        scene.cool(1, 10);
        assert_eq!(scene.left(), Ok(vec![2]));
        let until = scene.cool(2, 20).min(scene.now + Duration::from_secs(10));
        assert_eq!(scene.left(), Err(Nothing::AllCooling { soonest: 1, until }));
        // The soonest failed in this very request: the next one is due.
        scene.tried.failed(1);
        let until = scene.now + Duration::from_secs(20);
        assert_eq!(scene.left(), Err(Nothing::AllCooling { soonest: 2, until }));
    }

    #[test]
    fn a_cooldown_that_is_over_counts_no_more() {
        let mut scene = Scene::plain(1);
        scene.cool(0, 0);
        assert_eq!(scene.left(), Ok(vec![0]));
    }

    #[test]
    fn the_lowest_order_serves_and_the_next_when_it_cannot() {
        let mut scene = Scene::of(vec![ordered(Some(2)), ordered(None), ordered(Some(1)), ordered(Some(1))]);
        assert_eq!(scene.left(), Ok(vec![2, 3]));
        scene.cool(2, 5);
        scene.tried.failed(3);
        assert_eq!(scene.left(), Ok(vec![0]));
        scene.tried.failed(0);
        assert_eq!(scene.left(), Ok(vec![1]));
        scene.tried.failed(1);
        assert_eq!(scene.left(), Ok(vec![3]), "all tried: from the lowest order again");
    }

    #[test]
    fn a_higher_tier_is_worth_another_round_until_it_was_tried() {
        let orders = [Some(1), Some(1), Some(2)];
        let mut tried = Tried::new();
        assert!(!untried_tier(orders, &tried));
        tried.failed(0);
        assert!(untried_tier(orders, &tried));
        assert!(!untried_tier([None, None], &tried));
        tried.failed(2);
        assert!(!untried_tier(orders, &tried));
    }

    #[test]
    fn tags_choose_and_mismatches_are_told() {
        let mut scene =
            Scene::of(vec![tagged(&["eu"]), tagged(&["default"]), tagged(&[]), tagged(&["paid"])]);
        assert_eq!(scene.left(), Ok(vec![0, 1, 2, 3]), "switched off");
        scene.settings.tag_filtering = true;
        assert_eq!(scene.left(), Ok(vec![1, 2]));
        scene.tags = vec!["eu", "paid"];
        assert_eq!(scene.left(), Ok(vec![0, 3]));
        scene.tags = vec!["mars"];
        assert_eq!(scene.left(), Ok(vec![1]));
        scene.tags = vec!["&mars"];
        assert_eq!(scene.left(), Err(Nothing::NoTagMatch));
        // Never the soonest of the wrong tag.
        scene.tags = vec!["eu"];
        let until = scene.cool(0, 50);
        scene.cool(3, 1);
        assert_eq!(scene.left(), Err(Nothing::AllCooling { soonest: 0, until }));
    }

    #[test]
    fn too_long_an_input_is_told_with_the_largest_context() {
        let small = |most| {
            let info = ModelInfo { max_input_tokens: Some(most), ..ModelInfo::default() };
            Arc::new(Deployment { info, ..deployment("x") })
        };
        let mut scene = Scene::of(vec![small(100), small(200)]);
        scene.tokens = 200;
        assert_eq!(scene.left(), Ok(vec![0, 1]), "switched off");
        scene.settings.pre_call_checks = true;
        assert_eq!(scene.left(), Ok(vec![1]));
        scene.tokens = 201;
        assert_eq!(scene.left(), Err(Nothing::ContextTooSmall { largest: 200 }));
    }

    #[test]
    fn full_deployments_are_left_out_to_the_last_request() {
        let two = || with(Capacity { rpm: Some(2), ..Capacity::default() });
        let mut scene = Scene::of(vec![two(), two()]);
        scene.used_rpm = vec![1, 2];
        assert_eq!(scene.left(), Ok(vec![0]));
        scene.used_rpm = vec![2, 2];
        assert_eq!(scene.left(), Err(Nothing::AllFull { retry_after: WAIT, which: Full::Rpm }));
        // A cooling deployment without room is no reason to break its limit.
        scene.cool(0, 5);
        scene.cool(1, 5);
        assert_eq!(scene.left(), Err(Nothing::AllFull { retry_after: WAIT, which: Full::Rpm }));
    }

    #[test]
    fn tokens_and_parallel_requests_are_limits_too() {
        let capacity = Capacity { tpm: Some(100), max_parallel_requests: Some(2), ..Capacity::default() };
        let (limited, view) = (with(capacity), View::default());
        let fresh = candidate(&limited, &view);
        assert_eq!(fresh.full(100, None), None);
        assert_eq!(fresh.full(1_000, None), None, "an empty window takes even a giant");
        assert_eq!(Candidate { used_tpm: 91, ..fresh }.full(10, None), Some(Full::Tpm));
        assert_eq!(Candidate { used_tpm: 90, ..fresh }.full(10, None), None);
        let busy = Candidate { in_flight: 1, picks_pending: 1, ..fresh };
        assert_eq!(busy.full(1, None), Some(Full::Parallel));
        let unlimited = with(Capacity::default());
        let busy = Candidate { in_flight: 5, ..candidate(&unlimited, &view) };
        assert_eq!(busy.full(1, None), None);
        assert_eq!(busy.full(1, Some(5)), Some(Full::Parallel));
    }

    #[test]
    fn the_failed_deployment_waits_until_all_were_tried_and_the_refusing_one_for_ever() {
        let mut scene = Scene::plain(2);
        scene.tried.failed(0);
        assert_eq!(scene.left(), Ok(vec![1]));
        scene.tried.failed(1);
        assert_eq!(scene.left(), Ok(vec![0, 1]));
        scene.tried.bar(0);
        assert_eq!(scene.left(), Ok(vec![1]));
        scene.tried.bar(1);
        assert_eq!(scene.left(), Err(Nothing::AllTried));
    }
}
