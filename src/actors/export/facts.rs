//! What a worker hands over of a finished request, and the event that is made of it elsewhere.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;

use crate::actors::key_directory::Identity;
use crate::base::error::{Error, Level};
use crate::base::usage::Usage;
use crate::domain::deployment::Deployment;
use crate::domain::export::{self, Event, Failure, Owner, Raw, TraceParent};
use crate::domain::ledger::RowId;
use crate::domain::pricing::Cost;
use crate::store::Grant;
use crate::wire::endpoint::Endpoint;

/// The longest text of a question or an answer, characters.
const LONGEST_TEXT: usize = 65_536;
/// The most of a question, and of an answer, as JSON, bytes.
const MOST_JSON: usize = 256 * 1024;
/// What is larger is not even kept until it is looked at, bytes.
const MOST_RAW: usize = 1024 * 1024;

/// The list in the metadata of keys and teams that names callbacks which are not told of their requests.
const DISABLED: &str = "litellm_disabled_callbacks";

/// What is known of a finished request. Making it costs a few counted references; nothing is written out here.
pub struct Facts {
    /// Ours, unique.
    pub id: RowId,
    /// What the caller was told as its call's id.
    pub call_id: Box<str>,
    /// What was asked.
    pub endpoint: Endpoint,
    /// Whether the answer was a stream.
    pub stream: bool,
    /// HTTP status the caller saw.
    pub status: u16,
    /// What went wrong.
    pub error: Option<Error>,
    /// When it was over, milliseconds since 1970.
    pub ended_ms: i64,
    /// Arrival to end.
    pub duration: Duration,
    /// Time spent waiting for providers.
    pub upstream: Duration,
    /// Arrival to the first token.
    pub first_token: Option<Duration>,
    /// Upstream calls made.
    pub attempts: u32,
    /// Fallback hops taken.
    pub fallbacks: u32,
    /// The group that answered, or failed last.
    pub group: Option<Arc<str>>,
    /// The deployment that answered, or failed last.
    pub deployment: Option<Arc<Deployment>>,
    /// The model that was asked for through a wildcard.
    pub wild: Option<Arc<str>>,
    /// Hash of the key.
    pub hashed_key: Option<Arc<str>>,
    /// Who is behind it, once the request was admitted.
    pub identity: Option<Arc<Identity>>,
    /// The user that a header names.
    pub user: Option<Arc<str>>,
    /// The caller's customer.
    pub end_user: Option<Arc<str>>,
    /// The session that it belongs to.
    pub session: Option<Arc<str>>,
    /// Its own tags.
    pub tags: Arc<[String]>,
    /// The caller's address.
    pub requester: Option<IpAddr>,
    /// What was counted.
    pub usage: Option<Usage>,
    /// What it cost.
    pub cost: Option<Cost>,
    /// What the provider called its answer.
    pub response_id: Option<Box<str>>,
    /// Whether the response cache answered, and its key; `None`: it was not asked.
    pub cache: Option<(bool, String)>,
    /// The caller's place in a trace.
    pub trace: Option<TraceParent>,
    /// Callbacks that the caller wants not told of it, separated by commas.
    pub muted: Option<Box<str>>,
    /// What was asked and answered, where a sink is told of it.
    pub content: Option<Raw>,
}

/// A request that sinks are told of. The event is made when the first sink is about to be told: of what is dropped
/// before that, nobody writes anything.
pub struct Told {
    facts: Box<Facts>,
    owners: bool,
    plain: OnceLock<Arc<Event>>,
    quoted: OnceLock<Arc<Event>>,
}

impl Told {
    /// `owners`: whose request it was is told, too.
    pub fn new(facts: Box<Facts>, owners: bool) -> Self {
        Told { facts, owners, plain: OnceLock::new(), quoted: OnceLock::new() }
    }

    /// The event, with what was asked and answered where a sink is told of that.
    pub fn event(&self, content: bool) -> Arc<Event> {
        let plain = self.plain.get_or_init(|| Arc::new(self.facts.event(self.owners)));
        if !content || self.facts.content.is_none() {
            return Arc::clone(plain);
        }
        Arc::clone(self.quoted.get_or_init(|| Arc::new(self.facts.quoted(plain))))
    }

