//! Every route that changes something, called by everybody who is no admin, with every field that could bring more:
//! afterwards nobody has more than before, and what belongs to others is as it was.

use serde_json::{Map, Value, json};

use super::routes;
use crate::base::ids::sha256_hex;
use crate::domain::keys::{Budget, Key, Limits, Member, Organization, Role, Team, TeamRole, User};
use crate::manage::authority::Verb;
use crate::manage::testing::{Bench, NOW};
use crate::store::{Entity, Find, Store};

/// Who asks, with what role, and what it is in its team.
const CALLERS: [(Option<Role>, TeamRole); 5] = [
    (Some(Role::ProxyAdminViewer), TeamRole::User),
    (Some(Role::InternalUser), TeamRole::User),
    (Some(Role::InternalUser), TeamRole::Admin),
    (Some(Role::InternalUserViewer), TeamRole::User),
    (None, TeamRole::User),
];
const MINE: &str = "sk-mine-of-the-tests-1";
const THEIRS: &str = "sk-theirs-of-the-tests";

fn caps() -> Limits {
    Limits {
        max_budget_nanos: Some(5_000_000_000),
        rpm_limit: Some(5),
        tpm_limit: Some(5),
        max_parallel_requests: Some(5),
        budget_duration: Some("30d".into()),
        ..Limits::default()
    }
}

async fn world(role: Option<Role>, in_team: TeamRole) -> Bench {
    let bench = Bench::new(crate::manage::Settings::default());
    let store = bench.manage.store();
    let models = vec!["cheap".to_string()];
    for (owner, key, team, role, in_team) in [
        ("me", MINE, "ours", role, in_team),
        ("they", THEIRS, "theirs", Some(Role::InternalUser), TeamRole::Admin),
    ] {
        let team_id = Some(team.to_string());
        let limits = caps();
        let new =
            Team { team_id: team.into(), models: models.clone(), limits: limits.clone(), ..Team::default() };
        store.create(new, 0, NOW).await.unwrap();
        let user_id = role.map(|_| owner.to_string());
        if let Some(user_id) = user_id.clone() {
            let (limits, models) = (limits.clone(), models.clone());
            let user = User { user_id: user_id.clone(), user_role: role, limits, models, ..User::default() };
            store.create(user, 0, NOW).await.unwrap();
            let limits = caps();
            let member = Member { team_id: team.into(), user_id, role: in_team, limits, ..Member::default() };
            store.create(member, 0, NOW).await.unwrap();
        }
        let expires_ms = Some(NOW + 1_000_000);
        let models = models.clone();
        let key =
            Key { hash: sha256_hex(key), user_id, team_id, models, limits, expires_ms, ..Key::default() };
        store.create(key, 0, NOW).await.unwrap();
    }
    store.create(Budget { budget_id: "rich".into(), ..Budget::default() }, 0, NOW).await.unwrap();
    let organization = Organization { organization_id: "org".into(), ..Organization::default() };
    store.create(organization, 0, NOW).await.unwrap();
    bench
}

/// Names by which a request says whom it is about: the caller's own, or somebody else's.
fn abouts() -> [Value; 2] {
    let about = |key: &str, user: &str, team: &str| {
        json!({"key": key, "keys": [key], "user_id": user, "user_ids": [user], "team_id": team, "team_ids": [team],
            "organization_id": "org", "budget_id": "rich", "name": "a", "id": "rich"})
    };
    [about(MINE, "me", "ours"), about(THEIRS, "they", "theirs")]
}

