//! From a request target to what it asks for: design of the URL space, golang.org/ref/mod#goproxy-protocol
//! and GitLab's Go Proxy API (`/api/v4/projects/:id/packages/go/:module_name/@v/`).
//!
//! Each path segment is percent-decoded by itself (`%2F` in a segment is no separator), then `!` is
//! un-escaped as Go does. A target that can name nothing is an error with the reason; whether that is
//! a 404 or a 422 depends on the method, and is not known here.

use crate::http::percent_decode;
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
    /// `/-/admin/{verb}`
    Admin(String),
    /// Something of a module, in a project named by GitLab's base, if that was used.
    InProject(Option<String>, Resource),
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

/// What stands in the place of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A canonical version, also in GitLab's documented form without the `v`.
    Exactly(Version),
    /// Anything else: `latest`, `v1`, a branch, a tag, a commit.
    Query(String),
}

impl Asked {
    fn parse(escaped: &str) -> Result<Self, String> {
        let text = match escaped.contains('/') {
            // The name of a branch. No version has a slash, so Go has no rule for it.
            true => escaped.to_owned(),
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
            _ => Asked::Query(text),
        })
    }
}

/// Finds out what a path addresses. `base_path` is as the setting has it.
///
/// # Errors
/// Why it can address nothing, in words for a Go developer.
pub fn parse(path: &str, base_path: &str) -> Result<Route, String> {
    let below = path
        .strip_prefix(base_path)
        .filter(|rest| rest.starts_with('/'))
        .ok_or_else(|| match base_path {
            "" => "the path does not begin with a slash".to_owned(),
            base => format!("every path here begins with {base}/"),
        })?;
    if below.len() > 3 * LONGEST {
        return Err("the path is too long".to_owned());
    }
    let mut segments = Vec::new();
    for raw in below.split('/').skip(1) {
        let segment = percent_decode(raw)
            .ok_or_else(|| format!("{raw:?} is not valid percent-encoding of UTF-8"))?;
        if segment.contains('\0') {
            return Err("the path has a NUL in it".to_owned());
        }
        segments.push(segment);
    }
    let words: Vec<&str> = segments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["healthz"] => Ok(Route::Health),
        ["readyz"] => Ok(Route::Ready),
        ["-", "admin", verb] => Ok(Route::Admin((*verb).to_owned())),
        ["api", "v4", "projects", id, "packages", "go", rest @ ..] => {
            Ok(Route::InProject(Some((*id).to_owned()), resource(rest)?))
        }
        rest => Ok(Route::InProject(None, resource(rest)?)),
    }
}