    /// What it takes in memory at most, the events that are made of it included, bytes.
    pub fn size(&self) -> usize {
        let facts = &self.facts;
        let event = size_of::<Event>() + facts.own() + facts.shared();
        let content = facts.content.as_ref().map(|raw| export::most_content(raw, MOST_JSON));
        let events = event + content.map_or(0, |content| event + content);
        size_of::<Told>() + facts.size() + events
    }
}

impl Facts {
    /// Takes what was asked and answered; what is too large to wait in memory is left out.
    pub fn quote(&mut self, mut raw: Raw) {
        let too_large = |bytes: &Bytes| bytes.len() > MOST_RAW;
        if too_large(&raw.question) {
            raw.question = format!("{{\"input\":\"({} bytes, left out)\"}}", raw.question.len()).into();
        }
        if let export::Answer::Whole(bytes) = &mut raw.answer
            && too_large(bytes)
        {
            *bytes = format!("\"({} bytes, left out)\"", bytes.len()).into();
        }
        self.content = Some(raw);
    }

    /// How many bytes it keeps alive that nobody else does.
    pub fn size(&self) -> usize {
        size_of::<Facts>() + self.own() + self.content.as_ref().map_or(0, Raw::size)
    }

    /// The texts of this request alone, bytes.
    fn own(&self) -> usize {
        let texts = [&self.user, &self.end_user, &self.session, &self.wild];
        let texts: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
        let tags: usize = self.tags.iter().map(|tag| size_of::<String>() + tag.len()).sum();
        let ids = self.call_id.len() + self.response_id.as_ref().map_or(0, |id| id.len());
        let cache = self.cache.as_ref().map_or(0, |(_, key)| key.len());
        texts + tags + ids + cache + self.error.as_ref().map_or(0, Error::size)
    }

    /// The texts that an event takes copies of and requests share, bytes.
    fn shared(&self) -> usize {
        let deployment = self.deployment.as_deref().map_or(0, |deployment| {
            deployment.model.len() + deployment.id.len() + deployment.connection.api_base.len()
        });
        let names = [&self.group, &self.hashed_key].into_iter().flatten().map(|name| name.len());
        let Some(grant) = self.grant() else { return deployment + names.sum::<usize>() };
        let (user, team) = (grant.user.as_ref(), grant.team.as_ref());
        let owners = [
            grant.key.key_alias.as_ref(),
            grant.key.user_id.as_ref(),
            grant.key.team_id.as_ref(),
            user.and_then(|user| user.user_email.as_ref()),
            team.and_then(|team| team.team_alias.as_ref()),
            grant.organization.as_ref().map(|found| &found.organization_id),
        ];
        let owners: usize = owners.into_iter().flatten().map(String::len).sum();
        let tags: usize = grant.key.tags().map(|tag| size_of::<String>() + tag.len()).sum();
        deployment + names.sum::<usize>() + owners + tags
    }

    /// The event, without what was asked and answered. `owners`: whose request it was is told, too.
    pub fn event(&self, owners: bool) -> Event {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        let ended_us = self.ended_ms.saturating_mul(1000);
        let started_us = ended_us.saturating_sub(micros(self.duration));
        let deployment = self.deployment.as_deref();
        Event {
            id: self.id.text(&mut RowId::room()).to_owned(),
            call_id: self.call_id.to_string(),
            response_id: shared(self.response_id.as_deref()),
            call_type: self.endpoint.call_type(),
            route: self.endpoint.route(),
            stream: self.stream,
            status: self.status,
            failure: self.error.as_ref().map(|error| failure(error, error.kept())),
            started_us,
            first_token_us: self.first_token.map(|first| started_us.saturating_add(micros(first))),
            ended_us,
            upstream_us: micros(self.upstream),
            attempts: self.attempts,
            fallbacks: self.fallbacks,
            provider: shared(deployment.map(|deployment| deployment.provider.name)),
            model: shared(self.wild.as_deref().or(deployment.map(|deployment| deployment.model.as_str()))),
            model_group: shared(self.group.as_deref()),
            model_id: shared(deployment.map(|deployment| &*deployment.id)),
            api_base: deployment.map(|deployment| deployment.shown_base().into_owned()).unwrap_or_default(),
            owner: if owners { self.owner() } else { Owner::default() },
            usage: self.usage,
            cost: self.cost,
            tags: self.all_tags(),
            session: shared(self.session.as_deref()),
            cache_hit: self.cache.as_ref().map(|(hit, _)| *hit),
            cache_key: shared(self.cache.as_ref().map(|(_, key)| key.as_str())),
            parent: self.trace,
            content: None,
        }
    }

