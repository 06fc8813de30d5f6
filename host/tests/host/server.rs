//! What the tests share: a server with a guest that obeys, and a client that can be rude.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use goproxy_edge_host::log::{Line, Source};
use goproxy_edge_host::{Host, HostConfig, Tls};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The guest, built once.
static GUEST: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let file =
        component_build::build("host-test-guest", target).unwrap_or_else(|error| panic!("{error}"));
    std::fs::read(file).unwrap()
});

/// A folder that is there as long as this is.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("goproxy-edge-host-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A line of the log, as the sink got it.
pub type Logged = (Source, Option<String>, String);

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    log: Arc<Mutex<Vec<Logged>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _folder: Folder,
}

/// The configuration of a host with the obedient guest. The compiled code is kept for the next test.
pub fn config(store: &Path) -> HostConfig {
    let mut config = HostConfig::new(GUEST.clone(), store);
    config.code_cache = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("code"));
    // The default reserves address space for hundreds of instances, and tests run side by side.
    config.limits.concurrent_requests = 8;
    config
}

impl Server {
    pub fn start() -> Server {
        Server::start_with(|_| ())
    }

    /// Starts a server after a change to its configuration.
    pub fn start_with(change: impl FnOnce(&mut HostConfig)) -> Server {
        Server::start_with_tls(change, None)
    }

    pub fn start_with_tls(change: impl FnOnce(&mut HostConfig), tls: Option<Tls>) -> Server {
        let folder = Folder::new();
        let mut config = config(&folder.path().join("store.redb"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = log.clone();
        config.log = Arc::new(move |line: Line<'_>| {
            let client = line.client.map(|client| client.to_string());
            lines
                .lock()
                .unwrap()
                .push((line.source, client, line.text.to_owned()));
        });
        change(&mut config);
        let host = Host::new(config).unwrap_or_else(|error| panic!("{error}"));
        let (stop, stopped) = oneshot::channel::<()>();
        let (sender, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                let stopped = async { drop(stopped.await) };
                host.serve(listener, tls, stopped).await;
            });
        });
        let address = address.recv().unwrap();
        Server {
            address,
            log,
            stop: Some(stop),
            thread: Some(thread),
            _folder: folder,
        }
    }

    /// Has the server finish what is under way, and waits for its end.
    pub fn stop(&mut self) {
        self.tell_to_stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub fn tell_to_stop(&mut self) {
        drop(self.stop.take());
    }

    pub fn log(&self) -> Vec<Logged> {
        self.log.lock().unwrap().clone()
    }

    /// Waits until some line of the log has this in it.
    pub fn wait_for_log(&self, text: &str) {
        let started = Instant::now();
        while !self.log().iter().any(|line| line.2.contains(text)) {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "{text:?} is not in {:?}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn connect(&self) -> Client {
        let socket = TcpStream::connect(self.address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Client {
            socket,
            rest: Vec::new(),
        }
    }

    /// One request on a connection of its own.
    pub fn get(&self, path: &str) -> Answer {
        self.connect().get(path)
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        let mut client = self.connect();
        client.send(&format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        client.answer()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that fails need not wait for its server.
        if std::thread::panicking() {
            self.tell_to_stop();
        } else {
            self.stop();
        }
    }
}

/// An answer, as far as it came.
#[derive(Debug)]
pub struct Answer {
    /// 0 when the connection ended before any came.
    pub status: u16,
    pub head: String,
    pub body: String,
    /// Whether the body ended as it should.
    pub whole: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        lines
            .filter_map(|line| line.split_once(": "))
            .find(|(one, _)| *one == name)
            .map(|(_, value)| value)
    }

    /// Status and whole body, for a test that expects both.
    pub fn said(&self) -> (u16, &str) {
        assert!(self.whole, "{self:?}");
        (self.status, &self.body)
    }
}

/// A connection.
pub struct Client {
    pub socket: TcpStream,
    rest: Vec<u8>,
}

impl Client {
    pub fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).unwrap();
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"));
        self.answer()
    }

    /// How long the server takes to close the connection, and what it sends before.
    pub fn closed_after(&mut self) -> (Duration, String) {
        let started = Instant::now();
        let mut text = Vec::new();
        // A reset is a way to close.
        let _ = self.socket.read_to_end(&mut text);
        (
            started.elapsed(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    pub fn answer(&mut self) -> Answer {
        let mut answer = Answer {
            status: 0,
            head: String::new(),
            body: String::new(),
            whole: false,
        };
        let Some(head) = self.until(b"\r\n\r\n") else {
            return answer;
        };
        answer.head = head;
        answer.status = answer.head.split(' ').nth(1).unwrap().parse().unwrap();
        if let Some(length) = answer
            .header("content-length")
            .map(|length| length.parse().unwrap())
        {
            (answer.body, answer.whole) = self.exactly(length);
            return answer;
        }
        assert_eq!(
            answer.header("transfer-encoding"),
            Some("chunked"),
            "{answer:?}"
        );
        loop {
            let Some(size) = self.until(b"\r\n") else {
                return answer;
            };
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let (chunk, whole) = self.exactly(size + 2);
            answer.body += chunk.strip_suffix("\r\n").unwrap_or(&chunk);
            if size == 0 || !whole {
                answer.whole = whole;
                return answer;
            }
        }
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        match self.socket.read(&mut buffer) {
            Ok(0) | Err(_) => false,
            Ok(read) => {
                self.rest.extend(&buffer[..read]);
                true
            }
        }
    }

    fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(place) = self.rest.windows(end.len()).position(|bytes| bytes == end) {
                let taken = self.rest.drain(..place + end.len()).collect();
                return Some(String::from_utf8(taken).unwrap());
            }
            if !self.more() {
                return None;
            }
        }
    }

    fn exactly(&mut self, length: usize) -> (String, bool) {
        while self.rest.len() < length && self.more() {}
        let taken: Vec<u8> = self.rest.drain(..length.min(self.rest.len())).collect();
        let whole = taken.len() == length;
        (String::from_utf8(taken).unwrap(), whole)
    }
}
