//! Teams and who is in them. LiteLLM says who is in a team in the team's row, and what a member has spent and may
//! spend in a row of its own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shapes::{CALLBACKS, has_callbacks, limits, own_metadata, settings, take_text, taken, windows};
use super::{Area, Mover, PAGE, Read};
use crate::domain::keys::reset::rolling_end;
use crate::domain::keys::{JsonMap, Member, Team, TeamRole};
use crate::store::litellm::{Record, Source};
use crate::store::{StoreError, Taken};

const TABLE: &str = "LiteLLM_TeamTable";

/// Teams, each page followed by the members of its teams.
pub(super) async fn teams(mover: &mut Mover<'_>) -> Result<(), StoreError> {
    let mut after: Option<Vec<String>> = None;
    loop {
        let (records, last) = mover.source.page(TABLE, &["team_id"], after.as_deref(), PAGE).await?;
        if records.is_empty() {
            return Ok(());
        }
        let beside = Beside::of(mover.source, &records).await?;
        let rows = records.iter().map(|record| team(record, &beside)).collect();
        records.iter().filter(|record| has_callbacks(record)).for_each(|_| mover.report.note(CALLBACKS));
        mover.take::<Team>(Area::Teams, rows).await?;
        let members: Vec<Read<Member>> = records.iter().flat_map(|record| members(record, &beside)).collect();
        for page in chunks(members) {
            mover.take(Area::Members, page).await?;
        }
        for (team, user) in beside.strangers(&records) {
            let reason = "it has spent as a member, but the team does not name it";
            mover.report.left_out(Area::Members, &format!("{user} in {team}"), reason);
        }
        after = Some(last);
    }
}

fn chunks<T>(mut rows: Vec<T>) -> Vec<Vec<T>> {
    let mut pages = Vec::new();
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(usize::try_from(PAGE).unwrap_or(1)));
        pages.push(std::mem::replace(&mut rows, rest));
    }
    pages
}

/// What stands beside the teams of a page.
struct Beside {
    /// Renamed models, by the number that a team points to.
    aliases: BTreeMap<i64, JsonMap>,
    /// Spend of members, by team and user.
    memberships: BTreeMap<(String, String), Record>,
    /// Users by e-mail address, for members that are named by it.
    by_email: BTreeMap<String, String>,
    /// What windows have spent, by team and length.
    windows: BTreeMap<(String, String), i64>,
}

impl Beside {
    async fn of(source: &Source, teams: &[Record]) -> Result<Self, StoreError> {
        let ids: Vec<String> = teams.iter().filter_map(|team| team.text("team_id")).collect();
        let models: Vec<String> =
            teams.iter().filter_map(|team| team.int("model_id")).map(|id| id.to_string()).collect();
        let aliases = source.matching("LiteLLM_ModelTable", "id", &models).await?;
        let memberships = source.matching("LiteLLM_TeamMembership", "team_id", &ids).await?;
        let pair = |record: &Record| (record.text("team_id"), record.text("user_id"));
        let mut emails: Vec<String> =
            teams.iter().flat_map(named).filter_map(|one| one.email_only()).collect();
        emails.sort_unstable();
        emails.dedup();
        let users = source.matching("LiteLLM_UserTable", "user_email", &emails).await?;
        Ok(Beside {
            aliases: aliases.iter().filter_map(|row| Some((row.int("id")?, row.object("aliases")))).collect(),
            by_email: users
                .iter()
                .filter_map(|row| Some((row.text("user_email")?, row.text("user_id")?)))
                .collect(),
            windows: window_spend(source, "team", &ids).await?,
            memberships: memberships
                .into_iter()
                .filter_map(|record| match pair(&record) {
                    (Some(team), Some(user)) => Some(((team, user), record)),
                    _ => None,
                })
                .collect(),
        })
    }

    /// Memberships of users whom no team of the page names.
    fn strangers(&self, teams: &[Record]) -> Vec<(String, String)> {
        let known: Vec<(String, String)> = teams
            .iter()
            .flat_map(|team| {
                let id = team.text("team_id").unwrap_or_default();
                named(team).into_iter().filter_map(move |one| Some((id.clone(), one.user_id(self)?)))
            })
            .collect();
        let spent = |record: &Record| record.dollars("spend").is_ok_and(|spend| spend.is_some_and(|s| s > 0));
        let strange = self.memberships.iter().filter(|(pair, record)| spent(record) && !known.contains(pair));
        strange.map(|(pair, _)| pair.clone()).collect()
    }
}

