//! A chat request as a Messages request: the order in which the parts depend on each other.

use serde_json::Value;

use super::betas::{self, Betas};
use super::cache;
use super::choice::Choice;
use super::context::{ReplyContext, Settings, Translated};
use super::fields::{Object, Path, take};
use super::format::Format;
use super::messages::Conversation;
use super::model::Model;
use super::names::Names;
use super::params;
use super::server_tools;
use super::thinking::{self, Obstacles};
use super::tools::Tools;
use crate::base::error::Error;

/// Translates an OpenAI chat completion request; fields that are unknown here travel on untouched.
///
/// # Errors
/// The caller's mistakes, named by field path, and
/// [`Kind::UnsupportedParams`](crate::base::error::Kind::UnsupportedParams).
pub fn request(mut chat: Object, settings: &Settings) -> Result<Translated, Error> {
    let model = Model::new(settings.model, settings.info);
    let mut betas = Betas::default();
    let mut names = Names::default();
    let mut body = Object::new();
    chat.shift_remove("model");
    body.insert("model".to_owned(), Value::from(settings.model));
    params::refuse_unsupported(&mut chat, &model, settings)?;

    let root = Path::root("messages");
    let messages = take(&mut chat, "messages").ok_or_else(|| root.missing())?;
    let mut messages = root.array(messages)?;
    let mut tools = take(&mut chat, "tools");
    if let Some(points) = take(&mut chat, "cache_control_injection_points") {
        cache::inject(points, &mut messages, &mut tools)?;
    }
    let (mut tools, legacy) = all_tools(&mut chat, tools, &mut names, &mut betas)?;
    let mut choice = choice(&mut chat, &mut names, &mut tools.list)?;
    let mut conversation = Conversation::new(messages, &mut names, &mut betas)?;
    let single = single_call(&mut chat)? || legacy;

    if let Some(config) = take(&mut chat, "output_config") {
        body.insert("output_config".to_owned(), config);
    }
    let obstacles = Obstacles { forced_tool: choice.forces(), lost_thoughts: conversation.lacks_thinking() };
    let thinks = thinking::apply(&mut chat, &mut body, &model, obstacles)?;
    let format = Format::new(take(&mut chat, "response_format"), &model)?;
    let (output_format, json) =
        format.apply(thinks, &mut names, &mut conversation.system, &mut tools.list, &mut choice);
    if let Some(format) = output_format {
        body.insert("output_format".to_owned(), format);
    }
    params::plain(&mut chat, &mut body, &model, settings)?;
    if conversation.uses_tools && tools.list.is_empty() && tools.servers.is_empty() {
        tools.add_dummy();
        choice = Choice::None;
    }
    fill(&mut body, conversation, tools, choice, single)?;
    pass_on(chat, &mut body, &mut betas);
    let reply = ReplyContext { names: names.back(), json, legacy };
    Ok(Translated { body: Value::Object(body), betas: betas.into_vec(), reply })
}

/// The tools of both dialects and the web search; whether the older dialect is spoken.
fn all_tools(
    chat: &mut Object,
    tools: Option<Value>,
    names: &mut Names,
    betas: &mut Betas,
) -> Result<(Tools, bool), Error> {
    let newer = tools.is_some();
    let mut all = Tools::new(tools, names, betas)?;
    let functions = take(chat, "functions");
    let legacy = functions.is_some() && !newer;
    if let Some(functions) = functions {
        all.add_functions(functions, names)?;
    }
    if let Some(options) = take(chat, "web_search_options") {
        let path = Path::root("web_search_options");
        all.list.push(server_tools::web_search(path.object(options)?, &path)?);
    }
    Ok((all, legacy))
}

fn choice(chat: &mut Object, names: &mut Names, tools: &mut Vec<Value>) -> Result<Choice, Error> {
    let legacy = take(chat, "function_call");
    let choice = Choice::new(take(chat, "tool_choice"), names, tools)?;
    match legacy {
        Some(legacy) if choice == Choice::Unset => Choice::legacy(legacy, names),
        _ => Ok(choice),
    }
}

/// Whether the client forbids more than one tool call at a time.
fn single_call(chat: &mut Object) -> Result<bool, Error> {
    match take(chat, "parallel_tool_calls") {
        None => Ok(false),
        Some(Value::Bool(parallel)) => Ok(!parallel),
        Some(other) => Err(Path::root("parallel_tool_calls").wrong("a boolean", &other)),
    }
}

fn fill(
    body: &mut Object,
    conversation: Conversation,
    tools: Tools,
    choice: Choice,
    single: bool,
) -> Result<(), Error> {
    if !conversation.system.is_empty() {
        body.insert("system".to_owned(), Value::Array(conversation.system));
    }
    let turns = conversation.turns.into_iter().map(Value::from).collect();
    body.insert("messages".to_owned(), Value::Array(turns));
    if !tools.servers.is_empty() {
        body.insert("mcp_servers".to_owned(), Value::Array(tools.servers));
    } else if tools.list.is_empty() {
        // Without tools, a choice among them is refused; only one that forces a call loses its meaning.
        if choice.forces() {
            let problem = "a call is required, but there are no tools";
            return Err(Path::root("tool_choice").error(problem));
        }
        return Ok(());
    }
    if !tools.list.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools.list));
    }
    if let Some(choice) = choice.into_value(single) {
        body.insert("tool_choice".to_owned(), choice);
    }
    Ok(())
}

/// What is left is not OpenAI's, or was allowed by name: it goes along as it is.
fn pass_on(chat: Object, body: &mut Object, betas: &mut Betas) {
    for (key, value) in chat {
        match key.as_str() {
            "mcp_servers" => betas.add(betas::MCP_TOOLSET),
            "context_management" => betas.add(betas::CONTEXT_MANAGEMENT),
            "output_format" => betas.add(betas::STRUCTURED_OUTPUTS),
            _ => {}
        }
        body.entry(key).or_insert(value);
    }
    if body.contains_key("output_format") {
        betas.add(betas::STRUCTURED_OUTPUTS);
    }
}
