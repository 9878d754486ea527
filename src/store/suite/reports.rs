//! Logs, reports, audit and retention.

use super::{Case, DAY, HOUR, NOW, on_every_store, row};
use crate::domain::keys::{Key, Limits, Window};
use crate::domain::ledger::{AccountId, AccountKind, LedgerRow, Status, TotalKind, day_of};
use crate::store::{
    GroupBy, LogFind, LogSort, Numbers, ReportFilter, ReportRow, StoreErrorKind, Test, Value,
};

on_every_store!(
    a_row_comes_back_as_it_was_written,
    logs_filter_sort_and_page,
    sessions_have_one_row_each,
    a_search_without_an_index_ends_somewhere,
    reports_add_up_by_what_is_asked,
    spend_of_days_agrees_with_the_totals,
    totals_have_pages,
    a_report_is_whole_or_refused,
    an_audit_finds_nothing_until_somebody_interferes,
    an_audit_looks_at_what_owners_spent_each_day,
    rows_leave_and_the_books_stay_even,
    budgets_of_single_models_have_periods,
);

async fn a_row_comes_back_as_it_was_written(case: Case) {
    let written = LedgerRow {
        first_token_ms: Some(NOW + 3),
        response_id: "chatcmpl-1".into(),
        call_id: "call".into(),
        session_id: "s".into(),
        tags: vec!["a".into(), "b\"c".into()],
        estimated: true,
        status: Status::Failure,
        error_class: "RateLimit".into(),
        error_code: "429".into(),
        cache_hit: Some(false),
        cached_tokens: 2,
        metadata: serde_json::json!({"z": 1, "a": {"b": null}}).as_object().unwrap().clone(),
        ..row("h1", NOW, 77)
    };
    case.store.append(vec![written.clone()]).await.unwrap();
    for id in [written.id.as_str(), "chatcmpl-1", "call"] {
        let find = LogFind { tests: vec![LogFind::request(id)], ..LogFind::default() };
        assert_eq!(case.store.logs(find).await.unwrap().rows, vec![written.clone()]);
    }
    for (tag, count) in [("a", 1), ("b\"c", 1), ("b", 0)] {
        let find = LogFind { tests: vec![LogFind::tag(tag)], ..LogFind::default() };
        assert_eq!(case.store.logs(find).await.unwrap().total, count, "{tag}");
    }
}

async fn logs_filter_sort_and_page(case: Case) {
    let store = &case.store;
    let mut rows: Vec<LedgerRow> = (0..5).map(|n| row("h1", NOW + n * DAY, 10 - n)).collect();
    rows.push(LedgerRow { status: Status::Failure, first_token_ms: Some(NOW + 9), ..row("h2", NOW + 5, 3) });
    store.append(rows.clone()).await.unwrap();
    let costs = async |find: LogFind| {
        let page = store.logs(find).await.unwrap();
        (page.rows.iter().map(|row| row.spend_nanos).collect::<Vec<_>>(), page.total, page.capped)
    };
    assert_eq!(costs(LogFind::default()).await, (vec![6, 7, 8, 9, 3, 10], 6, false));
    let range = LogFind { from_ms: Some(NOW + DAY), until_ms: Some(NOW + 3 * DAY), ..LogFind::default() };
    assert_eq!(costs(range).await.0, [8, 9]);
    let by_spend =
        LogFind { sort_by: LogSort::Spend, ascending: true, page: 2, size: 2, ..LogFind::default() };
    assert_eq!(costs(by_spend).await, (vec![7, 8], 6, false));
    for sort_by in [LogSort::End, LogSort::TotalTokens, LogSort::Model, LogSort::Duration] {
        assert_eq!(costs(LogFind { sort_by, ..LogFind::default() }).await.1, 6);
    }
    assert_eq!(costs(LogFind { sort_by: LogSort::FirstToken, ..LogFind::default() }).await.0[0], 3);
    let failed = vec![Test::Is("status", Value::from("failure")), Test::UpTo("spend", 3)];
    assert_eq!(costs(LogFind { tests: failed, ..LogFind::default() }).await.0, [3]);
    let wrong = LogFind { tests: vec![Test::Nothing("nope")], ..LogFind::default() };
    assert_eq!(store.logs(wrong).await.unwrap_err().kind, StoreErrorKind::Invalid);
    let by_key = store.log_sums(vec!["key_hash", "user_id"], LogFind::default()).await.unwrap();
    assert_eq!(by_key[0].0, ["h1", "u1"]);
    assert_eq!((by_key[0].1.spend_nanos, by_key[1].1.failures), (40, 1));
}

