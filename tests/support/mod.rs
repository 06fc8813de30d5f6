//! What the tests are written with: a running server, a client that sends what it is told to, zips, repositories,
//! and the `go` command.

pub mod archive;
pub mod front;
pub mod git;
pub mod go;
pub mod hosts;
pub mod http;
pub mod native;
pub mod process;
pub mod s3;
pub mod server;
pub mod tls;
pub mod tree;

use std::path::Path;
use std::process::{Command, Output};

use sha2::{Digest as _, Sha256};

/// What a command did, as text.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Its standard output, if it succeeded.
    #[track_caller]
    pub fn expect_success(self) -> String {
        assert_eq!(
            self.code,
            Some(0),
            "it failed:\n{}{}",
            self.stdout,
            self.stderr
        );
        self.stdout
    }

    /// The same of one that had nothing to say besides.
    #[track_caller]
    pub fn expect_quiet(self) -> String {
        assert_eq!(self.stderr, "", "{}", self.stdout);
        self.expect_success()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a command to its end. One that cannot be started fails the test, and is named.
#[track_caller]
pub fn run(command: &mut Command) -> Ran {
    match command.output() {
        Ok(output) => output.into(),
        Err(error) => panic!(
            "these tests need {:?} in PATH, and it cannot be run: {error}",
            command.get_program()
        ),
    }
}

/// The built command, with an environment of its own: no token, no .netrc and no data folder of the person who
/// runs the tests.
pub fn goproxy_edge(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goproxy-edge"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("XDG_DATA_HOME", home.join("data"))
        // The component is compiled at the first start, and kept for the others.
        .env(
            "XDG_CACHE_HOME",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"),
        )
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes.as_ref())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The `h1:` hash of these files, by the rule of golang.org/x/mod/sumdb/dirhash.
pub fn h1(files: &[(&str, &[u8])]) -> String {
    use base64::Engine as _;
    let mut files: Vec<_> = files.iter().collect();
    files.sort();
    let lines: String = files
        .iter()
        .map(|(name, text)| format!("{}  {name}\n", sha256_hex(text)))
        .collect();
    format!(
        "h1:{}",
        base64::prelude::BASE64_STANDARD.encode(Sha256::digest(lines))
    )
}
