//! What a module proxy reads in a go.mod file: the module's path and its Go version.
//!
//! Two readers, as Go has two:
//!
//! * [`module_path()`] looks for the first line that begins with the word `module`, whatever else
//!   the file holds: a broken file still says whose it is. Comments begin with `//`; the path may
//!   be quoted. The block form `module ( path )`, which the strict reader takes, is taken too.
//! * [`go_version`] reads the file as `go` reads the go.mod of a dependency: directives that it
//!   does not know or that only count in the main module are skipped, but a syntax error, or a
//!   malformed `module`, `go`, `require`, `retract` or `ignore`, spoils the whole file. The rule
//!   for vendored files in zips hangs on this (golang.org/x/mod/zip, parseGoVers).
//!
//! Source: golang.org/x/mod/modfile (ModulePath, ParseLax, AutoQuote); golang.org/ref/mod#go-mod-file.

mod lax;
mod lexer;
mod quote;

use super::ModulePath;

pub use lax::go_version;

/// The path in the `module` directive, unchecked; `None` where there is none or it is malformed.
pub fn module_path(go_mod: &[u8]) -> Option<String> {
    let mut lines = go_mod.split(|&b| b == b'\n').map(without_comment);
    let path = lines.find_map(|line| {
        let rest = line.strip_prefix(b"module")?;
        let path = trim(rest);
        (path.len() < rest.len() && !path.is_empty()).then_some(path)
    })?;
    let path = match path {
        b"(" => lines
            .find(|line| !line.is_empty())
            .filter(|&line| line != b")")?,
        _ => path,
    };
    let path = std::str::from_utf8(path).ok()?;
    let path = if path.starts_with(['"', '`']) {
        String::from_utf8(quote::unquote(path)?).ok()?
    } else {
        path.to_owned()
    };
    (!path.is_empty()).then_some(path)
}

/// The go.mod that `go` makes up for a module that has none: its `module` line and nothing else
/// (cmd/go, modfetch.LegacyGoMod). A valid module path never needs quotes.
pub fn legacy_go_mod(path: &ModulePath) -> String {
    format!("module {path}\n")
}

fn without_comment(line: &[u8]) -> &[u8] {
    let end = line.windows(2).position(|pair| pair == b"//");
    trim(end.and_then(|end| line.get(..end)).unwrap_or(line))
}

/// Cuts white space off both ends: Unicode's, as Go's `bytes.TrimSpace` does.
fn trim(line: &[u8]) -> &[u8] {
    let mut line = line;
    while let Some(rest) = line.utf8_chunks().next().and_then(|chunk| {
        let space = chunk.valid().chars().next().filter(|c| c.is_whitespace())?;
        line.get(space.len_utf8()..)
    }) {
        line = rest;
    }
    while let Some(rest) = strip_last_space(line) {
        line = rest;
    }
    line
}

fn strip_last_space(line: &[u8]) -> Option<&[u8]> {
    (1..=3).find_map(|length| {
        let (rest, last) = line.split_at_checked(line.len().checked_sub(length)?)?;
        let mut last = std::str::from_utf8(last).ok()?.chars();
        let is_space = last.next()?.is_whitespace() && last.next().is_none();
        is_space.then_some(rest)
    })
}

#[cfg(test)]
mod tests;
