//! Whether a pseudo-version is one of HEAD: time, hash, and a base that is tagged before it. `go` refuses others
//! (golang.org/ref/mod#pseudo-versions; cmd/go/internal/modfetch/coderepo.go, `validatePseudoVersion`), or anybody
//! could give a commit any number of names, as high as they like.

use goproxy_edge::module::version::check_path_major;
use goproxy_edge::module::{Version, pseudo};

use super::place::join;
use super::{Release, without_incompatible};
use crate::Failure;
use crate::git::{Commit, Repository};

/// Checks a pseudo-version of the module with this root folder.
pub fn check(repository: &Repository, release: &Release, root: &str) -> Result<(), Failure> {
    let (version, head) = (&release.version, &release.commit);
    let plain = without_incompatible(version);
    let right = || right(repository, release, root);
    let base = match pseudo::base(plain) {
        Ok(base) => base,
        Err(error) => return Err(format!("{error}; HEAD is {}", right()?).into()),
    };
    let suffix = suffix(head);
    if !plain.ends_with(&suffix) {
        let before = plain.len().saturating_sub(suffix.len());
        let fitting = plain.get(..before).unwrap_or_default();
        return Err(format!("{version} is not HEAD's, which would be {fitting}{suffix}").into());
    }
    let Some(base) = base else {
        let is_v1 = version.major() == "v1" && release.module.major_suffix().is_empty();
        return if is_v1 {
            let reason = "major version without preceding tag must be v0, not v1";
            Err(format!(
                "pseudo-version \"{version}\" invalid: {reason}; HEAD is {}",
                right()?
            )
            .into())
        } else {
            Ok(())
        };
    };
    let tag = join(root, &base);
    let history = if repository.is_shallow()? {
        "; this clone is shallow, and `git fetch --unshallow --tags` brings the rest"
    } else {
        ""
    };
    match repository.commit(&format!("refs/tags/{tag}"))? {
        None => Err(format!(
            "{version} comes after {base}, but there is no tag {tag} here{history}; without it, HEAD is {}",
            right()?
        )
        .into()),
        Some(tagged) if tagged.hash == head.hash => Err(format!(
            "{version} comes after {base}, but HEAD is {base} itself, by tag {tag}: publish that"
        )
        .into()),
        Some(tagged) if repository.is_ancestor(&tagged, head)? => Ok(()),
        Some(_) => Err(format!(
            "{version} comes after {base}, but HEAD does not come after tag {tag}{history}; HEAD is {}",
            right()?
        )
        .into()),
    }
}

/// `yyyymmddhhmmss-abcdefabcdef`, in UTC.
pub fn suffix(commit: &Commit) -> String {
    format!("{}-{}", commit.time.to_pseudo(), revision(commit))
}

fn revision(commit: &Commit) -> &str {
    commit.hash.get(..12).unwrap_or(&commit.hash)
}

/// The version that `go` takes HEAD for: that of its highest tag, or the pseudo-version after the highest tag of the
/// module before it.
fn right(repository: &Repository, release: &Release, root: &str) -> Result<String, Failure> {
    let (commit, major) = (&release.commit, release.module.major_suffix());
    let prefix = join(root, "");
    let highest = |tags: Vec<String>| {
        tags.iter()
            .filter_map(|tag| Version::parse(tag.strip_prefix(&prefix)?).ok())
            .filter(|tagged| !tagged.is_pseudo() && !tagged.is_incompatible())
            .filter(|tagged| check_path_major(tagged.as_str(), major).is_ok())
            .max()
    };
    if let Some(tagged) = highest(repository.tags_at(commit)?) {
        return Ok(tagged.to_string());
    }
    let older = highest(repository.tags_up_to(commit)?);
    Ok(pseudo::pseudo_version(
        major.trim_start_matches(['/', '.']),
        older.as_ref().map_or("", Version::as_str),
        commit.time,
        revision(commit),
    ))
}