async fn reports_add_up_by_what_is_asked(case: Case) {
    let store = &case.store;
    let mut rows: Vec<LedgerRow> =
        (0..4).map(|n| row(&format!("h{}", n % 2), NOW + n * DAY, 10 + n)).collect();
    rows.push(LedgerRow {
        model_group: "claude".into(),
        model: "anthropic/claude".into(),
        provider: "anthropic".into(),
        tags: vec!["x".into()],
        end_user: "e".into(),
        ..row("h0", NOW, 100)
    });
    store.append(rows).await.unwrap();
    let today = day_of(NOW);
    let all = store.report(ReportFilter::of(TotalKind::All), vec![]).await.unwrap();
    assert_eq!((all[0].sums.spend_nanos, all[0].sums.requests, all[0].sums.total_tokens()), (146, 5, 75));
    let days = ReportFilter::of(TotalKind::All).days(today, today + 1);
    let days = store.report(days, vec![GroupBy::Day]).await.unwrap();
    let days: Vec<(i64, i64)> = days.iter().map(|row| (row.day - today, row.sums.spend_nanos)).collect();
    assert_eq!(days, [(0, 110), (1, 11)]);
    let top = ReportFilter { top: Some(1), ..ReportFilter::of(TotalKind::Key) };
    let top = store.report(top, vec![GroupBy::Owner]).await.unwrap();
    assert_eq!((top.len(), top[0].owner.as_str(), top[0].sums.spend_nanos), (1, "h0", 122));
    let user = ReportFilter { owners: Some(vec!["u1".into()]), ..ReportFilter::of(TotalKind::User) };
    let user = store.report(user, vec![GroupBy::Key, GroupBy::Provider]).await.unwrap();
    assert_eq!(user.len(), 3);
    assert_eq!((user[0].key_hash.as_str(), user[0].provider.as_str()), ("h0", "anthropic"));
    let tag = store.report(ReportFilter::of(TotalKind::Tag), vec![GroupBy::Owner]).await.unwrap();
    assert_eq!((tag[0].owner.as_str(), tag[0].sums.requests), ("x", 1));
    let model = ReportFilter { model: Some("claude".into()), ..ReportFilter::of(TotalKind::All) };
    assert_eq!(store.report(model, vec![]).await.unwrap()[0].sums.spend_nanos, 100);
    let nobody = ReportFilter { owners: Some(vec![]), ..ReportFilter::of(TotalKind::User) };
    assert!(store.report(nobody, vec![GroupBy::Day]).await.unwrap().is_empty());
}

async fn spend_of_days_agrees_with_the_totals(case: Case) {
    use GroupBy::{Day, Owner};
    let store = &case.store;
    spending(&case).await;
    let today = day_of(NOW);
    let agrees = async || {
        for kind in [TotalKind::All, TotalKind::Key, TotalKind::User, TotalKind::Tag, TotalKind::EndUser] {
            for by in [vec![], vec![Owner], vec![Day], vec![Day, Owner]] {
                for top in [None, Some(2)] {
                    let filter = ReportFilter { top, ..ReportFilter::of(kind) }.days(today + 1, today + 9);
                    let spend = ReportFilter { numbers: Numbers::Spend, ..filter.clone() };
                    let all = store.report(filter, by.clone()).await.unwrap();
                    let few = store.report(spend, by.clone()).await.unwrap();
                    let told = |row: &ReportRow| {
                        (row.day, row.owner.clone(), row.sums.spend_nanos, row.sums.requests)
                    };
                    assert!(!all.is_empty());
                    assert_eq!(
                        all.iter().map(told).collect::<Vec<_>>(),
                        few.iter().map(told).collect::<Vec<_>>()
                    );
                    assert!(few.iter().all(|row| row.sums.prompt_tokens == 0));
                }
            }
        }
    };
    agrees().await;
    // A program that keeps no days writes to one of them, and to one that is not there yet.
    let interfere = case.store.write(move |session| {
        let sql = "UPDATE stagedoor_totals SET spend = spend + 7, requests = requests + 1 WHERE day = $1";
        session.execute(sql, &[(today + 2).into()])?;
        session.execute("DELETE FROM stagedoor_daily WHERE day = $1", &[(today + 3).into()])
    });
    interfere.await.unwrap();
    agrees().await;
}

