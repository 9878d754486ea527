//! A deployment as `/model/info` shows it.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::facts;
use crate::actors::topology::Table;
use crate::config::stored::without_secrets;
use crate::domain::deployment::Deployment;
use crate::domain::keys::{JsonMap, StoredModel};
use crate::domain::pricing::is_price;
use crate::manage::show::zulu;

/// A deployment, where it is served and the row it comes from.
pub struct Item<'a> {
    /// The deployment.
    pub deployment: &'a Arc<Deployment>,
    /// Its row, if it comes from the database.
    pub row: Option<&'a StoredModel>,
    /// What past requests say of it.
    pub health: &'static str,
}

/// All deployments, in the table's order, and those that are switched off.
pub fn items(table: &Table) -> Vec<Item<'_>> {
    let now = Instant::now();
    let served = table.members().iter().map(|member| {
        let (deployment, view) = (member.cell().deployment(), member.cell().view());
        let health = match (&deployment.problem, view.cooling(now), view.healthy(now)) {
            (Some(_), ..) => "unusable",
            (None, Some(_), _) => "cooling",
            (None, None, false) => "unhealthy",
            (None, None, true) => "healthy",
        };
        (deployment, health)
    });
    let blocked = table.blocked.iter().map(|deployment| (deployment, "blocked"));
    served
        .chain(blocked)
        .map(|(deployment, health)| Item { deployment, row: row_of(table, deployment), health })
        .collect()
}

/// The row of a deployment. One entry can stand for several deployments, whose ids begin with the row's.
fn row_of<'a>(table: &'a Table, deployment: &Deployment) -> Option<&'a StoredModel> {
    if !deployment.origin.stored {
        return None;
    }
    let exact = table.rows.iter().find(|row| row.model_id == *deployment.id);
    exact.or_else(|| {
        table.rows.iter().find(|row| {
            deployment.id.strip_prefix(row.model_id.as_str()).is_some_and(|rest| rest.starts_with('-'))
                && row.model_name == *deployment.group
        })
    })
}

impl Item<'_> {
    /// It in LiteLLM's shape. `why`: whether to say what is wrong with it.
    pub fn shown(&self, table: &Table, why: bool) -> Value {
        let deployment = self.deployment;
        json!({
            "model_name": &*deployment.group,
            "litellm_params": deployment.origin.params,
            "model_info": self.info(table, why),
        })
    }

    fn info(&self, table: &Table, why: bool) -> Value {
        let deployment = self.deployment;
        let mut info = JsonMap::new();
        info.insert("id".into(), json!(&*deployment.id));
        info.insert("db_model".into(), deployment.origin.stored.into());
        if let Value::Object(own) = without_secrets(Value::Object(deployment.info.raw.clone())) {
            let own = own.into_iter().filter(|(name, _)| name != "id");
            info.extend(own.map(|(name, value)| {
                let value = if is_price(&name) { facts::amount(value) } else { value };
                (name, value)
            }));
        }
        if let Some(row) = self.row {
            info.insert("blocked".into(), row.blocked.into());
            info.insert("created_at".into(), zulu(row.created_at_ms));
            info.insert("updated_at".into(), zulu(row.updated_at_ms));
            info.insert("created_by".into(), row.created_by.clone().into());
            info.insert("updated_by".into(), row.updated_by.clone().into());
        }
        info.insert("health_status".into(), self.health.into());
        if let Some(problem) = deployment.problem.as_ref().filter(|_| why) {
            info.insert("problem".into(), problem.clone().into());
        }
        self.add_facts(table, &mut info);
        Value::Object(info)
    }

    /// What the price list says, where the entry does not say it itself.
    fn add_facts(&self, table: &Table, info: &mut JsonMap) {
        let deployment = self.deployment;
        let own_prices: JsonMap = deployment
            .info
            .raw
            .iter()
            .filter(|(name, value)| is_price(name) && !value.is_null())
            .map(|(name, value)| (name.clone(), facts::amount(value.clone())))
            .collect();
        let overrides = if own_prices.is_empty() { Value::Null } else { own_prices.into() };
        info.insert("pricing_overrides".into(), overrides);
        let listed = facts::listed(table.config.governance.money.prices.book(), deployment);
        if let Some((key, listed)) = listed {
            info.insert("key".into(), key.into());
            for (name, value) in listed {
                info.entry(name).or_insert(value);
            }
        }
        let known = &deployment.info;
        for (name, value) in [
            ("mode", json!(known.mode)),
            ("max_input_tokens", json!(known.max_input_tokens)),
            ("max_output_tokens", json!(known.max_output_tokens)),
            ("max_tokens", json!(known.max_output_tokens)),
            ("input_cost_per_token", json!(known.input_cost_per_token)),
            ("output_cost_per_token", json!(known.output_cost_per_token)),
            ("litellm_provider", json!(deployment.provider.name)),
        ] {
            info.entry(name).or_insert(value);
        }
        if matches!(known.mode.as_deref(), None | Some("chat")) {
            info.insert("supported_openai_params".into(), json!(facts::chat_params(deployment)));
        }
    }
}
