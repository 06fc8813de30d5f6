//! The few questions that `publish` asks of git, and an archive exactly as the `go` command makes it.
//!
//! Asked are commands whose output nobody's configuration changes: plumbing, or with what could change it switched
//! off (`git tag` prints in columns where `column.ui` says so).

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use goproxy_edge::module::Timestamp;
use goproxy_edge::publish::without_secrets;

use crate::Failure;

/// A repository, bare or with a work tree, and a folder in it.
pub struct Repository {
    /// Where git is run: the folder, or what is left of the way to it.
    folder: PathBuf,
    /// The rest of the way, with `/`, of a folder that is not in the work tree.
    gone: String,
}

/// A commit: its full hash and when it was made.
#[derive(Clone)]
pub struct Commit {
    pub hash: String,
    pub time: Timestamp,
}

impl Repository {
    /// The repository that this folder is in. The folder may be in commits alone: removed since, or not checked out.
    pub fn around(folder: &Path) -> Result<Self, Failure> {
        let mut there = folder;
        let mut gone = Vec::new();
        while !there.is_dir()
            && let (Some(parent), Some(name)) = (there.parent(), there.file_name())
        {
            gone.push(name.to_string_lossy());
            there = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
        }
        gone.reverse();
        let repository = Self {
            folder: there.to_owned(),
            gone: gone.join("/"),
        };
        match repository.run(["rev-parse", "--git-dir"]) {
            Err(_) if !repository.gone.is_empty() => {
                let folder = folder.display();
                Err(format!("there is no folder {folder}, and no git repository around it").into())
            }
            answer => answer.map(|_| repository),
        }
    }

    /// The folder's place below the top, with `/` and without one at its end; empty at the top.
    pub fn prefix(&self) -> Result<String, Failure> {
        let there = self.run(["rev-parse", "--show-prefix"])?;
        Ok(format!("{there}{}", self.gone)
            .trim_end_matches('/')
            .to_owned())
    }