fn resource(segments: &[&str]) -> Result<Resource, String> {
    if segments == ["upload"] {
        return Ok(Resource::Upload);
    }
    match segments {
        [module @ .., "@latest"] => Ok(Resource::Latest(module_path(module)?)),
        [module @ .., "@v", "list"] => Ok(Resource::List(module_path(module)?)),
        [module @ .., "@v", file] => versioned(module_path(module)?, file),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str) -> ModulePath {
        ModulePath::parse(path).unwrap()
    }

    fn exactly(version: &str) -> Asked {
        Asked::Exactly(Version::parse(version).unwrap())
    }

    fn query(text: &str) -> Asked {
        Asked::Query(text.to_owned())
    }

    fn here(resource: Resource) -> Result<Route, String> {
        Ok(Route::InProject(None, resource))
    }

    #[test]
    fn every_path_of_the_url_space_is_understood() {
        let m = || module("example.com/m");
        for (path, route) in [
            ("/healthz", Ok(Route::Health)),
            ("/readyz", Ok(Route::Ready)),
            ("/-/admin/repair", Ok(Route::Admin("repair".to_owned()))),
            ("/upload", here(Resource::Upload)),
            ("/example.com/m/@v/list", here(Resource::List(m()))),
            ("/example.com/m/@latest", here(Resource::Latest(m()))),
            (
                "/example.com/m/@v/v1.0.0.info",
                here(Resource::Info(m(), exactly("v1.0.0"))),
            ),
            (
                "/example.com/m/@v/1.0.0.info",
                here(Resource::Info(m(), exactly("v1.0.0"))),
            ),
            (
                "/example.com/m/@v/v1.0.0.mod",
                here(Resource::Mod(m(), exactly("v1.0.0"))),
            ),
            (
                "/example.com/m/@v/v1.0.0.zip",
                here(Resource::Zip(m(), exactly("v1.0.0"))),
            ),
            (
                "/example.com/m/@v/v1.0.0-%21r%21c.1.zip",
                here(Resource::Zip(m(), exactly("v1.0.0-RC.1"))),
            ),
            (
                "/example.com/m/@v/v3.0.0+incompatible.zip",
                here(Resource::Zip(m(), exactly("v3.0.0+incompatible"))),
            ),
            (
                "/example.com/m/@v/v3.0.0%2Bincompatible.zip",
                here(Resource::Zip(m(), exactly("v3.0.0+incompatible"))),
            ),
            (
                "/example.com/m/@v/v1.0.0",
                here(Resource::Version(m(), exactly("v1.0.0"))),
            ),
            (
                "/example.com/m/@v/latest.mod",
                here(Resource::Mod(m(), query("latest"))),
            ),
            (
                "/example.com/m/@v/v1.2.info",
                here(Resource::Info(m(), query("v1.2"))),
            ),
            (
                "/example.com/m/@v/1.2.info",
                here(Resource::Info(m(), query("1.2"))),
            ),
            (
                "/example.com/m/@v/feature%2Fx.info",
                here(Resource::Info(m(), query("feature/x"))),
            ),
            (
                "/example.com/m/@v/v1.0.0+meta.info",
                here(Resource::Info(m(), query("v1.0.0+meta"))),
            ),
            (
                "/github.com/%21azure/m/@v/list",
                here(Resource::List(module("github.com/Azure/m"))),
            ),
            (
                "/github.com/!azure/m/@v/list",
                here(Resource::List(module("github.com/Azure/m"))),
            ),
            (
                "/api/v4/projects/1/packages/go/example.com/m/@v/list",
                Ok(Route::InProject(Some("1".to_owned()), Resource::List(m()))),
            ),
            (
                "/api/v4/projects/default%2Fmodules/packages/go/upload",
                Ok(Route::InProject(
                    Some("default/modules".to_owned()),
                    Resource::Upload,
                )),
            ),
        ] {
            assert_eq!(parse(path, ""), route, "{path}");
            assert_eq!(
                parse(&format!("/base{path}"), "/base"),
                route,
                "/base{path}"
            );
        }
    }

    #[test]
    fn a_path_that_can_name_nothing_is_told_why() {
        let long = format!("/example.com/{}/@v/list", "a".repeat(1100));
        let longer = format!("/example.com/{}", "a".repeat(4000));
        for (path, why) in [
            ("/", "missing /@v/"),
            ("", "the path does not begin with a slash"),
            ("/example.com", "missing /@v/"),
            ("/example.com/@/", "missing /@v/"),
            ("/-/admin", "missing /@v/"),
            ("/api/v4/projects/1/packages/npm/x", "missing /@v/"),
            ("/example.com/m/@v/", "no file extension in filename \"\""),
            (
                "/example.com/@v/foobar",
                "no file extension in filename \"foobar\"",
            ),
            ("/example.com/@v/foo.bar", "unexpected extension \".bar\""),
            (
                "/example.com/m/@v/v1.0.0.ziphash",
                "unexpected extension \".ziphash\"",
            ),
            (
                "/example.com/m/@v/v1.0.0.lock",
                "unexpected extension \".lock\"",
            ),
            (
                "/foobar/@latest",
                "invalid escaped module path \"foobar\": malformed module path \"foobar\": missing dot in first path element",
            ),
            (
                "/example.com//m/@v/list",
                "invalid escaped module path \"example.com//m\": malformed module path \"example.com//m\": double slash",
            ),
            (
                "/example.com/../m/@v/list",
                "invalid escaped module path \"example.com/../m\": malformed module path \"example.com/../m\": invalid path element \"..\"",
            ),
            (
                "/example.com/%2e%2e/m/@v/list",
                "invalid escaped module path \"example.com/../m\": malformed module path \"example.com/../m\": invalid path element \"..\"",
            ),
            (
                "/example.com/Azure/@v/list",
                "invalid escaped module path \"example.com/Azure\": malformed module path \"example.com/Azure\": invalid escaped form",
            ),
            (
                "/example.com/a%2Fb/@v/list",
                "%2F in \"a/b\" does not separate path elements",
            ),
            (
                "/example.com/%zz/@v/list",
                "\"%zz\" is not valid percent-encoding of UTF-8",
            ),
            (
                "/example.com/%ff/@v/list",
                "\"%ff\" is not valid percent-encoding of UTF-8",
            ),
            ("/example.com/%00/@v/list", "the path has a NUL in it"),
            (&long, "the module path is too long"),
            (&longer, "the path is too long"),
        ] {
            assert_eq!(parse(path, ""), Err(why.to_owned()), "{path}");
        }
        let outside = Err("every path here begins with /base/".to_owned());
        assert_eq!(parse("/healthz", "/base"), outside);
        assert_eq!(parse("/basement/healthz", "/base"), outside);
    }

    #[test]
    fn version_prefixes_are_those_of_go() {
        for (text, is_one) in [
            ("v1", true),
            ("v1.2", true),
            ("v1.2.3", false),
            ("v01", false),
            ("1.2", false),
            ("v1.2-rc", false),
            ("main", false),
        ] {
            assert_eq!(is_version_prefix(text), is_one, "{text}");
        }
    }
}
