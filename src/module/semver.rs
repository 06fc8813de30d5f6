//! Semantic versions as Go writes them, on text that nobody has checked yet.
//!
//! The grammar is `vMAJOR[.MINOR[.PATCH[-PRERELEASE][+BUILD]]]`. It is Semantic Versioning 2.0.0
//! with three differences: the leading `v` is required; `v1` and `v1.2` stand for `v1.0.0` and
//! `v1.2.0`, but carry no pre-release and no build; numbers have no upper bound. Numbers and
//! all-digit pre-release identifiers have no leading zeros. An invalid version has no parts, and
//! compares less than every valid one and equal to every other invalid one.
//!
//! Source: golang.org/x/mod/semver. The identifiers after `-` and `+` follow Semantic Versioning
//! to the letter, so the `semver` crate checks and orders them.

use std::cmp::Ordering;

use ::semver::{BuildMetadata, Prerelease};

/// The parts of a valid version, as they stand in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parsed<'a> {
    major: &'a str,
    minor: &'a str,
    patch: &'a str,
    /// What is missing to the full form: `.0.0`, `.0` or nothing.
    short: &'static str,
    /// With its leading `-`, or empty.
    prerelease: &'a str,
    /// With its leading `+`, or empty.
    build: &'a str,
}

/// Whether `v` is a semantic version.
pub fn is_valid(v: &str) -> bool {
    parse(v).is_some()
}

/// Whether `v` is its own canonical form: all three numbers, and no build metadata.
pub fn is_canonical(v: &str) -> bool {
    parse(v).is_some_and(|parsed| parsed.short.is_empty() && parsed.build.is_empty())
}

/// The canonical form of `v`: missing numbers filled in, build metadata dropped.
pub fn canonical(v: &str) -> Option<String> {
    let parsed = parse(v)?;
    let kept = v.strip_suffix(parsed.build).unwrap_or(v);
    Some(format!("{kept}{}", parsed.short))
}

/// The major version, `v2` of `v2.1.0`.
pub fn major(v: &str) -> Option<&str> {
    let parsed = parse(v)?;
    v.get(..1 + parsed.major.len())
}

/// The major and minor version, `v2.1` of `v2.1.0` and `v2.0` of `v2`.
pub fn major_minor(v: &str) -> Option<String> {
    let parsed = parse(v)?;
    Some(format!("v{}.{}", parsed.major, parsed.minor))
}

/// The pre-release part with its dash: `-pre` of `v2.1.0-pre+meta`, empty where there is none.
pub fn prerelease(v: &str) -> Option<&str> {
    Some(parse(v)?.prerelease)
}

/// The build part with its plus: `+meta` of `v2.1.0+meta`, empty where there is none.
pub fn build(v: &str) -> Option<&str> {
    Some(parse(v)?.build)
}

/// Semantic version precedence; the build part does not count.
pub fn compare(v: &str, w: &str) -> Ordering {
    match (parse(v), parse(w)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(v), Some(w)) => compare_numbers(v.major, w.major)
            .then_with(|| compare_numbers(v.minor, w.minor))
            .then_with(|| compare_numbers(v.patch, w.patch))
            .then_with(|| compare_prereleases(v.prerelease, w.prerelease)),
    }
}

/// Precedence with ties broken by the text: the order of x/mod's `semver.Sort`.
pub fn compare_for_sort(v: &str, w: &str) -> Ordering {
    compare(v, w).then_with(|| v.cmp(w))
}

fn parse(v: &str) -> Option<Parsed<'_>> {
    let (major, rest) = number(v.strip_prefix('v')?)?;
    let parsed = Parsed {
        major,
        minor: "0",
        patch: "0",
        short: ".0.0",
        prerelease: "",
        build: "",
    };
    if rest.is_empty() {
        return Some(parsed);
    }
    let (minor, rest) = number(rest.strip_prefix('.')?)?;
    let parsed = Parsed {
        minor,
        short: ".0",
        ..parsed
    };
    if rest.is_empty() {
        return Some(parsed);
    }
    let (patch, rest) = number(rest.strip_prefix('.')?)?;
    let plus = rest.bytes().position(|byte| byte == b'+');
    let (prerelease, build) = rest.split_at(plus.unwrap_or(rest.len()));
    let valid = (prerelease.is_empty() || is_prerelease(prerelease))
        && (build.is_empty() || is_build(build));
    valid.then_some(Parsed {
        patch,
        short: "",
        prerelease,
        build,
        ..parsed
    })
}

/// A decimal number without leading zeros, and what follows it.
fn number(text: &str) -> Option<(&str, &str)> {
    let end = text
        .bytes()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let valid = !digits.is_empty() && (digits == "0" || !digits.starts_with('0'));
    valid.then_some((digits, rest))
}

fn is_prerelease(text: &str) -> bool {
    matches!(text.strip_prefix('-'), Some(ids) if !ids.is_empty() && Prerelease::new(ids).is_ok())
}

fn is_build(text: &str) -> bool {
    matches!(text.strip_prefix('+'), Some(ids) if !ids.is_empty() && BuildMetadata::new(ids).is_ok())
}

/// Numbers without leading zeros: the longer is the greater, whatever their size.
fn compare_numbers(x: &str, y: &str) -> Ordering {
    x.len().cmp(&y.len()).then_with(|| x.cmp(y))
}

/// An empty pre-release, that is a release, is the greatest: so the crate orders them too.
fn compare_prereleases(x: &str, y: &str) -> Ordering {
    if x == y {
        return Ordering::Equal;
    }
    let identifiers = |text: &str| {
        let text = text.strip_prefix('-').unwrap_or(text);
        Prerelease::new(text).unwrap_or(Prerelease::EMPTY)
    };
    identifiers(x).cmp(&identifiers(y))
}

#[cfg(test)]
mod tests;
