//! Module versions: canonical semantic versions, and how they fit a module path.
//!
//! * A version is **canonical** when it is `vX.Y.Z`, optionally with a pre-release and with the
//!   one build suffix that Go keeps, `+incompatible`.
//! * A version **fits** a path: without a major suffix v0, v1 or anything `+incompatible`; with
//!   one (`/v2`, `.v2`, `.v2-unstable`) that major version. An old bug wrote `v0.0.0-...`
//!   pseudo-versions for gopkg.in paths that end in `.v1`; they still fit.
//! * A version is **escaped** as a module path is; it is one valid element of a file path.
//!
//! Source: golang.org/x/mod/module (CanonicalVersion, CheckPathMajor, EscapeVersion,
//! UnescapeVersion, Check).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::path::{PathFault, check_file_element, escape, unescape_path};
use super::{ModulePath, Timestamp, pseudo, semver};

/// The only build suffix that a canonical version keeps.
pub const INCOMPATIBLE: &str = "+incompatible";

/// A canonical version. Ordered by semantic version precedence, ties by text, as x/mod's
/// `semver.Sort` orders.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version(Arc<str>);

impl Version {
    /// Takes a version that is canonical already.
    pub fn parse(version: &str) -> Result<Self, VersionError> {
        if semver::is_canonical(version) {
            return Ok(Version(version.into()));
        }
        match canonical(version) {
            None => Err(VersionError::new(version, VersionFault::NotSemantic)),
            Some(canonical) if canonical != version => Err(VersionError::new(
                version,
                VersionFault::NotCanonical(canonical),
            )),
            Some(canonical) => Ok(Version(canonical.into())),
        }
    }

    /// Reads the escaped form that URLs and caches use.
    pub fn from_escaped(escaped: &str) -> Result<Self, VersionError> {
        Self::parse(&unescape_version(escaped)?)
    }

    /// The version as text, `v1.2.3-pre+incompatible`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The escaped version: capitals as `!` and the small letter.
    pub fn escaped(&self) -> Cow<'_, str> {
        escape(&self.0)
    }

    /// Whether this is a pre-release; pseudo-versions are.
    pub fn is_prerelease(&self) -> bool {
        semver::prerelease(&self.0).is_some_and(|part| !part.is_empty())
    }

    /// Whether this is a v2 or later of a module whose path does not say so.
    pub fn is_incompatible(&self) -> bool {
        self.0.ends_with(INCOMPATIBLE)
    }

    /// Whether this names a commit rather than a tag.
    pub fn is_pseudo(&self) -> bool {
        pseudo::is_pseudo_version(&self.0)
    }

    /// The major version, `v2` of `v2.1.0`.
    pub fn major(&self) -> &str {
        semver::major(&self.0).unwrap_or_default()
    }

    /// The major and minor version, `v2.1` of `v2.1.0`.
    pub fn major_minor(&self) -> String {
        semver::major_minor(&self.0).unwrap_or_default()
    }

    /// The commit time of a pseudo-version, where it is a time that exists.
    pub fn pseudo_time(&self) -> Option<Timestamp> {
        pseudo::time(&self.0).ok()
    }

    /// The revision of a pseudo-version, usually 12 digits of a commit.
    pub fn pseudo_revision(&self) -> Option<&str> {
        pseudo::revision(&self.0).ok()
    }

    /// The version that a pseudo-version follows, where it names one.
    pub fn pseudo_base(&self) -> Option<Version> {
        let base = pseudo::base(&self.0).ok()??;
        Version::parse(&base).ok()
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        semver::compare_for_sort(&self.0, &other.0)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The canonical form of any semantic version, with `+incompatible` kept
/// (x/mod `module.CanonicalVersion`); `None` for text that is no version.
pub fn canonical(version: &str) -> Option<String> {
    let mut canonical = semver::canonical(version)?;
    if semver::build(version) == Some(INCOMPATIBLE) {
        canonical.push_str(INCOMPATIBLE);
    }
    Some(canonical)
}

/// The plain form of an escaped version, which need not be semantic: a query in a URL may be a
/// branch or a commit (x/mod `module.UnescapeVersion`).
pub fn unescape_version(escaped: &str) -> Result<Cow<'_, str>, VersionError> {
    let fail = |fault| VersionError::new(escaped, fault);
    let version = unescape_path(escaped)
        .ok_or_else(|| fail(VersionFault::Escape(PathFault::InvalidEscape)))?;
    match check_file_element(&version) {
        Ok(()) => Ok(version),
        Err(fault) => Err(fail(VersionFault::Escape(fault))),
    }
}