    /// The same event with what was asked and answered, where that is there.
    pub fn quoted(&self, event: &Event) -> Event {
        let content = self.content.as_ref().map(|raw| export::content(raw, LONGEST_TEXT, MOST_JSON));
        let words = |error: &Error| match &self.content {
            Some(raw) => raw.keeping(LONGEST_TEXT, MOST_JSON).kept(error.message()),
            None => error.kept().to_owned(),
        };
        let failure = self.error.as_ref().map(|error| failure(error, &words(error)));
        Event { content, failure, ..event.clone() }
    }

    /// Callbacks that are not told of it: those that its key or team names (`litellm_disabled_callbacks`), and where
    /// `callers` may name some, the caller's.
    pub fn muted_sinks(&self, callers: bool) -> Vec<String> {
        let text = self.muted.as_deref().filter(|_| callers).unwrap_or_default();
        let mut names: Vec<String> =
            text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let Some(grant) = self.grant() else { return names };
        let rows = [Some(&grant.key.metadata), grant.team.as_ref().map(|team| &team.metadata)];
        let lists = rows.into_iter().flatten().filter_map(|row| row.get(DISABLED)?.as_array());
        names.extend(lists.flatten().filter_map(|name| Some(name.as_str()?.to_owned())));
        names
    }

    fn grant(&self) -> Option<&Grant> {
        self.identity.as_ref()?.grant.as_deref()
    }

    fn owner(&self) -> Owner {
        let mut owner = Owner {
            key_hash: shared(self.hashed_key.as_deref()),
            user_id: shared(self.user.as_deref()),
            end_user: shared(self.end_user.as_deref()),
            requester_ip: self.requester.map(|address| address.to_string()).unwrap_or_default(),
            ..Owner::default()
        };
        let Some(grant) = self.grant() else { return owner };
        let own = |text: &Option<String>| text.clone().unwrap_or_default();
        owner.key_alias = own(&grant.key.key_alias);
        if let Some(user) = grant.key.user_id.clone().filter(|user| !user.is_empty()) {
            owner.user_id = user;
        }
        owner.user_email = grant.user.as_ref().map(|user| own(&user.user_email)).unwrap_or_default();
        owner.team_id = own(&grant.key.team_id);
        owner.team_alias = grant.team.as_ref().map(|team| own(&team.team_alias)).unwrap_or_default();
        owner.organization_id =
            grant.organization.as_ref().map(|found| found.organization_id.clone()).unwrap_or_default();
        owner
    }

    fn all_tags(&self) -> Vec<String> {
        let of_key = self.grant().into_iter().flat_map(|grant| grant.key.tags());
        let mut tags: Vec<String> = self.tags.iter().cloned().chain(of_key.map(str::to_owned)).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }
}

