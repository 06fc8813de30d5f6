//! Percent-encoding (RFC 3986, section 2.1) and query strings.

use std::borrow::Cow;

use crate::hex;

/// Decodes a path segment. `None` where a `%` is not followed by two hex digits, or what comes out
/// is not UTF-8.
pub fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            decoded.push(hex::byte([bytes.next()?, bytes.next()?])?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The names and values of a query, `+` read as a space as forms send it. `None` in place of a pair
/// that can't be decoded.
pub fn query_pairs(query: &str) -> impl Iterator<Item = Option<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| Some(percent_decode(&text.replace('+', " "))?.into_owned());
            Some((decode(name)?, decode(value)?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_decode_or_are_refused() {
        for (text, expected) in [
            ("plain", Some("plain")),
            ("%21azure", Some("!azure")),
            ("a%2Fb", Some("a/b")),
            ("v1.0.0+incompatible", Some("v1.0.0+incompatible")),
            ("%e2%82%AC", Some("\u{20ac}")),
            ("%00", Some("\0")),
            ("%", None),
            ("%2", None),
            ("%zz", None),
            ("%+1", None),
            ("%ff", None),
        ] {
            assert_eq!(percent_decode(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn queries_decode_pair_by_pair() {
        let pairs: Vec<_> =
            query_pairs("strip=1&time=2020-01-01T00%3A00%3A00%2B01:00&&flag&x=a+b&bad=%zz")
                .collect();
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(
            pairs,
            [
                pair("strip", "1"),
                pair("time", "2020-01-01T00:00:00+01:00"),
                pair("flag", ""),
                pair("x", "a b"),
                None,
            ]
        );
    }
}
