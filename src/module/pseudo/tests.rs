use super::*;
use crate::module::oracle::ask_text;

/// A major version and an older tag, and the pseudo-version that they give: the table of
/// golang.org/x/mod/module's TestPseudoVersion.
const BUILT: &[(&str, &str, &str)] = &[
    ("", "", "v0.0.0-20060102150405-hash"),
    ("v0", "", "v0.0.0-20060102150405-hash"),
    ("v1", "", "v1.0.0-20060102150405-hash"),
    ("v2", "", "v2.0.0-20060102150405-hash"),
    ("unused", "v0.0.0", "v0.0.1-0.20060102150405-hash"),
    ("unused", "v1.2.3", "v1.2.4-0.20060102150405-hash"),
    (
        "unused",
        "v1.2.99999999999999999",
        "v1.2.100000000000000000-0.20060102150405-hash",
    ),
    ("unused", "v1.2.3-pre", "v1.2.3-pre.0.20060102150405-hash"),
    ("unused", "v1.3.0-pre", "v1.3.0-pre.0.20060102150405-hash"),
    ("unused", "v0.0.0--", "v0.0.0--.0.20060102150405-hash"),
    (
        "unused",
        "v1.0.0+metadata",
        "v1.0.1-0.20060102150405-hash+metadata",
    ),
    (
        "unused",
        "v2.0.0+incompatible",
        "v2.0.1-0.20060102150405-hash+incompatible",
    ),
    (
        "unused",
        "v2.3.0-pre+incompatible",
        "v2.3.0-pre.0.20060102150405-hash+incompatible",
    ),
];

fn commit_time() -> Timestamp {
    Timestamp::parse_rfc3339("2006-01-02T15:04:05Z").unwrap()
}

#[test]
fn a_pseudo_version_is_built_from_a_tag_and_gives_it_back() {
    for &(major, older, expected) in BUILT {
        let version = pseudo_version(major, older, commit_time(), "hash");
        assert_eq!(version, expected);
        assert!(is_pseudo_version(&version), "{version}");
        assert_eq!(time(&version), Ok(commit_time()), "{version}");
        assert_eq!(revision(&version), Ok("hash"), "{version}");
        assert_eq!(
            base(&version),
            Ok(Some(older.to_owned()).filter(|v| !v.is_empty()))
        );
        let seconds = commit_time().unix_seconds().to_string();
        let answer = ask_text("pseudo", &[major, older, &seconds, "hash"]);
        assert_eq!(answer, [version]);
    }
}

#[test]
fn a_tag_is_no_pseudo_version() {
    for &(_, older, _) in BUILT {
        assert!(!is_pseudo_version(older), "{older}");
        assert!(time(older).is_err() && revision(older).is_err() && base(older).is_err());
    }
    assert!(time("---").is_err());
}

#[test]
fn a_pseudo_version_without_sense_has_no_base() {
    for version in [
        "v0.0.0",
        "v0.0.0-",
        "v0.0.0-0.20060102150405-hash",
        "v0.1.0-0.20060102150405-hash",
        "v1.0.0-0.20060102150405-hash",
        "v0.0.0-20060102150405-hash+incompatible",
        "v0.0.0-20060102150405-hash+metadata",
    ] {
        assert!(base(version).is_err(), "{version}");
    }
    let error = base("v1.0.0-0.20060102150405-hash").unwrap_err();
    let text = "pseudo-version \"v1.0.0-0.20060102150405-hash\" invalid: \
                version before v1.0.0 would have negative patch number";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_time_that_does_not_exist_is_refused() {
    let version = "v0.0.0-20061302150405-hash";
    assert!(is_pseudo_version(version));
    let text = "pseudo-version \"v0.0.0-20061302150405-hash\" invalid: \
                malformed time \"20061302150405\"";
    assert_eq!(time(version).unwrap_err().to_string(), text);
}

#[test]
fn the_zero_pseudo_version_is_known() {
    assert!(is_zero_pseudo_version("v0.0.0-00010101000000-000000000000"));
    assert!(is_zero_pseudo_version("v2.0.0-00010101000000-000000000000"));
    assert!(!is_zero_pseudo_version(
        "v0.0.0-20060102150405-000000000000"
    ));
}

#[test]
fn decimals_are_counted_up_and_down_without_bound() {
    for (number, next) in [
        ("0", "1"),
        ("99", "100"),
        ("100", "101"),
        ("101", "102"),
        ("99999999999999999999", "100000000000000000000"),
    ] {
        assert_eq!(increment(number), next);
        assert_eq!(decrement(next).as_deref(), Some(number));
    }
    for number in ["", "0", "00"] {
        assert_eq!(decrement(number), None, "{number:?}");
    }
}
