//! XML, as much of it as S3 answers: elements with text, no attributes that matter, no nesting of an
//! element in one of its own name.

/// The text inside the first element of this name, as it stands, and what follows it.
fn first<'a>(xml: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let open = format!("<{name}");
    let mut rest = xml;
    loop {
        let (_, after) = rest.split_once(open.as_str())?;
        rest = after;
        // Another name that begins alike.
        if !after.starts_with(['>', '/']) && !after.starts_with(char::is_whitespace) {
            continue;
        }
        let (tag, inside) = after.split_once('>')?;
        if tag.ends_with('/') {
            return Some(("", inside));
        }
        return inside.split_once(format!("</{name}>").as_str());
    }
}

/// The text of the first element of this name.
pub(super) fn text(xml: &str, name: &str) -> Option<String> {
    first(xml, name).map(|(inside, _)| unescaped(inside))
}

/// The insides of all elements of this name.
pub(super) fn all<'a>(xml: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (inside, after) = first(rest, name)?;
        rest = after;
        Some(inside)
    })
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once(';') else {
            rest = after;
            continue;
        };
        let number = name.strip_prefix('#').and_then(|digits| {
            let hex = digits.strip_prefix(['x', 'X']);
            hex.map_or_else(
                || digits.parse().ok(),
                |hex| u32::from_str_radix(hex, 16).ok(),
            )
        });
        out.extend(match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => number.and_then(char::from_u32),
        });
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_whole_name() {
        let xml = "<?xml version=\"1.0\"?><R xmlns=\"x\"><KeyCount>2</KeyCount><Prefix/>\
                   <Contents><Key>a&amp;b</Key></Contents><Contents><Key>&#99;&#x64;</Key></Contents></R>";
        assert_eq!(text(xml, "KeyCount").as_deref(), Some("2"));
        assert_eq!(text(xml, "Prefix").as_deref(), Some(""));
        assert_eq!(text(xml, "Absent"), None);
        let keys: Vec<_> = all(xml, "Contents").map(|it| text(it, "Key")).collect();
        assert_eq!(keys, [Some("a&b".to_owned()), Some("cd".to_owned())]);
    }

    #[test]
    fn what_is_no_xml_has_no_elements() {
        for nonsense in ["", "<", "<Key", "<Key>", "<Key>a", "Key", "<Keys>a</Keys>"] {
            assert_eq!(text(nonsense, "Key"), None, "{nonsense}");
        }
        assert_eq!(text("<Key>&nope;&x</Key>", "Key").as_deref(), Some("x"));
    }
}
