//! The real `go` command, with a module cache of its own that is empty at first.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{Ran, run};

/// One developer's `go`.
pub struct Go {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Go {
    /// One that has only this proxy to ask, and no checksum database.
    pub fn at(proxy: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        Self {
            home,
            variables: Vec::new(),
        }
        .env("GOPROXY", proxy)
        .env("GOSUMDB", "off")
        .env("GOFLAGS", "-mod=mod -modcacherw")
    }

    pub fn env(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where its module cache keeps what it has downloaded.
    pub fn downloads(&self) -> PathBuf {
        self.home().join("modcache").join("cache").join("download")
    }

    #[track_caller]
    pub fn run(&self, folder: &Path, arguments: &[&str]) -> Ran {
        let mut command = isolated();
        command
            .current_dir(folder)
            .env("HOME", self.home())
            .env("GOMODCACHE", self.home().join("modcache"));
        command
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .args(arguments);
        run(&mut command)
    }

    /// Runs it in a folder outside any module.
    #[track_caller]
    pub fn anywhere(&self, arguments: &[&str]) -> Ran {
        self.run(self.home(), arguments)
    }

    /// A new module of its own, with these files.
    #[track_caller]
    pub fn program(&self, files: &[(&str, &str)]) -> PathBuf {
        let folder = tempfile::Builder::new()
            .prefix("program")
            .tempdir_in(self.home())
            .expect("a folder")
            .keep();
        for (name, text) in files {
            std::fs::write(folder.join(name), text).expect("a file");
        }
        folder
    }
}

/// `go` with nothing of the person who runs the tests, except that what is compiled is kept from run to run.
fn isolated() -> Command {
    let mut command = Command::new("go");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GOCACHE", lasting("gocache"))
        .env("GOENV", "off")
        .env("GOTOOLCHAIN", "local")
        .env("GOVCS", "*:off")
        .env("CGO_ENABLED", "0");
    command
}

fn lasting(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The folder of a program with tens of dependencies of every kind.
pub fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/program")
}

/// Builds [`program`] from this proxy alone, just as its go.mod and go.sum say, and runs it.
#[track_caller]
pub fn build_the_program(proxy: &str) {
    let go = Go::at(proxy).env("GOFLAGS", "-modcacherw");
    let read = |name: &str| std::fs::read_to_string(program().join(name)).expect("a file");
    let files = ["main.go", "go.mod", "go.sum"].map(|name| (name, read(name)));
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let folder = go.program(&files);
    go.run(&folder, &["mod", "download"]).expect_success();
    go.run(&folder, &["build", "-o", "program", "./..."])
        .expect_success();
    let printed = run(&mut Command::new(folder.join("program"))).expect_success();
    assert_eq!(printed, "name: goproxy-edge\n[name] en 1.2.3\n");
    for (name, before) in files {
        let now = std::fs::read_to_string(folder.join(name)).expect("a file");
        assert_eq!(now, before, "{name} from {proxy}");
    }
}

/// A module cache with everything that [`program`] needs, downloaded from the GOPROXY of this machine: once for a
/// run of the tests, and from the second run on from what the first one kept.
#[track_caller]
pub fn real_module_cache() -> PathBuf {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE
        .get_or_init(|| {
            let cache = lasting("modcache");
            let of_this_machine = |name: &str| run(Command::new("go").args(["env", name])).expect_success().trim().to_owned();
            let mut command = isolated();
            command.current_dir(program()).env("HOME", lasting("home")).env("GOMODCACHE", &cache);
            for name in ["GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOSUMCHECK"] {
                command.env(name, of_this_machine(name));
            }
            for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"] {
                if let Some(value) = std::env::var_os(name) {
                    command.env(name, value);
                }
            }
            let downloaded = run(command.args(["mod", "download"]).env("GOFLAGS", "-modcacherw"));
            assert_eq!(
                downloaded.code,
                Some(0),
                "real modules cannot be downloaded; does the GOPROXY of this machine have them?\n{}",
                downloaded.stderr
            );
            cache
        })
        .clone()
}
