//! From a request target to what it asks for: design of the URL space, golang.org/ref/mod#goproxy-protocol
//! and GitLab's Go Proxy API (`/api/v4/projects/:id/packages/go/:module_name/@v/`).
//!
//! Each path segment is percent-decoded by itself (`%2F` in a segment is no separator), then `!` is
//! un-escaped as Go does. A target that can name nothing keeps the reason; who is told it, and with which
//! status, is not known here.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::http::percent_decode;
use crate::module::path::unescape_path;
use crate::module::version::unescape_version;
use crate::module::{ModulePath, Version, semver};

/// The longest path that names a file of a module: what an object store takes as a key.
const LONGEST: usize = 1024;

/// What a target addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `/healthz`
    Health,
    /// `/readyz`
    Ready,
    /// What stands behind `/-/admin/`.
    Admin(Vec<String>),
    /// Something of a module, or nothing, in a project named by GitLab's base, if that was used.
    InProject(Option<String>, Result<Resource, Nothing>),
}

/// A resource below one of the two bases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// `upload`: publishing in Gitea's form.
    Upload,
    /// `{module}/@v/list`
    List(ModulePath),
    /// `{module}/@latest`
    Latest(ModulePath),
    /// `{module}/@v/{version}.info`
    Info(ModulePath, Asked),
    /// `{module}/@v/{version}.mod`
    Mod(ModulePath, Asked),
    /// `{module}/@v/{version}.zip`
    Zip(ModulePath, Asked),
    /// `{module}/@v/{version}`, which can be withdrawn.
    Version(ModulePath, Asked),
}

/// A path below one of the two bases that names nothing. Whose it is still counts: one below a project that not
/// everybody sees is refused as everything there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nothing {
    /// What stands in the place of a module's path, as far as a project could have it; else empty.
    pub path: String,
    /// Why it names nothing, in words for a Go developer.
    pub why: String,
}

/// What stands in the place of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A canonical version, also in GitLab's documented form without the `v`.
    Exactly(Version),
    /// Anything else: `latest`, `v1`, a branch, a tag, a commit.
    Query(String),
}

impl Resource {
    /// The module, where the path says which.
    pub fn module(&self) -> Option<&ModulePath> {
        match self {
            Resource::Upload => None,
            Resource::List(module)
            | Resource::Latest(module)
            | Resource::Info(module, _)
            | Resource::Mod(module, _)
            | Resource::Zip(module, _)
            | Resource::Version(module, _) => Some(module),
        }
    }
}

impl Asked {
    fn parse(escaped: &str) -> Result<Self, String> {
        let text = match escaped.contains('/') {
            // The name of a branch. No version has a slash, so Go has no rule for it.
            true => Cow::Borrowed(escaped),
            false => unescape_version(escaped).map_err(|error| error.to_string())?,
        };
        if let Ok(version) = Version::parse(&text) {
            return Ok(Asked::Exactly(version));
        }
        // `1.0.0`, but not the short `1.0`, which is a query in Go and no version in GitLab.
        let prefixed = format!("v{text}");
        Ok(match Version::parse(&prefixed) {
            Ok(version) if text.starts_with(|first: char| first.is_ascii_digit()) => {
                Asked::Exactly(version)
            }
            _ => Asked::Query(text.into_owned()),
        })
    }
}

/// Finds out what a path addresses. `base_path` is as the setting has it.
///
/// # Errors
/// Why it is below neither of the bases, in words for a Go developer.
pub fn parse(path: &str, base_path: &str) -> Result<Route, String> {
    let below = path
        .strip_prefix(base_path)
        .filter(|rest| rest.starts_with('/'))
        .ok_or_else(|| match base_path {
            "" => "the path does not begin with a slash".to_owned(),
            base => format!("every path here begins with {base}/"),
        })?;
    let mut wrong = (below.len() > 3 * LONGEST).then(|| "the path is too long".to_owned());
    let mut segments = Vec::with_capacity(16);
    for raw in below.split('/').skip(1) {
        let decoded = percent_decode(raw).filter(|it| !it.contains('\0'));
        segments.push(decoded.unwrap_or_else(|| {
            wrong.get_or_insert_with(|| match percent_decode(raw) {
                Some(_) => "the path has a NUL in it".to_owned(),
                None => format!("{raw:?} is not valid percent-encoding of UTF-8"),
            });
            Cow::Borrowed(raw)
        }));
    }
    let words: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
    let resource = |rest: &[&str]| match &wrong {
        Some(why) => Err(nothing(rest, why.clone())),
        None => resource(rest).map_err(|why| nothing(rest, why)),
    };
    Ok(match words.as_slice() {
        ["healthz"] => Route::Health,
        ["readyz"] => Route::Ready,
        ["-", "admin", rest @ ..] if !rest.is_empty() && wrong.is_none() => {
            let words = rest.iter().map(|word| (*word).to_owned());
            Route::Admin(words.collect())
        }
        ["api", "v4", "projects", id, "packages", "go", rest @ ..] => {
            Route::InProject(Some((*id).to_owned()), resource(rest))
        }
        rest => Route::InProject(None, resource(rest)),
    })
}

