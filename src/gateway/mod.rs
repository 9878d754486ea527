//! The pipeline of one request: identify, admit, reserve, attempts, answer, settle.

pub mod access;
pub mod address;
pub mod admission;
pub mod admit;
pub mod alarm;
pub mod answer;
mod answer_id;
pub mod attempt;
pub mod attempt_guard;
pub mod attempts;
pub mod back;
pub mod bill;
pub mod books;
pub mod budget_gauges;
pub mod call;
pub mod caller;
pub mod content;
pub mod cost_headers;
pub mod decisions;
pub mod demand;
pub mod drain;
pub mod explain;
pub mod failure;
pub mod governance;
pub mod handover;
pub mod headers;
pub mod hop;
pub mod hop_rates;
pub mod ledger_line;
pub mod limit_headers;
pub mod live;
pub mod made;
pub mod media;
pub mod named;
pub mod named_user;
pub mod options;
pub mod own_base;
pub mod patience;
pub mod pipeline;
pub mod prepare;
pub mod probe;
mod provider_limits;
mod rate_gauges;
pub mod record;
mod request_log;
pub mod reserve;
pub mod settle;
pub mod silence;
pub mod size;
pub mod throttle;
pub mod translate;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod testing;
