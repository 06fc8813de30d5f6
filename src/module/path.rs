//! Module paths, import paths and file paths: which are valid, and how module paths are escaped.
//!
//! Every path is valid UTF-8, non-empty, without `//` and without a trailing slash. Each element
//! is non-empty, is not made of dots alone, and does not end in a dot. The part of an element
//! before its first dot is no name that Windows reserves (CON, com1, ...), in any case.
//!
//! * **Module and import paths** do not begin with a dash; an element's part before its first dot
//!   does not end in a tilde and digits (a Windows short name). Characters: `A-Z a-z 0-9 - . _ ~`,
//!   in import paths `+` too.
//! * **Module paths** besides: no element begins with a dot; the first element has a dot and only
//!   `a-z 0-9 - .`; a final `/vN` has N of 2 or more, no leading zero and no dot. A path that
//!   begins with `gopkg.in/` instead ends in `.vN`, N of 0 or more, optionally with `-unstable`.
//! * **File paths** take ASCII letters and digits, space and ``!#$%&()+,-.=@[]^_{}~``, and every
//!   Unicode letter (General_Category L).
//!
//! The escaped form replaces each capital by `!` and its small letter, so that no file system and
//! no web server has to tell cases apart: `github.com/Azure` is `github.com/!azure`.
//!
//! Source: golang.org/x/mod/module (CheckPath, CheckImportPath, CheckFilePath, SplitPathVersion,
//! EscapePath, UnescapePath).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::unicode;

/// A valid module path, in its plain (unescaped) form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModulePath(Arc<str>);

impl ModulePath {
    /// Checks a plain module path (x/mod `module.CheckPath`).
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let fail = |fault| Err(PathError::new(PathKind::Module, path, fault));
        if let Err(fault) = check_path(path, PathKind::Module) {
            return fail(fault);
        }
        let first = path.split('/').next().unwrap_or_default();
        if !first.contains('.') {
            return fail(PathFault::MissingDot);
        }
        if let Some(bad) = first.chars().find(|&c| !is_first_element_char(c)) {
            return fail(PathFault::InvalidFirstChar(bad));
        }
        if split_path_version(path).is_none() {
            return fail(PathFault::InvalidVersion);
        }
        Ok(ModulePath(path.into()))
    }

    /// Reads the escaped form that URLs and caches use (x/mod `module.UnescapePath`).
    pub fn from_escaped(escaped: &str) -> Result<Self, PathError> {
        match unescape_path(escaped) {
            Some(path) => Self::parse(&path),
            None => Err(PathError::new(
                PathKind::Module,
                escaped,
                PathFault::InvalidEscape,
            )),
        }
    }

    /// The plain path, `github.com/Azure/azure-sdk-for-go`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The escaped path, `github.com/!azure/azure-sdk-for-go` (x/mod `module.EscapePath`).
    pub fn escaped(&self) -> Cow<'_, str> {
        escape(&self.0)
    }

    /// The suffix that binds the major version: `/v2`, `.v1`, `.v2-unstable`, or nothing.
    pub fn major_suffix(&self) -> &str {
        split_path_version(&self.0).map_or("", |(_, suffix)| suffix)
    }

    /// The path without its major suffix.
    pub fn prefix(&self) -> &str {
        split_path_version(&self.0).map_or(&self.0, |(prefix, _)| prefix)
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Checks a package import path (x/mod `module.CheckImportPath`).
pub fn check_import_path(path: &str) -> Result<(), PathError> {
    check_path(path, PathKind::Import)
        .map_err(|fault| PathError::new(PathKind::Import, path, fault))
}

/// Checks the slash-separated path of a file inside a module (x/mod `module.CheckFilePath`).
pub fn check_file_path(path: &str) -> Result<(), PathError> {
    check_path(path, PathKind::File).map_err(|fault| PathError::new(PathKind::File, path, fault))
}

/// Checks one element of a file path, which is also the rule for a version in a URL.
pub(super) fn check_file_element(element: &str) -> Result<(), PathFault> {
    check_element(element, PathKind::File)
}

/// Splits a path before its major suffix, which may be empty; `None` where the path ends in
/// something like a suffix that no module path may have, as `/v1` or `/v2.0`
/// (x/mod `module.SplitPathVersion`).
pub fn split_path_version(path: &str) -> Option<(&str, &str)> {
    if path.starts_with("gopkg.in/") {
        return split_gopkg_in(path);
    }
    let stem = path.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let tail = path.strip_prefix(stem).unwrap_or_default();
    match stem.strip_suffix("/v") {
        None => Some((path, "")),
        Some(_) if tail.is_empty() => Some((path, "")),
        Some(_) if tail.contains('.') || tail.starts_with('0') || tail == "1" => None,
        Some(prefix) => path.split_at_checked(prefix.len()),
    }
}

fn split_gopkg_in(path: &str) -> Option<(&str, &str)> {
    let stable = path.strip_suffix("-unstable").unwrap_or(path);
    let stem = stable.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = stable.strip_prefix(stem)?;
    let prefix = stem.strip_suffix(".v")?;
    let is_stable = stable.len() == path.len();
    // x/mod looks for a number only where no "-unstable" follows; so does this.
    let has_number = !number.is_empty() || !is_stable;
    let has_leading_zero = number.starts_with('0') && !(number == "0" && is_stable);
    if !has_number || has_leading_zero {
        return None;
    }
    path.split_at_checked(prefix.len())
}

/// Which rules a path is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// The path of a module.
    Module,
    /// The import path of a package.
    Import,
    /// The path of a file inside a module.
    File,
}

