//! A server for one test: `goproxy-edge serve` on a free port, with a store of its own, gone at the end.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tempfile::TempDir;

use super::http::{Answer, Request};
use super::tls::Authority;
use super::{Ran, goproxy_edge, run, sha256_hex};

/// May do everything.
pub const TOKEN: &str = "the-token-of-the-tests";
/// GitLab's base, by number and by path.
pub const GITLAB_BASES: [&str; 2] = [
    "/api/v4/projects/1/packages/go",
    "/api/v4/projects/default%2Fmodules/packages/go",
];

/// How a server is to be started.
pub struct Setup {
    settings: Vec<String>,
    tokens: Option<String>,
    tls: Option<(PathBuf, PathBuf)>,
    /// The certificate that it trusts other servers by.
    root: Option<PathBuf>,
}

impl Setup {
    pub fn new() -> Self {
        let tokens = format!(
            r#"[{{"name":"tests","sha256":"{}","scopes":["api"],"projects":["*"],"admin":true}}]"#,
            sha256_hex(TOKEN)
        );
        Self {
            settings: Vec::new(),
            tokens: Some(tokens),
            tls: None,
            root: None,
        }
    }

    pub fn trust(mut self, root: &Path) -> Self {
        self.root = Some(root.to_owned());
        self
    }

    pub fn set(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.settings.push(format!("{name}={value}"));
        self
    }

    /// Over http again.
    pub fn plain(mut self) -> Self {
        self.tls = None;
        self
    }

    /// In place of the one token that may do everything; none: the server makes its own.
    pub fn tokens(mut self, tokens: Option<&str>) -> Self {
        self.tokens = tokens.map(str::to_owned);
        self
    }

    pub fn tls(mut self, certificate: &Path, key: &Path) -> Self {
        self.tls = Some((certificate.to_owned(), key.to_owned()));
        self
    }

    #[track_caller]
    pub fn start(self) -> Server {
        let data = tempfile::tempdir().expect("a temporary folder");
        Server::start(self, data, "127.0.0.1:0")
    }
}

/// A running server. Killed, with its store removed, when dropped.
pub struct Server {
    child: Child,
    setup: Setup,
    data: TempDir,
    address: String,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// One with default settings, and the one token that may do everything.
    #[track_caller]
    pub fn new() -> Self {
        Setup::new().start()
    }

