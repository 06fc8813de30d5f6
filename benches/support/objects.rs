//! A real object store, `versitygw` over a folder, as in the tests; addresses in it that a plain client
//! can ask, signed; and a relay that counts what is asked, or is the network between.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusty_s3::{Bucket, Credentials, Method, S3Action as _, UrlStyle, signing};

const ACCESS_KEY: &str = "bench-access-key";
const SECRET_KEY: &str = "bench-secret-key-not-to-be-printed";
const BUCKET: &str = "modules";
const VERSION: &str = "v1.8.0";
/// How long a signed address is good for: longer than a benchmark takes.
const GOOD_FOR: Duration = Duration::from_secs(3600);

/// A running object store with one bucket, until this is dropped.
pub struct ObjectStore {
    child: Child,
    folder: PathBuf,
    pub address: SocketAddr,
}

impl ObjectStore {
    /// Starts it over this folder. The program is where the tests have it, and built where it is not.
    pub fn start(folder: &Path) -> Self {
        let bin = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bin");
        let program = bin.join("versitygw");
        if !program.exists() {
            let package = format!("github.com/versity/versitygw/cmd/versitygw@{VERSION}");
            let mut go = Command::new("go");
            let built = go.args(["install", &package]).env("GOBIN", &bin).status();
            assert!(built.is_ok_and(|it| it.success()), "versitygw is not built");
        }
        for name in ["data/modules", "sidecar"] {
            std::fs::create_dir_all(folder.join(name)).expect("room for a folder");
        }
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("a bound listener");
        drop(free);
        let child = Command::new(program)
            .args(["--access", ACCESS_KEY, "--secret", SECRET_KEY])
            .args(["--port", &address.to_string(), "--quiet", "--keep-alive"])
            .args(["posix", "--sidecar"])
            .arg(folder.join("sidecar"))
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("versitygw starts");
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "no versitygw");
            std::thread::sleep(Duration::from_millis(20));
        }
        ObjectStore {
            child,
            folder: folder.to_owned(),
            address,
        }
    }

    /// The folder that is the bucket.
    pub fn bucket(&self) -> PathBuf {
        self.folder.join("data").join(BUCKET)
    }

    /// What a plain client asks for an object.
    pub fn get(&self, key: &str) -> String {
        self.get_through(self.address, key)
    }

    /// The same for a client that asks at another address, since that is signed too.
    pub fn get_through(&self, address: SocketAddr, key: &str) -> String {
        let (bucket, credentials) = signing(address);
        let action = bucket.get_object(Some(&credentials), key);
        path(action.sign(GOOD_FOR).as_str())
    }

    /// What a plain client asks to write an object.
    pub fn put(&self, key: &str) -> String {
        let (bucket, credentials) = signing(self.address);
        let action = bucket.put_object(Some(&credentials), key);
        path(action.sign(GOOD_FOR).as_str())
    }

    /// What a plain client asks for a page of keys.
    pub fn list(&self, prefix: &str, after: Option<&str>) -> String {
        let (bucket, _) = signing(self.address);
        let mut query = vec![("list-type", "2"), ("prefix", prefix)];
        query.extend(after.map(|after| ("start-after", after)));
        let url = signing::sign(
            &jiff::Timestamp::now(),
            Method::Get,
            bucket.base_url().clone(),
            ACCESS_KEY,
            SECRET_KEY,
            None,
            bucket.region(),
            GOOD_FOR.as_secs(),
            query.into_iter(),
            std::iter::empty(),
        );
        path(url.as_str())
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A bucket at this address, and who may ask for it.
fn signing(address: SocketAddr) -> (Bucket, Credentials) {
    let endpoint = format!("http://{address}");
    let endpoint = endpoint.parse().expect("an address");
    let bucket = Bucket::new(endpoint, UrlStyle::Path, BUCKET, "us-east-1");
    let bucket = bucket.expect("a bucket's name");
    (bucket, Credentials::new(ACCESS_KEY, SECRET_KEY))
}

/// Settings of a proxy whose modules are in the bucket at this address.
pub fn settings<'a>(store: &'a str, endpoint: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("log", "off"),
        ("store", store),
        ("s3_endpoint", endpoint),
        ("s3_bucket", BUCKET),
        ("s3_access_key", ACCESS_KEY),
        ("s3_secret_key", SECRET_KEY),
    ]
}