fn shared(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn failure(error: &Error, message: &str) -> Failure {
    let row = error.behaviour();
    Failure {
        class: row.class,
        message: message.to_owned(),
        grave: matches!(row.level, Level::Error | Level::Warn),
    }
}

#[cfg(test)]
pub mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::error::Kind;

    /// What is known of some request.
    pub fn facts() -> Facts {
        let id = RowId::new(1_700_000_000_000);
        Facts {
            id,
            call_id: "call".into(),
            endpoint: Endpoint::Chat,
            stream: true,
            status: 200,
            error: None,
            ended_ms: 1_700_000_000_000,
            duration: Duration::from_millis(1500),
            upstream: Duration::from_millis(1400),
            first_token: Some(Duration::from_millis(500)),
            attempts: 1,
            fallbacks: 0,
            group: Some("gpt".into()),
            deployment: None,
            wild: None,
            hashed_key: Some("hash".into()),
            identity: None,
            user: Some("ann".into()),
            end_user: Some("customer".into()),
            session: None,
            tags: Arc::from(["b".to_owned(), "a".to_owned(), "b".to_owned()]),
            requester: None,
            usage: None,
            cost: None,
            response_id: None,
            cache: None,
            trace: None,
            muted: None,
            content: None,
        }
    }

    #[test]
    fn an_event_says_when_and_whose() {
        let event = facts().event(true);
        assert_eq!(event.ended_us - event.started_us, 1_500_000);
        assert_eq!(event.first_token_us, Some(event.started_us + 500_000));
        assert_eq!((event.owner.key_hash.as_str(), event.owner.user_id.as_str()), ("hash", "ann"));
        assert_eq!(event.tags, ["a", "b"]);
        assert_eq!(facts().event(false).owner, Owner::default());
    }

    #[test]
    fn a_providers_own_words_are_quoted_with_the_rest_only() {
        let error = Error::new(Kind::UpstreamBadRequest, "you said canary sk-0123456789abcdef0123")
            .in_providers_words();
        let mut failed = Facts { error: Some(error), status: 400, ..facts() };
        failed.quote(Raw { question: r#"{"messages":[]}"#.into(), ..Raw::default() });
        let plain = failed.event(true);
        assert!(!format!("{plain:?}").contains("canary"));
        let quoted = failed.quoted(&plain);
        assert_eq!(quoted.failure.unwrap().message, "you said canary [redacted]");
        assert_eq!(quoted.content.unwrap().question.value(), json!([]));
    }

    #[test]
    fn everything_of_a_request_counts_as_memory() {
        let plain = facts().size();
        let long = "x".repeat(10_000);
        let tags: Arc<[String]> = vec![long.clone(); 10].into();
        let error = Error::new(Kind::UpstreamBadRequest, long.clone()).with_cause(&long);
        let own = Facts {
            tags,
            error: Some(error),
            end_user: Some(long.as_str().into()),
            cache: Some((false, long.clone())),
            ..facts()
        };
        assert!(own.size() >= plain + 140_000, "{}", own.size());
        let told = Told::new(Box::new(own), true);
        let event = told.event(true);
        let copies: usize = event.tags.iter().map(String::len).sum::<usize>() + event.cache_key.len();
        assert!(told.size() >= plain + 140_000 + copies, "{} {copies}", told.size());
    }

    #[test]
    fn content_counts_with_what_is_made_of_it() {
        let mut quoting = facts();
        let question: Bytes = format!("{{\"input\":[{}]}}", vec!["1"; 20_000].join(",")).into();
        let bytes = question.len();
        quoting.quote(Raw { question, ..Raw::default() });
        let told = Told::new(Box::new(quoting), true);
        let made = told.event(true).content.as_ref().unwrap().size();
        assert!(told.size() >= bytes + made, "{} {bytes} {made}", told.size());
        assert!(told.size() < 4 * bytes, "room is not wasted: {} {bytes}", told.size());
    }

    #[test]
    fn what_is_too_large_does_not_wait_in_memory() {
        let mut large = facts();
        let picture = Bytes::from(vec![b' '; MOST_RAW + 1]);
        large.quote(Raw {
            question: picture.clone(),
            answer: export::Answer::Whole(picture),
            ..Raw::default()
        });
        assert!(large.size() < 10_000);
        let content = large.quoted(&large.event(true)).content.unwrap();
        assert_eq!(content.question.value(), "(1048577 bytes, left out)");
        assert_eq!(content.answer.value(), "(1048577 bytes, left out)");
    }
}
