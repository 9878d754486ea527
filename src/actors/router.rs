//! The Router actor, one per worker, on that worker's own thread.
//!
//! - owns: the strategy of each group, the random source
//! - accepts: [`Pick`]
//! - tells: answers a pick with a lease, or with the reason why there is none
//! - never: waits, calls a provider, keeps a request's state
//! - on panic: restarted with fresh strategy state; leases live elsewhere and lose no count
//! - on shutdown: nothing to save

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Context, Handler, Message};
use arc_swap::Guard;
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::cell::{Full as CellFull, Lease};
use super::keeper::DeathNotice;
use super::topology::Table;
use crate::base::clock;
use crate::config::model::RouterSettings;
use crate::domain::routing::explain::decision;
use crate::domain::routing::groups::Resolved;
use crate::domain::routing::{
    Candidate, Decision, FilterRequest, FilterSettings, Full, Nothing, PickContext, RequestTags, Strategy,
    StrategyArgs, StrategyName, Tried, View, choose, strategy,
};

/// Makes the strategy of a group; tests bring their own.
pub type MakeStrategy = Arc<dyn Fn(StrategyName, StrategyArgs) -> Box<dyn Strategy> + Send + Sync>;

/// Picks deployments for one worker.
pub struct Router {
    make: MakeStrategy,
    strategies: HashMap<Arc<str>, Box<dyn Strategy>>,
    generation: u64,
    rng: fastrand::Rng,
    notice: DeathNotice<Router>,
}

impl Router {
    /// An incarnation with fresh state.
    pub fn new(make: MakeStrategy, notice: DeathNotice<Self>) -> Self {
        Router { make, strategies: HashMap::new(), generation: 0, rng: fastrand::Rng::new(), notice }
    }

    /// The strategies as they come with the configuration.
    pub fn standard() -> MakeStrategy {
        Arc::new(strategy)
    }

    fn pick(&mut self, pick: &Pick) -> Result<Picked, NoPick> {
        self.follow(&pick.table);
        let router = &pick.table.config.router;
        let make = &self.make;
        let strategy = self
            .strategies
            .entry(Arc::clone(&pick.resolved.group))
            .or_insert_with(|| make(router.strategy, router.strategy_args));
        let now = clock::now();
        let Decided { result, why } = decide(pick, strategy.as_mut(), &mut self.rng, now);
        let index = match result {
            Ok(index) => index,
            Err(nothing) => return Err(NoPick::Nothing(nothing, why)),
        };
        let member = pick.resolved.members.get(index).and_then(|one| pick.table.member(&one.deployment));
        let Some(member) = member else { return Err(NoPick::Nothing(Nothing::AllBroken, why)) };
        let lease = member.cell().lease(pick.estimated_tokens, now).map_err(NoPick::Taken)?;
        Ok(Picked { lease, index, why })
    }

    /// A new configuration starts with fresh strategies; few hold state worth keeping.
    fn follow(&mut self, table: &Table) {
        if self.generation != table.generation {
            self.generation = table.generation;
            self.strategies.clear();
        }
    }
}

/// What a look at a group came to: an index into its members, and why, where somebody wants to know.
struct Decided {
    result: Result<usize, Nothing>,
    why: Option<Box<Decision>>,
}