    /// What a revision names, if anything.
    pub fn commit(&self, revision: &str) -> Result<Option<Commit>, Failure> {
        let peeled = format!("{revision}^{{commit}}");
        let Some(hash) = self.ask([
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &peeled,
        ])?
        else {
            return Ok(None);
        };
        let seconds = self.run([
            "-c",
            "log.showsignature=false",
            "log",
            "-n1",
            "--format=%ct",
            &hash,
        ])?;
        let time = seconds
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_unix(seconds, 0));
        let time = time.ok_or_else(|| format!("git gave {seconds:?} for the time of {hash}"))?;
        Ok(Some(Commit { hash, time }))
    }

    pub fn tags_at(&self, commit: &Commit) -> Result<Vec<String>, Failure> {
        self.tags(&format!("--points-at={}", commit.hash))
    }

    /// The tags of a commit and of those before it.
    pub fn tags_up_to(&self, commit: &Commit) -> Result<Vec<String>, Failure> {
        self.tags(&format!("--merged={}", commit.hash))
    }

    fn tags(&self, which: &str) -> Result<Vec<String>, Failure> {
        let format = "--format=%(refname:strip=2)";
        let tags = self.run(["for-each-ref", which, format, "refs/tags"])?;
        Ok(tags.lines().map(str::to_owned).collect())
    }

    /// Whether commits are missing here, as in the clones that CI systems make.
    pub fn is_shallow(&self) -> Result<bool, Failure> {
        Ok(self.run(["rev-parse", "--is-shallow-repository"])? == "true")
    }

    /// Whether `older` is `newer` or one of those before it.
    pub fn is_ancestor(&self, older: &Commit, newer: &Commit) -> Result<bool, Failure> {
        Ok(self
            .ask(["merge-base", "--is-ancestor", &older.hash, &newer.hash])?
            .is_some())
    }

    /// The branch that is checked out, as a full ref.
    pub fn branch(&self) -> Result<Option<String>, Failure> {
        self.ask(["symbolic-ref", "--quiet", "HEAD"])
    }

    /// A file in a commit, if it is there.
    pub fn file(&self, commit: &Commit, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(hash) = self.object(commit, path, "blob")? else {
            return Ok(None);
        };
        let output = self.output(["cat-file", "blob", &hash])?;
        accept(&output, "cat-file")?;
        Ok(Some(output.stdout))
    }

    pub fn has_folder(&self, commit: &Commit, path: &str) -> Result<bool, Failure> {
        Ok(path.is_empty() || self.object(commit, path, "tree")?.is_some())
    }

    /// What is at a path in a commit, if it is of this kind. To ask for it and take every failure for a no would do
    /// in a whole clone: in a partial one it may be there, and out of reach.
    fn object(&self, commit: &Commit, path: &str, kind: &str) -> Result<Option<String>, Failure> {
        let path = from_top(path);
        let listed = self.run(["ls-tree", "-z", "--full-tree", &commit.hash, "--", &path])?;
        // <mode> <kind> <hash> TAB <path> NUL
        let mut words = listed.split([' ', '\t']).skip(1);
        Ok(words
            .next()
            .filter(|found| *found == kind)
            .and_then(|_| words.next())
            .map(str::to_owned))
    }

    pub fn has_uncommitted_changes(&self) -> Result<bool, Failure> {
        Ok(self
            .ask(["status", "--porcelain"])?
            .is_some_and(|changes| !changes.is_empty()))
    }

    /// Where the repository comes from: `origin`, or the one remote that there is.
    pub fn remote(&self) -> Result<Option<String>, Failure> {
        let remotes = self.run(["remote"])?;
        let mut names = remotes.lines();
        let name = match (
            names.clone().find(|name| *name == "origin"),
            names.next(),
            names.next(),
        ) {
            (Some(origin), ..) => origin,
            (None, Some(only), None) => only,
            _ => return Ok(None),
        };
        self.ask(["config", "--get", &format!("remote.{name}.url")])
    }

    /// Writes `git archive`'s zip of these paths (all if there are none) into `to`, below `prefix/`, exactly as the
    /// `go` command does (cmd/go/internal/modfetch/codehost/git.go, `ReadZip` and `ensureGitAttributes`): no
    /// line ends changed, export-subst and export-ignore off.
    ///
    /// Attributes that outrank a repository's own stand in a git folder's `info/attributes`: so this makes one
    /// of its own, which borrows the objects, and leaves the publisher's alone.
    pub fn archive(&self, commit: &Commit, paths: &[&str], to: &File) -> Result<(), Failure> {
        if self.is_partial()? {
            self.fetch_missing(commit, paths)?;
        }
        let scratch = tempfile::tempdir()
            .map_err(|error| format!("cannot make a temporary folder: {error}"))?;
        let objects = self.run([
            "rev-parse",
            "--path-format=absolute",
            "--git-path",
            "objects",
        ])?;
        let format = self.run(["rev-parse", "--show-object-format"])?;
        let initialised = git(scratch.path())
            .args([
                "init",
                "--quiet",
                "--bare",
                "--template=",
                "--object-format",
                &format,
                ".",
            ])
            .output()
            .map_err(no_git)?;
        accept(&initialised, "init")?;
        let info = scratch.path().join("info");
        std::fs::create_dir_all(&info)
            .and_then(|()| {
                std::fs::write(info.join("attributes"), "* -export-subst -export-ignore\n")
            })
            .map_err(|error| format!("cannot write to {}: {error}", info.display()))?;
        let archived = git(scratch.path())
            .env("GIT_DIR", scratch.path())
            .env("GIT_OBJECT_DIRECTORY", objects)
            .env("GIT_LITERAL_PATHSPECS", "1")
            .args(["-c", "core.autocrlf=input", "-c", "core.eol=lf"])
            .args([
                "archive",
                "--format=zip",
                "--prefix=prefix/",
                "--end-of-options",
                &commit.hash,
            ])
            .args(paths)
            .stdout(
                to.try_clone()
                    .map_err(|error| format!("cannot write the archive: {error}"))?,
            )
            .stderr(Stdio::piped())
            .output()
            .map_err(no_git)?;
        accept(&archived, "archive")
    }

    /// Whether files are missing here until somebody needs them (`git clone --filter=blob:none`).
    fn is_partial(&self) -> Result<bool, Failure> {
        let promised = r"^(remote\..*\.promisor|extensions\.partialclone)$";
        let found = self.ask(["config", "--get-regexp", promised])?;
        Ok(found.is_some())
    }

    /// Brings the files of these paths (all if there are none), which [`Repository::archive`] can't, since the
    /// repository that it makes knows no remote and nobody's credentials.
    ///
    /// A comparison with nothing fetches all that it will read at once; `git archive` fetches one file at a time, and
    /// none that has the attribute export-ignore. It reads all attributes and all folders besides, whatever the
    /// paths: line ends would silently be others without the top's .gitattributes.
    fn fetch_missing(&self, commit: &Commit, paths: &[&str]) -> Result<(), Failure> {
        let mut wanted: Vec<String> = paths.iter().map(|path| from_top(path)).collect();
        if !wanted.is_empty() {
            wanted.push(":(top,glob)**/.gitattributes".to_owned());
        }
        let nothing = self.run(["hash-object", "-t", "tree", "--stdin"])?;
        let compared = git(&self.folder)
            .args(["diff-tree", "-r", "--numstat", "--no-renames"])
            .args(["--no-ext-diff", "--no-textconv"])
            .args([&nothing, &commit.hash, "--"])
            .args(wanted)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .map_err(no_git)?;
        accept(&compared, "diff-tree")
    }

    /// What a command prints, which must succeed.
    fn run<const N: usize>(&self, arguments: [&str; N]) -> Result<String, Failure> {
        let output = self.output(arguments)?;
        accept(&output, arguments[0])?;
        Ok(text(&output))
    }

    /// What a command prints, if it succeeds.
    fn ask<const N: usize>(&self, arguments: [&str; N]) -> Result<Option<String>, Failure> {
        let output = self.output(arguments)?;
        Ok(output.status.success().then(|| text(&output)))
    }

    fn output<const N: usize>(&self, arguments: [&str; N]) -> Result<Output, Failure> {
        git(&self.folder)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(no_git)
    }
}

