//! `/team/spend/by_user`: what each user has spent in each team.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::team_names;
use crate::base::error::Error;
use crate::manage::period::{Period, date};
use crate::manage::show::usd;
use crate::manage::{Call, fail, scope};
use crate::store::{LogFind, Test};

/// Everybody's for those who see everything, otherwise that of the teams which the caller runs.
///
/// # Errors
/// 400 for dates; 403 for a team that the caller does not run; 503.
pub async fn by_member(call: Call) -> Result<Value, Error> {
    let period = Period::must(&call.query)?;
    let teams = teams(&call)?;
    let span = period.span();
    let mut tests = vec![Test::IsNot("team_id", "".into())];
    tests.extend(teams.map(|ids| Test::OneOf("team_id", ids.iter().map(Into::into).collect())));
    let find = LogFind { from_ms: span.from_ms, until_ms: span.until_ms, tests, ..LogFind::default() };
    let rows = call.manage.store().log_sums(vec!["team_id", "user_id"], find).await.map_err(fail::store)?;
    let ids: BTreeSet<&str> = rows.iter().filter_map(|(names, _)| Some(names.first()?.as_str())).collect();
    let names = team_names(&call, &ids).await?;
    let results: Vec<Value> = rows
        .iter()
        .filter_map(|(columns, sums)| {
            let (team, user) = (columns.first()?, columns.get(1)?);
            Some(json!({
                "team_id": team,
                "team_alias": names.get(team),
                "user_id": user,
                "spend": usd(sums.spend_nanos),
                "prompt_tokens": sums.prompt_tokens,
                "completion_tokens": sums.completion_tokens,
                "total_tokens": sums.total_tokens(),
                "api_requests": sums.requests,
                "successful_requests": sums.successes,
                "failed_requests": sums.failures,
            }))
        })
        .collect();
    Ok(json!({"start_date": date(period.from), "end_date": date(period.to), "results": results}))
}

/// The teams that the report is about; `None`: all.
///
/// # Errors
/// 403 for a team that the caller does not run.
pub fn teams(call: &Call) -> Result<Option<Vec<String>>, Error> {
    let asked = scope::names(&call.query, "team_ids")?;
    if call.caller.sees_all() {
        return Ok(asked);
    }
    let Some(asked) = asked else {
        return Ok(Some(call.caller.teams_it_runs().map(str::to_string).collect()));
    };
    match asked.iter().find(|team| !call.caller.runs_team(team)) {
        Some(other) => {
            let message = format!("You do not run the team {other}.");
            Err(fail::forbidden_field("team_ids", message))
        }
        None => Ok(Some(asked)),
    }
}
