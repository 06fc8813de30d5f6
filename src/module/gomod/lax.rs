//! The Go version of a go.mod file, read as `go` reads the file of a dependency.
//!
//! Source: golang.org/x/mod/modfile, ParseLax.

use std::borrow::Cow;

use super::super::path::split_path_version;
use super::super::version::{canonical, check_path_major};
use super::lexer::{Place, Statement, Statements};
use super::quote;

/// A directive that makes `go` refuse the file.
struct Malformed;

/// The version in the `go` directive, as `1.24` or `1.23.1`; `None` where there is none, or where
/// the file is malformed in a way that `go` minds in a dependency.
pub fn go_version(go_mod: &[u8]) -> Option<String> {
    let mut statements = Statements::new(go_mod).ok()?;
    let mut file = File::default();
    while let Some(statement) = statements.next().ok()? {
        file.add(&statement).ok()?;
    }
    file.go
}

#[derive(Default)]
struct File {
    go: Option<String>,
    has_module: bool,
}

impl File {
    fn add(&mut self, statement: &Statement<'_>) -> Result<(), Malformed> {
        let words = statement.words.as_slice();
        match (statement.place, words) {
            (Place::File, [b"go", args @ ..]) => self.add_go(args),
            (Place::File, [b"module", args @ ..]) | (Place::Block(b"module"), args) => {
                self.add_module(args)
            }
            (Place::File, [b"require", args @ ..]) | (Place::Block(b"require"), args) => {
                check_require(args)
            }
            (Place::File, [b"ignore", args @ ..]) | (Place::Block(b"ignore"), args) => {
                one(args).and_then(string).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    fn add_go(&mut self, args: &[&[u8]]) -> Result<(), Malformed> {
        let version = String::from_utf8_lossy(one(args)?);
        if self.go.is_some() {
            return Err(Malformed);
        }
        let version = strict_go_version(&version).or_else(|| lax_go_version(&version));
        self.go = Some(version.ok_or(Malformed)?.to_owned());
        Ok(())
    }

    fn add_module(&mut self, args: &[&[u8]]) -> Result<(), Malformed> {
        if std::mem::replace(&mut self.has_module, true) {
            return Err(Malformed);
        }
        one(args).and_then(string).map(|_| ())
    }
}

fn check_require(args: &[&[u8]]) -> Result<(), Malformed> {
    let [path, version] = args else {
        return Err(Malformed);
    };
    let (path, version) = (string(path)?, string(version)?);
    let version = canonical(&version).ok_or(Malformed)?;
    let (_, suffix) = split_path_version(&path).ok_or(Malformed)?;
    check_path_major(&version, suffix).map_err(|_| Malformed)
}

fn one<'a>(args: &[&'a [u8]]) -> Result<&'a [u8], Malformed> {
    match args {
        [word] => Ok(word),
        _ => Err(Malformed),
    }
}

/// A word, without the double quotes that may stand around it. Other quotes are reserved.
fn string(word: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    let word = String::from_utf8_lossy(word);
    if word.starts_with('"') {
        let content = quote::unquote(&word).ok_or(Malformed)?;
        Ok(Cow::Owned(String::from_utf8_lossy(&content).into_owned()))
    } else if word.contains(['"', '\'', '`']) {
        Err(Malformed)
    } else {
        Ok(word)
    }
}

/// `1.24`, `1.24.1`, `1.24rc1`: `MAJOR.MINOR[.PATCH][KINDn]`.
fn strict_go_version(version: &str) -> Option<&str> {
    let (_, rest) = major_minor(version)?;
    let rest = match rest.strip_prefix('.') {
        Some(patch) => number(patch)?.1,
        None => rest,
    };
    let count = rest.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let is_release = rest.is_empty();
    let is_candidate =
        count.len() < rest.len() && !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
    (is_release || is_candidate).then_some(version)
}

/// The `1.24` of something longer that is not understood, as `v1.24-custom`.
fn lax_go_version(version: &str) -> Option<&str> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let (version, rest) = major_minor(version)?;
    (!rest.is_empty()).then_some(version)
}

/// Splits `1.24` off the front.
fn major_minor(version: &str) -> Option<(&str, &str)> {
    let (major, rest) = number(version)?;
    let (_, rest) = number(rest.strip_prefix('.')?)?;
    let is_valid = major != "0";
    let (head, rest) = version.split_at_checked(version.len() - rest.len())?;
    is_valid.then_some((head, rest))
}

/// Splits a decimal number without leading zeros off the front.
fn number(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let valid = !digits.is_empty() && (digits == "0" || !digits.starts_with('0'));
    valid.then_some((digits, rest))
}
