use super::*;
use crate::module::oracle::{Numbers, ask_text};
use crate::module::{pseudo, version};

/// Versions in rising order, and their canonical forms: the table of golang.org/x/mod/semver.
const VERSIONS: &[(&str, &str)] = &[
    ("bad", ""),
    ("v1-alpha.beta.gamma", ""),
    ("v1-pre", ""),
    ("v1+meta", ""),
    ("v1-pre+meta", ""),
    ("v1.2-pre", ""),
    ("v1.2+meta", ""),
    ("v1.2-pre+meta", ""),
    ("v1.0.0-alpha", "v1.0.0-alpha"),
    ("v1.0.0-alpha.1", "v1.0.0-alpha.1"),
    ("v1.0.0-alpha.beta", "v1.0.0-alpha.beta"),
    ("v1.0.0-beta", "v1.0.0-beta"),
    ("v1.0.0-beta.2", "v1.0.0-beta.2"),
    ("v1.0.0-beta.11", "v1.0.0-beta.11"),
    ("v1.0.0-rc.1", "v1.0.0-rc.1"),
    ("v1", "v1.0.0"),
    ("v1.0", "v1.0.0"),
    ("v1.0.0", "v1.0.0"),
    ("v1.2", "v1.2.0"),
    ("v1.2.0", "v1.2.0"),
    ("v1.2.3-456", "v1.2.3-456"),
    ("v1.2.3-456.789", "v1.2.3-456.789"),
    ("v1.2.3-456-789", "v1.2.3-456-789"),
    ("v1.2.3-456a", "v1.2.3-456a"),
    ("v1.2.3-pre", "v1.2.3-pre"),
    ("v1.2.3-pre+meta", "v1.2.3-pre"),
    ("v1.2.3-pre.1", "v1.2.3-pre.1"),
    ("v1.2.3-zzz", "v1.2.3-zzz"),
    ("v1.2.3", "v1.2.3"),
    ("v1.2.3+meta", "v1.2.3"),
    ("v1.2.3+meta-pre", "v1.2.3"),
    ("v1.2.3+meta-pre.sha.256a", "v1.2.3"),
];

/// The same in the order of x/mod's TestSort.
const SORTED: &[&str] = &[
    "bad",
    "v1+meta",
    "v1-alpha.beta.gamma",
    "v1-pre",
    "v1-pre+meta",
    "v1.2+meta",
    "v1.2-pre",
    "v1.2-pre+meta",
    "v1.0.0-alpha",
    "v1.0.0-alpha.1",
    "v1.0.0-alpha.beta",
    "v1.0.0-beta",
    "v1.0.0-beta.2",
    "v1.0.0-beta.11",
    "v1.0.0-rc.1",
    "v1",
    "v1.0",
    "v1.0.0",
    "v1.2",
    "v1.2.0",
    "v1.2.3-456",
    "v1.2.3-456.789",
    "v1.2.3-456-789",
    "v1.2.3-456a",
    "v1.2.3-pre",
    "v1.2.3-pre+meta",
    "v1.2.3-pre.1",
    "v1.2.3-zzz",
    "v1.2.3",
    "v1.2.3+meta",
    "v1.2.3+meta-pre",
    "v1.2.3+meta-pre.sha.256a",
];

#[test]
fn a_version_is_valid_exactly_if_it_has_a_canonical_form() {
    for &(text, expected) in VERSIONS {
        assert_eq!(is_valid(text), !expected.is_empty(), "{text}");
        assert_eq!(canonical(text).unwrap_or_default(), expected, "{text}");
    }
}

#[test]
fn every_pair_compares_as_its_places_in_the_table() {
    for (i, (v, canonical_v)) in VERSIONS.iter().enumerate() {
        for (j, (w, canonical_w)) in VERSIONS.iter().enumerate() {
            let same = canonical_v == canonical_w;
            let expected = if same { Ordering::Equal } else { i.cmp(&j) };
            assert_eq!(compare(v, w), expected, "{v} {w}");
        }
    }
}

#[test]
fn sorting_breaks_ties_by_text() {
    let mut versions: Vec<&str> = SORTED.iter().rev().copied().collect();
    versions.sort_by(|v, w| compare_for_sort(v, w));
    assert_eq!(versions, SORTED);
}

/// What this room says of a version, in the order of the oracle's answer.
fn own_answer(text: &str) -> Vec<String> {
    let yes = |holds: bool| if holds { "yes" } else { "no" }.to_owned();
    let text_of = |part: Option<&str>| part.unwrap_or_default().to_owned();
    let time = pseudo::time(text).map(|time| time.to_string());
    let base = pseudo::base(text);
    vec![
        yes(is_valid(text)),
        canonical(text).unwrap_or_default(),
        text_of(major(text)),
        major_minor(text).unwrap_or_default(),
        text_of(prerelease(text)),
        text_of(build(text)),
        version::canonical(text).unwrap_or_default(),
        version::unescape_version(text)
            .unwrap_or_default()
            .into_owned(),
        yes(pseudo::is_pseudo_version(text)),
        yes(pseudo::is_zero_pseudo_version(text)),
        time.unwrap_or_default(),
        text_of(pseudo::revision(text).ok()),
        yes(base.is_ok()),
        base.ok().flatten().unwrap_or_default(),
    ]
}

#[test]
fn made_up_versions_are_read_as_by_x_mod() {
    const PARTS: &[&str] = &[
        "v",
        "v1",
        "v0.0.0",
        "v1.2.3",
        "v2.0.0",
        "v1.2",
        ".",
        ".",
        "-",
        "-",
        "0",
        "0",
        "00",
        "1",
        "10",
        "20060102150405",
        "20061302150405",
        "00010101000000",
        "-20060102150405-abcdef123456",
        "-000000000000",
        "abcdef123456",
        "-0.",
        "pre",
        "-pre.0.",
        "+",
        "+incompatible",
        "+meta",
        "rc1",
        "!",
        "A",
        "é",
        "/",
        "99999999999999999999",
        "--",
    ];
    for (text, _) in VERSIONS {
        assert_eq!(own_answer(text), ask_text("version", &[text]), "{text:?}");
    }
    let mut numbers = Numbers(3);
    let mut valid = Vec::new();
    for _ in 0..6000 {
        let count = 1 + numbers.below(5);
        let mut text = String::from(*numbers.one_of(&["v1.2.3", "v0.0.0", "v", ""]));
        text.extend((0..count).map(|_| *numbers.one_of(PARTS)));
        assert_eq!(own_answer(&text), ask_text("version", &[&text]), "{text:?}");
        if is_valid(&text) {
            valid.push(text);
        }
    }
    assert!(
        valid.len() > 500,
        "too few of the versions are valid: {}",
        valid.len()
    );
    for _ in 0..2000 {
        let (v, w) = (numbers.one_of(&valid), numbers.one_of(&valid));
        let expected = ask_text("compare", &[v, w]);
        assert_eq!((compare(v, w) as i8).to_string(), expected[0], "{v} {w}");
    }
}
