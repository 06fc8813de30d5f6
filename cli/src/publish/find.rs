//! Which version is to be published, and of which commit: what tags say (golang.org/ref/mod#vcs-version).
//!
//! A tag `sub/v1.2.3` is a version of the module that the folder `sub` holds in the tag's own commit. So a folder is
//! looked up there, and not in HEAD, which may have removed it since, or made a module of it since.

use goproxy_edge::module::{ModulePath, Version};

use super::place::{self, join};
use super::{Release, pseudo, without_incompatible};
use crate::git::{Commit, Repository};
use crate::{Failure, output};

/// What to publish of the repository's folder: the version that is asked for, or the tag at HEAD.
pub fn find(
    repository: &Repository,
    version: Option<Version>,
    module: Option<ModulePath>,
) -> Result<Release, Failure> {
    let head = repository
        .commit("HEAD")?
        .ok_or("this repository has no commit yet: commit the module, and tag it")?;
    let search = Search {
        repository,
        head,
        folder: repository.prefix()?,
        module,
    };
    match version {
        Some(version) if version.is_pseudo() => search.pseudo(version),
        Some(version) => search.tagged(version),
        None => search.at_head(),
    }
}

struct Search<'a> {
    repository: &'a Repository,
    head: Commit,
    /// The folder that is asked for, below the top.
    folder: String,
    module: Option<ModulePath>,
}

