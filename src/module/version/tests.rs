use super::*;
use crate::module::oracle::{Numbers, ask_text};

/// Paths and versions, and whether they fit: the table of golang.org/x/mod/module's TestCheck.
const PAIRS: &[(&str, &str, bool)] = &[
    ("rsc.io/quote", "0.1.0", false),
    ("rsc io/quote", "v1.0.0", false),
    ("github.com/go-yaml/yaml", "v0.8.0", true),
    ("github.com/go-yaml/yaml", "v1.0.0", true),
    ("github.com/go-yaml/yaml", "v2.0.0", false),
    ("github.com/go-yaml/yaml", "v2.1.5", false),
    ("github.com/go-yaml/yaml", "v3.0.0", false),
    ("github.com/go-yaml/yaml/v2", "v1.0.0", false),
    ("github.com/go-yaml/yaml/v2", "v2.0.0", true),
    ("github.com/go-yaml/yaml/v2", "v2.1.5", true),
    ("github.com/go-yaml/yaml/v2", "v3.0.0", false),
    ("gopkg.in/yaml.v0", "v0.8.0", true),
    ("gopkg.in/yaml.v0", "v1.0.0", false),
    ("gopkg.in/yaml.v0", "v2.0.0", false),
    ("gopkg.in/yaml.v0", "v2.1.5", false),
    ("gopkg.in/yaml.v0", "v3.0.0", false),
    ("gopkg.in/yaml.v1", "v0.8.0", false),
    ("gopkg.in/yaml.v1", "v1.0.0", true),
    ("gopkg.in/yaml.v1", "v2.0.0", false),
    ("gopkg.in/yaml.v1", "v2.1.5", false),
    ("gopkg.in/yaml.v1", "v3.0.0", false),
    ("gopkg.in/check.v1", "v0.0.0", false),
    (
        "gopkg.in/check.v1",
        "v0.0.0-20160102150405-abcdef123456",
        true,
    ),
    ("gopkg.in/yaml.v2", "v1.0.0", false),
    ("gopkg.in/yaml.v2", "v2.0.0", true),
    ("gopkg.in/yaml.v2", "v2.1.5", true),
    ("gopkg.in/yaml.v2", "v3.0.0", false),
    ("rsc.io/quote", "v17.0.0", false),
    ("rsc.io/quote", "v17.0.0+incompatible", true),
];

/// Versions and major suffixes, and whether they fit: the table of TestMatchPathMajor.
const SUFFIXES: &[(&str, &str, bool)] = &[
    ("v0.0.0", "", true),
    ("v0.0.0", "/v2", false),
    ("v0.0.0", ".v0", true),
    ("v0.0.0-20190510104115-cbcb75029529", ".v1", true),
    ("v1.0.0", "/v2", false),
    ("v1.0.0", ".v1", true),
    ("v1.0.0", ".v1-unstable", true),
    ("v2.0.0+incompatible", "", true),
    ("v2.0.0", "", false),
    ("v2.0.0", "/v2", true),
    ("v2.0.0", ".v2", true),
];

fn fits(path: &str, version: &str) -> bool {
    let (Ok(path), Ok(version)) = (ModulePath::parse(path), Version::parse(version)) else {
        return false;
    };
    ModuleVersion::new(path, version).is_ok()
}

#[test]
fn a_version_fits_a_path_as_x_mod_says() {
    for &(path, version, expected) in PAIRS {
        assert_eq!(fits(path, version), expected, "{path}@{version}");
    }
    for &(version, suffix, expected) in SUFFIXES {
        let fits = check_path_major(version, suffix).is_ok();
        assert_eq!(fits, expected, "{version} {suffix}");
    }
}

#[test]
fn a_version_of_another_major_is_refused_with_the_reason() {
    let error = check_path_major("v2.0.0", "").unwrap_err();
    let text = "version \"v2.0.0\" invalid: should be v0 or v1, not v2";
    assert_eq!(error.to_string(), text);
    let error = check_path_major("v1.0.0", ".v2-unstable").unwrap_err();
    let text = "version \"v1.0.0\" invalid: should be v2, not v1";
    assert_eq!(error.to_string(), text);
}