/// A path below the top, as git takes it from any folder: a name's brackets are no pattern.
fn from_top(path: &str) -> String {
    format!(":(top,literal){path}")
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder);
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    command
}

fn accept(output: &Output, what: &(impl AsRef<OsStr> + ?Sized)) -> Result<(), Failure> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("git {}: {}", what.as_ref().display(), said.trim()).into())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

fn no_git(error: std::io::Error) -> Failure {
    format!("cannot run git: {error}; publish needs it, see https://git-scm.com").into()
}

/// An address without the credentials that it may hold, for everybody to read. None for a folder on this machine.
pub fn public_url(url: &str) -> Option<String> {
    if let Some((scheme, _)) = url.split_once("://") {
        return (scheme != "file").then(|| without_secrets(url));
    }
    // scp's form, host:path; one letter before the colon is a drive.
    let (host, path) = url.split_once(':')?;
    (host.len() > 1 && !host.contains(['/', '\\']) && !path.is_empty()).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_holds_no_credential_and_no_local_path() {
        let rows = [
            ("https://github.com/a/b", Some("https://github.com/a/b")),
            (
                "https://user:s3cret@github.com/a/b",
                Some("https://github.com/a/b"),
            ),
            (
                "https://s3cret@github.com/a/b.git",
                Some("https://github.com/a/b.git"),
            ),
            (
                "https://user:s3@cret@github.com/a",
                Some("https://github.com/a"),
            ),
            (
                "https://github.com/a/b?token=s3cret",
                Some("https://github.com/a/b"),
            ),
            ("https://user:s3cret@github.com", Some("https://github.com")),
            (
                "ssh://git@github.com:22/a/b",
                Some("ssh://git@github.com:22/a/b"),
            ),
            (
                "ssh://git:s3cret@github.com/a/b",
                Some("ssh://git@github.com/a/b"),
            ),
            ("git@github.com:a/b.git", Some("git@github.com:a/b.git")),
            ("/srv/git/b.git", None),
            ("../b", None),
            ("./odd:name", None),
            ("C:\\git\\b", None),
            ("file:///srv/git/b", None),
        ];
        for (url, expected) in rows {
            assert_eq!(public_url(url).as_deref(), expected, "{url}");
        }
    }
}
