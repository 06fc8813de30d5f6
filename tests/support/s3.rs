//! A real object store: `versitygw` over a folder, built from the Go module proxy at the first use. What is put into
//! the folder is in its bucket. And a proxy in front of it that spoils what it is told to.

use std::io::{Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::http::Request;
use super::run;
use super::server::Setup;

pub const ACCESS_KEY: &str = "test-access-key";
pub const SECRET_KEY: &str = "test-secret-key-not-to-be-printed";
pub const BUCKET: &str = "modules";
const VERSION: &str = "v1.8.0";

/// The server's binary.
#[track_caller]
fn versitygw() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY
        .get_or_init(|| {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bin");
            let binary = folder.join("versitygw");
            if !binary.exists() {
                let package = format!("github.com/versity/versitygw/cmd/versitygw@{VERSION}");
                let built = run(Command::new("go")
                    .args(["install", &package])
                    .env("GOBIN", &folder));
                assert_eq!(
                    built.code,
                    Some(0),
                    "versitygw cannot be built:\n{}",
                    built.stderr
                );
            }
            binary
        })
        .clone()
}

/// A running object store with one bucket. Stopped, with its folder removed, when dropped.
pub struct ObjectStore {
    child: Child,
    folder: TempDir,
    address: String,
}

impl ObjectStore {
    #[track_caller]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["data/modules", "sidecar"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        // The port is free when it is looked for; another may take it before it is used.
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("its number").to_string();
        drop(free);
        let child = Command::new(versitygw())
            .args([
                "--access", ACCESS_KEY, "--secret", SECRET_KEY, "--port", &address,
            ])
            .args(["--quiet", "--keep-alive", "posix", "--sidecar"])
            .arg(folder.path().join("sidecar"))
            .arg(folder.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("versitygw starts");
        let begun = Instant::now();
        while TcpStream::connect(&address).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "versitygw does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            child,
            folder,
            address,
        }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The bucket's folder.
    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join("data").join(BUCKET)
    }

    /// How many uploads lie there. What the store is tried on stays for good.
    pub fn uploads(&self) -> usize {
        let folder = std::fs::read_dir(self.bucket().join(".goproxy-edge"));
        let names = folder.into_iter().flatten().flatten();
        names.filter(|entry| entry.file_name() != "trial").count()
    }

    /// Puts an object there as a file, past the server.
    pub fn put(&self, key: &str, content: impl AsRef<[u8]>) {
        let file = self.bucket().join(key);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, content).expect("a file");
    }

    /// Settings of a server whose modules are here.
    pub fn setup(&self) -> Setup {
        setup_at(&self.address)
    }
}

/// Settings of a server whose modules are in the bucket behind this address. What a request asks of the
/// bucket is counted, so it holds modules alone.
pub fn setup_at(address: &str) -> Setup {
    Setup::new()
        .set("admin", "off")
        .set("store", "s3")
        .set("s3_endpoint", format_args!("http://{address}"))
        .set("s3_bucket", BUCKET)
        .set("s3_access_key", ACCESS_KEY)
        .set("s3_secret_key", SECRET_KEY)
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is done to a request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before anything is answered.
    Reset,
    /// This status comes, with this code.
    Status(u16, &'static str),
    /// The answer ends after so many bytes, head included.
    Cut(usize),
    /// The answer's bytes come in two halves with a pause between.
    Slow(Duration),
    /// Nothing comes.
    Silent,
}

/// A proxy that carries one request a connection, and puts the next of its faults on it.
pub struct FaultyProxy {
    address: String,
    faults: Arc<Mutex<Vec<Option<Fault>>>>,
    carried: Arc<Mutex<Vec<String>>>,
}

impl FaultyProxy {
    pub fn new(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let proxy = Self {
            address: listener.local_addr().expect("its number").to_string(),
            faults: Arc::default(),
            carried: Arc::default(),
        };
        let (to, faults, carried) = (to.to_owned(), proxy.faults.clone(), proxy.carried.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (to, faults, carried) = (to.clone(), faults.clone(), carried.clone());
                std::thread::spawn(move || carry(client, &to, &faults, &carried));
            }
        });
        proxy
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the next requests meet; none: nothing.
    pub fn next(&self, faults: &[Option<Fault>]) {
        *self.faults.lock().expect("the faults") = faults.to_vec();
    }

    /// Method and path of what came since this was last asked.
    pub fn carried(&self) -> Vec<String> {
        std::mem::take(&mut *self.carried.lock().expect("what was carried"))
    }
}

/// Reads a request whole: its head, and the body that its length announces.
pub(super) fn request_of(client: &mut impl Read) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        if let Some(end) = all.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&all[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned));
            let length: usize = length.map_or(0, |length| length.trim().parse().expect("a length"));
            if all.len() >= end + 4 + length {
                return Some(all);
            }
        }
        match client.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(read) => all.extend_from_slice(&piece[..read]),
        }
    }
}

fn carry(
    mut client: TcpStream,
    to: &str,
    faults: &Mutex<Vec<Option<Fault>>>,
    carried: &Mutex<Vec<String>>,
) {
    let Some(request) = request_of(&mut client) else {
        return;
    };
    let line = String::from_utf8_lossy(&request)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let path = line
        .split(['?'])
        .next()
        .unwrap_or_default()
        .trim_end_matches(" HTTP/1.1");
    carried
        .lock()
        .expect("what was carried")
        .push(path.to_owned());
    let fault = {
        let mut faults = faults.lock().expect("the faults");
        if faults.is_empty() {
            None
        } else {
            faults.remove(0)
        }
    };
    match fault {
        Some(Fault::Reset) => return,
        Some(Fault::Silent) => {
            std::thread::sleep(Duration::from_secs(40));
            return;
        }
        Some(Fault::Status(status, code)) => {
            let body = format!("<Error><Code>{code}</Code></Error>");
            let head = format!(
                "HTTP/1.1 {status} Told\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = client.write_all((head + &body).as_bytes());
            return;
        }
        None | Some(Fault::Cut(_) | Fault::Slow(_)) => {}
    }
    let mut server = TcpStream::connect(to).expect("the object store");
    // One request a connection, so that each meets its own fault.
    let end = request
        .windows(2)
        .position(|window| window == b"\r\n")
        .expect("a line");
    server.write_all(&request[..end]).expect("it reads");
    server
        .write_all(b"\r\nConnection: close")
        .expect("it reads");
    server.write_all(&request[end..]).expect("it reads");
    let mut answer = Vec::new();
    let _ = server.read_to_end(&mut answer);
    match fault {
        Some(Fault::Cut(after)) => answer.truncate(after),
        Some(Fault::Slow(pause)) => {
            let second = answer.split_off(answer.len() / 2);
            let _ = client.write_all(&answer);
            std::thread::sleep(pause);
            answer = second;
        }
        _ => {}
    }
    let _ = client.write_all(&answer);
    let _ = client.shutdown(Shutdown::Write);
}

/// `/readyz` of a server with this set-up: its status and text.
#[track_caller]
pub fn readiness(setup: Setup) -> (u16, String) {
    let server = setup.start();
    let answer = Request::new("GET", "/readyz").send(server.address());
    for text in [answer.text(), server.log()] {
        assert!(
            !text.contains(SECRET_KEY) && !text.contains("X-Amz-"),
            "a secret: {text}"
        );
    }
    (answer.status, answer.text())
}