/// The path and query of an absolute address.
fn path(url: &str) -> String {
    let (_, rest) = url.split_once("://").expect("an absolute address");
    let (_, path) = rest.split_once('/').expect("a path");
    format!("/{path}")
}

/// Sends bytes to an address, and returns the seconds until they were taken.
pub fn upload(server: SocketAddr, path: &str, bytes: &[u8]) -> f64 {
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {server}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        bytes.len()
    );
    let started = Instant::now();
    let mut socket = TcpStream::connect(server).expect("a server that listens");
    let sent = socket.write_all(head.as_bytes());
    sent.and_then(|()| socket.write_all(bytes))
        .expect("an open connection");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    started.elapsed().as_secs_f64()
}

/// A network between a client and a server.
#[derive(Clone, Copy)]
pub struct Link {
    /// There and back.
    pub round_trip: Duration,
    /// What all connections share on the way back.
    pub bytes_per_second: f64,
}

/// A relay in front of a server, which counts the requests that go through.
pub struct Relay {
    pub address: SocketAddr,
    count: Arc<AtomicUsize>,
}

impl Relay {
    pub fn start(to: SocketAddr) -> Self {
        Relay::over(to, None)
    }

    /// One that is as slow as such a network.
    pub fn far(to: SocketAddr, link: Link) -> Self {
        Relay::over(to, Some(link))
    }

    fn over(to: SocketAddr, link: Option<Link>) -> Self {
        let free_at = Arc::new(Mutex::new(Instant::now()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(to).expect("a server that listens");
                let back = (server.try_clone(), client.try_clone());
                let (Ok(from), Ok(into)) = back else {
                    continue;
                };
                let (counted, free_at) = (counted.clone(), free_at.clone());
                std::thread::spawn(move || {
                    relay(client, server, Some(&counted), |_| {
                        if let Some(link) = link {
                            std::thread::sleep(link.round_trip);
                        }
                    });
                });
                std::thread::spawn(move || {
                    relay(from, into, None, |bytes| {
                        if let Some(link) = link {
                            link.carry(bytes, &free_at);
                        }
                    });
                });
            }
        });
        Relay { address, count }
    }

    /// How many went through since this was last asked.
    pub fn taken(&self) -> usize {
        self.count.swap(0, Ordering::SeqCst)
    }
}

impl Link {
    /// Waits until these bytes are through, behind all that came before them.
    fn carry(&self, bytes: usize, free_at: &Mutex<Instant>) {
        let time = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        let through = {
            let mut free_at = free_at.lock().expect("nobody panics here");
            *free_at = (*free_at).max(Instant::now()) + time;
            *free_at
        };
        std::thread::sleep(through.saturating_duration_since(Instant::now()));
    }
}

/// Every request line ends so, and nothing else that is sent here does.
const LINE_END: &[u8] = b" HTTP/1.1\r\n";

/// Copies what comes, once `carry` has returned.
fn relay(
    mut from: TcpStream,
    mut to: TcpStream,
    counted: Option<&AtomicUsize>,
    carry: impl Fn(usize),
) {
    let _ = to.set_nodelay(true);
    let mut buffer = vec![0; 256 << 10];
    let mut kept = 0;
    while let Ok(read) = from.read(&mut buffer[kept..]) {
        carry(read);
        if read == 0 || to.write_all(&buffer[kept..kept + read]).is_err() {
            break;
        }
        let filled = kept + read;
        if let Some(counted) = counted {
            let windows = buffer[..filled].windows(LINE_END.len());
            let lines = windows.filter(|window| *window == LINE_END).count();
            counted.fetch_add(lines, Ordering::SeqCst);
            // A line may end in the next piece.
            let tail = filled.min(LINE_END.len() - 1);
            buffer.copy_within(filled - tail..filled, 0);
            kept = tail;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