/// Checks that a version fits a path's major suffix (x/mod `module.CheckPathMajor`).
pub fn check_path_major(version: &str, major_suffix: &str) -> Result<(), VersionError> {
    let suffix = match major_suffix.strip_suffix("-unstable") {
        Some(stable) if stable.starts_with(".v") => stable,
        _ => major_suffix,
    };
    if version.starts_with("v0.0.0-") && suffix == ".v1" {
        return Ok(());
    }
    let major = semver::major(version).unwrap_or_default();
    let wanted = match suffix.strip_prefix(['/', '.']) {
        _ if suffix.is_empty() => {
            if matches!(major, "v0" | "v1") || semver::build(version) == Some(INCOMPATIBLE) {
                return Ok(());
            }
            "v0 or v1"
        }
        Some(wanted) if major == wanted => return Ok(()),
        Some(wanted) => wanted,
        None => suffix,
    };
    Err(VersionError::new(
        version,
        VersionFault::OtherMajor {
            wanted: wanted.to_owned(),
            found: major.to_owned(),
        },
    ))
}

/// A module path and a canonical version that fits it. Ordered by path, then by version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleVersion {
    path: ModulePath,
    version: Version,
}

impl ModuleVersion {
    /// Joins a path and a version, if they fit (x/mod `module.Check`).
    pub fn new(path: ModulePath, version: Version) -> Result<Self, VersionError> {
        check_path_major(version.as_str(), path.major_suffix())?;
        Ok(ModuleVersion { path, version })
    }

    /// The module's path.
    pub fn path(&self) -> &ModulePath {
        &self.path
    }

    /// The version.
    pub fn version(&self) -> &Version {
        &self.version
    }
}

impl fmt::Display for ModuleVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.path, self.version)
    }
}

/// A version that breaks a rule: which version, and which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionError {
    /// The version as it was given.
    pub version: String,
    /// The rule that it breaks.
    pub fault: VersionFault,
}

impl VersionError {
    pub(super) fn new(version: &str, fault: VersionFault) -> Self {
        VersionError {
            version: version.to_owned(),
            fault,
        }
    }
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VersionError { version, fault } = self;
        match fault {
            VersionFault::NotCanonical(canonical) => {
                write!(
                    f,
                    "version {version:?} is not canonical (should be {canonical:?})"
                )
            }
            VersionFault::Pseudo(fault) => {
                write!(f, "pseudo-version {version:?} invalid: {fault}")
            }
            VersionFault::NotSemantic => {
                write!(f, "version {version:?} invalid: not a semantic version")
            }
            VersionFault::OtherMajor { wanted, found } => {
                write!(
                    f,
                    "version {version:?} invalid: should be {wanted}, not {found}"
                )
            }
            VersionFault::Escape(fault) => {
                write!(f, "version {version:?} invalid: {fault}")
            }
        }
    }
}

impl std::error::Error for VersionError {}

/// The rule that a version breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionFault {
    /// Not a semantic version.
    NotSemantic,
    /// Semantic, but not in canonical form, which is this.
    NotCanonical(String),
    /// The module's path asks for another major version.
    OtherMajor {
        /// What the path asks for: a major version, or `v0 or v1`.
        wanted: String,
        /// The version's own major version.
        found: String,
    },
    /// The escaped form is not one, or is no element of a file path.
    Escape(PathFault),
    /// Not a pseudo-version, or one that makes no sense.
    Pseudo(pseudo::PseudoFault),
}

#[cfg(test)]
mod tests;
