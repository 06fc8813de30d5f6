//! Queries: which version `latest`, `v1.2`, a branch, a tag or a commit means, chosen as the `go`
//! command chooses (golang.org/ref/mod#version-queries; cmd/go's modload/query.go).

use crate::module::{Version, semver};
use crate::store::{Entry, Error, Index};

use super::route::is_version_prefix;

/// The shortest and the longest commit that can be asked for, in hex digits.
const COMMIT_DIGITS: std::ops::RangeInclusive<usize> = 7..=40;

/// Finds the version of `latest`: the highest release, else the highest pre-release, else the newest
/// pseudo-version. `has_go_mod` tells whether a version has a go.mod of its own.
///
/// # Errors
/// Those of `has_go_mod`.
pub fn latest(
    index: &Index,
    has_go_mod: &mut dyn FnMut(&Version) -> Result<bool, Error>,
) -> Result<Option<Version>, Error> {
    let published = index.entries().filter(|entry| !entry.withdrawn);
    choose(published.collect(), has_go_mod)
}

/// Finds the version of any other query.
///
/// # Errors
/// Those of `has_go_mod`.
pub fn resolve(
    query: &str,
    index: &Index,
    has_go_mod: &mut dyn FnMut(&Version) -> Result<bool, Error>,
) -> Result<Option<Version>, Error> {
    if query == "latest" {
        return latest(index, has_go_mod);
    }
    let published: Vec<Entry> = index.entries().filter(|entry| !entry.withdrawn).collect();
    if is_version_prefix(query) {
        let matching = published
            .into_iter()
            .filter(|entry| !entry.version.is_pseudo() && has_prefix(query, &entry.version));
        return choose(matching.collect(), has_go_mod);
    }
    let recorded = |full_name: &str| -> Vec<Entry> {
        let is_it = |name: &String| name == full_name;
        let with_it = |entry: &&Entry| entry.recorded.refs.iter().any(is_it);
        published.iter().filter(with_it).cloned().collect()
    };
    let tagged = recorded(&format!("refs/tags/{query}"));
    if !tagged.is_empty() {
        return choose(tagged, has_go_mod);
    }
    for full_name in [format!("refs/heads/{query}"), query.to_owned()] {
        let newest = recorded(&full_name)
            .into_iter()
            .max_by_key(|entry| (entry.seconds(), entry.version.clone()));
        if let Some(newest) = newest {
            return Ok(Some(newest.version));
        }
    }
    choose(at_commit(query, &published), has_go_mod)
}

/// The versions made from the one commit that starts with these digits; none when there are several.
fn at_commit(query: &str, published: &[Entry]) -> Vec<Entry> {
    let is_hex = query.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || !COMMIT_DIGITS.contains(&query.len()) {
        return Vec::new();
    }
    let digits = query.to_ascii_lowercase();
    let mut found: Vec<Entry> = Vec::new();
    let mut commit: Option<String> = None;
    for entry in published {
        let Some(own) = commit_of(entry) else {
            continue;
        };
        // An index holds twelve digits of a commit; more can't be told apart.
        let length = own.len().min(digits.len());
        if own.get(..length) != digits.get(..length) {
            continue;
        }
        if commit.as_ref().is_some_and(|other| *other != own) {
            return Vec::new();
        }
        commit = Some(own);
        found.push(entry.clone());
    }
    found
}

/// The commit recorded for a version, else the one in a pseudo-version.
fn commit_of(entry: &Entry) -> Option<String> {
    let own = entry.recorded.commit.clone();
    own.or_else(|| Some(entry.version.pseudo_revision()?.to_owned()))
}

/// Whether `v1.2` is a prefix of a version, in whole numbers. As in cmd/go, a pre-release of `v1.2.0`
/// is lower than `v1.2` and so is none of it.
fn has_prefix(prefix: &str, version: &Version) -> bool {
    let rest = version.as_str().strip_prefix(prefix);
    let whole = rest.is_some_and(|rest| rest.starts_with('.'));
    whole && semver::compare(version.as_str(), prefix) != std::cmp::Ordering::Less
}

