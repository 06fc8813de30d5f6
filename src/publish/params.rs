//! What a publisher may say beside the body: the query of a `PUT`.

use crate::http::{Failure, Kind, query_pairs};
use crate::json::Json;
use crate::module::{ModuleVersion, Timestamp};
use crate::store::Origin;

/// The parameters of a publication.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    /// `time`: when the version was made.
    pub time: Option<Timestamp>,
    /// `origin`: where it came from, as the `go` command writes it, for imports.
    pub origin: Option<Origin>,
    /// `ref`: the branch or tag, by its short or its full name.
    pub reference: Option<String>,
    /// `strip=1`: the archive's one top folder is no part of the module.
    pub strip: bool,
    /// `subdir`: the module's folder in the archive.
    pub subdir: Option<String>,
}

impl Params {
    /// Reads a query.
    ///
    /// # Errors
    /// 422 for a name that is not known or a value that is wrong.
    pub fn parse(query: &str) -> Result<Self, Failure> {
        let mut params = Params::default();
        for pair in query_pairs(query) {
            let (name, value) = pair.ok_or_else(|| wrong("query", "it is not percent-encoded"))?;
            match name.as_str() {
                "time" => params.time = Some(time(&value)?),
                "origin" => params.origin = Some(origin(&value)?),
                "ref" => params.reference = Some(reference(value)?),
                "strip" => params.strip = flag(&value)?,
                "subdir" => params.subdir = Some(subdir(&value)?).filter(|path| !path.is_empty()),
                _ => {
                    let text = format!(
                        "there is no parameter {name:?}: `time`, `origin`, `ref`, `strip` and \
                         `subdir` are known"
                    );
                    return Err(Failure::new(Kind::Invalid, text));
                }
            }
        }
        Ok(params)
    }

    /// The origin of a version, `commit` being what the archive says of itself.
    pub fn origin(&self, version: &ModuleVersion, commit: Option<String>) -> Option<Origin> {
        let mut origin = self.origin.clone().unwrap_or_default();
        if origin.hash.is_empty()
            && let Some(commit) = commit
        {
            origin.hash = commit;
        }
        if origin.reference.is_empty()
            && let Some(name) = &self.reference
        {
            origin.reference = full_name(name, version, self.subdir.as_deref());
        }
        if origin.subdir.is_empty()
            && let Some(path) = &self.subdir
        {
            origin.subdir.clone_from(path);
        }
        if origin.is_empty() {
            return None;
        }
        if origin.vcs.is_empty() {
            origin.vcs = "git".to_owned();
        }
        Some(origin)
    }
}

/// `main` is a branch, `v1.2.3` is a tag for that version, and so is `sub/v1.2.3` where the module lies in
/// `sub` (golang.org/ref/mod#vcs-version): what CI systems call a "ref name". `release/v1.2.3` may be either,
/// and is a branch unless the module's path ends in `release`. A name that starts with `refs/` is whole.
fn full_name(name: &str, version: &ModuleVersion, subdir: Option<&str>) -> String {
    if name.starts_with("refs/") {
        return name.to_owned();
    }
    let own = version.version().as_str();
    let own = own.strip_suffix("+incompatible").unwrap_or(own);
    let is_tag = match name.rsplit_once('/') {
        None => name == own,
        Some((folder, tag)) => {
            let above = version.path().prefix().strip_suffix(folder);
            let ends_path = above.is_some_and(|above| above.ends_with('/'));
            // The folder of a major version is no part of a tag's name.
            let major = format!("/{}", version.version().major());
            let subdir = subdir.map(|path| path.strip_suffix(&*major).unwrap_or(path));
            tag == own && (ends_path || subdir == Some(folder))
        }
    };
    let kind = if is_tag { "tags" } else { "heads" };
    format!("refs/{kind}/{name}")
}

fn wrong(name: &str, what: &str) -> Failure {
    Failure::new(Kind::Invalid, format!("the parameter `{name}`: {what}"))
}

fn time(value: &str) -> Result<Timestamp, Failure> {
    // A plus sign that was not encoded has become a space.
    Timestamp::parse_rfc3339(&value.replace(' ', "+")).ok_or_else(|| {
        wrong(
            "time",
            "it is no RFC 3339 time, such as 2006-01-02T15:04:05Z",
        )
    })
}