#[test]
fn only_canonical_versions_are_versions() {
    let error = Version::parse("v1.0.0+bad").unwrap_err();
    let text = "version \"v1.0.0+bad\" is not canonical (should be \"v1.0.0\")";
    assert_eq!(error.to_string(), text);
    for version in [
        "v1",
        "v1.2",
        "1.2.3",
        "v1.2.3+meta",
        "v01.2.3",
        "",
        "latest",
        "v1.2.3 ",
    ] {
        assert!(Version::parse(version).is_err(), "{version}");
    }
    for version in [
        "v1.2.3",
        "v0.0.0-pre.1",
        "v99999999999999999999.0.0",
        "v2.0.0+incompatible",
    ] {
        assert_eq!(Version::parse(version).unwrap().as_str(), version);
    }
}

#[test]
fn a_version_tells_its_parts() {
    let version = Version::parse("v2.3.0-Pre.0.20060102150405-Hash+incompatible").unwrap();
    assert!(version.is_prerelease() && version.is_incompatible() && version.is_pseudo());
    assert_eq!(
        (version.major(), version.major_minor().as_str()),
        ("v2", "v2.3")
    );
    assert_eq!(
        version.pseudo_time(),
        Timestamp::parse_rfc3339("2006-01-02T15:04:05Z")
    );
    assert_eq!(version.pseudo_revision(), Some("Hash"));
    let base = version.pseudo_base().unwrap();
    assert_eq!(base.as_str(), "v2.3.0-Pre+incompatible");
    let escaped = "v2.3.0-!pre.0.20060102150405-!hash+incompatible";
    assert_eq!(version.escaped(), escaped);
    assert_eq!(Version::from_escaped(escaped), Ok(version));
    let release = Version::parse("v1.0.0").unwrap();
    assert!(!release.is_prerelease() && !release.is_incompatible() && !release.is_pseudo());
    assert_eq!((release.pseudo_time(), release.pseudo_base()), (None, None));
}

#[test]
fn versions_sort_by_precedence_and_then_by_text() {
    let sorted = [
        "v0.9.0",
        "v1.0.0-alpha",
        "v1.0.0-alpha.1",
        "v1.0.0-alpha.beta",
        "v1.0.0-beta",
        "v1.0.0-beta.2",
        "v1.0.0-beta.11",
        "v1.0.0-rc.1",
        "v1.0.0",
        "v1.0.0+incompatible",
        "v1.2.0",
        "v1.10.0",
        "v18446744073709551616.0.0",
    ];
    let mut versions: Vec<Version> = sorted
        .iter()
        .rev()
        .map(|v| Version::parse(v).unwrap())
        .collect();
    versions.sort();
    let texts: Vec<&str> = versions.iter().map(Version::as_str).collect();
    assert_eq!(texts, sorted);
}

#[test]
fn escaped_queries_come_back_plain() {
    assert_eq!(unescape_version("feature-!x").as_deref(), Ok("feature-X"));
    for escaped in ["", "a/b", "!", "A", "a!", "é", "..", "con", "a:b"] {
        assert!(unescape_version(escaped).is_err(), "{escaped}");
    }
}

#[test]
fn made_up_pairs_fit_as_in_x_mod() {
    const PATHS: &[&str] = &[
        "example.com/m",
        "example.com/m/v2",
        "example.com/m/v3",
        "gopkg.in/m.v0",
        "gopkg.in/m.v1",
        "gopkg.in/m.v2",
        "gopkg.in/m.v2-unstable",
        "gopkg.in/m.v1-unstable",
        "gopkg.in/m.v-unstable",
    ];
    const VERSIONS: &[&str] = &[
        "v0.0.0",
        "v0.0.0-1",
        "v0.0.0-20160102150405-abcdef123456",
        "v1.0.0",
        "v1.0.0+incompatible",
        "v2.0.0",
        "v2.0.0-pre+incompatible",
        "v2.1.0",
        "v3.0.0",
        "v3.0.0+incompatible",
        "v20.0.0",
    ];
    for path in PATHS {
        for version in VERSIONS {
            let expected = ask_text("check", &[path, version]);
            assert_eq!(fits(path, version), expected == ["yes"], "{path}@{version}");
        }
    }
    // Some randomness, too: a version is never accepted under two majors.
    let mut numbers = Numbers(2);
    for _ in 0..200 {
        let path = format!("example.com/m/v{}", 2 + numbers.below(4));
        let version = format!("v{}.{}.0", numbers.below(6), numbers.below(20));
        let expected = ask_text("check", &[&path, &version]);
        assert_eq!(
            fits(&path, &version),
            expected == ["yes"],
            "{path}@{version}"
        );
    }
}
