//! Servers that are not ours: a command of `.ci/tools` or of PATH, started, awaited, and gone at the end.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

/// A tool as `.ci/tools` installs it, which the first test that needs one has it do, else as PATH has it.
pub fn tool(name: &str) -> Command {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    INSTALLED.get_or_init(|| {
        let ran = super::run(&mut Command::new(top.join(".ci/tools")));
        assert_eq!(ran.code, Some(0), "`.ci/tools` failed:\n{}", ran.stderr);
    });
    let own = top.join("target/tools/bin").join(name);
    if own.exists() {
        Command::new(own)
    } else {
        Command::new(name)
    }
}

/// A running server. Killed when dropped.
pub struct Process {
    name: String,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Process {
    /// Starts a server and waits until it has written one line for each of these texts, in their order. Gives the
    /// rest of the line behind each text.
    #[track_caller]
    pub fn start(command: &mut Command, awaited: &[&str]) -> (Self, Vec<String>) {
        let name = command.get_program().to_string_lossy().into_owned();
        let started = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => panic!(
                "this test needs {name:?}, which `.ci/tools` installs, and it cannot be run: {error}"
            ),
        };
        let log = Arc::new(Mutex::new(String::new()));
        let (sender, lines) = mpsc::channel();
        drain(child.stdout.take().expect("piped"), &log, &sender);
        drain(child.stderr.take().expect("piped"), &log, &sender);
        drop(sender);
        let process = Self { name, child, log };
        let found = awaited.iter().map(|text| {
            loop {
                let line = lines.recv_timeout(Duration::from_secs(60));
                let line =
                    line.unwrap_or_else(|_| panic!("{} does not say {text:?}", process.name));
                if let Some((_, rest)) = line.split_once(text) {
                    break rest.to_owned();
                }
            }
        });
        let found = found.collect();
        (process, found)
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the log of {}\n{}---", self.name, self.log());
        }
    }
}

/// Reads to the end, so that the server never waits for us.
fn drain(pipe: impl Read + Send + 'static, log: &Arc<Mutex<String>>, lines: &mpsc::Sender<String>) {
    let (log, lines) = (Arc::clone(log), lines.clone());
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if let Ok(mut log) = log.lock() {
                log.push_str(&line);
                log.push('\n');
            }
            let _ = lines.send(line);
        }
    });
}
