//! A setting of a sink and where it was found, so that what is wrong with it can be said there.

use super::inputs::Inputs;
use crate::base::secret::Secret;
use crate::config::read::governance::variables;
use crate::config::scope::Field;

/// A text, never empty.
pub struct Found<'f> {
    /// The text.
    pub text: String,
    place: Place<'f>,
}

enum Place<'f> {
    Field(Field<'f>),
    Variable(String),
    /// The program's own.
    Nowhere,
}

impl<'f> Found<'f> {
    /// One that a field says.
    pub fn in_field(text: String, field: Field<'f>) -> Self {
        Found { text, place: Place::Field(field) }
    }

    /// One that a variable says.
    pub fn in_variable(text: String, name: &str) -> Self {
        Found { text, place: Place::Variable(name.to_owned()) }
    }

    /// What is taken where nobody says anything.
    pub fn usual(text: impl Into<String>) -> Self {
        Found { text: text.into(), place: Place::Nowhere }
    }

    /// The same place, another text.
    #[must_use]
    pub fn map(self, change: impl FnOnce(String) -> String) -> Self {
        Found { text: change(self.text), place: self.place }
    }

    /// Notes what would be right. The text is not repeated: it may hold a key.
    pub fn error(&self, inputs: &Inputs<'_>, what: &str) {
        match &self.place {
            Place::Field(field) => field.error(what),
            Place::Variable(name) => variables::wrong(inputs.context, name, what),
            Place::Nowhere => inputs.named.error(what),
        }
    }

    /// An address that is called as it is.
    pub fn address(self, inputs: &Inputs<'_>) -> Option<String> {
        match flaw(&self.text) {
            None => Some(self.text),
            Some(flaw) => {
                self.error(inputs, flaw);
                None
            }
        }
    }

    /// An address to which paths are added.
    pub fn base(self, inputs: &Inputs<'_>) -> Option<String> {
        if self.text.contains(['?', '#']) {
            self.error(
                inputs,
                "must be an address without ? and #, as in https://host: a path is added to it",
            );
            return None;
        }
        Some(self.address(inputs)?.trim_end_matches('/').to_owned())
    }

    /// A text that stands in a header.
    pub fn header(self, inputs: &Inputs<'_>) -> Option<Secret> {
        if is_header_value(&self.text) {
            return Some(Secret::new(self.text));
        }
        self.error(inputs, HEADER_VALUE);
        None
    }
}

/// What a value of a header must be.
pub const HEADER_VALUE: &str = "must be printable ASCII on one line: it is sent in a header";

/// Whether a text can stand in a header.
pub fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t')
}

/// What is wrong with the name of a header; `None` if it can be sent.
pub fn name_flaw(name: &str) -> Option<&'static str> {
    const OURS: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "content-encoding"];
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Some("is no name of an HTTP header: letters, digits and - are, as in X-Api-Key");
    }
    OURS.iter()
        .any(|own| name.eq_ignore_ascii_case(own))
        .then_some("is a header that is set here, leave it out")
}

/// What is wrong with an address, and what would be right; `None` if it can be called.
fn flaw(url: &str) -> Option<&'static str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else {
        return Some("must be an address that begins with http:// or https://, as in https://host/path");
    };
    let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '<' | '>' | '"' | '`' | '\\' | '^');
    if rest.contains(odd) {
        return Some(
            "must be an address in ASCII without spaces, as in https://host/path; %20 stands for a space",
        );
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("must be an address without a login: a header can hold one (Authorization)");
    }
    // The address of IPv6 has colons inside its brackets.
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host.parse::<std::net::Ipv6Addr>().is_ok(), port.strip_prefix(':')),
        None => {
            let (host, port) =
                authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            (!host.is_empty() && host.bytes().all(letter), port)
        }
    };
    if !host {
        return Some("must be an address with a host, as in https://host/path");
    }
    let bad_port = |port: &str| {
        !port.bytes().all(|byte| byte.is_ascii_digit()) || !matches!(port.parse::<u16>(), Ok(1..))
    };
    port.is_some_and(bad_port).then_some("must be an address whose port is a number from 1 to 65535")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_can_be_called_are_told_from_others() {
        for good in [
            "https://host",
            "http://10.0.0.1:4318/v1/traces",
            "https://[::1]:8080/x",
            "https://a_b.example/x?key=a%20b&c={d}",
        ] {
            assert_eq!(flaw(good), None, "{good}");
        }
        for (bad, why) in [
            ("host:4318", "begins with http"),
            ("ftp://host", "begins with http"),
            ("https://", "with a host"),
            ("https:///path", "with a host"),
            ("https://ho st/x", "without spaces"),
            ("https://höst/x", "ASCII"),
            ("https://host:99999/x", "port"),
            ("https://host:/x", "port"),
            ("https://host:x/", "port"),
            ("https://[::1/x", "with a host"),
            ("https://ann:pw@host/x", "without a login"),
        ] {
            assert!(flaw(bad).is_some_and(|flaw| flaw.contains(why)), "{bad}: {:?}", flaw(bad));
        }
    }

    #[test]
    fn headers_that_can_be_sent_are_told_from_others() {
        assert!(is_header_value("Bearer a-b_c=") && !is_header_value("a\nb") && !is_header_value("ü"));
        assert_eq!(name_flaw("X-Api-Key"), None);
        for bad in ["", "a b", "a:", "Host", "content-length"] {
            assert!(name_flaw(bad).is_some(), "{bad}");
        }
    }
}