/// The highest release, else the highest pre-release, else the newest pseudo-version. An
/// `+incompatible` version counts only if the highest compatible one has no go.mod: that go.mod says
/// that the author keeps to compatible versions.
fn choose(
    entries: Vec<Entry>,
    has_go_mod: &mut dyn FnMut(&Version) -> Result<bool, Error>,
) -> Result<Option<Version>, Error> {
    let (pseudo, tagged): (Vec<_>, Vec<_>) = entries
        .into_iter()
        .map(|entry| entry.version)
        .partition(Version::is_pseudo);
    let (incompatible, compatible): (Vec<_>, Vec<_>) =
        tagged.into_iter().partition(Version::is_incompatible);
    let highest_compatible = compatible.iter().max();
    let legacy = match highest_compatible {
        Some(version) if !incompatible.is_empty() => !has_go_mod(version)?,
        _ => true,
    };
    let mut allowed = compatible;
    if legacy {
        allowed.extend(incompatible);
    }
    let (pre_releases, releases): (Vec<_>, Vec<_>) =
        allowed.into_iter().partition(Version::is_prerelease);
    let newest = || {
        let seconds = |version: &Version| version.pseudo_time().map(|time| time.unix_seconds());
        pseudo
            .into_iter()
            .max_by_key(|version| (seconds(version), version.clone()))
    };
    let highest = releases.into_iter().max();
    Ok(highest
        .or_else(|| pre_releases.into_iter().max())
        .or_else(newest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Recorded;

    /// An index of `version[@commit][ ref[:seconds]]` entries; `-` in front marks a withdrawn one.
    fn index(entries: &[&str]) -> Index {
        Index::new(entries.iter().map(|text| {
            let (name, reference) = text.split_once(' ').unwrap_or((text, ""));
            let (name, commit) = name.split_once('@').unwrap_or((name, ""));
            let (reference, seconds) = reference.split_once(':').unwrap_or((reference, ""));
            let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Entry {
                version: Version::parse(name.trim_start_matches('-')).unwrap(),
                withdrawn: name.starts_with('-'),
                recorded: Recorded {
                    seconds: seconds.parse().ok(),
                    commit: named(commit),
                    refs: named(reference).into_iter().collect(),
                },
            }
        }))
    }

    fn answer(entries: &[&str], query: &str, with_go_mod: bool) -> Option<String> {
        let found = resolve(query, &index(entries), &mut |_| Ok(with_go_mod));
        found.unwrap().map(|version| version.to_string())
    }

    #[test]
    fn queries_choose_as_the_go_command_does() {
        let old = "v0.0.0-20200101000000-aaaaaaaaaaaa";
        let new = "v0.0.0-20210101000000-bbbbbbbbbbbb";
        let releases = ["v1.0.0", "v1.2.0", "v1.2.1-rc.1", "v1.10.0", "v2.0.0-pre"];
        let legacy = ["v1.0.0", "v2.0.0+incompatible"];
        for (name, entries, query, expected) in [
            (
                "the highest release",
                &releases[..],
                "latest",
                Some("v1.10.0"),
            ),
            (
                "the highest pre-release",
                &["v1.0.0-a", "v1.0.0-b"],
                "latest",
                Some("v1.0.0-b"),
            ),
            (
                "a release before a pseudo-version",
                &["v0.1.0", new],
                "latest",
                Some("v0.1.0"),
            ),
            (
                "the newest pseudo-version",
                &[new, old],
                "latest",
                Some(new),
            ),
            (
                "no withdrawn version",
                &["v1.0.0", "-v1.1.0"],
                "latest",
                Some("v1.0.0"),
            ),
            ("nothing", &["-v1.1.0"], "latest", None),
            ("a major version", &releases, "v1", Some("v1.10.0")),
            (
                "a minor version in whole numbers",
                &releases,
                "v1.2",
                Some("v1.2.0"),
            ),
            ("no pseudo-version by a prefix", &[new], "v0", None),
            (
                "no pre-release of the prefix itself",
                &["v1.2.0-rc"],
                "v1.2",
                None,
            ),
            (
                "a later pre-release",
                &["v1.2.1-rc"],
                "v1.2",
                Some("v1.2.1-rc"),
            ),
            (
                "no compatible version: incompatible",
                &["v2.0.0+incompatible"],
                "latest",
                Some("v2.0.0+incompatible"),
            ),
            (
                "the author keeps to compatible versions",
                &legacy,
                "latest",
                Some("v1.0.0"),
            ),
            (
                "a branch",
                &["v1.0.0 refs/heads/main:5", "v1.1.0 refs/heads/main:3"],
                "main",
                Some("v1.0.0"),
            ),
            (
                "a branch by its full name",
                &["v1.0.0 refs/heads/main:5"],
                "refs/heads/main",
                Some("v1.0.0"),
            ),
            (
                "a branch with a slash",
                &["v1.0.0 refs/heads/a/b:5"],
                "a/b",
                Some("v1.0.0"),
            ),
            (
                "a tag before a branch",
                &["v1.0.0 refs/heads/x:5", "v0.9.0 refs/tags/x:1"],
                "x",
                Some("v0.9.0"),
            ),
            (
                "a commit",
                &["v1.0.0@0123456789ab"],
                "0123456789abcdef0123456789abcdef01234567",
                Some("v1.0.0"),
            ),
            (
                "a short commit",
                &["v1.0.0@0123456789ab"],
                "0123456",
                Some("v1.0.0"),
            ),
            (
                "a commit in capitals",
                &["v1.0.0@abcdef789abc"],
                "ABCDEF7",
                Some("v1.0.0"),
            ),
            (
                "a commit too short",
                &["v1.0.0@0123456789ab"],
                "012345",
                None,
            ),
            (
                "a commit of two",
                &["v1.0.0@0123456789ab", "v1.1.0@012345678900"],
                "0123456789",
                None,
            ),
            (
                "a commit's release before its pseudo-version",
                &["v1.0.0@bbbbbbbbbbbb", new],
                "bbbbbbb",
                Some("v1.0.0"),
            ),
            (
                "a pseudo-version's own commit",
                &[new, old],
                "aaaaaaaa",
                Some(old),
            ),
            ("nothing of that name", &releases, "main", None),
        ] {
            let found = answer(entries, query, true);
            assert_eq!(found.as_deref(), expected, "{name}");
        }
        let found = answer(&legacy, "latest", false);
        assert_eq!(
            found.as_deref(),
            Some("v2.0.0+incompatible"),
            "a legacy module"
        );
    }
}
