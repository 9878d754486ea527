//! Why a decision came out as it did: for each member of a group what kept it out, in the words of the filter.
//!
//! It is worked out beside the filter and only when somebody asks, so that a pick pays nothing for it; a test holds
//! both to the same answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::filter::{Indexes, by_tags, keep_lowest_order};
use super::{Candidate, FilterRequest, FilterSettings, Full, Nothing, StrategyName};
use crate::base::error::Kind;

/// The most members that a decision keeps; the chosen one is always among them.
const MOST_MEMBERS: usize = 64;

/// Why a member could not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusion {
    /// It cannot work as configured.
    Broken,
    /// The request's tags and its own do not go together.
    Tags,
    /// The input is longer than its context, tokens.
    Context(u64),
    /// It has refused this request, and would again.
    Refused,
    /// It cools down.
    Cooling {
        /// For how much longer.
        rest: Duration,
        /// The failure that did it.
        cause: Option<Kind>,
        /// Whether failures seen by this process did it; otherwise another replica told of it.
        own: bool,
    },
    /// A limit of its own is used up.
    Full(Full),
    /// This request has tried it, and others are left.
    Tried,
    /// A tier with a lower `order` can serve.
    Order,
    /// Its weight is 0, and others are left.
    Weight,
}

impl Exclusion {
    /// A word for it, for people and programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Exclusion::Broken => "misconfigured",
            Exclusion::Tags => "tags",
            Exclusion::Context(_) => "context_window",
            Exclusion::Refused => "refused",
            Exclusion::Cooling { .. } => "cooldown",
            Exclusion::Full(Full::Rpm) => "rpm_full",
            Exclusion::Full(Full::Tpm) => "tpm_full",
            Exclusion::Full(Full::Parallel) => "max_parallel_requests_full",
            Exclusion::Tried => "tried",
            Exclusion::Order => "order",
            Exclusion::Weight => "weight_0",
        }
    }
}

/// A member as the decision saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Deployment id.
    pub id: Arc<str>,
    /// What kept it out; `None`: it could serve.
    pub out: Option<Exclusion>,
    /// Attempts under way, on all replicas as far as known.
    pub in_flight: u32,
    /// `max_parallel_requests`
    pub parallel: Option<u32>,
    /// Requests of the last minute, and `rpm`; used is only read where something depends on it.
    pub rpm: (u64, Option<u64>),
    /// Tokens of the last minute, and `tpm`.
    pub tpm: (u64, Option<u64>),
    /// `weight`
    pub weight: Option<f64>,
    /// `order`
    pub order: Option<i64>,
    /// Average seconds: to the first token for streams, else of a whole answer.
    pub seconds: Option<f64>,
    /// Whether it has failed again and again within the last minute; that alone keeps nobody out.
    pub failing: bool,
}

/// One decision: what was seen, and what came of it.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The group.
    pub group: Arc<str>,
    /// What chooses among those that can serve.
    pub strategy: StrategyName,
    /// The place of the chosen member in `members`.
    pub chosen: Option<usize>,
    /// Why there is none; also said where the chosen one was taken although it cools.
    pub nothing: Option<Nothing>,
    /// How many members the group has.
    pub of: usize,
    /// The members, in the group's order.
    pub members: Vec<Seen>,
}

impl Decision {
    /// The chosen member.
    pub fn chosen(&self) -> Option<&Seen> {
        self.members.get(self.chosen?)
    }
}

