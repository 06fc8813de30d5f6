//! Pseudo-versions: versions that name a commit, and sort among the tags around it.
//!
//! Five forms, by the tag that the commit follows:
//!
//! 1. `vX.0.0-yyyymmddhhmmss-abcdef123456`: no tag of that major version;
//! 2. `vX.Y.(Z+1)-0.yyyymmddhhmmss-abcdef123456`: `vX.Y.Z`;
//! 3. the same and `+incompatible`: `vX.Y.Z+incompatible`;
//! 4. `vX.Y.Z-pre.0.yyyymmddhhmmss-abcdef123456`: `vX.Y.Z-pre`;
//! 5. the same and `+incompatible`: `vX.Y.Z-pre+incompatible`.
//!
//! The lone `0` sorts before every pre-release that an author would write. Numbers have no upper
//! bound, so the patch number is counted up and down in decimal.
//!
//! Source: golang.org/x/mod/module, pseudo.go.

use std::fmt;

use super::version::{VersionError, VersionFault};
use super::{Timestamp, semver};

/// What is wrong with a pseudo-version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PseudoFault {
    /// The text has none of the five forms.
    Syntax,
    /// Its 14 digits are no time that exists.
    Time(String),
    /// Form 1 with build metadata: without a tag nothing can be incompatible.
    BuildWithoutBase(String),
    /// Form 2 or 3 of a patch number 0, which follows no tag.
    NegativePatch(String),
}

impl fmt::Display for PseudoFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PseudoFault::Syntax => f.write_str("syntax error"),
            PseudoFault::Time(digits) => write!(f, "malformed time {digits:?}"),
            PseudoFault::BuildWithoutBase(build) => {
                write!(f, "lacks base version, but has build metadata {build:?}")
            }
            PseudoFault::NegativePatch(base) => {
                write!(f, "version before {base} would have negative patch number")
            }
        }
    }
}

/// Builds the pseudo-version of a commit (x/mod `module.PseudoVersion`).
///
/// `major` counts only where there is no `older` tag; empty, it is `v0`.
pub fn pseudo_version(major: &str, older: &str, time: Timestamp, revision: &str) -> String {
    let segment = format!("{}-{revision}", time.to_pseudo());
    let build = semver::build(older).unwrap_or_default();
    let Some(older) = semver::canonical(older) else {
        let major = if major.is_empty() { "v0" } else { major };
        return format!("{major}.0.0-{segment}");
    };
    if semver::prerelease(&older).is_some_and(|part| !part.is_empty()) {
        return format!("{older}.0.{segment}{build}");
    }
    let (stem, patch) = older.rsplit_once('.').unwrap_or((&older, ""));
    format!("{stem}.{}-0.{segment}{build}", increment(patch))
}

/// Whether `version` has the form of a pseudo-version; its time need not exist.
pub fn is_pseudo_version(version: &str) -> bool {
    parse(version).is_some()
}

/// Whether this is the placeholder `vX.0.0-00010101000000-000000000000`.
pub fn is_zero_pseudo_version(version: &str) -> bool {
    let major = semver::major(version).unwrap_or_default();
    version == pseudo_version(major, "", Timestamp::ZERO, "000000000000")
}

/// The commit time.
pub fn time(version: &str) -> Result<Timestamp, VersionError> {
    let digits = parse_or_fail(version)?.time;
    Timestamp::parse_pseudo(digits)
        .ok_or_else(|| fail(version, PseudoFault::Time(digits.to_owned())))
}

/// The revision, usually the first 12 digits of a commit.
pub fn revision(version: &str) -> Result<&str, VersionError> {
    Ok(parse_or_fail(version)?.revision)
}

/// The tag that the commit follows; `None` for form 1.
pub fn base(version: &str) -> Result<Option<String>, VersionError> {
    let Parsed { base, build, .. } = parse_or_fail(version)?;
    match semver::prerelease(base).unwrap_or_default() {
        "" if build.is_empty() => Ok(None),
        "" => Err(fail(
            version,
            PseudoFault::BuildWithoutBase(build.to_owned()),
        )),
        "-0" => {
            let next = base.strip_suffix("-0").unwrap_or(base);
            let (stem, patch) = next.rsplit_once('.').unwrap_or((next, ""));
            match decrement(patch) {
                Some(patch) => Ok(Some(format!("{stem}.{patch}{build}"))),
                None => Err(fail(version, PseudoFault::NegativePatch(next.to_owned()))),
            }
        }
        _ => {
            let tag = base.strip_suffix(".0").unwrap_or(base);
            Ok(Some(format!("{tag}{build}")))
        }
    }
}

struct Parsed<'a> {
    /// `vX.0.0`, `vX.Y.(Z+1)-0` or `vX.Y.Z-pre.0`.
    base: &'a str,
    /// 14 digits.
    time: &'a str,
    revision: &'a str,
    /// With its plus, or empty.
    build: &'a str,
}

fn parse(version: &str) -> Option<Parsed<'_>> {
    let build = semver::build(version)?;
    let rest = version.strip_suffix(build)?;
    let (rest, revision) = rest.rsplit_once('-')?;
    if revision.is_empty() || !revision.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let (base, time) = rest.split_at_checked(rest.len().checked_sub(14)?)?;
    if !time.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let base = match base.strip_suffix('.') {
        Some(base) => Some(base).filter(|base| is_after_tag(base))?,
        None => base.strip_suffix('-').filter(|base| is_bottom(base))?,
    };
    Some(Parsed {
        base,
        time,
        revision,
        build,
    })
}

/// Whether `base` is what stands before the time in forms 2 to 5: an identifier that is 0.
fn is_after_tag(base: &str) -> bool {
    semver::prerelease(base).is_some_and(|part| part == "-0" || part.ends_with(".0"))
}

/// Whether `base` is the bottom of a major version, `vX.0.0`.
fn is_bottom(base: &str) -> bool {
    base.ends_with(".0.0") && semver::prerelease(base) == Some("")
}

fn parse_or_fail(version: &str) -> Result<Parsed<'_>, VersionError> {
    parse(version).ok_or_else(|| fail(version, PseudoFault::Syntax))
}

fn fail(version: &str, fault: PseudoFault) -> VersionError {
    VersionError::new(version, VersionFault::Pseudo(fault))
}

/// The decimal number and one.
fn increment(decimal: &str) -> String {
    let stem = decimal.trim_end_matches('9');
    let zeros = "0".repeat(decimal.len() - stem.len());
    match stem.as_bytes().split_last() {
        None => format!("1{zeros}"),
        Some((&last, _)) => {
            let kept = stem.get(..stem.len() - 1).unwrap_or_default();
            format!("{kept}{}{zeros}", char::from(last + 1))
        }
    }
}

/// The decimal number less one; `None` below zero.
fn decrement(decimal: &str) -> Option<String> {
    let stem = decimal.trim_end_matches('0');
    let nines = "9".repeat(decimal.len() - stem.len());
    let (&last, _) = stem.as_bytes().split_last()?;
    let kept = stem.get(..stem.len() - 1)?;
    if kept.is_empty() && last == b'1' && !nines.is_empty() {
        return Some(nines);
    }
    Some(format!("{kept}{}{nines}", char::from(last - 1)))
}

#[cfg(test)]
mod tests;
