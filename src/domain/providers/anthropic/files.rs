//! Images and documents: data URIs, web addresses and uploaded files as Anthropic's sources.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::betas::{self, Betas};
use super::fields::{Object, Path, object, require, require_string, take, take_string};
use crate::base::error::Error;

/// An `image_url` part: the URL alone or `{url, format}`.
pub(super) fn image(part: &mut Object, path: &Path) -> Result<Value, Error> {
    let path = path.key("image_url");
    let (url, format) = match take(part, "image_url").ok_or_else(|| path.missing())? {
        Value::String(url) => (url, None),
        other => {
            let mut object = path.object(other)?;
            (require_string(&mut object, "url", &path)?, take_string(&mut object, "format", &path)?)
        }
    };
    let path = path.key("url");
    if is_web(&url) {
        return Ok(web(url, format.as_deref().or(Some("image/*"))));
    }
    let (media_type, data) = data_uri(url, &path)?;
    inline(format.unwrap_or(media_type), data, None, &path)
}

/// A `file` part: `{file: {file_data | file_id, filename, format}}`.
pub(super) fn file(part: &mut Object, path: &Path, betas: &mut Betas) -> Result<Value, Error> {
    let file_path = path.key("file");
    let mut file = file_path.object(require(part, "file", path)?)?;
    let name = take_string(&mut file, "filename", &file_path)?;
    let format = take_string(&mut file, "format", &file_path)?;
    let mut block = if let Some(data) = take_string(&mut file, "file_data", &file_path)? {
        let path = file_path.key("file_data");
        if is_web(&data) {
            web(data, format.as_deref())
        } else if data.starts_with("data:") {
            let (media_type, data) = data_uri(data, &path)?;
            inline(format.unwrap_or(media_type), data, name, &path)?
        } else {
            let guessed = name.as_deref().map_or("application/pdf", media_type_of);
            inline(format.unwrap_or_else(|| guessed.to_owned()), data, name, &path)?
        }
    } else {
        let id = require_string(&mut file, "file_id", &file_path)?;
        if is_web(&id) { web(id, format.as_deref()) } else { uploaded(id, format.as_deref(), betas) }
    };
    if block.get("type").and_then(Value::as_str) == Some("document") {
        for key in ["citations", "context", "title"] {
            if let (Some(value), Some(block)) = (take(&mut file, key), block.as_object_mut()) {
                block.insert(key.to_owned(), value);
            }
        }
    }
    Ok(block)
}

/// Whether a text is an address that Anthropic can fetch.
fn is_web(url: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

fn web(url: String, format: Option<&str>) -> Value {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let is_pdf = url.get(..end).is_some_and(|path| path.to_ascii_lowercase().ends_with(".pdf"));
    let image = format.is_some_and(|format| format.starts_with("image/")) && !is_pdf;
    json!({
        "type": if image { "image" } else { "document" },
        "source": {"type": "url", "url": url},
    })
}

fn uploaded(id: String, format: Option<&str>, betas: &mut Betas) -> Value {
    betas.add(betas::FILES);
    match format {
        Some(format) if format.starts_with("image/") => {
            json!({"type": "image", "source": {"type": "file", "file_id": id}})
        }
        None | Some("application/pdf" | "text/plain") => {
            json!({"type": "document", "source": {"type": "file", "file_id": id}})
        }
        // Anything else can only be handed to the code execution tool.
        Some(_) => json!({"type": "container_upload", "file_id": id}),
    }
}

fn inline(media_type: String, data: String, name: Option<String>, path: &Path) -> Result<Value, Error> {
    let media_type = media_type.to_ascii_lowercase();
    if media_type.starts_with("image/") {
        let media_type = if media_type == "image/jpg" { "image/jpeg".to_owned() } else { media_type };
        return Ok(object([("type", "image".into()), ("source", base64_source(media_type, data))]));
    }
    let source = if media_type == "application/pdf" {
        base64_source(media_type, data)
    } else if is_text(&media_type) {
        let bytes = STANDARD.decode(data.as_bytes()).map_err(|_| path.error("expected base64"))?;
        let text =
            String::from_utf8(bytes).map_err(|_| path.error("expected UTF-8 text within the base64"))?;
        object([("type", "text".into()), ("media_type", "text/plain".into()), ("data", text.into())])
    } else {
        return Err(path.error(format_args!(
            "Anthropic takes images, PDF and text, not {:?}",
            media_type.chars().take(60).collect::<String>()
        )));
    };
    let mut document = object([("type", "document".into()), ("source", source)]);
    if let (Some(name), Some(document)) = (name, document.as_object_mut()) {
        document.insert("title".to_owned(), Value::String(name));
    }
    Ok(document)
}

fn base64_source(media_type: String, data: String) -> Value {
    object([("type", "base64".into()), ("media_type", media_type.into()), ("data", data.into())])
}

fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/") || matches!(media_type, "application/json" | "application/xml")
}

/// Splits `data:image/png;base64,AAAA` into media type and data, without copying the data twice.
fn data_uri(mut uri: String, path: &Path) -> Result<(String, String), Error> {
    let problem = || path.error("expected an http(s) URL or a data URI (data:<type>;base64,<data>)");
    let comma = uri.find(',').ok_or_else(problem)?;
    let header = uri.get(..comma).and_then(|header| header.strip_prefix("data:")).ok_or_else(problem)?;
    let mut words = header.split(';').map(str::trim);
    let media_type = words.next().filter(|word| !word.is_empty()).unwrap_or("text/plain").to_owned();
    if !words.any(|word| word.eq_ignore_ascii_case("base64")) {
        return Err(problem());
    }
    // The comma is one byte, so this is a character boundary.
    Ok((media_type, uri.split_off(comma.saturating_add(1))))
}

fn media_type_of(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("txt" | "md" | "csv" | "log" | "html" | "htm" | "xml" | "json" | "yaml" | "yml") => "text/plain",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        _ => "application/pdf",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image_of(url: &str) -> Result<Value, Error> {
        let mut part = json!({"image_url": {"url": url}}).as_object().unwrap().clone();
        image(&mut part, &Path::root("part"))
    }

    #[test]
    fn images_are_inline_or_on_the_web() {
        let jpeg = image_of("data:image/jpg;charset=x;base64,AAAA").unwrap();
        assert_eq!(
            jpeg,
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}})
        );
        let web = image_of("HTTPS://x.test/a.png").unwrap();
        assert_eq!(web["source"], json!({"type": "url", "url": "HTTPS://x.test/a.png"}));
        assert_eq!(image_of("https://x.test/a.PDF?x=1").unwrap()["type"], "document");
        for bad in
            ["", "ftp://x", "data:image/png,raw", "data:image/png;base64", "ü:,", "data:video/mp4;base64,AA"]
        {
            assert_eq!(image_of(bad).unwrap_err().param(), Some("part.image_url.url"), "{bad}");
        }
    }

    #[test]
    fn a_text_file_is_sent_as_text() {
        let mut part = json!({"file": {"filename": "a.txt", "file_data": "data:text/plain;base64,aGk="}})
            .as_object()
            .unwrap()
            .clone();
        let block = file(&mut part, &Path::root("part"), &mut Betas::default()).unwrap();
        assert_eq!(block["source"]["data"], "hi");
        assert_eq!(block["title"], "a.txt");
    }
}
