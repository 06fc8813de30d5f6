//! A real object store: `versitygw` over a folder, built from the Go module proxy at the first use. What is put into
//! the folder is in its bucket. And a proxy in front of it that spoils what it is told to.

use std::io::{Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use ring::hmac;
use rusty_s3::signing;
use serde_json::json;
use tempfile::TempDir;

use super::http::{Answer, Request};
use super::server::{Server, Setup};
use super::{run, sha256_hex};

pub const ACCESS_KEY: &str = "test-access-key";
pub const SECRET_KEY: &str = "test-secret-key-not-to-be-printed";
pub const BUCKET: &str = "modules";
/// A bucket and a domain that make an address together, `127.0.0.1`: no machine need resolve a name for it.
pub const VIRTUAL_BUCKET: &str = "127";
pub const VIRTUAL_DOMAIN: &str = "0.0.1";
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
    bucket: &'static str,
}

impl ObjectStore {
    #[track_caller]
    pub fn new() -> Self {
        Self::start(BUCKET, &[])
    }

    /// One that finds the bucket's name in the host that is asked.
    #[track_caller]
    pub fn with_virtual_hosts() -> Self {
        Self::start(VIRTUAL_BUCKET, &["--virtual-domain", VIRTUAL_DOMAIN])
    }

    #[track_caller]
    fn start(bucket: &'static str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["data", "sidecar"].map(|name| folder.path().join(name)) {
            std::fs::create_dir(name).expect("a folder");
        }
        std::fs::create_dir(folder.path().join("data").join(bucket)).expect("a folder");
        // The port is free when it is looked for; another may take it before it is used.
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("its number").to_string();
        drop(free);
        let child = Command::new(versitygw())
            .args([
                "--access", ACCESS_KEY, "--secret", SECRET_KEY, "--port", &address,
            ])
            .args(more)
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
            bucket,
        }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The bucket's folder.
    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join("data").join(self.bucket)
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

    /// Uploads an object as an S3 client does.
    #[track_caller]
    pub fn upload(&self, key: &str, content: impl Into<Vec<u8>>) {
        let told = self.ask("PUT", key, &[], content);
        assert_eq!(told.status, 200, "{key}: {}", told.text());
    }

    /// Begins an upload in parts.
    #[track_caller]
    pub fn begin_parts(&self, key: &str) {
        let told = self.ask("POST", key, &[("uploads", "")], "");
        assert_eq!(told.status, 200, "{key}: {}", told.text());
    }

    /// The uploads in parts that have begun and not ended, as the store tells them.
    #[track_caller]
    pub fn parts_begun(&self) -> usize {
        let told = self.ask("GET", "", &[("uploads", "")], "");
        assert_eq!(told.status, 200, "{}", told.text());
        told.text().matches("<UploadId>").count()
    }

    /// Asks the store itself, signed.
    fn ask(
        &self,
        method: &str,
        key: &str,
        query: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let slash = if key.is_empty() { "" } else { "/" };
        // Of what keys of modules have, that is all that a signature wants escaped.
        let key = key
            .replace('!', "%21")
            .replace('@', "%40")
            .replace('+', "%2B");
        let url = format!("http://{}/{}{slash}{key}", self.address, self.bucket);
        let verb = match method {
            "PUT" => rusty_s3::Method::Put,
            "POST" => rusty_s3::Method::Post,
            _ => rusty_s3::Method::Get,
        };
        let url = signing::sign(
            &jiff::Timestamp::now(),
            verb,
            url.parse().expect("an address"),
            ACCESS_KEY,
            SECRET_KEY,
            None,
            "us-east-1",
            60,
            query.iter().copied(),
            std::iter::empty(),
        );
        let target = url.as_str().trim_start_matches("http://");
        let target = target.trim_start_matches(&self.address).to_owned();
        Request::new(method, target).body(body).send(&self.address)
    }

    /// Lets everybody list the bucket and read what is in it.
    #[track_caller]
    pub fn open_to_everybody(&self) {
        let arn = format!("arn:aws:s3:::{}", self.bucket);
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": "*",
                "Action": ["s3:ListBucket", "s3:GetObject"],
                "Resource": [arn, format!("{arn}/*")],
            }],
        });
        let told = self.ask("PUT", "", &[("policy", "")], policy.to_string());
        assert!((200..300).contains(&told.status), "{}", told.text());
    }
}

/// Settings of a server whose modules are in the bucket behind this address.
pub fn setup_at(address: &str) -> Setup {
    let endpoint = format!("http://{address}");
    let settings = settings("s3", &endpoint);
    let set = |setup: Setup, (name, value)| setup.set(name, value);
    settings.into_iter().fold(Setup::new(), set)
}

/// The settings of a store that keeps modules, or a part of them, in the bucket at this address.
pub fn settings<'a>(store: &'a str, endpoint: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("store", store),
        ("s3_endpoint", endpoint),
        ("s3_bucket", BUCKET),
        ("s3_access_key", ACCESS_KEY),
        ("s3_secret_key", SECRET_KEY),
    ]
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
    /// The same before more than the head of a large upload has been read, and no more is read. Other requests do not
    /// meet it.
    Early(u16, &'static str),
    /// It is refused as S3 refuses what was signed at another time, by a clock that is so many seconds ahead.
    Clock(i64),
    /// The answer ends after so many bytes, head included.
    Cut(usize),
    /// The answer's bytes come in two halves with a pause between.
    Slow(Duration),
    /// Nothing comes.
    Silent,
}

/// As many bytes has a body at least that is a large one: more than what lies between two sockets.
const LARGE: usize = 4 << 20;