/// Filter and strategy over what is known of the group's members at this moment. A refusal is always explained.
fn decide(pick: &Pick, strategy: &mut dyn Strategy, rng: &mut fastrand::Rng, now: Instant) -> Decided {
    let router = &pick.table.config.router;
    let counted = pick.explain || router.strategy == StrategyName::UsageBased;
    let members = &pick.resolved.members;
    let cells: SmallVec<[&super::topology::Member; 8]> =
        members.iter().filter_map(|member| pick.table.member(&member.deployment)).collect();
    let views: SmallVec<[Guard<Arc<View>>; 8]> = cells.iter().map(|member| member.cell().view()).collect();
    let candidates: SmallVec<[Candidate<'_>; 8]> =
        cells.iter().zip(&views).map(|(member, view)| candidate(member, view, counted, now)).collect();
    let tags = RequestTags::parse(pick.tags.iter().map(String::as_str));
    let request = FilterRequest {
        tags: &tags,
        input_tokens: pick.input_tokens,
        estimated_tokens: pick.estimated_tokens,
        tried: &pick.tried,
        now,
    };
    let settings = filter_settings(router);
    let group = &pick.resolved.group;
    let context = PickContext { stream: pick.stream, estimated_tokens: pick.estimated_tokens, now, group };
    let wait = |index: usize, which: Full| {
        cells.get(index).map_or(Duration::ZERO, |member| {
            member.cell().wait(which == Full::Tpm, pick.estimated_tokens, now)
        })
    };
    let chosen = choose(&candidates, &request, &settings, &wait, strategy, &context, rng);
    let nothing = chosen.err();
    let result = match chosen {
        Err(Nothing::AllCooling { soonest, .. }) if pick.despite_cooling => Ok(soonest),
        other => other,
    };
    let why = (pick.explain || result.is_err()).then(|| {
        let of = (group, router.strategy, pick.stream);
        Box::new(decision(of, &candidates, &request, &settings, result.ok(), nothing))
    });
    Decided { result, why }
}

fn filter_settings(router: &RouterSettings) -> FilterSettings {
    FilterSettings {
        pre_call_checks: router.pre_call_checks,
        tag_filtering: router.tag_filtering,
        tag_match_any: router.tag_match_any,
        default_max_parallel: router.default_max_parallel_requests,
    }
}

/// What a pick would come to at this moment, without taking a place or moving the state of any strategy.
pub fn dry_run(pick: &Pick) -> Option<Box<Decision>> {
    let router = &pick.table.config.router;
    let mut strategy = strategy(router.strategy, router.strategy_args);
    decide(pick, strategy.as_mut(), &mut fastrand::Rng::new(), clock::now()).why
}

/// The counters of limits are read only where something depends on them.
fn candidate<'a>(
    member: &'a super::topology::Member,
    view: &'a View,
    counted: bool,
    now: Instant,
) -> Candidate<'a> {
    let cell = member.cell();
    let capacity = &cell.deployment().capacity;
    let (used_rpm, used_tpm) =
        if counted || capacity.rpm.is_some() || capacity.tpm.is_some() { cell.used(now) } else { (0, 0) };
    let others = cell.others();
    Candidate {
        deployment: cell.deployment(),
        view,
        in_flight: cell.in_flight().saturating_add(others.in_flight),
        picks_pending: 0,
        used_rpm: used_rpm.saturating_add(others.requests),
        used_tpm: used_tpm.saturating_add(others.tokens),
    }
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(4096);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.notice.retire();
    }
}

/// Which deployment serves the next attempt?
#[derive(Message)]
#[rtype(result = "Result<Picked, NoPick>")]
pub struct Pick {
    /// The configuration the request is served under.
    pub table: Arc<Table>,
    /// The group.
    pub resolved: Resolved,
    /// What it has tried.
    pub tried: Tried,
    /// Its tags.
    pub tags: Arc<[String]>,
    /// About how many tokens its input has.
    pub input_tokens: u64,
    /// About how many tokens it takes.
    pub estimated_tokens: u64,
    /// Whether it is a stream.
    pub stream: bool,
    /// Take the soonest of a group that cools down as a whole: there is nowhere else to go.
    pub despite_cooling: bool,
    /// Whether somebody wants to know why.
    pub explain: bool,
}

/// A deployment, with a place on it.
pub struct Picked {
    /// The place.
    pub lease: Lease,
    /// Its index among the group's members.
    pub index: usize,
    /// Why this one, if the pick asked.
    pub why: Option<Box<Decision>>,
}

/// Why there is none.
#[derive(Debug)]
pub enum NoPick {
    /// The filter left nothing; and what it saw.
    Nothing(Nothing, Option<Box<Decision>>),
    /// Another worker took the last place a moment ago; ask again.
    Taken(CellFull),
}

/// The place on a group's only deployment: there is nothing to choose, and asking the actor would cost the request
/// another turn. `None` where anything speaks against it; the router then says what.
pub fn only(table: &Table, resolved: &Resolved, tried: &Tried, estimated_tokens: u64) -> Option<Picked> {
    let [only] = &*resolved.members else { return None };
    let router = &table.config.router;
    if !tried.is_empty() || router.pre_call_checks || router.tag_filtering {
        return None;
    }
    let member = table.member(&only.deployment).filter(|_| only.deployment.problem.is_none())?;
    let now = clock::now();
    if member.cell().view().cooling(now).is_some() {
        return None;
    }
    let lease = member.cell().lease(estimated_tokens, now).ok()?;
    Some(Picked { lease, index: 0, why: None })
}

impl Handler<Pick> for Router {
    type Result = Result<Picked, NoPick>;

    fn handle(&mut self, pick: Pick, _: &mut Self::Context) -> Self::Result {
        self.pick(&pick)
    }
}
