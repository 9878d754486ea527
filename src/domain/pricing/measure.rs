//! Counts that no `usage` object holds: what the media endpoints bill by.
//!
//! [`of_request`] counts what a request asks for (which is also what has to be reserved for it), and
//! [`of_reply`] adds what its answer shows. Nothing builds a tree, and a request is not scanned again.

mod audio;

use crate::base::usage::{ImageQuality, SearchContext, Units, Usage};
use crate::wire::endpoint::Endpoint;
use crate::wire::json::{Elements, member};
use crate::wire::surface::{Surface, str_of};
use crate::wire::usage::milliseconds;

pub use audio::{Heard, heard};

/// Documents that one search of a rerank covers (Cohere bills by it, and others list their prices by it).
const DOCUMENTS_A_SEARCH: usize = 100;

/// How fast speech goes: 150 words of six characters a minute.
const SPOKEN_CHARACTERS_A_SECOND: u64 = 15;

/// What a request announces that will be billed by something else than tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// Images, characters, searches of a rerank.
    pub units: Units,
    /// The context size of web searches.
    pub search_context: SearchContext,
    /// How many web searches the provider may run, 1 where nothing caps them.
    pub web_searches: u32,
    /// Whether nothing caps them.
    pub searches_open: bool,
}

/// What a JSON request asks for. A transcription is a form: see [`heard`].
pub fn of_request(endpoint: Endpoint, request: &Surface) -> Asked {
    let field = |name| request.get(name);
    let units = match endpoint {
        Endpoint::Images => images_asked(request),
        Endpoint::Speech => {
            let characters = characters(request);
            // Providers do not tell the length of what was spoken; models billed by it get this guess.
            let milliseconds = characters.saturating_mul(1000) / SPOKEN_CHARACTERS_A_SECOND;
            Units { characters, milliseconds, ..Units::default() }
        }
        Endpoint::Rerank => {
            let documents = Elements::of(field("documents").unwrap_or_default()).count();
            let queries = short(documents.div_ceil(DOCUMENTS_A_SEARCH).max(1));
            Units { queries, ..Units::default() }
        }
        Endpoint::Embeddings => Units { input_images: images_given(request), ..Units::default() },
        Endpoint::Chat
        | Endpoint::Completions
        | Endpoint::Moderations
        | Endpoint::Transcriptions
        | Endpoint::Responses => Units::default(),
    };
    Asked { units, ..searches(request) }
}

/// The usage of an answer: the provider's counts, and what was asked for where the answer does not say.
/// `reply` is the whole JSON, empty where there is none (speech), and `usage` what was read from it.
pub fn of_reply(endpoint: Endpoint, asked: &Asked, reply: &str, usage: Option<Usage>) -> Usage {
    let mut usage = usage.unwrap_or_default();
    if usage.web_searches > 0 && usage.search_context == SearchContext::default() {
        usage.search_context = asked.search_context;
    }
    usage.units = match endpoint {
        Endpoint::Images => images_made(&asked.units, reply),
        Endpoint::Rerank => reranked(&mut usage, &asked.units, reply),
        // Seconds are counted by the provider or from the file.
        Endpoint::Transcriptions => usage.units,
        _ => asked.units,
    };
    if endpoint == Endpoint::Images && usage.output_image_tokens == 0 {
        // Without details all that was made is an image.
        usage.output_image_tokens = u32::try_from(usage.completion_tokens).unwrap_or(u32::MAX);
    }
    usage
}

/// Number, size and quality of the images of `images/generations`.
fn images_asked(request: &Surface) -> Units {
    let count = request.get("n").and_then(|raw| raw.parse::<u32>().ok()).unwrap_or(1).max(1);
    let (size, quality) = (size(request.get("size")), quality(request.get("quality")));
    Units { output_images: count, image_size: size, image_quality: quality, ..Units::default() }
}

/// What was made; newer models tell the size and quality that they chose.
fn images_made(asked: &Units, reply: &str) -> Units {
    let made = member(reply, "data").map_or(asked.output_images, |data| short(Elements::of(data).count()));
    let size = Some(size(member(reply, "size"))).filter(|size| *size != (0, 0));
    let quality = Some(quality(member(reply, "quality"))).filter(|quality| *quality != ImageQuality::Auto);
    Units {
        output_images: made,
        image_size: size.unwrap_or(asked.image_size),
        image_quality: quality.unwrap_or(asked.image_quality),
        ..*asked
    }
}

fn size(raw: Option<&str>) -> (u16, u16) {
    let text = raw.and_then(str_of).unwrap_or_default();
    let pair =
        text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    pair.unwrap_or_default()
}

fn quality(raw: Option<&str>) -> ImageQuality {
    let name = raw.and_then(str_of);
    name.and_then(|name| ImageQuality::named(&name)).unwrap_or_default()
}

/// Characters of a text to be spoken, as providers count them: code points.
fn characters(request: &Surface) -> u64 {
    let text = request.str("input");
    text.map_or(0, |text| u64::try_from(text.chars().count()).unwrap_or(u64::MAX))
}

/// Images in the input of an embedding: data URLs among the texts, or Cohere's `images`.
fn images_given(request: &Surface) -> u32 {
    let input = request.get("input").unwrap_or_default();
    let is_image = |raw: &&str| raw.starts_with("\"data:image/");
    let among_texts = Elements::of(input).filter(is_image).count() + usize::from(is_image(&input));
    short(among_texts + Elements::of(request.get("images").unwrap_or_default()).count())
}

/// Cohere tells its search units, others their tokens.
fn reranked(usage: &mut Usage, asked: &Units, reply: &str) -> Units {
    let meta = member(reply, "meta").unwrap_or_default();
    let counted = |group: &str, name: &str| {
        member(meta, group).and_then(|group| member(group, name)).and_then(|raw| raw.parse::<f64>().ok())
    };
    if usage.total() == 0
        && let Some(tokens) =
            counted("tokens", "input_tokens").or_else(|| counted("billed_units", "input_tokens"))
    {
        // A float is cut to a whole number, and negative ones become 0.
        usage.prompt_tokens = tokens as u64;
    }
    let searches = counted("billed_units", "search_units").map(|units| units.ceil() as u32);
    Units { queries: searches.unwrap_or(asked.queries), ..*asked }
}

/// The web searches of the chat API's options, or of the Responses API's and Anthropic's tool.
fn searches(request: &Surface) -> Asked {
    let is_search = |tool: &&str| member(tool, "type").is_some_and(|kind| kind.starts_with("\"web_search"));
    let tools = Elements::of(request.get("tools").unwrap_or_default()).filter(is_search);
    let options = request.get("web_search_options").filter(|raw| *raw != "null");
    let most = request.u64("max_tool_calls");
    let mut asked = Asked::default();
    for (place, holder) in options.into_iter().chain(tools).enumerate() {
        let named = member(holder, "search_context_size").and_then(str_of);
        if let Some(size) = named.and_then(|name| SearchContext::named(&name)).filter(|_| place == 0) {
            asked.search_context = size;
        }
        let own = member(holder, "max_uses").and_then(|raw| raw.parse().ok());
        let uses = own.or(most).and_then(|uses: u64| u32::try_from(uses).ok());
        asked.searches_open |= uses.is_none();
        asked.web_searches = asked.web_searches.saturating_add(uses.unwrap_or(1));
    }
    asked
}

/// Length of a transcription's audio as its JSON answer tells it (`duration` of `verbose_json`).
fn told_duration(reply: &str) -> Option<u64> {
    member(reply, "duration").and_then(milliseconds)
}

fn short(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