fn origin(value: &str) -> Result<Origin, Failure> {
    let json = Json::parse(value.as_bytes()).ok();
    let mut origin = json
        .and_then(|json| Origin::from_json(&json))
        .ok_or_else(|| wrong("origin", "it is no JSON object of the go command's Origin"))?;
    origin.url = without_secrets(&origin.url);
    Ok(origin)
}

/// The address of a repository as everybody may see it: of `https://user:secret@host/path?token=secret` host and
/// path.
pub fn without_secrets(url: &str) -> String {
    // (A search for text would bring two kilobytes into the smallest component.)
    let end = url.as_bytes().windows(3).position(|three| three == b"://");
    let Some((scheme, rest)) = end.and_then(|end| Some((url.get(..end)?, url.get(end + 3..)?)))
    else {
        return url.to_owned();
    };
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    let (account, host) = match authority.rsplit_once('@') {
        // For ssh the user is part of the address, a password is not.
        Some((user, host)) if scheme.ends_with("ssh") => {
            let (user, _) = user.split_once(':').unwrap_or((user, ""));
            ([user, "@"].concat(), host)
        }
        Some((_, host)) => (String::new(), host),
        None => (String::new(), authority),
    };
    // Last: a password may have such a character too.
    let shown = [account.as_str(), host, path].concat();
    let shown = shown.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{shown}")
}

fn reference(value: String) -> Result<String, Failure> {
    // git-check-ref-format: no space, no control character.
    if value.is_empty() || value.contains(|c: char| c <= ' ' || c == '\x7f') {
        return Err(wrong("ref", "it is no name of a branch or tag"));
    }
    Ok(value)
}

fn flag(value: &str) -> Result<bool, Failure> {
    match value {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(wrong("strip", "it is 1 or 0")),
    }
}