async fn totals_have_pages(case: Case) {
    let store = &case.store;
    let rows = (0..5).map(|n| row(&format!("h{}", n % 2), NOW + n / 2 * DAY, 10 + n)).collect();
    store.append(rows).await.unwrap();
    let mut seen = Vec::new();
    for page in 1..=4 {
        let found = store.report_page(ReportFilter::of(TotalKind::User), page, 2).await.unwrap();
        assert_eq!((found.total, found.pages(2)), (5, 3));
        seen.extend(found.rows.iter().map(|row| (row.day - day_of(NOW), row.sums.spend_nanos)));
    }
    assert_eq!(seen, [(2, 14), (1, 13), (1, 12), (0, 11), (0, 10)]);
    let of_key = ReportFilter { keys: Some(vec!["h1".into()]), ..ReportFilter::of(TotalKind::User) };
    let found = store.report_page(of_key.days(day_of(NOW) + 1, day_of(NOW) + 2), 1, 50).await.unwrap();
    assert_eq!((found.total, found.rows[0].sums.total_tokens()), (1, 15));
}

async fn a_report_is_whole_or_refused(case: Case) {
    case.store.append(vec![row("h1", NOW, 7), row("h2", NOW, 5)]).await.unwrap();
    let keys = |most| case.store.report_within(ReportFilter::of(TotalKind::Key), vec![GroupBy::Owner], most);
    assert_eq!(keys(2).await.unwrap().len(), 2);
    assert_eq!(keys(1).await.unwrap_err().kind, StoreErrorKind::Invalid);
    let dearest = ReportFilter { top: Some(1), ..ReportFilter::of(TotalKind::Key) };
    let dearest = case.store.report_within(dearest, vec![GroupBy::Owner], 1).await.unwrap();
    assert_eq!(dearest.iter().map(|row| row.owner.as_str()).collect::<Vec<_>>(), ["h1"]);
    let page = async |page| {
        let filter = ReportFilter { page: Some((page, 1)), ..ReportFilter::of(TotalKind::Key) };
        let rows = case.store.report_within(filter, vec![GroupBy::Owner], 1).await.unwrap();
        rows.into_iter().map(|row| (row.owner, row.sums.spend_nanos)).collect::<Vec<_>>()
    };
    assert_eq!(page(1).await, [("h1".to_string(), 7)]);
    assert_eq!(page(2).await, [("h2".to_string(), 5)]);
    assert_eq!(page(3).await, []);
}

async fn sessions_have_one_row_each(case: Case) {
    let of =
        |session: &str, at: i64, cost: i64| LedgerRow { session_id: session.into(), ..row("h1", at, cost) };
    let rows = vec![
        of("a", NOW, 1),
        of("b", NOW + 1, 5),
        of("a", NOW + DAY, 2),
        of("", NOW + 2, 4),
        of("", NOW + 3, 3),
    ];
    case.store.append(rows).await.unwrap();
    let found = async |find: LogFind| {
        let page = case.store.logs_by_session(find).await.unwrap();
        let each = page.rows.iter().map(|one| (one.row.session_id.clone(), one.rows, one.spend_nanos));
        (each.collect::<Vec<_>>(), page.total, page.capped)
    };
    let a = |session: &str, rows: i64, cost: i64| (session.to_string(), rows, cost);
    let (told, total, capped) = found(LogFind::default()).await;
    assert_eq!(told, [a("a", 2, 3), a("", 1, 3), a("", 1, 4), a("b", 1, 5)]);
    assert_eq!((total, capped), (4, false));
    let sorts = [LogSort::End, LogSort::TotalTokens, LogSort::Model, LogSort::Duration, LogSort::FirstToken];
    for sort_by in sorts {
        assert_eq!(found(LogFind { sort_by, ..LogFind::default() }).await.1, 4, "{sort_by:?}");
    }
    let dearest = LogFind { sort_by: LogSort::Spend, page: 2, size: 2, ..LogFind::default() };
    assert_eq!(found(dearest).await.0.iter().map(|one| one.2).collect::<Vec<_>>(), [3, 3]);
    let first_day = LogFind { until_ms: Some(NOW + DAY), ascending: true, ..LogFind::default() };
    assert_eq!(found(first_day).await.0[0], a("a", 1, 1));
    let of_key = LogFind { tests: vec![Test::Is("key_hash", Value::from("h2"))], ..LogFind::default() };
    assert_eq!(found(of_key).await, (vec![], 0, false));
}