/// The decision of one pick: `chosen` is an index into the candidates.
pub fn decision(
    (group, strategy, stream): (&Arc<str>, StrategyName, bool),
    candidates: &[Candidate<'_>],
    request: &FilterRequest<'_>,
    settings: &FilterSettings,
    chosen: Option<usize>,
    nothing: Option<Nothing>,
) -> Decision {
    let out = exclusions(candidates, request, settings, strategy);
    let seen = |(index, candidate): (usize, &Candidate<'_>)| {
        let out = out.get(index).copied().flatten().filter(|_| chosen != Some(index) || nothing.is_some());
        seen(candidate, out, stream, settings, request.now)
    };
    let shown = |index: usize| index < MOST_MEMBERS - 1 || chosen == Some(index);
    let kept = candidates.iter().enumerate().filter(|(index, _)| shown(*index));
    Decision {
        group: Arc::clone(group),
        strategy,
        chosen: chosen.map(|index| index.min(MOST_MEMBERS - 1)),
        nothing,
        of: candidates.len(),
        members: kept.map(seen).collect(),
    }
}

fn seen(
    candidate: &Candidate<'_>,
    out: Option<Exclusion>,
    stream: bool,
    settings: &FilterSettings,
    now: Instant,
) -> Seen {
    let (deployment, view) = (candidate.deployment, candidate.view);
    let capacity = &deployment.capacity;
    Seen {
        id: Arc::clone(&deployment.id),
        out,
        in_flight: candidate.load(),
        parallel: capacity.max_parallel_requests.or(settings.default_max_parallel),
        rpm: (candidate.used_rpm, capacity.rpm),
        tpm: (candidate.used_tpm, capacity.tpm),
        weight: capacity.weight,
        order: capacity.order,
        seconds: if stream { view.first_token.value() } else { view.whole.value() },
        failing: view.cooling(now).is_none() && !view.healthy(now),
    }
}

/// What keeps each candidate out, in the order in which the filter leaves them out.
pub fn exclusions(
    candidates: &[Candidate<'_>],
    request: &FilterRequest<'_>,
    settings: &FilterSettings,
    strategy: StrategyName,
) -> SmallVec<[Option<Exclusion>; 8]> {
    let working: Indexes = (0..candidates.len())
        .filter(|index| candidates.get(*index).is_some_and(|c| c.deployment.problem.is_none()))
        .collect();
    let fitting = match settings.tag_filtering {
        true => by_tags(candidates, &working, request.tags, settings.tag_match_any),
        false => working.clone(),
    };
    let alone = candidates.iter().enumerate().map(|(index, candidate)| {
        if !working.contains(&index) {
            return Some(Exclusion::Broken);
        }
        if !fitting.contains(&index) {
            return Some(Exclusion::Tags);
        }
        by_itself(candidate, request, settings, index)
    });
    let mut out: SmallVec<[Option<Exclusion>; 8]> = alone.collect();
    beside_others(candidates, request, strategy, &mut out);
    out
}

/// What keeps a candidate out whatever the others are like.
fn by_itself(
    candidate: &Candidate<'_>,
    request: &FilterRequest<'_>,
    settings: &FilterSettings,
    index: usize,
) -> Option<Exclusion> {
    let most = candidate.deployment.info.max_input_tokens.filter(|_| settings.pre_call_checks);
    if let Some(most) = most.filter(|most| request.input_tokens > *most) {
        return Some(Exclusion::Context(most));
    }
    if request.tried.is_barred(index) {
        return Some(Exclusion::Refused);
    }
    if let Some(until) = candidate.view.cooling(request.now) {
        let own = candidate.view.own_cooling_until == Some(until);
        let rest = until.saturating_duration_since(request.now);
        return Some(Exclusion::Cooling { rest, cause: candidate.view.cooldown_cause, own });
    }
    candidate.full(request.estimated_tokens, settings.default_max_parallel).map(Exclusion::Full)
}

/// What keeps a candidate out because a better one is left.
fn beside_others(
    candidates: &[Candidate<'_>],
    request: &FilterRequest<'_>,
    strategy: StrategyName,
    out: &mut SmallVec<[Option<Exclusion>; 8]>,
) {
    let left = |out: &SmallVec<[Option<Exclusion>; 8]>| -> Indexes {
        out.iter().enumerate().filter(|(_, out)| out.is_none()).map(|(index, _)| index).collect()
    };
    let mut mark = |better: &Indexes, why: Exclusion| {
        for (index, out) in out.iter_mut().enumerate() {
            if out.is_none() && !better.is_empty() && !better.contains(&index) {
                *out = Some(why);
            }
        }
        left(out)
    };
    let mut rest = mark(&Indexes::new(), Exclusion::Tried);
    rest.retain(|index| !request.tried.contains(*index));
    let mut rest = mark(&rest, Exclusion::Tried);
    keep_lowest_order(candidates, &mut rest);
    let mut rest = mark(&rest, Exclusion::Order);
    if strategy == StrategyName::SimpleShuffle {
        let weight = |index: usize| candidates.get(index).and_then(|c| c.deployment.capacity.weight);
        rest.retain(|index| weight(*index) != Some(0.0));
        mark(&rest, Exclusion::Weight);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::deployment::{Capacity, Deployment, ModelInfo};
    use crate::domain::routing::testing::{candidate, deployment};
    use crate::domain::routing::{RequestTags, Tried, View, filter};

    /// One member: broken, tagged, context, tried (0 no, 1 failed, 2 barred), cooling, requests used of 2, order, weight.
    type Member = (bool, bool, Option<u64>, u8, bool, u64, Option<i64>, Option<bool>);

    fn members() -> impl Strategy<Value = Vec<Member>> {
        let one = (
            prop::bool::weighted(0.1),
            any::<bool>(),
            prop::option::of(50u64..150),
            0u8..3,
            prop::bool::weighted(0.2),
            0u64..3,
            prop::option::of(0i64..3),
            prop::option::of(any::<bool>()),
        );
        prop::collection::vec(one, 0..6)
    }

    fn made((broken, tagged, context, _, _, _, order, weight): &Member) -> Arc<Deployment> {
        Arc::new(Deployment {
            problem: broken.then(|| "no key".to_string()),
            info: ModelInfo { max_input_tokens: *context, ..ModelInfo::default() },
            capacity: Capacity {
                tags: if *tagged { vec!["eu".to_string()] } else { Vec::new() },
                rpm: Some(2),
                order: *order,
                weight: weight.map(|on| if on { 1.0 } else { 0.0 }),
                ..Capacity::default()
            },
            ..deployment("x")
        })
    }

    proptest! {
        #[test]
        fn it_says_what_the_filter_does(members in members(), tagged: bool, tags: bool, checks: bool) {
            let now = Instant::now();
            let deployments: Vec<_> = members.iter().map(made).collect();
            let until = |cooling: bool| cooling.then(|| now + Duration::from_secs(3));
            let views: Vec<View> = members
                .iter()
                .map(|member| View { cooling_until: until(member.4), ..View::default() })
                .collect();
            let candidates: Vec<Candidate<'_>> = deployments
                .iter()
                .zip(&views)
                .zip(&members)
                .map(|((one, view), member)| Candidate { used_rpm: member.5, ..candidate(one, view) })
                .collect();
            let mut tried = Tried::new();
            for (index, member) in members.iter().enumerate() {
                match member.3 {
                    1 => tried.failed(index),
                    2 => tried.bar(index),
                    _ => {}
                }
            }
            let parsed = RequestTags::parse(if tagged { Some("eu") } else { None });
            let request =
                FilterRequest { tags: &parsed, input_tokens: 100, estimated_tokens: 1, tried: &tried, now };
            let settings =
                FilterSettings { tag_filtering: tags, pre_call_checks: checks, ..FilterSettings::default() };
            let out = exclusions(&candidates, &request, &settings, StrategyName::LeastBusy);
            let explained: Vec<usize> =
                out.iter().enumerate().filter(|(_, out)| out.is_none()).map(|(index, _)| index).collect();
            match filter(&candidates, &request, &settings, &|_, _| Duration::ZERO) {
                Ok(left) => prop_assert_eq!(left.to_vec(), explained),
                Err(_) => prop_assert!(explained.is_empty(), "{:?}", out),
            }
        }
    }

    #[test]
    fn a_weight_of_nothing_and_a_foreign_cooldown_are_told() {
        let now = Instant::now();
        let weighted = |weight| {
            let capacity = Capacity { weight: Some(weight), ..Capacity::default() };
            Arc::new(Deployment { capacity, ..deployment("w") })
        };
        let (none, some) = (weighted(0.0), weighted(1.0));
        let fine = View::default();
        let resting = View {
            cooling_until: Some(now + Duration::from_secs(9)),
            cooldown_cause: Some(Kind::UpstreamRateLimit),
            ..View::default()
        };
        let candidates = [candidate(&none, &fine), candidate(&some, &fine), candidate(&some, &resting)];
        let (tags, tried) = (RequestTags::default(), Tried::new());
        let request = FilterRequest { tags: &tags, input_tokens: 1, estimated_tokens: 1, tried: &tried, now };
        let of = (&"g".into(), StrategyName::SimpleShuffle, false);
        let told = decision(of, &candidates, &request, &FilterSettings::default(), Some(1), None);
        let out: Vec<_> = told.members.iter().map(|seen| seen.out).collect();
        let cause = Some(Kind::UpstreamRateLimit);
        let rest = Duration::from_secs(9);
        assert_eq!(
            out,
            [Some(Exclusion::Weight), None, Some(Exclusion::Cooling { rest, cause, own: false })]
        );
        assert_eq!(told.chosen().map(|seen| &*seen.id), Some("w"));
    }
}
