//! Entity tags and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1.2).

/// An entity tag. Made here only, so its text never needs quoting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag {
    weak: bool,
    opaque: String,
}

impl ETag {
    /// A strong tag: same tag, same bytes. `opaque` must hold neither quotes nor control characters.
    pub fn strong(opaque: impl Into<String>) -> Self {
        ETag {
            weak: false,
            opaque: opaque.into(),
        }
    }

    /// A weak tag: same tag, equivalent content.
    pub fn weak(opaque: impl Into<String>) -> Self {
        ETag {
            weak: true,
            opaque: opaque.into(),
        }
    }

    /// Whether `text`, one entity tag as a client sent it, names this one by the strong comparison.
    pub fn matches_strongly(&self, text: &str) -> bool {
        !self.weak && unquote(text.trim()) == Some(self.opaque.as_str())
    }

    fn matches_weakly(&self, text: &str) -> bool {
        let text = text.trim();
        unquote(text.strip_prefix("W/").unwrap_or(text)) == Some(self.opaque.as_str())
    }
}

impl From<&ETag> for String {
    /// As it stands in a header.
    fn from(tag: &ETag) -> String {
        let mut text = String::with_capacity(tag.opaque.len() + 4);
        text.push_str(if tag.weak { "W/\"" } else { "\"" });
        text.push_str(&tag.opaque);
        text.push('"');
        text
    }
}

fn unquote(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

/// Whether an `If-None-Match` of this value is met by a resource with this tag, so that the answer
/// is 304. Our tags hold no comma, so the list can be split at each.
pub fn none_match(value: &str, tag: &ETag) -> bool {
    value.trim() == "*" || value.split(',').any(|one| tag.matches_weakly(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_compares_weakly_and_takes_lists() {
        let strong = ETag::strong("abc");
        let weak = ETag::weak("abc");
        for (value, met) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("*", true),
            (" \"x\" , \"abc\"", true),
            ("\"x\", \"y\"", false),
            ("abc", false),
            ("", false),
            ("\"", false),
        ] {
            assert_eq!(none_match(value, &strong), met, "strong against {value}");
            assert_eq!(none_match(value, &weak), met, "weak against {value}");
        }
    }

    #[test]
    fn if_range_compares_strongly() {
        assert!(ETag::strong("abc").matches_strongly("\"abc\""));
        assert!(!ETag::strong("abc").matches_strongly("W/\"abc\""));
        assert!(!ETag::weak("abc").matches_strongly("\"abc\""));
        assert!(!ETag::weak("abc").matches_strongly("W/\"abc\""));
    }

    #[test]
    fn tags_print_as_the_rfc_writes_them() {
        assert_eq!(String::from(&ETag::strong("a-b")), "\"a-b\"");
        assert_eq!(String::from(&ETag::weak("a-b")), "W/\"a-b\"");
    }
}