async fn a_search_without_an_index_ends_somewhere(case: Case) {
    let store = &case.store;
    let row = |n: i64| row(if n < 11_000 { "h1" } else { "h2" }, NOW + n * 1_000, n);
    for start in (0..22_000).step_by(2_000) {
        store.append((start..start + 2_000).map(row).collect()).await.unwrap();
    }
    let found = async |tests: Vec<Test>, sort_by, ascending| {
        let find = LogFind { tests, sort_by, ascending, size: 1, ..LogFind::default() };
        let page = store.logs(find).await.unwrap();
        (page.rows.first().map(|row| row.spend_nanos), page.total, page.capped)
    };
    let cheap = || vec![Test::UpTo("spend", 2_500)];
    // The latest 20 000 rows, or the earliest.
    assert_eq!(found(cheap(), LogSort::Start, false).await, (Some(2_500), 501, true));
    assert_eq!(found(cheap(), LogSort::Start, true).await, (Some(0), 2_501, true));
    assert_eq!(found(vec![], LogSort::Spend, true).await, (Some(2_000), 10_000, true));
    let with_key = |mut tests: Vec<Test>| {
        tests.push(Test::Is("key_hash", Value::from("h1")));
        tests
    };
    // The latest 10 000 of the key.
    assert_eq!(found(with_key(cheap()), LogSort::Start, false).await, (Some(2_500), 1_501, true));
    assert_eq!(found(with_key(vec![]), LogSort::Spend, true).await, (Some(1_000), 10_000, true));
    // Within a period there are fewer.
    let find = LogFind {
        from_ms: Some(NOW),
        until_ms: Some(NOW + 3_000_000),
        tests: cheap(),
        size: 1,
        ..LogFind::default()
    };
    let page = store.logs(find).await.unwrap();
    assert_eq!((page.rows[0].spend_nanos, page.total, page.capped), (2_500, 2_501, false));
}

async fn spending(case: &Case) {
    let limits = Limits { budget_duration: Some("1d".into()), ..Limits::default() };
    let budget_limits = vec![Window { budget_duration: "7d".into(), max_budget_nanos: 1 }];
    let key = Key { hash: "h1".into(), limits, budget_limits, ..Key::default() };
    case.store.create(key, 25, NOW).await.unwrap();
    let row = |n: i64| LedgerRow {
        tags: vec![format!("t{}", n % 3)],
        end_user: format!("e{}", n % 2),
        ..row("h1", NOW + n * HOUR, 100 + n)
    };
    case.store.append((0..300).map(row).collect()).await.unwrap();
    case.store.regenerate_key("h1", "h2", NOW, None, NOW, |_| Ok(())).await.unwrap();
    case.store.append(vec![row(301)]).await.unwrap();
    case.store.set_spend(AccountId::new(AccountKind::User, "u1"), 3, NOW).await.unwrap();
    case.store.clear_spend(vec![AccountKind::Team]).await.unwrap();
    case.store.reset_due(NOW + 303 * HOUR).await.unwrap();
    case.store.append((304..310).map(row).collect()).await.unwrap();
}