/// A path that breaks a rule: which path, held to which rules, broke which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// The rules that the path was held to.
    pub kind: PathKind,
    /// The path as it was given.
    pub path: String,
    /// The rule that it breaks.
    pub fault: PathFault,
}

impl PathError {
    fn new(kind: PathKind, path: &str, fault: PathFault) -> Self {
        PathError {
            kind,
            path: path.to_owned(),
            fault,
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            PathKind::Module => "module",
            PathKind::Import => "import",
            PathKind::File => "file",
        };
        write!(f, "malformed {kind} path {:?}: {}", self.path, self.fault)
    }
}

impl std::error::Error for PathError {}

/// The rule that a path breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathFault {
    /// The bytes are not UTF-8.
    InvalidUtf8,
    /// There is no path.
    Empty,
    /// A module or import path begins with `-`.
    LeadingDash,
    /// `//` stands in the path.
    DoubleSlash,
    /// The path ends in `/`.
    TrailingSlash,
    /// An element is empty.
    EmptyElement,
    /// An element is made of dots alone.
    DotsOnly(String),
    /// An element of a module path begins with a dot.
    LeadingDot,
    /// An element ends in a dot.
    TrailingDot,
    /// A character that this kind of path may not have.
    InvalidChar(char),
    /// A name that Windows reserves.
    WindowsName(String),
    /// An element that looks like a Windows short name, `LONGNA~1`.
    ShortName,
    /// The first element of a module path is no domain name: it has no dot.
    MissingDot,
    /// The first element of a module path has a character that a domain name has not.
    InvalidFirstChar(char),
    /// The path ends in a major version that no module path may have.
    InvalidVersion,
    /// A capital, a stray `!` or a non-ASCII character in an escaped path.
    InvalidEscape,
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathFault::InvalidUtf8 => f.write_str("invalid UTF-8"),
            PathFault::Empty => f.write_str("empty string"),
            PathFault::LeadingDash => f.write_str("leading dash"),
            PathFault::DoubleSlash => f.write_str("double slash"),
            PathFault::TrailingSlash => f.write_str("trailing slash"),
            PathFault::EmptyElement => f.write_str("empty path element"),
            PathFault::DotsOnly(element) => write!(f, "invalid path element {element:?}"),
            PathFault::LeadingDot => f.write_str("leading dot in path element"),
            PathFault::TrailingDot => f.write_str("trailing dot in path element"),
            PathFault::InvalidChar(c) => write!(f, "invalid char {c:?}"),
            PathFault::WindowsName(name) => {
                write!(
                    f,
                    "{name:?} disallowed as path element component on Windows"
                )
            }
            PathFault::ShortName => f.write_str("trailing tilde and digits in path element"),
            PathFault::MissingDot => f.write_str("missing dot in first path element"),
            PathFault::InvalidFirstChar(c) => {
                write!(f, "invalid char {c:?} in first path element")
            }
            PathFault::InvalidVersion => f.write_str("invalid version"),
            PathFault::InvalidEscape => f.write_str("invalid escaped form"),
        }
    }
}