fn subdir(value: &str) -> Result<String, Failure> {
    let path = value.trim_matches('/');
    let fine = |element: &str| !matches!(element, "" | "." | "..");
    if !path.is_empty() && (!path.split('/').all(fine) || path.contains('\0')) {
        return Err(wrong("subdir", "it is no folder inside the archive"));
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::{ModulePath, Version};

    fn version() -> ModuleVersion {
        let path = ModulePath::parse("example.com/m").unwrap();
        ModuleVersion::new(path, Version::parse("v1.2.3").unwrap()).unwrap()
    }

    #[test]
    fn parameters_are_read() {
        let params = Params::parse(
            "time=2020-01-02T03:04:05%2B01:00&ref=main&strip=1&subdir=/a/b/\
             &origin=%7B%22VCS%22:%22git%22,%22URL%22:%22https://u:p%40example.com/r%22%7D",
        );
        let expected = Params {
            time: Timestamp::parse_rfc3339("2020-01-02T02:04:05Z"),
            origin: Some(Origin {
                vcs: "git".to_owned(),
                url: "https://example.com/r".to_owned(),
                ..Origin::default()
            }),
            reference: Some("main".to_owned()),
            strip: true,
            subdir: Some("a/b".to_owned()),
        };
        assert_eq!(params, Ok(expected));
        let unencoded = Params::parse("time=2020-01-02T03:04:05+01:00").unwrap();
        assert_eq!(
            unencoded.time,
            Timestamp::parse_rfc3339("2020-01-02T02:04:05Z")
        );
    }

    #[test]
    fn wrong_parameters_are_refused_by_name() {
        for (query, text) in [
            (
                "tyme=x",
                "there is no parameter \"tyme\": `time`, `origin`, `ref`, `strip` and `subdir` are known",
            ),
            (
                "time=yesterday",
                "the parameter `time`: it is no RFC 3339 time, such as 2006-01-02T15:04:05Z",
            ),
            (
                "origin=7",
                "the parameter `origin`: it is no JSON object of the go command's Origin",
            ),
            (
                "ref=",
                "the parameter `ref`: it is no name of a branch or tag",
            ),
            (
                "ref=a+b",
                "the parameter `ref`: it is no name of a branch or tag",
            ),
            ("strip=yes", "the parameter `strip`: it is 1 or 0"),
            (
                "subdir=a/../b",
                "the parameter `subdir`: it is no folder inside the archive",
            ),
            ("x=%zz", "the parameter `query`: it is not percent-encoded"),
        ] {
            let expected = Failure::new(Kind::Invalid, text);
            assert_eq!(Params::parse(query), Err(expected), "{query}");
        }
    }

    #[test]
    fn secrets_are_taken_out_of_an_address() {
        for (url, shown) in [
            ("https://example.com/a", "https://example.com/a"),
            ("https://token@example.com/a@b", "https://example.com/a@b"),
            ("https://user:to@ken@example.com", "https://example.com"),
            ("ssh://git@example.com/a", "ssh://git@example.com/a"),
            ("ssh://git:secret@example.com/a", "ssh://git@example.com/a"),
            ("git@example.com:a/b", "git@example.com:a/b"),
            ("https://example.com/a?token=x@y/z", "https://example.com/a"),
            ("https://example.com?token=x", "https://example.com"),
            ("https://u:p@example.com/a#token", "https://example.com/a"),
            ("https://u:s3c#r?t@example.com/a", "https://example.com/a"),
            ("https://example.com?to/ken", "https://example.com"),
        ] {
            assert_eq!(without_secrets(url), shown, "{url}");
        }
    }

    #[test]
    fn an_origin_is_made_of_what_the_archive_and_the_publisher_say() {
        let commit = "0123456789012345678901234567890123456789";
        let origin = |query: &str, commit: Option<&str>| {
            let params = Params::parse(query).unwrap();
            params.origin(&version(), commit.map(str::to_owned))
        };
        assert_eq!(origin("", None), None);
        let made = |hash: &str, reference: &str| {
            Some(Origin {
                vcs: "git".to_owned(),
                hash: hash.to_owned(),
                reference: reference.to_owned(),
                ..Origin::default()
            })
        };
        assert_eq!(origin("", Some(commit)), made(commit, ""));
        assert_eq!(
            origin("ref=main", Some(commit)),
            made(commit, "refs/heads/main")
        );
        assert_eq!(origin("ref=v1.2.3", None), made("", "refs/tags/v1.2.3"));
        assert_eq!(
            origin("ref=release/v1.2.3", None),
            made("", "refs/heads/release/v1.2.3")
        );
        assert_eq!(
            origin("ref=refs/pull/1/head", None),
            made("", "refs/pull/1/head")
        );
    }

    #[test]
    fn a_name_of_a_tag_is_known_by_version_and_folder() {
        for (module, version, subdir, name, whole) in [
            (
                "example.com/m",
                "v1.2.3",
                None,
                "v1.2.3",
                "refs/tags/v1.2.3",
            ),
            (
                "example.com/m",
                "v1.2.3",
                None,
                "v1.2.4",
                "refs/heads/v1.2.4",
            ),
            (
                "example.com/m",
                "v2.0.0+incompatible",
                None,
                "v2.0.0",
                "refs/tags/v2.0.0",
            ),
            (
                "example.com/m/sub/v2",
                "v2.0.0",
                None,
                "sub/v2.0.0",
                "refs/tags/sub/v2.0.0",
            ),
            (
                "example.com/m/a/sub",
                "v1.2.3",
                None,
                "a/sub/v1.2.3",
                "refs/tags/a/sub/v1.2.3",
            ),
            (
                "example.com/vanity",
                "v1.2.3",
                Some("sub"),
                "sub/v1.2.3",
                "refs/tags/sub/v1.2.3",
            ),
            (
                "example.com/vanity/v2",
                "v2.0.0",
                Some("sub/v2"),
                "sub/v2.0.0",
                "refs/tags/sub/v2.0.0",
            ),
            (
                "example.com/mysub",
                "v1.2.3",
                None,
                "sub/v1.2.3",
                "refs/heads/sub/v1.2.3",
            ),
        ] {
            let path = ModulePath::parse(module).unwrap();
            let version = ModuleVersion::new(path, Version::parse(version).unwrap()).unwrap();
            assert_eq!(full_name(name, &version, subdir), whole, "{module}");
        }
    }
}
