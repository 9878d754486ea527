//! Rows of the ledger (`/spend/logs*`): found, paged, summed up by day. Whoever does not see everything sees the
//! rows of its own user.

mod filter;
mod show;
mod summary;

use serde_json::{Value, json};

use super::period::Span;
use super::{Call, fail, scope};
use crate::base::error::Error;
use crate::domain::ledger::LedgerRow;
use crate::store::{LogFind, Page, Test};

/// The most rows that the form without pages answers.
const UNPAGED: u32 = 10_000;

/// `/spend/logs`: rows, newest first; with both dates, and unless `summarize=false`, what each day comes to.
///
/// # Errors
/// 400 for dates; 403 for another user's rows; 422; 503.
pub async fn logs(call: Call) -> Result<Value, Error> {
    let both = ["start_date", "end_date"].iter().all(|name| call.query.raw(name).is_some());
    let summarize = call.query.bool("summarize")?.value().unwrap_or(true);
    let one = call.query.id("request_id")?.value().is_some();
    if both && summarize && !one {
        return summary::by_day(&call).await;
    }
    let span = Span::of(&call.query)?;
    let find = LogFind {
        from_ms: span.from_ms,
        until_ms: span.until_ms,
        tests: filter::simple(&call)?,
        size: UNPAGED,
        ..LogFind::default()
    };
    let page = find_rows(&call, find).await?;
    Ok(page.rows.iter().map(show::row).collect())
}

/// `/spend/logs/v2` and `/spend/logs/ui`: a page of rows under any filter and order; with `group_by_session` the latest
/// row of each session, with what the session comes to. Both dates are mandatory.
///
/// # Errors
/// 400 for missing dates; 403 for another user's rows; 422; 503.
pub async fn page(call: Call) -> Result<Value, Error> {
    for name in ["start_date", "end_date"] {
        if call.query.id(name)?.value().is_none() {
            return Err(fail::invalid(name, "Please provide start_date and end_date."));
        }
    }
    let span = Span::of(&call.query)?;
    paged(&call, filter::all(&call)?, span).await
}

/// `/spend/logs/session/ui`: the rows of one session.
///
/// # Errors
/// 403, 422, 503.
pub async fn session(call: Call) -> Result<Value, Error> {
    call.query.must("session_id")?;
    let span = Span::of(&call.query)?;
    paged(&call, filter::all(&call)?, span).await
}

async fn paged(call: &Call, tests: Vec<Test>, span: Span) -> Result<Value, Error> {
    let (page, size) = call.page("page_size", 50, 1_000)?;
    let (sort_by, ascending) = filter::order(&call.query)?;
    let find =
        LogFind { from_ms: span.from_ms, until_ms: span.until_ms, tests, sort_by, ascending, page, size };
    if call.query.is_on("group_by_session")? {
        let found = call.manage.store().logs_by_session(find).await.map_err(fail::store)?;
        return Ok(shown(&found, (page, size), show::in_session));
    }
    let found = find_rows(call, find).await?;
    Ok(shown(&found, (page, size), show::listed))
}

fn shown<T>(found: &Page<T>, (page, size): (u32, u32), show: impl Fn(&T) -> Value) -> Value {
    let data: Vec<Value> = found.rows.iter().map(show).collect();
    json!({
        "data": data,
        "total": found.total,
        "page": page,
        "page_size": size,
        "total_pages": found.pages(size),
        "total_is_capped": found.capped,
    })
}

/// `/spend/logs/ui/{request_id}`: what was asked and answered, as far as it was kept.
///
/// # Errors
/// 404 when there is no such row, or it is somebody else's.
pub async fn details(call: Call) -> Result<Value, Error> {
    let id = call.in_path("request_id").to_string();
    let mut tests = vec![LogFind::request(&id)];
    tests.extend(scope::user(&call)?.map(|user| Test::Is("user_id", user.into())));
    let found = find_rows(&call, LogFind { tests, size: 1, ..LogFind::default() }).await?;
    let row = found
        .rows
        .first()
        .ok_or_else(|| fail::not_found("request_id", format!("There is no row of the request {id}.")))?;
    Ok(show::content(row))
}

async fn find_rows(call: &Call, find: LogFind) -> Result<Page<LedgerRow>, Error> {
    call.manage.store().logs(find).await.map_err(fail::store)
}

#[cfg(test)]
mod tests;