async fn an_audit_finds_nothing_until_somebody_interferes(case: Case) {
    assert_eq!(case.store.audit().await.unwrap(), (0, vec![]));
    spending(&case).await;
    assert_eq!(case.store.audit().await.unwrap(), (307, vec![]));
    case.store
        .write(|session| {
            session.execute("UPDATE stagedoor_accounts SET total = total + 1 WHERE kind = 'team'", &[])?;
            let sql = "UPDATE stagedoor_totals SET requests = requests + 2 WHERE kind = 'all' AND day = $1";
            session.execute(sql, &[day_of(NOW).into()])
        })
        .await
        .unwrap();
    let (_, found) = case.store.audit().await.unwrap();
    let found: Vec<_> = found.iter().map(|f| (f.of.as_str(), f.what, f.kept - f.counted)).collect();
    let today = format!("day {}", day_of(NOW));
    assert_eq!(found, [(today.as_str(), "requests", 2), ("team t1", "total", 1)]);
}

async fn an_audit_looks_at_what_owners_spent_each_day(case: Case) {
    spending(&case).await;
    let interfere = case.store.write(|session| {
        let sql =
            "UPDATE stagedoor_daily SET spend = spend - 1 WHERE kind = 'tag' AND owner = 't1' AND day = $1";
        session.execute(sql, &[day_of(NOW).into()])
    });
    assert_eq!(interfere.await.unwrap(), 1);
    let (_, found) = case.store.audit().await.unwrap();
    let found: Vec<_> = found.iter().map(|f| (f.of.as_str(), f.what, f.kept - f.counted)).collect();
    assert_eq!(found, [(format!("day {} tag t1", day_of(NOW)).as_str(), "spend", -1)]);
}

async fn rows_leave_and_the_books_stay_even(case: Case) {
    let store = &case.store;
    spending(&case).await;
    let before = store.report(ReportFilter::of(TotalKind::All), vec![GroupBy::Day]).await.unwrap();
    // The last days of a part of seven stay with PostgreSQL until all of them may go.
    let kept_day = day_of(NOW + 8 * DAY);
    let left = store.retain(kept_day * DAY).await.unwrap();
    assert!((1..=8 * 24).contains(&left), "{left}");
    let (rows, found) = store.audit().await.unwrap();
    assert_eq!((rows + left, found), (307, vec![]));
    assert_eq!(store.retain(kept_day * DAY).await.unwrap(), 0);
    let after = store.report(ReportFilter::of(TotalKind::All), vec![GroupBy::Day]).await.unwrap();
    assert_eq!(before, after);
    // Periods go on, and rows go on coming, old ones too.
    store.reset_due(NOW + 400 * HOUR).await.unwrap();
    store.append(vec![row("h2", NOW + 400 * HOUR, 5), row("h2", NOW + 8 * DAY, 7)]).await.unwrap();
    assert_eq!(store.audit().await.unwrap().1, vec![]);
    store.retain(NOW + 500 * DAY).await.unwrap();
    assert_eq!(store.audit().await.unwrap(), (0, vec![]));
    let find = LogFind { tests: vec![Test::Is("key_hash", Value::from("h1"))], ..LogFind::default() };
    assert_eq!(store.logs(find).await.unwrap().total, 0);
}

async fn budgets_of_single_models_have_periods(case: Case) {
    let store = &case.store;
    let model =
        serde_json::json!({"gpt-4o": {"max_budget": 1, "budget_duration": "1h"}, "other": {"max_budget": 1}});
    let limits = Limits { model_max_budget: model.as_object().unwrap().clone(), ..Limits::default() };
    store.create(Key { hash: "h1".into(), limits, ..Key::default() }, 0, NOW).await.unwrap();
    store.append(vec![row("h1", NOW, 5), row("h1", NOW + HOUR, 7)]).await.unwrap();
    let id = AccountId::pair(AccountKind::KeyModel, "h1", "gpt-4o");
    let account = store.accounts(vec![id.clone()], NOW).await.unwrap().remove(&id).unwrap();
    assert_eq!((account.spend_nanos, account.total_nanos), (7, 12));
    let cleared = store.update::<Key>("h1", "", NOW, |key| {
        key.limits.model_max_budget.clear();
        Ok(())
    });
    cleared.await.unwrap();
    let account = store.accounts(vec![id.clone()], NOW).await.unwrap().remove(&id).unwrap();
    assert_eq!(account.reset_at_ms, None);
    assert_eq!(store.audit().await.unwrap().1, vec![]);
}
