//! Whose model a deployment serves.

use crate::base::suggest;
use crate::config::scope::Scope;
use crate::domain::providers::{Provider, detect, table};

/// The provider, the model's name there, and why there is none.
pub struct Owner {
    /// The provider, or [`table::NONE`].
    pub provider: Provider,
    /// The model's name there.
    pub model: String,
    /// Why the deployment cannot work, if it cannot.
    pub problem: Option<String>,
}

/// Finds the provider of a model. A deployment that answers by itself (`mock`) needs none and is OpenAI's.
pub fn find(params: &Scope<'_>, model: &str, mock: bool) -> Owner {
    let custom = params.text("custom_llm_provider");
    let base = params.text("api_base").or_else(|| params.text("base_url"));
    if let Some((provider, model)) = detect(model, custom.as_deref(), base.as_deref()) {
        return Owner { provider, model, problem: None };
    }
    if mock {
        let provider = table::by_name("openai").unwrap_or(table::NONE);
        return Owner { provider, model: model.to_owned(), problem: None };
    }
    let problem = Some(reason(model, custom.as_deref()));
    Owner { provider: table::NONE, model: model.to_owned(), problem }
}

fn reason(model: &str, custom: Option<&str>) -> String {
    let prefix = custom.or_else(|| model.split_once('/').map(|(prefix, _)| prefix));
    let Some(prefix) = prefix else {
        return format!(
            "nobody's model is called \"{model}\": write the provider in front of it, such as \"openai/{model}\""
        );
    };
    if table::not_yet(prefix).is_some() {
        return format!("provider {prefix} is not supported yet");
    }
    match suggest::nearest(prefix, table::names(), 3).as_slice() {
        [] => format!(
            "there is no provider \"{prefix}\"; for an OpenAI-compatible server write \"openai/{model}\" and its api_base"
        ),
        near => format!("there is no provider \"{prefix}\", did you mean {}?", quoted(near)),
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}
