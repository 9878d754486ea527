//! How large a request is: what its body announces that will be billed, limited or held.
//!
//! It is read from the body that is sent on, a fallback's own included, so that no field of a request can make it
//! look smaller than what the provider gets to see.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::call::Body;
use super::media::Media;
use crate::base::usage::ServiceTier;
use crate::domain::deployment::RequestRules;
use crate::domain::pricing::Demand;
use crate::domain::pricing::measure::heard;
use crate::domain::tokens;
use crate::wire::endpoint::Endpoint;
use crate::wire::json::Elements;
use crate::wire::multipart::Multipart;
use crate::wire::surface::Surface;

/// The names of caps on an answer's length.
const CAPS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];
/// How many answers are made for one prompt, also those that are thrown away.
const ANSWERS: [&str; 2] = ["n", "best_of"];
/// Members by which a request names what the provider has kept.
const REMEMBERED: [&str; 3] = ["previous_response_id", "conversation", "prompt"];
/// More than any limit. What is announced beyond it is nonsense, and the provider's to refuse.
const MOST_TOKENS: u64 = 1 << 48;
/// How long a piece of audio is that becomes one token (OpenAI's audio models), milliseconds.
const AUDIO_TOKEN: u64 = 100;

/// What a request may consume, as far as its body tells.
#[derive(Debug, Clone, Default)]
pub struct Size {
    /// About how many tokens its input has.
    pub input_tokens: u64,
    /// The cap on each answer, if there is one. 0 where answers have no tokens.
    pub max_output_tokens: Option<u64>,
    /// How many answers it asks for, for all its prompts together.
    pub answers: u32,
    /// The service tier that it names, if it leaves no choice to the provider.
    pub tier: Option<ServiceTier>,
    /// Whether its input is more than its body shows: what the provider has kept of a conversation.
    pub remembers: bool,
    /// Pictures that are somewhere else; among the input at what most models make of them.
    pub pictures: tokens::Linked,
    /// What is billed by something else than tokens.
    pub media: Option<Rc<Media>>,
}

impl Size {
    /// The size of a request with this body.
    pub fn of(endpoint: Endpoint, body: &Body) -> Self {
        match body {
            Body::Json(surface) => Size::of_json(endpoint, surface),
            Body::Form { form, .. } => Size::of_form(form),
        }
    }

    fn of_json(endpoint: Endpoint, request: &Surface) -> Self {
        let max_output_tokens = match endpoint {
            Endpoint::Chat | Endpoint::Completions | Endpoint::Responses => output_cap(request),
            Endpoint::Embeddings | Endpoint::Moderations | Endpoint::Rerank => Some(0),
            Endpoint::Images | Endpoint::Speech | Endpoint::Transcriptions => None,
        };
        let (input_tokens, pictures) = match endpoint {
            Endpoint::Chat | Endpoint::Responses => tokens::of_request(request.text()),
            _ => (input_tokens(endpoint, request), tokens::Linked::default()),
        };
        Size {
            input_tokens,
            pictures,
            max_output_tokens,
            answers: u32::try_from(answers(request)).unwrap_or(u32::MAX),
            tier: request.str("service_tier").and_then(|name| ServiceTier::named(&name)),
            remembers: endpoint == Endpoint::Responses && REMEMBERED.iter().any(|name| request.is_set(name)),
            media: Media::asked(endpoint, request).map(Rc::new),
        }
    }

    /// A file is not read as text: its tokens come from its length in time.
    fn of_form(form: &Multipart) -> Self {
        let heard = heard(form.content("file").unwrap_or_default());
        let words = form.raw().len().saturating_sub(form.size("file").unwrap_or(0));
        Size {
            input_tokens: tokens::of_body(words).saturating_add(heard.milliseconds / AUDIO_TOKEN),
            max_output_tokens: None,
            answers: 1,
            tier: None,
            remembers: false,
            pictures: tokens::Linked::default(),
            media: Some(Rc::new(Media::Heard(heard))),
        }
    }

    /// About how many tokens it takes from `tpm` limits, output included.
    pub fn estimated_tokens(&self) -> u64 {
        let output = self.max_output_tokens.unwrap_or(0).saturating_mul(u64::from(self.answers));
        self.input_tokens.saturating_add(output).min(MOST_TOKENS)
    }

    /// What it demands of a deployment that adds to requests or takes away from them by these rules.
    pub fn demand(&self, rules: &RequestRules) -> Demand {
        let mut demand = Demand::of_tokens(self.input_tokens, self.max_output_tokens);
        demand.answers = self.answers;
        demand.tier = self.tier.filter(|_| !rules.extra_body.contains_key("service_tier"));
        // What answers without tokens have at most is not the operator's to change.
        let capped = self.max_output_tokens;
        if capped != Some(0) {
            let dropped = rules.additional_drop_params.iter().any(|name| CAPS.contains(&name.as_str()));
            let own = capped.filter(|_| !dropped).or_else(|| greatest(&rules.defaults, &CAPS));
            demand.max_output_tokens = greatest(&rules.extra_body, &CAPS).or(own);
        }
        for added in [&rules.defaults, &rules.extra_body] {
            let answers = greatest(added, &ANSWERS).and_then(|count| u32::try_from(count).ok());
            demand.answers = demand.answers.max(answers.unwrap_or(0));
        }
        if let Some(media) = &self.media {
            media.demand(&mut demand);
        }
        demand
    }
}

