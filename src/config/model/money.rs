//! Prices, and the budget of the whole gateway.

use std::sync::Arc;

use crate::base::money::Nanos;
use crate::domain::keys::reset::Calendar;
use crate::domain::pricing::{Adjust, AdjustConfig, PriceBook};

/// Prices and budgets.
#[derive(Debug, Clone)]
pub struct MoneySettings {
    /// `litellm_settings.max_budget`: all requests together; `None` when there is none, or 0.
    pub proxy_budget: Option<ProxyBudget>,
    /// `budget_exceeded_status_code` (422 by default).
    pub exceeded_status: u16,
    /// `timezone`, `budget_reset_time`: where budget periods begin (midnight, UTC by default). A change needs a
    /// restart.
    pub calendar: Calendar,
    /// What models cost.
    pub prices: Prices,
    /// `budget_exceeded_throttle_percentage`, in billionths: the share of its rates that a key keeps which goes on
    /// slowly when its budget is gone; `None`: such keys are refused like others.
    pub throttle_share: Option<u64>,
    /// `block_requests_for_models_without_pricing`: refuse them also where no budget applies.
    pub refuses_unpriced: bool,
}

/// The budget of the whole gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyBudget {
    /// The most that may be spent in a period.
    pub max: Nanos,
    /// How long a period is (`30d` ...); `None`: for ever.
    pub duration: Option<String>,
}

/// The price list and what is changed of it.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    /// `price_list`, `model_cost_map_url` or `LITELLM_MODEL_COST_MAP_URL`, read; `None`: the shipped list.
    pub own: Option<Arc<PriceBook>>,
    /// `cost_discount_config`, `cost_margin_config`.
    pub adjust: AdjustConfig,
}

impl Prices {
    /// The list that counts.
    pub fn book(&self) -> &PriceBook {
        self.own.as_deref().unwrap_or_else(|| PriceBook::shipped())
    }

    /// What applies to a provider's deployments.
    pub fn adjust(&self, provider: &str) -> Adjust {
        self.adjust.of(provider)
    }
}
