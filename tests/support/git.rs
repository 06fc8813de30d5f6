//! Repositories made on the spot, the same ones each time: fixed names and times, nobody's configuration.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::run;

/// When the first commit is made; each later one comes a minute after the one before.
pub const FIRST_COMMIT: i64 = 1_700_000_000;

pub struct Repository {
    folder: TempDir,
    commits: i64,
}

impl Repository {
    #[track_caller]
    pub fn new() -> Self {
        let repository = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            commits: 0,
        };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// A repository with these files in one commit, with these tags.
    #[track_caller]
    pub fn with(files: &[(&str, &str)], tags: &[&str]) -> Self {
        let mut repository = Self::new();
        repository.commit(files);
        for tag in tags {
            repository.tag(tag);
        }
        repository
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let file = self.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    }

    /// Commits everything, after these changes, and gives the hash.
    #[track_caller]
    pub fn commit(&mut self, files: &[(&str, &str)]) -> String {
        for (name, text) in files {
            self.write(name, text);
        }
        self.commits += 1;
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    #[track_caller]
    pub fn tag(&self, tag: &str) {
        self.git(&["tag", tag]);
    }

    /// What the README's pipe sends: `git archive --format=zip`.
    #[track_caller]
    pub fn archive(&self, arguments: &[&str]) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let output = format!("--output={}", file.path().display());
        self.git(&[&["archive", "--format=zip", &output], arguments].concat());
        fs::read(file.path()).expect("an archive")
    }

    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let time = format!("{} +0000", FIRST_COMMIT + 60 * (self.commits - 1).max(0));
        let mut command = Command::new("git");
        command
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "A Gopher")
            .env("GIT_AUTHOR_EMAIL", "gopher@example.com")
            .env("GIT_AUTHOR_DATE", &time)
            .env("GIT_COMMITTER_NAME", "A Gopher")
            .env("GIT_COMMITTER_EMAIL", "gopher@example.com")
            .env("GIT_COMMITTER_DATE", &time)
            .args(arguments);
        run(&mut command).expect_success().trim_end().to_owned()
    }
}