/// The greatest of some numbers in a map, if there is any.
fn greatest(map: &Map<String, Value>, names: &[&str]) -> Option<u64> {
    if map.is_empty() {
        return None;
    }
    names.iter().filter_map(|name| map.get(*name)?.as_u64()).max()
}

/// What the caller lets the model write at most in one answer. Of several caps the largest counts, so that they
/// cannot be played against each other, and a request that has its caps dropped has none.
fn output_cap(request: &Surface) -> Option<u64> {
    let dropped = request.get("additional_drop_params").unwrap_or_default();
    // A name that is written with escapes can be any name.
    if dropped.contains('\\') || CAPS.iter().any(|cap| dropped.contains(cap)) {
        return None;
    }
    CAPS.iter().filter_map(|field| request.u64(field)).max()
}

/// How many answers are made: `n` (or `best_of`) for each prompt.
fn answers(request: &Surface) -> u64 {
    let each = ANSWERS.iter().filter_map(|field| request.u64(field)).max().unwrap_or(1);
    each.max(1).saturating_mul(prompts(request))
}

/// How many prompts a request has: a list of texts or of lists of token ids has several.
pub fn prompts(request: &Surface) -> u64 {
    let Some(raw) = request.get("prompt").filter(|raw| raw.starts_with('[')) else { return 1 };
    // An array of numbers is one prompt, written as token ids.
    let mut elements = Elements::of(raw).peekable();
    let several = elements.peek().is_some_and(|first| first.starts_with(['"', '[']));
    if several { elements.count().max(1) as u64 } else { 1 }
}

/// Text by its length; token ids by their number, where that is more.
fn input_tokens(endpoint: Endpoint, request: &Surface) -> u64 {
    let text = tokens::of_body(request.raw().len());
    let field = match endpoint {
        Endpoint::Embeddings => "input",
        Endpoint::Completions => "prompt",
        _ => return text,
    };
    let raw = request.get(field).unwrap_or_default();
    let ids = raw.starts_with('[')
        && raw.trim_start_matches(['[', ' ', '\n']).starts_with(|c: char| c.is_ascii_digit());
    if !ids {
        return text;
    }
    let count = memchr::memchr_iter(b',', raw.as_bytes()).count() + 1;
    text.max(u64::try_from(count).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn size(endpoint: Endpoint, body: &Value) -> Size {
        let surface = Surface::parse(Bytes::from(body.to_string()), 64).unwrap();
        Size::of(endpoint, &Body::Json(Rc::new(surface)))
    }

    #[test]
    fn caps_count_for_every_answer_of_every_prompt() {
        let of = |body: Value| {
            let size = size(Endpoint::Completions, &body);
            (size.max_output_tokens, size.answers)
        };
        assert_eq!(of(json!({"prompt": "a", "max_tokens": 5, "max_completion_tokens": 9})), (Some(9), 1));
        assert_eq!(of(json!({"prompt": ["a", "b"], "n": 2, "max_tokens": 5})), (Some(5), 4));
        assert_eq!(of(json!({"prompt": [[1, 2], [3]], "best_of": 3})), (None, 6));
        assert_eq!(of(json!({"prompt": [1, 2, 3], "n": 0})), (None, 1));
    }

    #[test]
    fn a_cap_that_is_dropped_on_the_way_is_none() {
        let body = json!({"messages": [], "max_tokens": 5, "additional_drop_params": ["max_tokens"]});
        assert_eq!(size(Endpoint::Chat, &body).max_output_tokens, None);
        let escaped = r#"{"max_tokens":5,"additional_drop_params":["max\u005ftokens"]}"#;
        let surface = Surface::parse(Bytes::from_static(escaped.as_bytes()), 64).unwrap();
        assert_eq!(Size::of_json(Endpoint::Chat, &surface).max_output_tokens, None);
        let rules =
            RequestRules { additional_drop_params: vec!["max_tokens".into()], ..RequestRules::default() };
        let capped = size(Endpoint::Chat, &json!({"messages": [], "max_tokens": 5}));
        assert_eq!(capped.demand(&rules).max_output_tokens, None);
    }

    #[test]
    fn what_a_deployment_adds_is_demanded() {
        let add = |value: Value| value.as_object().cloned().unwrap();
        let plain = size(Endpoint::Chat, &json!({"messages": []}));
        let rules =
            RequestRules { defaults: add(json!({"max_tokens": 7, "n": 3})), ..RequestRules::default() };
        let demand = plain.demand(&rules);
        assert_eq!((demand.max_output_tokens, demand.answers), (Some(7), 3));
        let forced = RequestRules { extra_body: add(json!({"max_tokens": 9})), ..rules };
        assert_eq!(plain.demand(&forced).max_output_tokens, Some(9));
        let images = size(Endpoint::Images, &json!({"prompt": "x"}));
        assert_eq!(images.demand(&forced).units.output_images, 3);
    }

    #[test]
    fn token_ids_are_counted_and_answers_without_tokens_have_a_cap() {
        let ids: Vec<u32> = vec![7; 1000];
        let embedding = size(Endpoint::Embeddings, &json!({"input": ids}));
        assert_eq!((embedding.input_tokens, embedding.max_output_tokens), (1000, Some(0)));
        assert_eq!(embedding.estimated_tokens(), 1000);
        assert!(embedding.media.is_none());
        let huge = size(Endpoint::Chat, &json!({"messages": [], "max_tokens": u64::MAX, "n": u32::MAX}));
        assert_eq!(huge.estimated_tokens(), MOST_TOKENS);
    }
}