    #[track_caller]
    fn start(setup: Setup, data: TempDir, address: &str) -> Self {
        let home = data.path().join("home");
        let mut command = goproxy_edge(&home);
        command
            .args(["serve", "--addr", address, "--data"])
            .arg(data.path().join("store"));
        for setting in &setup.settings {
            command.args(["--set", setting]);
        }
        if let Some(tokens) = &setup.tokens {
            command.arg("--set").arg(format!("tokens={tokens}"));
        }
        if let Some((certificate, key)) = &setup.tls {
            command
                .arg("--tls-cert")
                .arg(certificate)
                .arg("--tls-key")
                .arg(key);
        }
        if let Some(root) = &setup.root {
            command.env("SSL_CERT_FILE", root);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("serve starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (sender, listening) = mpsc::channel();
        drain(child.stderr.take().expect("piped"), &log, None);
        drain(child.stdout.take().expect("piped"), &log, Some(sender));
        // A debug build compiles the component at its first start.
        let Ok(address) = listening.recv_timeout(Duration::from_secs(120)) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "serve does not listen; it said:\n{}",
                log.lock().expect("the log")
            );
        };
        Self {
            child,
            setup,
            data,
            address,
            log,
        }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://host:port`.
    pub fn url(&self) -> String {
        let scheme = if self.setup.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// The folder that `--data` names.
    pub fn data(&self) -> PathBuf {
        self.data.path().join("store")
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// The first line of its log with this in it, which may come after the answer that it is about.
    pub fn logged(&self, text: &str) -> String {
        let begun = std::time::Instant::now();
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(begun.elapsed().as_secs() < 10, "no {text:?} in:\n{log}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// `kill -9`, and no goodbye.
    pub fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    /// Starts again at the same address, with the same store.
    #[track_caller]
    pub fn restart(self) -> Self {
        self.restart_as(|setup| setup)
    }

    /// The same with other settings.
    #[track_caller]
    pub fn restart_as(mut self, change: impl FnOnce(Setup) -> Setup) -> Self {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let setup = Setup {
            settings: std::mem::take(&mut self.setup.settings),
            tokens: self.setup.tokens.take(),
            tls: self.setup.tls.take(),
            root: self.setup.root.take(),
        };
        let data = std::mem::replace(
            &mut self.data,
            tempfile::tempdir().expect("a temporary folder"),
        );
        let address = self.address.clone();
        drop(self);
        Self::start(change(setup), data, &address)
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        Request::new("GET", path).send(&self.address)
    }

    #[track_caller]
    pub fn head(&self, path: &str) -> Answer {
        Request::new("HEAD", path).send(&self.address)
    }

    /// With the token that may do everything.
    #[track_caller]
    pub fn put(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        Request::new("PUT", path)
            .token(TOKEN)
            .body(body)
            .send(&self.address)
    }

    /// With the token that may do everything.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        Request::new("DELETE", path)
            .token(TOKEN)
            .send(&self.address)
    }

    /// Publishes, and asserts that it is new there.
    #[track_caller]
    pub fn publish(&self, path: &str, body: impl Into<Vec<u8>>) {
        let answer = self.put(path, body);
        assert_eq!(answer.status, 201, "{path}: {answer}");
    }

    /// Runs another subcommand of the command at this server.
    #[track_caller]
    pub fn command(&self, arguments: &[&str]) -> Ran {
        self.command_at("", arguments)
    }

    /// Runs another subcommand of the command at this path of the server.
    #[track_caller]
    pub fn command_at(&self, base: &str, arguments: &[&str]) -> Ran {
        let home = self.data.path().join("home");
        let to = format!("{}{base}", self.url());
        run(goproxy_edge(&home)
            .env("GOPROXY_EDGE_TOKEN", TOKEN)
            .args(arguments)
            .args(["--to", &to]))
    }

    /// Runs another subcommand of the command at this server, with this on its standard input.
    #[track_caller]
    pub fn command_reading(
        &self,
        authority: Option<&Authority>,
        arguments: &[&str],
        input: &str,
    ) -> Ran {
        let mut command = goproxy_edge(&self.data.path().join("home"));
        command.env("GOPROXY_EDGE_TOKEN", TOKEN).args(arguments);
        command.args(["--to", &self.url()]);
        if let Some(authority) = authority {
            command.env("SSL_CERT_FILE", authority.root());
        }
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the command starts");
        let mut stdin = child.stdin.take().expect("piped");
        // One that refuses without reading may be gone already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("it ends").into()
    }

    /// How many bytes the store takes on the disk.
    pub fn store_size(&self) -> u64 {
        fn size(folder: &Path) -> u64 {
            let Ok(entries) = std::fs::read_dir(folder) else {
                return 0;
            };
            entries
                .flatten()
                .map(|entry| match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => size(&entry.path()),
                    Ok(metadata) => metadata.len(),
                    Err(_) => 0,
                })
                .sum()
        }
        size(&self.data())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!(
                "--- the server's log\n{}---",
                self.log
                    .lock()
                    .map_or_else(|_| String::new(), |log| log.clone())
            );
        }
    }
}

/// Reads to the end, so that the server never waits for us, and finds the line with the address.
fn drain(
    pipe: impl std::io::Read + Send + 'static,
    log: &Arc<Mutex<String>>,
    found: Option<mpsc::Sender<String>>,
) {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if let (Some(found), Some(address)) = (&found, line.strip_prefix("listening on ")) {
                let address = address.split("://").nth(1).unwrap_or(address);
                let _ = found.send(address.to_owned());
            }
            if let Ok(mut log) = log.lock() {
                log.push_str(&line);
                log.push('\n');
            }
        }
    });
}