fn check_path(path: &str, kind: PathKind) -> Result<(), PathFault> {
    if path.is_empty() {
        return Err(PathFault::Empty);
    }
    if path.starts_with('-') && kind != PathKind::File {
        return Err(PathFault::LeadingDash);
    }
    if path.as_bytes().windows(2).any(|pair| pair == b"//") {
        return Err(PathFault::DoubleSlash);
    }
    if path.ends_with('/') {
        return Err(PathFault::TrailingSlash);
    }
    path.split('/')
        .try_for_each(|element| check_element(element, kind))
}

fn check_element(element: &str, kind: PathKind) -> Result<(), PathFault> {
    if element.is_empty() {
        return Err(PathFault::EmptyElement);
    }
    if element.bytes().all(|b| b == b'.') {
        return Err(PathFault::DotsOnly(element.to_owned()));
    }
    if element.starts_with('.') && kind == PathKind::Module {
        return Err(PathFault::LeadingDot);
    }
    if element.ends_with('.') {
        return Err(PathFault::TrailingDot);
    }
    let is_plain = |byte: u8| byte.is_ascii() && is_element_char(char::from(byte), kind);
    if !element.bytes().all(is_plain)
        && let Some(bad) = element.chars().find(|&c| !is_element_char(c, kind))
    {
        return Err(PathFault::InvalidChar(bad));
    }
    let short = element.split('.').next().unwrap_or_default();
    if is_windows_name(short) {
        return Err(PathFault::WindowsName(short.to_owned()));
    }
    if kind != PathKind::File && is_short_name(short) {
        return Err(PathFault::ShortName);
    }
    Ok(())
}

fn is_element_char(c: char, kind: PathKind) -> bool {
    if !c.is_ascii() {
        return kind == PathKind::File && unicode::is_letter(c);
    }
    let is_common = c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    match kind {
        PathKind::Module => is_common,
        PathKind::Import => is_common || c == '+',
        PathKind::File => is_common || "!#$%&()+,=@[]^{} ".contains(c),
    }
}

fn is_first_element_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.')
}

/// The device names that Windows keeps for itself in every folder and with every extension.
fn is_windows_name(name: &str) -> bool {
    let is = |reserved: &str| name.eq_ignore_ascii_case(reserved);
    let is_port = || {
        matches!(name.as_bytes(), [stem @ .., b'1'..=b'9']
            if stem.eq_ignore_ascii_case(b"com") || stem.eq_ignore_ascii_case(b"lpt"))
    };
    is("con") || is("prn") || is("aux") || is("nul") || is_port()
}

fn is_short_name(name: &str) -> bool {
    matches!(name.rsplit_once('~'), Some((_, digits))
        if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Replaces each capital by `!` and its small letter; the text is ASCII without `!`.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(c.to_ascii_lowercase());
    }
    Cow::Owned(escaped)
}

/// The plain form of an escaped path, or of a part of one; `None` for text that is none (x/mod
/// `module.UnescapePath`, which checks the path too).
pub fn unescape_path(escaped: &str) -> Option<Cow<'_, str>> {
    let is_plain = |byte: u8| byte.is_ascii() && byte != b'!' && !byte.is_ascii_uppercase();
    if escaped.bytes().all(is_plain) {
        return Some(Cow::Borrowed(escaped));
    }
    let mut text = String::with_capacity(escaped.len());
    let mut chars = escaped.chars();
    while let Some(c) = chars.next() {
        match c {
            '!' => text.push(
                chars
                    .next()
                    .filter(char::is_ascii_lowercase)?
                    .to_ascii_uppercase(),
            ),
            'A'..='Z' => return None,
            _ if !c.is_ascii() => return None,
            _ => text.push(c),
        }
    }
    Some(Cow::Owned(text))
}

#[cfg(test)]
mod tests;
