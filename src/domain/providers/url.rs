//! Small pieces of addresses and identities that the dialects share.

use crate::base::secret::Secret;

/// The header `Authorization: Bearer <key>`.
pub fn bearer(key: &Secret) -> (String, Secret) {
    ("Authorization".to_owned(), Secret::new(format!("Bearer {}", key.expose())))
}

/// `base` + `/` + `path`. A base that already ends with the path stays as it is, one that ends with the
/// chat path (people paste the whole address) serves other endpoints beside it, and a query that the base
/// brings along stays behind the path.
pub fn join(base: &str, path: &str) -> String {
    const CHAT: &str = "/chat/completions";
    let (base, query) = base.split_once('?').map_or((base, None), |(base, query)| (base, Some(query)));
    let mut base = base.trim_end_matches('/');
    if let Some(root) = base.strip_suffix(CHAT) {
        base = root;
    } else if let Some(root) = base.strip_suffix(path).and_then(|root| root.strip_suffix('/')) {
        // A host can be called like a path.
        base = if root.ends_with('/') { base } else { root };
    }
    let mut url = String::with_capacity(base.len() + path.len() + 48);
    url.push_str(base);
    url.push('/');
    url.push_str(path);
    if let Some(query) = query {
        url.push('?');
        url.push_str(query);
    }
    url
}

/// A path segment, percent-encoded where RFC 3986 wants it.
pub fn segment(name: &str) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].iter().filter_map(|digit| HEX.get(usize::from(*digit))));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_with_and_without_the_path() {
        assert_eq!(join("http://h/v1", "chat/completions"), "http://h/v1/chat/completions");
        assert_eq!(join("http://h/v1/chat/completions/", "chat/completions"), "http://h/v1/chat/completions");
        assert_eq!(join("http://h/v1/chat/completions", "completions"), "http://h/v1/completions");
        assert_eq!(join("http://h/v1/rerank", "rerank"), "http://h/v1/rerank");
        assert_eq!(join("http://rerank", "rerank"), "http://rerank/rerank");
        assert_eq!(join("http://h/v1/?t=a", "audio/speech"), "http://h/v1/audio/speech?t=a");
    }

    #[test]
    fn segments_cannot_leave_their_place() {
        assert_eq!(segment("my gpt/é?"), "my%20gpt%2F%C3%A9%3F");
        assert_eq!(segment("gpt-4.1_x~"), "gpt-4.1_x~");
    }
}
