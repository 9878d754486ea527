//! What no token count tells: images, characters, seconds, searches; as announced and as answered.

use crate::base::usage::Usage;
use crate::domain::pricing::Demand;
use crate::domain::pricing::measure::{self, Asked, Heard};
use crate::wire::endpoint::Endpoint;
use crate::wire::json::member;
use crate::wire::surface::Surface;
use crate::wire::usage::usage_of;

/// What a request asks for besides tokens. Most have nothing of the kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// What a JSON request announces.
    Asked(Asked),
    /// The audio of a form.
    Heard(Heard),
}

impl Media {
    /// What this request asks for; looks no further than at a name or two in requests for text.
    pub fn asked(endpoint: Endpoint, request: &Surface) -> Option<Self> {
        let any = match endpoint {
            Endpoint::Images | Endpoint::Speech | Endpoint::Rerank => true,
            Endpoint::Chat | Endpoint::Responses => searches(request),
            Endpoint::Embeddings => request.has("images") || holds(request.text(), "\"data:image/"),
            Endpoint::Completions | Endpoint::Moderations | Endpoint::Transcriptions => false,
        };
        any.then(|| Media::Asked(measure::of_request(endpoint, request)))
    }

    /// Adds it to what is demanded.
    pub fn demand(&self, demand: &mut Demand) {
        match self {
            Media::Asked(asked) => {
                demand.units = asked.units;
                demand.search_context = asked.search_context;
                demand.web_searches = asked.web_searches;
                demand.guessed = asked.searches_open;
                if demand.units.output_images > 0 {
                    demand.units.output_images = demand.units.output_images.max(demand.answers);
                }
            }
            Media::Heard(heard) => {
                demand.units.milliseconds = heard.milliseconds;
                demand.guessed = heard.guessed;
            }
        }
    }

    /// The usage of a whole answer: `told` is what has been read from it, if anything has. Text for which the
    /// provider counted nothing stays without usage.
    pub fn of_whole(&self, endpoint: Endpoint, reply: &str, told: Option<Usage>) -> Option<Usage> {
        let told = told.or_else(|| member(reply, "usage").and_then(usage_of));
        match self {
            Media::Heard(heard) => Some(heard.of_reply(reply, told)),
            Media::Asked(_) if is_text(endpoint) && told.is_none() => None,
            Media::Asked(asked) => Some(measure::of_reply(endpoint, asked, reply, told)),
        }
    }

    /// The usage of a stream of which something came or not, as far as it has come.
    pub fn of_stream(&self, endpoint: Endpoint, told: Option<Usage>, came: bool) -> Option<Usage> {
        if told.is_none() && (!came || is_text(endpoint)) {
            return None;
        }
        let made = told.map_or(0, |told| told.units.output_images);
        let mut usage = self.of_whole(endpoint, "", told)?;
        if endpoint == Endpoint::Images {
            // A picture that was begun is billed as if it had been finished.
            usage.estimated |= made == 0 && usage.total() == 0;
            usage.units.output_images = if made > 0 { made } else { usage.units.output_images };
        }
        Some(usage)
    }
}

fn is_text(endpoint: Endpoint) -> bool {
    matches!(endpoint, Endpoint::Chat | Endpoint::Responses)
}

/// Whether the provider may search the web.
fn searches(request: &Surface) -> bool {
    request.is_set("web_search_options")
        || request.get("tools").is_some_and(|tools| holds(tools, "\"web_search"))
}

fn holds(text: &str, part: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::base::usage::Units;

    fn asked(endpoint: Endpoint, body: &str) -> Option<Media> {
        Media::asked(endpoint, &Surface::parse(Bytes::copy_from_slice(body.as_bytes()), 32).unwrap())
    }

    #[test]
    fn text_has_none_unless_it_may_search() {
        assert_eq!(asked(Endpoint::Chat, r#"{"messages":[],"tools":[{"type":"function"}]}"#), None);
        let mut demand = Demand::default();
        let tools = r#"{"tools":[{"type":"web_search_20250305","max_uses":3}]}"#;
        asked(Endpoint::Chat, tools).unwrap().demand(&mut demand);
        assert_eq!((demand.web_searches, demand.guessed), (3, false));
        asked(Endpoint::Responses, r#"{"tools":[{"type":"web_search"}]}"#).unwrap().demand(&mut demand);
        assert_eq!((demand.web_searches, demand.guessed), (1, true));
        asked(Endpoint::Chat, r#"{"web_search_options":{}}"#).unwrap().demand(&mut demand);
        assert_eq!((demand.web_searches, demand.guessed), (1, true));
    }

    #[test]
    fn a_stream_costs_from_its_first_piece_on() {
        let images = asked(Endpoint::Images, r#"{"prompt":"x","n":2}"#).unwrap();
        assert_eq!(images.of_stream(Endpoint::Images, None, false), None);
        let begun = images.of_stream(Endpoint::Images, None, true).unwrap();
        assert_eq!((begun.units.output_images, begun.estimated), (2, true));
        let units = Units { output_images: 1, ..Units::default() };
        let told = Usage { prompt_tokens: 4, completion_tokens: 9, units, ..Usage::default() };
        let done = images.of_stream(Endpoint::Images, Some(told), true).unwrap();
        assert_eq!((done.units.output_images, done.output_image_tokens, done.estimated), (1, 9, false));
    }

    #[test]
    fn text_without_a_count_is_left_to_the_estimate() {
        let chat = asked(Endpoint::Chat, r#"{"web_search_options":{}}"#).unwrap();
        assert_eq!(chat.of_whole(Endpoint::Chat, r#"{"choices":[]}"#, None), None);
        assert_eq!(chat.of_stream(Endpoint::Chat, None, true), None);
    }
}