/// Fields and values that would be worth having.
fn wishes() -> Vec<Value> {
    let mut wishes = vec![json!({})];
    for name in [
        "max_budget",
        "soft_budget",
        "rpm_limit",
        "tpm_limit",
        "max_parallel_requests",
        "max_budget_in_team",
        "temp_budget_increase",
        "tpd_limit",
    ] {
        wishes.extend([json!({name: 1_000_000}), json!({name: null}), json!({name: -1})]);
    }
    wishes.extend([
        json!({"models": []}),
        json!({"models": ["dear"]}),
        json!({"models": ["*"]}),
        json!({"models": ["all-proxy-models"]}),
        json!({"allowed_models": ["dear"]}),
        json!({"aliases": {"cheap": "dear"}}),
        json!({"duration": "10y"}),
        json!({"duration": null}),
        json!({"duration": "-1"}),
        json!({"expires": null}),
        json!({"budget_duration": "1s"}),
        json!({"budget_duration": null}),
        json!({"budget_id": "rich"}),
        json!({"budget_limits": []}),
        json!({"model_max_budget": {"cheap": 1_000_000}}),
        json!({"user_role": "proxy_admin"}),
        json!({"role": "admin"}),
        json!({"role": "proxy_admin"}),
        json!({"key_type": "management"}),
        json!({"permissions": {"get_spend_routes": true}}),
        json!({"allowed_routes": ["*"]}),
        json!({"blocked": false}),
        json!({"spend": 0}),
        json!({"reset_to": 0}),
        json!({"user_id": "they"}),
        json!({"team_id": "theirs"}),
        json!({"team_id": null}),
        json!({"user_id": null}),
        json!({"metadata": {"model_rpm_limit": {"cheap": 1_000_000}, "service_account_id": "x"}}),
        json!({"member": {"user_id": "me", "role": "admin"}}),
        json!({"members": [{"user_id": "me", "role": "admin"}]}),
        json!({"team_member_permissions": ["/key/generate", "/key/update"]}),
        json!({"temp_budget_increase": 1_000_000, "temp_budget_expiry": "2030-01-01"}),
        json!({"updates": {"max_budget": 1_000_000}, "key_ids": [MINE], "all_users": true}),
        json!({"tags": ["a"], "guardrails": []}),
    ]);
    wishes
}

async fn all<E: Entity>(store: &Store) -> Vec<E> {
    let find = Find { size: 1_000, ..Find::default() };
    store.find::<E>(find).await.unwrap().rows
}

/// No cap is above the other's: `None` is no cap at all.
fn within(cap: Option<i64>, bound: Option<i64>) -> bool {
    bound.is_none_or(|bound| cap.is_some_and(|cap| cap <= bound))
}

fn no_more(name: &str, limits: &Limits, models: &[String]) -> Result<(), String> {
    let bound = caps();
    let each = [
        ("max_budget", within(limits.max_budget_nanos, bound.max_budget_nanos)),
        ("rpm_limit", within(limits.rpm_limit, bound.rpm_limit)),
        ("tpm_limit", within(limits.tpm_limit, bound.tpm_limit)),
        ("max_parallel_requests", within(limits.max_parallel_requests, bound.max_parallel_requests)),
        ("budget_duration", limits.budget_duration.as_deref() == Some("30d")),
        ("models", models.iter().all(|model| model == "cheap") && !models.is_empty()),
    ];
    match each.iter().find(|(_, held)| !held) {
        Some((what, _)) => Err(format!("{name} has more: {what} in {limits:?} {models:?}")),
        None => Ok(()),
    }
}