impl Search<'_> {
    fn release(
        &self,
        commit: &Commit,
        root: &str,
        version: Version,
        reference: Option<String>,
    ) -> Result<Release, Failure> {
        let module = self.module.as_ref();
        let found = place::locate(self.repository, commit, root, version, module)?;
        Ok(Release {
            module: found.module,
            version: found.version,
            commit: commit.clone(),
            subdir: found.subdir,
            reference,
        })
    }

    fn root_in_head(&self) -> Result<String, Failure> {
        let root = place::root(self.repository, &self.head, &self.folder)?;
        root.ok_or_else(|| {
            format!(
                "HEAD has no folder {}: commit it, or name a version that had it with --version",
                self.folder
            )
            .into()
        })
    }

    /// The pseudo-version of HEAD.
    fn pseudo(&self, version: Version) -> Result<Release, Failure> {
        let root = self.root_in_head()?;
        let release = self.release(&self.head, &root, version, self.repository.branch()?)?;
        pseudo::check(self.repository, &release, &root)?;
        Ok(release)
    }

    /// The version of a tag: the folder's own, or one of a folder above it, of whose module it is a part.
    fn tagged(&self, version: Version) -> Result<Release, Failure> {
        let tagged = without_incompatible(&version);
        for root in place::upwards(&self.folder) {
            let tag = join(root, tagged);
            let reference = format!("refs/tags/{tag}");
            let Some(commit) = self.repository.commit(&reference)? else {
                continue;
            };
            // The first one that is there counts: a tag of the folder that is wrong is no reason to publish a
            // module above it.
            let actual = place::root(self.repository, &commit, &self.folder)?;
            let is_own = actual.as_deref() == Some(root)
                || root == self.folder && self.module_of(&commit, root, &version)?.is_some();
            if is_own {
                return self.release(&commit, root, version, Some(reference));
            }
            return Err(self
                .not_of_this_folder(&tag, &commit, root, actual, tagged)
                .into());
        }
        Err(self.no_tag(tagged)?.into())
    }

    /// Why a tag with the prefix `root` is none of the folder's module, which has the root `actual` there.
    fn not_of_this_folder(
        &self,
        tag: &str,
        commit: &Commit,
        root: &str,
        actual: Option<String>,
        tagged: &str,
    ) -> String {
        let (folder, hash) = (&self.folder, &commit.hash);
        let Some(actual) = actual else {
            return format!(
                "tag {tag} is there, but its commit {hash} has no folder {folder}: \
                 give a folder of the module as it was then"
            );
        };
        let own = join(&actual, tagged);
        if actual.len() > root.len() {
            // Deeper ones were looked for before.
            return format!(
                "there is no tag {own} here, and {tag} is another module's: \
                 make it with `git tag {own}`, or fetch it with `git fetch --tags`"
            );
        }
        format!(
            "tag {tag} is there, but in its commit {hash} {folder} is part of a module whose tag would be {own}: \
             make that, or tag a commit in which {root} is a module of its own"
        )
    }

    fn no_tag(&self, tagged: &str) -> Result<String, Failure> {
        let Some(root) = place::root(self.repository, &self.head, &self.folder)? else {
            let tag = join(&self.folder, tagged);
            return Ok(format!(
                "HEAD has no folder {}, and there is no tag {tag} here: give another folder, \
                 or fetch the tag with `git fetch --tags`",
                self.folder
            ));
        };
        let tag = join(&root, tagged);
        Ok(format!(
            "there is no tag {tag} here: make it with `git tag {tag}`, or fetch it with `git fetch --tags`{}",
            self.below(&root)?
        ))
    }

    /// The highest version that a tag gives to HEAD.
    fn at_head(&self) -> Result<Release, Failure> {
        let root = self.root_in_head()?;
        let prefix = join(&root, "");
        let mut versions: Vec<Version> = self
            .repository
            .tags_at(&self.head)?
            .iter()
            .filter_map(|tag| Version::parse(tag.strip_prefix(&prefix)?).ok())
            .filter(|version| !version.is_pseudo() && !version.is_incompatible())
            .collect();
        versions.sort();
        let mut problem = None;
        let mut release: Option<Release> = None;
        for version in versions.into_iter().rev() {
            let reference = Some(format!("refs/tags/{prefix}{version}"));
            let found = self.release(&self.head, &root, version.clone(), reference);
            match (&release, found) {
                (None, Ok(found)) => release = Some(found),
                (Some(chosen), Ok(_)) => {
                    output::note(format_args!(
                        "note: HEAD is {version} too; publishing {}, --version {version} publishes the other",
                        chosen.version
                    ));
                }
                (None, Err(failure)) => problem = problem.or(Some((version, failure))),
                // Lower than the one that is chosen.
                (Some(_), Err(_)) => {}
            }
        }
        match (release, problem) {
            (Some(release), None) => Ok(release),
            // Whoever set both tags may mean the other one, and what is published can't be changed.
            (Some(release), Some((version, problem))) => Err(format!(
                "HEAD is {version} too, which can't be published: {problem}; --version {} publishes that one",
                release.version
            )
            .into()),
            (None, Some((_, problem))) => Err(problem),
            (None, None) => Err(format!(
                "HEAD has no version tag such as {prefix}v1.2.3: tag it, name a tag's version with --version, \
                 or give HEAD's pseudo-version there (v0.0.0-{}){}",
                pseudo::suffix(&self.head),
                self.below(&root)?
            )
            .into()),
        }
    }

    /// Names HEAD's tags of modules in folders below: whoever stands at the top may mean one of those.
    fn below(&self, root: &str) -> Result<String, Failure> {
        let prefix = join(root, "");
        let mut text = String::new();
        for tag in self.repository.tags_at(&self.head)? {
            let Some((folder, version)) = tag.rsplit_once('/') else {
                continue;
            };
            let Ok(version) = Version::parse(version) else {
                continue;
            };
            let is_below = folder != root && folder.starts_with(&prefix);
            if is_below && let Some(module) = self.module_of(&self.head, folder, &version)? {
                text += &format!("\nHEAD has tag {tag}: to publish that, give the folder {module}");
            }
        }
        Ok(text)
    }

    /// Where the module with this root folder lies: there, or in the folder for the major version.
    fn module_of(
        &self,
        commit: &Commit,
        root: &str,
        version: &Version,
    ) -> Result<Option<String>, Failure> {
        for folder in [root.to_owned(), join(root, version.major())] {
            if place::root(self.repository, commit, &folder)?.as_deref() == Some(root) {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }
}
