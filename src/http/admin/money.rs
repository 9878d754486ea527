//! `/budget/*`, and `/customer/*` with its older name `/end_user/*`.

use super::{Route, route};
use crate::manage::{budgets, customers};

/// The routes of budgets and customers.
pub const ROUTES: &[Route] = &[
    route!(Post "/budget/new" budgets::new),
    route!(Post "/budget/update" budgets::update),
    route!(Post "/budget/info" budgets::info),
    route!(Get "/budget/list" budgets::list),
    route!(Get "/budget/settings" budgets::settings),
    route!(Post "/budget/delete" budgets::delete),
    route!(Post "/customer/new" customers::new),
    route!(Post "/end_user/new" customers::new),
    route!(Get "/customer/info" customers::info),
    route!(Get "/end_user/info" customers::info),
    route!(Get "/customer/list" customers::list),
    route!(Get "/end_user/list" customers::list),
    route!(Post "/customer/update" customers::update),
    route!(Post "/end_user/update" customers::update),
    route!(Post "/customer/delete" customers::delete),
    route!(Post "/end_user/delete" customers::delete),
    route!(Post "/customer/block" customers::block),
    route!(Post "/end_user/block" customers::block),
    route!(Post "/customer/unblock" customers::unblock),
    route!(Post "/end_user/unblock" customers::unblock),
];
