//! Range requests (RFC 9110, section 14): one range of bytes. Several ranges in one request are
//! answered with the whole, as the RFC allows.

use std::ops::Range;

use super::{ETag, Headers};

/// What a request asks of a representation.
#[derive(Debug, PartialEq, Eq)]
pub enum RangeRequest {
    /// All of it: no `Range`, one that we do not take, or an `If-Range` that does not fit.
    Whole,
    /// These bytes, which are there: 206.
    Part(Range<u64>),
    /// Bytes past the end: 416.
    Unsatisfiable,
}

/// Reads `Range` and `If-Range` against a representation of `size` bytes with this tag.
pub fn requested_range(headers: &Headers, size: u64, tag: &ETag) -> RangeRequest {
    let Some(range) = headers.get("range") else {
        return RangeRequest::Whole;
    };
    // A date never fits: no Last-Modified is sent.
    if let Some(condition) = headers.raw("if-range") {
        let fits = std::str::from_utf8(condition).is_ok_and(|text| tag.matches_strongly(text));
        if !fits {
            return RangeRequest::Whole;
        }
    }
    parse(range, size).unwrap_or(RangeRequest::Whole)
}

/// What a request will read of a representation, before its size and tag are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing, in all likelihood: its size and tag will do.
    Look,
    /// All of it.
    Whole,
    /// A part: the value of a `Range` field that names one range.
    Part(String),
}

impl Wanted {
    /// What a request with these fields will read; `head` where it is a `HEAD`.
    pub fn of(head: bool, headers: &Headers) -> Self {
        // Whoever asks on a condition has the bytes, which never change.
        if head || headers.raw("if-none-match").is_some() {
            return Wanted::Look;
        }
        // Any size will do: whether it is one range does not depend on it.
        let range = headers.get("range").map(str::trim);
        match range.filter(|range| parse(range, u64::MAX).is_some()) {
            Some(range) => Wanted::Part(range.to_owned()),
            None => Wanted::Whole,
        }
    }
}

fn parse(value: &str, size: u64) -> Option<RangeRequest> {
    let (unit, spec) = value.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return None;
    }
    let (first, last) = spec.trim().split_once('-')?;
    let range = match (position(first)?, position(last)?) {
        (None, None) => return None,
        (None, Some(suffix)) => size.saturating_sub(suffix)..size,
        (Some(first), None) => first..size,
        (Some(first), Some(last)) if last < first => return None,
        (Some(first), Some(last)) => first..last.saturating_add(1).min(size),
    };
    Some(if range.start >= range.end {
        RangeRequest::Unsatisfiable
    } else {
        RangeRequest::Part(range)
    })
}

/// A position, or none where the text is empty. A number past 64 bits is past any end.
fn position(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::RangeRequest::{Part, Unsatisfiable, Whole};
    use super::*;

    fn ask(range: &str, if_range: Option<&str>) -> RangeRequest {
        let mut fields = vec![("Range".to_owned(), range.as_bytes().to_vec())];
        if let Some(condition) = if_range {
            fields.push(("if-range".to_owned(), condition.as_bytes().to_vec()));
        }
        requested_range(&Headers::new(fields), 100, &ETag::strong("t"))
    }

    #[test]
    fn a_range_is_read_as_the_rfc_says() {
        for (range, expected) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-99", Part(0..100)),
            ("bytes=10-", Part(10..100)),
            ("bytes=10-500", Part(10..100)),
            ("bytes=-10", Part(90..100)),
            ("bytes=-1000", Part(0..100)),
            ("Bytes=99-99", Part(99..100)),
            ("bytes=100-", Unsatisfiable),
            ("bytes=100-200", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=5-4", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=0-1,5-6", Whole),
            ("items=0-1", Whole),
            ("bytes", Whole),
            ("", Whole),
        ] {
            assert_eq!(ask(range, None), expected, "{range}");
        }
    }

    #[test]
    fn what_will_be_read_is_known_before_the_size() {
        let fields = |name: &str, value: &str| {
            Headers::new(vec![(name.to_owned(), value.as_bytes().to_vec())])
        };
        let part = |text: &str| Wanted::Part(text.to_owned());
        for (name, value, expected) in [
            ("accept", "*/*", Wanted::Whole),
            ("range", "bytes=0-1", part("bytes=0-1")),
            ("range", " bytes=5- ", part("bytes=5-")),
            ("range", "bytes=-7", part("bytes=-7")),
            ("range", "bytes=0-1,5-6", Wanted::Whole),
            ("range", "lines=0-1", Wanted::Whole),
            ("if-none-match", "\"x\"", Wanted::Look),
        ] {
            assert_eq!(Wanted::of(false, &fields(name, value)), expected, "{value}");
        }
        assert_eq!(
            Wanted::of(true, &fields("range", "bytes=0-1")),
            Wanted::Look
        );
    }

    #[test]
    fn if_range_that_does_not_fit_gets_the_whole() {
        assert_eq!(ask("bytes=0-0", Some("\"t\"")), Part(0..1));
        assert_eq!(ask("bytes=0-0", Some("\"other\"")), Whole);
        assert_eq!(ask("bytes=0-0", Some("W/\"t\"")), Whole);
        let date = "Tue, 15 Nov 1994 12:45:26 GMT";
        assert_eq!(ask("bytes=0-0", Some(date)), Whole);
    }

    #[test]
    fn nothing_of_an_empty_representation_can_be_had() {
        let headers = Headers::new(vec![("range".into(), b"bytes=0-".to_vec())]);
        let answer = requested_range(&headers, 0, &ETag::strong("t"));
        assert_eq!(answer, Unsatisfiable);
    }
}
