//! Tags with settings of their own (`/tag/*`); those that are only seen in requests are listed with them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::body::Body;
use super::show::{offset, usd};
use super::{Call, Changed, caps, fail, rows};
use crate::base::error::Error;
use crate::domain::keys::{Budget, JsonMap, Tag};
use crate::domain::ledger::TotalKind;
use crate::store::{Find, GroupBy, ReportFilter, StoreError, StoreErrorKind};

/// `/tag/new`.
///
/// # Errors
/// 400 when there is such a tag, or for fields that make no sense; 422.
pub async fn new(call: Call) -> Result<Value, Error> {
    let name = call.body.must("name")?;
    let mut tag = Tag { name: name.clone(), created_by: call.by(), ..Tag::default() };
    apply(&call.body, &mut tag, None)?;
    must_have_budget(&call, &tag.budget_id).await?;
    let made = call.manage.store().create(tag, 0, call.now_ms).await.map_err(|error| match error.kind {
        StoreErrorKind::Conflict(_) => fail::invalid("name", format!("Tag {name} already exists.")),
        _ => fail::store(error),
    })?;
    call.manage.tell(Changed::Tag(name.clone()));
    let message = format!("Tag {name} created successfully");
    Ok(json!({"message": message, "tag": shown(&call, &made).await?}))
}

/// `/tag/update`: changes the fields that the request names.
///
/// # Errors
/// 404 when there is no such tag; as [`new`].
pub async fn update(call: Call) -> Result<Value, Error> {
    let name = call.body.must("name")?;
    apply(&call.body, &mut Tag::default(), None)?;
    must_have_budget(&call, &call.body.id("budget_id")?.value()).await?;
    let (body, id) = (call.body.clone(), name.clone());
    let changed = call.manage.store().transaction(call.now_ms, move |transaction| {
        let shared = match transaction.get::<Tag>(&id, "")?.and_then(|tag| tag.budget_id) {
            Some(budget) => transaction.get::<Budget>(&budget, "")?,
            None => None,
        };
        transaction.update::<Tag>(&id, "", &|tag| {
            apply(&body, tag, shared.as_ref())
                .map_err(|error| StoreError::invalid(error.message().to_string()))
        })
    });
    let changed = changed.await.map_err(|error| match error.kind {
        StoreErrorKind::NotFound => unknown(&name),
        _ => fail::store(error),
    })?;
    call.manage.tell(Changed::Tag(name.clone()));
    let message = format!("Tag {name} updated successfully");
    Ok(json!({"message": message, "tag": shown(&call, &changed).await?}))
}

/// `/tag/info`: the tags of `names`.
///
/// # Errors
/// 404 naming the first that does not exist; 422.
pub async fn info(call: Call) -> Result<Value, Error> {
    let names = call.body.texts("names")?.value().ok_or_else(|| fail::missing("names"))?;
    let found = rows::named::<Tag>(&call, names.iter().map(String::as_str)).await?;
    let budgets = budgets_of(&call, found.values()).await?;
    let mut answer = JsonMap::new();
    for name in &names {
        let tag = found.get(name).ok_or_else(|| unknown(name))?;
        answer.insert(name.clone(), row(tag, linked(tag, &budgets)));
    }
    Ok(Value::Object(answer))
}

/// `/tag/list`: configured tags, newest first, and then those that were seen in requests.
///
/// # Errors
/// 503.
pub async fn list(call: Call) -> Result<Value, Error> {
    let tags = call.manage.store().find::<Tag>(Find::default()).await.map_err(fail::store)?.rows;
    let budgets = budgets_of(&call, tags.iter()).await?;
    let known: BTreeSet<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    let filter = ReportFilter::spend_of(TotalKind::Tag);
    let seen = call.manage.store().report(filter, vec![GroupBy::Owner]).await.map_err(fail::store)?;
    let mut all: Vec<Value> = tags.iter().map(|tag| row(tag, linked(tag, &budgets))).collect();
    for total in seen.iter().filter(|total| !known.contains(total.owner.as_str())) {
        let tag = Tag { name: total.owner.clone(), ..Tag::default() };
        let mut shown = row(&tag, None);
        shown["description"] = "Seen in requests; not configured.".into();
        shown["spend"] = usd(total.sums.spend_nanos);
        (shown["created_at"], shown["updated_at"]) = (Value::Null, Value::Null);
        all.push(shown);
    }
    Ok(all.into())
}

/// `/tag/delete`: its settings and limits; what was spent under it stays on record.
///
/// # Errors
/// 404 when there is no such tag; 422.
pub async fn delete(call: Call) -> Result<Value, Error> {
    let name = call.body.must("name")?;
    let gone = call.manage.store().delete::<Tag>(vec![(name.clone(), String::new())]).await;
    if gone.map_err(fail::store)?.is_empty() {
        return Err(unknown(&name));
    }
    call.manage.tell(Changed::Tag(name.clone()));
    Ok(json!({"message": format!("Tag {name} deleted successfully")}))
}

