//! What each route takes and answers, area by area.

mod activity;
mod cache;
mod common;
mod keys;
mod models;
mod money;
mod organizations;
mod service;
mod spend;
mod teams;
mod users;

use super::shapes::Area;

/// All areas but the data plane, in the order in which they are shown.
pub const ALL: &[Area] = &[
    service::READ,
    keys::AREA,
    users::AREA,
    teams::AREA,
    models::AREA,
    money::BUDGETS,
    money::CUSTOMERS,
    organizations::AREA,
    organizations::TAGS,
    spend::AREA,
    activity::AREA,
    cache::AREA,
    service::PUBLIC,
];
