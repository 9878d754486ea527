//! What was spent and what calls cost: `/spend/*`, `/global/*`, `*/daily/activity`, `/cost/estimate`.

use super::{Route, route};
use crate::manage::{costs, logs, reports};

/// The routes of spend.
pub const ROUTES: &[Route] = &[
    route!(Get "/spend/logs" logs::logs),
    route!(Get "/spend/logs/v2" logs::page),
    route!(Get "/spend/logs/ui" logs::page),
    route!(Get "/spend/logs/session/ui" logs::session),
    route!(Get "/spend/logs/ui/{request_id}" logs::details),
    route!(Get "/spend/keys" reports::keys),
    route!(Get "/spend/users" reports::users),
    route!(Get "/spend/tags" reports::own_tags),
    route!(Post "/spend/calculate" costs::calculate),
    route!(Post "/cost/estimate" costs::estimate),
    route!(Get "/global/spend" reports::spend),
    route!(Get "/global/spend/logs" reports::logs),
    route!(Get "/global/spend/keys" reports::top_keys),
    route!(Get "/global/spend/models" reports::top_models),
    route!(Get "/global/spend/teams" reports::teams),
    route!(Get "/global/spend/provider" reports::providers),
    route!(Post "/global/spend/end_users" reports::customers),
    route!(Get "/global/spend/tags" reports::spend_per_tag),
    route!(Get "/global/spend/all_tag_names" reports::all_tag_names),
    route!(Get "/global/spend/report" reports::report),
    route!(Post "/global/spend/reset" reports::reset),
    route!(Get "/global/activity" reports::activity),
    route!(Get "/global/activity/model" reports::model_activity),
    route!(Get "/global/activity/cache_hits" reports::cache_hits),
    route!(Get "/user/daily/activity" reports::user_days),
    route!(Get "/team/daily/activity" reports::team_days),
    route!(Get "/tag/daily/activity" reports::tag_days),
    route!(Get "/customer/daily/activity" reports::customer_days),
    route!(Get "/end_user/daily/activity" reports::customer_days),
    route!(Get "/organization/daily/activity" reports::organization_days),
    route!(Get "/team/spend/by_user" reports::by_member),
];