fn apply(body: &Body, tag: &mut Tag, shared: Option<&Budget>) -> Result<(), Error> {
    body.id("description")?.set(&mut tag.description);
    body.texts("models")?.fill(&mut tag.models);
    body.object("model_info")?.fill(&mut tag.model_info);
    caps::apply(body, &mut tag.limits, &mut tag.budget_id, shared)
}

async fn must_have_budget(call: &Call, id: &Option<String>) -> Result<(), Error> {
    if let Some(id) = id {
        super::budgets::must_exist(call, id).await?;
    }
    Ok(())
}

/// Budgets by id.
type Budgets = std::collections::BTreeMap<String, Budget>;

async fn budgets_of(call: &Call, tags: impl Iterator<Item = &Tag>) -> Result<Budgets, Error> {
    rows::named::<Budget>(call, tags.filter_map(|tag| tag.budget_id.as_deref())).await
}

fn linked<'a>(tag: &Tag, budgets: &'a Budgets) -> Option<&'a Budget> {
    budgets.get(tag.budget_id.as_deref()?)
}

async fn shown(call: &Call, tag: &Tag) -> Result<Value, Error> {
    let budgets = budgets_of(call, std::iter::once(tag)).await?;
    Ok(row(tag, linked(tag, &budgets)))
}

fn row(tag: &Tag, linked: Option<&Budget>) -> Value {
    json!({
        "name": tag.name,
        "description": tag.description,
        "models": tag.models,
        "model_info": tag.model_info,
        "spend": usd(tag.state.spend_nanos),
        "total_spend": usd(tag.state.total_spend_nanos),
        "budget_id": tag.budget_id,
        "litellm_budget_table": caps::shown(&tag.limits, linked, &tag.state),
        "created_at": offset(tag.created_at_ms),
        "updated_at": offset(tag.updated_at_ms),
        "created_by": tag.created_by,
    })
}

fn unknown(name: &str) -> Error {
    fail::not_found("name", format!("Tag {name} not found"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::LedgerRow;
    use crate::manage::authority::Verb;
    use crate::manage::testing::{Bench, MASTER, NOW};

    #[tokio::test]
    async fn a_tag_is_made_changed_listed_and_deleted() {
        let bench = Bench::new(crate::manage::Settings::default());
        let seen = LedgerRow {
            tags: vec!["seen".into(), "mine".into()],
            spend_nanos: 250_000_000,
            ..LedgerRow::new(NOW)
        };
        bench.manage.store().append(vec![seen]).await.unwrap();
        let body = json!({"name": "mine", "description": "d", "models": ["m"], "max_budget": 2, "budget_duration": "1d"});
        let made = new(bench.post("/tag/new", body.clone()).await).await.unwrap();
        let tag = &made["tag"];
        assert_eq!((&tag["spend"], &tag["litellm_budget_table"]["max_budget"]), (&json!(0.25), &json!(2.0)));
        assert_eq!(tag["litellm_budget_table"]["budget_reset_at"], "2026-11-22T00:00:00+00:00");
        assert_eq!(bench.told(), [Changed::Tag("mine".into())]);
        assert_eq!(new(bench.post("/tag/new", body).await).await.unwrap_err().status(), 400);
        let change = json!({"name": "mine", "description": null});
        let changed = update(bench.post("/tag/update", change).await).await.unwrap();
        assert_eq!(
            (&changed["tag"]["description"], &changed["tag"]["models"]),
            (&Value::Null, &json!(["m"]))
        );
        let all = list(bench.call(MASTER, Verb::Get, "/tag/list", json!({})).await.unwrap()).await.unwrap();
        assert_eq!(
            (&all[0]["name"], &all[1]["name"], &all[1]["spend"]),
            (&json!("mine"), &json!("seen"), &json!(0.25))
        );
        let shown = info(bench.post("/tag/info", json!({"names": ["mine"]})).await).await.unwrap();
        assert_eq!(shown["mine"]["created_by"], "default_user_id");
        delete(bench.post("/tag/delete", json!({"name": "mine"})).await).await.unwrap();
        for gone in [
            delete(bench.post("/tag/delete", json!({"name": "mine"})).await).await,
            update(bench.post("/tag/update", json!({"name": "mine"})).await).await,
            info(bench.post("/tag/info", json!({"names": ["mine"]})).await).await,
        ] {
            assert_eq!(gone.unwrap_err().status(), 404);
        }
    }
}