/// What keys or teams have spent in their further windows, by owner and length; windows that are over left out.
pub(super) async fn window_spend(
    source: &Source,
    kind: &str,
    owners: &[String],
) -> Result<BTreeMap<(String, String), i64>, StoreError> {
    let rows = source.matching("LiteLLM_BudgetWindowSpend", "entity_id", owners).await?;
    let one = |row: &Record| {
        let (owner, length) = (row.text("entity_id")?, row.text("window_duration")?);
        let runs = rolling_end(&length, row.int("window_start")?)? > source.as_of_ms();
        let of_kind = row.text("entity_type")?.eq_ignore_ascii_case(kind);
        let spend = row.dollars("spend").ok()??;
        (runs && of_kind).then_some(((owner, length), spend))
    };
    Ok(rows.iter().filter_map(one).collect())
}

fn team(record: &Record, beside: &Beside) -> Read<Team> {
    let name = record.text("team_id").unwrap_or_default();
    let read = || -> Result<Taken<Team>, String> {
        let mut metadata = own_metadata(record);
        let row = Team {
            team_id: name.clone(),
            team_alias: record.text("team_alias"),
            organization_id: record.text("organization_id"),
            models: record.texts("models"),
            model_aliases: record
                .int("model_id")
                .and_then(|id| beside.aliases.get(&id).cloned())
                .unwrap_or_default(),
            limits: limits(record)?,
            budget_limits: windows(record)?,
            team_member_budget_id: take_text(&mut metadata, "team_member_budget_id"),
            team_member_permissions: record.texts("team_member_permissions"),
            default_team_member_models: record.texts("default_team_member_models"),
            metadata,
            blocked: record.truth("blocked"),
            router_settings: settings(record, "router_settings"),
            policies: record.texts("policies"),
            access_group_ids: record.texts("access_group_ids"),
            object_permission_id: record.text("object_permission_id"),
            ..Team::default()
        };
        let mut taken = taken(record, row)?;
        let own = beside.windows.iter().filter(|((team, _), _)| *team == name);
        taken.windows = own.map(|((_, length), spend)| (length.clone(), *spend)).collect();
        Ok(taken)
    };
    Read { taken: read(), name }
}

/// A member as a team's row names it.
struct Named {
    user_id: Option<String>,
    email: Option<String>,
    role: TeamRole,
}

impl Named {
    fn email_only(&self) -> Option<String> {
        self.email.clone().filter(|_| self.user_id.is_none())
    }

    fn user_id(&self, beside: &Beside) -> Option<String> {
        let by_email = || self.email.as_ref().and_then(|email| beside.by_email.get(email).cloned());
        self.user_id.clone().or_else(by_email)
    }
}

fn named(team: &Record) -> Vec<Named> {
    let Value::Array(listed) = team.json("members_with_roles") else { return Vec::new() };
    let text = |member: &Value, name: &str| {
        member.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_string)
    };
    let one = |member: &Value| Named {
        user_id: text(member, "user_id"),
        email: text(member, "user_email"),
        role: match text(member, "role").as_deref() {
            Some("admin") => TeamRole::Admin,
            _ => TeamRole::User,
        },
    };
    listed.iter().map(one).collect()
}

fn members(team: &Record, beside: &Beside) -> Vec<Read<Member>> {
    let team_id = team.text("team_id").unwrap_or_default();
    let mut read: Vec<Read<Member>> = Vec::new();
    for one in named(team) {
        let user_id = one.user_id(beside);
        let shown = user_id.clone().or_else(|| one.email.clone()).unwrap_or_else(|| "somebody".to_string());
        let name = format!("{shown} in {team_id}");
        // The first entry counts, as it does there.
        if read.iter().any(|other| other.name == name) {
            continue;
        }
        let taken = match user_id {
            None => Err("no user has this e-mail address".to_string()),
            Some(user_id) => member(&team_id, user_id, one, team, beside),
        };
        read.push(Read { name, taken });
    }
    read
}

fn member(
    team_id: &str,
    user_id: String,
    one: Named,
    team: &Record,
    beside: &Beside,
) -> Result<Taken<Member>, String> {
    let none = Record::default();
    let money = beside.memberships.get(&(team_id.to_string(), user_id.clone())).unwrap_or(&none);
    let row = Member {
        team_id: team_id.to_string(),
        user_id,
        user_email: one.email,
        role: one.role,
        budget_id: money.text("budget_id"),
        ..Member::default()
    };
    let mut taken = taken(money, row)?;
    // Its own row has no times.
    taken.row.created_at_ms = team.int("created_at").unwrap_or_default();
    taken.row.updated_at_ms = taken.row.created_at_ms;
    Ok(taken)
}