/// What names nothing. A project can have what begins with a host's name.
fn nothing(segments: &[&str], why: String) -> Nothing {
    let end = segments
        .iter()
        .position(|segment| ["@v", "@latest"].contains(segment));
    let module = end.and_then(|end| segments.get(..end)).unwrap_or(segments);
    let mut path = String::new();
    for (at, segment) in module.iter().enumerate() {
        // No prefix is that long.
        if path.len() + segment.len() >= LONGEST {
            break;
        }
        if at > 0 {
            path.push('/');
        }
        // Each by itself: what is wrong with one hides none before it.
        path.push_str(&unescape_path(segment).unwrap_or(Cow::Borrowed(segment)));
    }
    let first = path.bytes().take_while(|byte| *byte != b'/');
    let (mut has_dot, mut has_capital) = (false, false);
    for byte in first {
        has_dot |= byte == b'.';
        has_capital |= byte.is_ascii_uppercase();
    }
    if !has_dot || has_capital {
        path.clear();
    }
    Nothing { path, why }
}

fn resource(segments: &[&str]) -> Result<Resource, String> {
    if segments == ["upload"] {
        return Ok(Resource::Upload);
    }
    match segments {
        [module @ .., "@latest"] => Ok(Resource::Latest(module_path(module)?)),
        [module @ .., "@v", "list"] => Ok(Resource::List(module_path(module)?)),
        [module @ .., "@v", file] => versioned(module_path(module)?, file),
        // Somebody looks what this is.
        [] | [""] => Err(
            "this is a Go module proxy: give its address to the go command, in GOPROXY".to_owned(),
        ),
        _ => Err("missing /@v/".to_owned()),
    }
}

fn versioned(module: ModulePath, file: &str) -> Result<Resource, String> {
    let make: fn(ModulePath, Asked) -> Resource = match file.rsplit_once('.') {
        Some((_, "info")) => Resource::Info,
        Some((_, "mod")) => Resource::Mod,
        Some((_, "zip")) => Resource::Zip,
        _ => return bare_version(module, file),
    };
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    Ok(make(module, Asked::parse(stem)?))
}

/// A name without one of the extensions: a version by itself, or something that the protocol does
/// not know.
fn bare_version(module: ModulePath, file: &str) -> Result<Resource, String> {
    if let Ok(asked @ Asked::Exactly(_)) = Asked::parse(file) {
        return Ok(Resource::Version(module, asked));
    }
    Err(match file.rsplit_once('.') {
        None => format!("no file extension in filename {file:?}"),
        Some((_, extension)) => format!("unexpected extension \".{extension}\""),
    })
}

fn module_path(segments: &[&str]) -> Result<ModulePath, String> {
    if let Some(odd) = segments.iter().find(|segment| segment.contains('/')) {
        return Err(format!("%2F in {odd:?} does not separate path elements"));
    }
    let escaped = segments.join("/");
    if escaped.len() > LONGEST {
        return Err("the module path is too long".to_owned());
    }
    ModulePath::from_escaped(&escaped)
        .map_err(|error| format!("invalid escaped module path {escaped:?}: {error}"))
}

/// Whether a query is a prefix of a semantic version, such as `v1` or `v1.2`.
pub fn is_version_prefix(query: &str) -> bool {
    semver::is_valid(query) && query.split('.').count() < 3
}