/// A proxy that carries one request a connection, and puts the next of its faults on it.
pub struct FaultyProxy {
    address: String,
    faults: Arc<Mutex<Vec<Option<Fault>>>>,
    /// The heads of the requests.
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
        let heads = self.heads();
        let without_query = heads.iter().map(|head| {
            let line = head.lines().next().unwrap_or_default();
            let path = line.split('?').next().unwrap_or_default();
            path.trim_end_matches(" HTTP/1.1").to_owned()
        });
        without_query.collect()
    }

    /// The whole heads of the same. They are signed, so that they are as good as a key: no message may show one.
    pub fn heads(&self) -> Vec<String> {
        std::mem::take(&mut *self.carried.lock().expect("what was carried"))
    }
}

/// Reads a request whole: its head, and the body that its length announces.
pub(super) fn request_of(client: &mut impl Read) -> Option<Vec<u8>> {
    request_until(client, |_| false).map(|(request, _)| request)
}

/// The same, and whether it is whole: no more of it is read where the head will do for a body of that length.
fn request_until(
    client: &mut impl Read,
    head_will_do: impl Fn(usize) -> bool,
) -> Option<(Vec<u8>, bool)> {
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
                return Some((all, true));
            }
            if head_will_do(length) {
                return Some((all, false));
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
    let meets_early = |length: usize| {
        let faults = faults.lock().expect("the faults");
        length > LARGE && matches!(faults.first(), Some(Some(Fault::Early(..))))
    };
    let Some((request, is_whole)) = request_until(&mut client, meets_early) else {
        return;
    };
    let head_end = request
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("a head");
    carried
        .lock()
        .expect("what was carried")
        .push(String::from_utf8_lossy(&request[..head_end]).into_owned());
    let fault = {
        let mut faults = faults.lock().expect("the faults");
        match faults.first() {
            None => None,
            Some(Some(Fault::Early(..))) if is_whole => None,
            Some(_) => faults.remove(0),
        }
    };
    match fault {
        Some(Fault::Reset) => return,
        Some(Fault::Silent) => {
            std::thread::sleep(Duration::from_secs(40));
            return;
        }
        Some(Fault::Early(status, code)) => {
            refuse(&mut client, status, code, "");
            return;
        }
        Some(Fault::Status(status, code)) => return refuse(&mut client, status, code, ""),
        Some(Fault::Clock(ahead)) => {
            let time = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead);
            let date = time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n");
            return refuse(&mut client, 403, "RequestTimeTooSkewed", &date.to_string());
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

/// Answers an error of this code, with these fields besides.
fn refuse(client: &mut TcpStream, status: u16, code: &str, fields: &str) {
    let body = format!("<Error><Code>{code}</Code></Error>");
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} Told\r\nContent-Length: {length}\r\n{fields}Connection: close\r\n\r\n{body}"
    );
    let _ = client.write_all(answer.as_bytes());
}

/// Whether the whole target of a request without signed fields but `Host` is signed by the secret key, in its query
/// ("Authenticating Requests: Using Query Parameters" of the Amazon S3 API reference).
pub fn is_signed(head: &str) -> bool {
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let fields: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let host = fields
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let Some(((path, query), (_, host))) = target.split_once('?').zip(host) else {
        return false;
    };
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find_map(|(other, value)| (other == name).then(|| value.replace("%2F", "/")))
            .unwrap_or_default()
    };
    let mut pairs: Vec<_> = query.split('&').collect();
    pairs.retain(|pair| !pair.starts_with("X-Amz-Signature="));
    pairs.sort_unstable();
    let query = pairs.join("&");
    let canonical = format!("{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");

    let credential = value("X-Amz-Credential");
    let Some(scope) = credential.strip_prefix(&format!("{ACCESS_KEY}/")) else {
        return false;
    };
    let date = value("X-Amz-Date");
    let hash = sha256_hex(canonical);
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
    let sign = |key: &[u8], text: &str| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
        tag.as_ref().to_vec()
    };
    let key = format!("AWS4{SECRET_KEY}").into_bytes();
    let key = scope.split('/').fold(key, |key, part| sign(&key, part));
    let signature: String = sign(&key, &text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    value("X-Amz-Signature") == signature
}

/// `/readyz` of a server with this set-up: its status and text. What is wrong stands in the log too.
#[track_caller]
pub fn readiness(setup: Setup) -> (u16, String) {
    readiness_of(&setup.start())
}

/// The same of a server that has all in the object store: who asks it for a module gets a 503 then.
#[track_caller]
pub fn readiness_and_hit(setup: Setup) -> (u16, String) {
    let server = setup.start();
    let (status, text) = readiness_of(&server);
    if status != 200 {
        let hit = server.get("/example.com/m/@v/v1.0.0.zip");
        assert_eq!(hit.status, 503, "{text}: {hit}");
        let logged = server.logged("v1.0.0.zip 503");
        assert!(logged.contains(cause(&text)), "{text}: {logged}");
    }
    (status, text)
}

/// The end of what a server says of its store.
fn cause(text: &str) -> &str {
    text.trim_end().rsplit(": ").next().unwrap_or_default()
}

#[track_caller]
fn readiness_of(server: &Server) -> (u16, String) {
    let answer = Request::new("GET", "/readyz").send(server.address());
    if answer.status != 200 {
        let logged = server.logged("GET /readyz");
        assert!(logged.contains(cause(&answer.text())), "{answer}: {logged}");
    }
    for text in [answer.text(), server.log()] {
        assert!(
            !text.contains(SECRET_KEY) && !text.contains("X-Amz-"),
            "a secret: {text}"
        );
    }
    (answer.status, answer.text())
}
