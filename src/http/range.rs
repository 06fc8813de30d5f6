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