/// What of the world may not change, and what may not grow.
async fn nobody_has_more(store: &Store, before: &World) -> Result<(), String> {
    let now = World::of(store).await;
    let theirs = sha256_hex(THEIRS);
    for key in &now.keys {
        if key.hash == theirs {
            continue;
        }
        no_more(&format!("key {}", key.hash), &key.limits, &key.models)?;
        let same = key.budget_id.is_none()
            && key.temp_budget_increase_nanos.is_none()
            && key.allowed_routes.is_empty()
            && key.permissions.is_empty()
            && within(key.expires_ms, Some(NOW + 1_000_000))
            && key.team_id.as_deref().is_none_or(|team| team == "ours")
            && key.user_id.as_deref().is_none_or(|user| user == "me")
            && key.metadata.get("model_rpm_limit").is_none();
        if !same {
            return Err(format!("a key has what its maker has not: {key:?}"));
        }
    }
    for team in now.teams.iter().filter(|team| team.team_id == "ours") {
        no_more("the team", &team.limits, &team.models)?;
    }
    let theirs_of = |world: &World| {
        let key = world.keys.iter().find(|key| key.hash == theirs).cloned();
        let team = world.teams.iter().find(|team| team.team_id == "theirs").cloned();
        let members: Vec<Member> =
            world.members.iter().filter(|member| member.team_id == "theirs").cloned().collect();
        (key, team, members)
    };
    if theirs_of(&now) != theirs_of(before) {
        return Err("something of others was changed".into());
    }
    let roles = |world: &World| -> Vec<(String, Option<Role>, Limits)> {
        let of = |user: &User| (user.user_id.clone(), user.user_role, user.limits.clone());
        world.users.iter().map(of).collect()
    };
    if roles(&now) != roles(before)
        || now.budgets != before.budgets
        || now.organizations != before.organizations
    {
        return Err("users, budgets or organizations were changed".into());
    }
    Ok(())
}

struct World {
    keys: Vec<Key>,
    teams: Vec<Team>,
    users: Vec<User>,
    members: Vec<Member>,
    budgets: Vec<Budget>,
    organizations: Vec<Organization>,
}

impl World {
    async fn of(store: &Store) -> Self {
        World {
            keys: all(store).await,
            teams: all(store).await,
            users: all(store).await,
            members: all(store).await,
            budgets: all(store).await,
            organizations: all(store).await,
        }
    }
}

fn merged(base: &Value, wish: &Value) -> Value {
    let mut all: Map<String, Value> = base.as_object().unwrap().clone();
    all.extend(wish.as_object().unwrap().clone());
    all.into()
}

/// Calls a route with everything there is to wish for. A world lasts until the caller has lost its key.
async fn greedy(
    route: &super::Route,
    role: Option<Role>,
    in_team: TeamRole,
    granted: &mut u32,
) -> Vec<String> {
    let mut bench = world(role, in_team).await;
    let mut before = World::of(bench.manage.store()).await;
    let mut gains = Vec::new();
    for about in abouts() {
        for wish in wishes() {
            let fields = merged(&about, &wish);
            let mut call = match bench.call(MINE, route.verb, route.path, fields.clone()).await {
                Ok(call) => call,
                Err(error) if error.status() == 403 => return gains,
                Err(_) => {
                    bench = world(role, in_team).await;
                    before = World::of(bench.manage.store()).await;
                    bench.call(MINE, route.verb, route.path, fields.clone()).await.unwrap()
                }
            };
            for name in ["key", "team_id", "user_id"] {
                call.path.insert(name.into(), fields[name].as_str().unwrap_or("x").to_string());
            }
            if (route.run)(call).await.is_err() {
                continue;
            }
            *granted += 1;
            if let Err(gain) = nobody_has_more(bench.manage.store(), &before).await {
                gains.push(format!("{role:?} {in_team:?} {} {fields}: {gain}", route.path));
                bench = world(role, in_team).await;
                before = World::of(bench.manage.store()).await;
            }
        }
    }
    gains
}

#[actix_rt::test]
async fn nobody_gives_itself_more_than_it_has() {
    let mut gains = Vec::new();
    let (mut tried, mut granted) = (0, 0);
    for route in routes().filter(|route| route.verb != Verb::Get) {
        for (role, in_team) in CALLERS {
            tried += 1;
            gains.extend(greedy(route, role, in_team, &mut granted).await);
        }
    }
    // What is granted is where something could be gained.
    assert!(tried > 200 && granted > 200, "{tried} {granted}");
    let shown: Vec<&String> = gains.iter().take(20).collect();
    assert!(gains.is_empty(), "{} gains, among them {shown:#?}", gains.len());
}
