//! Parts of an address, percent-encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but RFC 3986's unreserved characters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// An escaped module path or version, as the `go` command sends it (`!` as `%21`).
pub fn path(escaped: &str) -> String {
    utf8_percent_encode(escaped, PATH).to_string()
}

/// Any text as one element of a path.
pub fn element(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// `?name=value&…` of the parameters that have a value; empty if none has.
pub fn query(parameters: &[(&str, Option<&str>)]) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        if let Some(value) = value {
            text.push(if text.is_empty() { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            text.extend(utf8_percent_encode(value, QUERY));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_slashes_and_nothing_else_that_has_a_meaning() {
        assert_eq!(path("github.com/!azure/foo"), "github.com/%21azure/foo");
        assert_eq!(path("v2.0.0+incompatible"), "v2.0.0%2Bincompatible");
        assert_eq!(path("v1.0.0-a_b~c"), "v1.0.0-a_b~c");
    }

    #[test]
    fn an_element_has_no_slash() {
        assert_eq!(element("group/sub project"), "group%2Fsub%20project");
    }

    #[test]
    fn a_query_names_the_parameters_that_have_a_value() {
        assert_eq!(query(&[]), "");
        assert_eq!(query(&[("time", None)]), "");
        assert_eq!(
            query(&[
                ("time", Some("2020-01-02T03:04:05Z")),
                ("ref", None),
                ("origin", Some(r#"{"VCS":"git"}"#))
            ]),
            "?time=2020-01-02T03%3A04%3A05Z&origin=%7B%22VCS%22%3A%22git%22%7D"
        );
    }
}
