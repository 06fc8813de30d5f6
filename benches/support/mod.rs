//! What the benchmarks share: servers to compare, a client that loads them, and a way to say it.

#![allow(dead_code, reason = "each benchmark uses a part of this")]

pub mod client;
pub mod fill;
pub mod native;
pub mod objects;
pub mod proxy;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use goproxy_edge_host::{Host, HostConfig, Preopen};
use tokio::net::TcpListener;

/// As the command has it, for servers and clients alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One measurement of one server. Short, since rounds alternate and the best of them counts:
/// whatever else the machine does only ever slows a server down.
pub const ROUND: Duration = Duration::from_millis(1500);
pub const ROUNDS: usize = 4;

/// The bytes of a chunk that a store in redb holds without waste.
pub const CHUNK: usize = 262_016;

/// The proxy.
pub static COMPONENT: &[u8] = include_bytes!(env!("GOPROXY_EDGE_COMPONENT"));

/// The floor component.
pub fn floor() -> Vec<u8> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("cargo's own folders");
    let file = component_build::build("goproxy-edge-floor", target)
        .unwrap_or_else(|error| panic!("{error}"));
    std::fs::read(file).expect("what cargo has just built")
}

/// A folder that is there as long as this is.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("goproxy-edge-bench-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder for temporary files");
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

/// A folder of the guest's, which it may write.
pub fn preopen(host: &Path, guest: &Path) -> Preopen {
    Preopen {
        host: host.into(),
        guest: guest.to_str().expect("a path that is text").into(),
        writable: true,
    }
}

/// A store file that holds `floor` and this many chunks, as the host's own store writes them.
pub fn fill_store(file: &Path, chunks: usize) {
    let chunk: Vec<u8> = (0..CHUNK).map(|place| (place * 31 % 251) as u8).collect();
    let chunks = (0..chunks).map(|number| (format!("chunk-{number}"), chunk.clone()));
    let floor = ("floor".to_owned(), vec![7; 200]);
    write_store(file, std::iter::once(floor).chain(chunks));
}

/// A store file that holds these keys and values.
pub fn write_store(file: &Path, values: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let table = redb::TableDefinition::<&str, &[u8]>::new("default");
    let database = redb::Database::create(file).expect("a new store");
    let write = database.begin_write().expect("a store that works");
    {
        let mut table = write.open_table(table).expect("a store that works");
        for (key, value) in values {
            table
                .insert(key.as_str(), value.as_slice())
                .expect("a store that works");
        }
    }
    write.commit().expect("a store that works");
}

/// Waits until no version that was just published is looked after any more (30 seconds): a hit then is
/// what it is for the rest of a version's life.
pub fn let_settle(server: SocketAddr, paths: &[&str]) {
    std::thread::sleep(Duration::from_secs(31));
    for path in paths {
        client::load(
            &Contender::new("", server, *path),
            1,
            Duration::from_millis(20),
        );
    }
}

/// A server on threads of its own, until the process ends.
pub fn serve<F>(start: impl FnOnce(TcpListener) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + 'static,
{
    let (sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            sender
                .send(listener.local_addr().expect("a bound listener"))
                .expect("somebody who waits");
            start(listener).await;
        });
    });
    address.recv().expect("a server that starts")
}

/// The embedded host.
pub fn serve_host(config: HostConfig) -> SocketAddr {
    serve_this(&Host::new(config).unwrap_or_else(|error| panic!("{error}")))
}

/// The same for a host that is asked things besides.
pub fn serve_this(host: &Host) -> SocketAddr {
    let host = host.clone();
    serve(|listener| async move {
        host.serve(listener, None, std::future::pending()).await;
    })
}

/// Runs something while the host serves, and lets the host end: its store is free again then.
pub fn while_serving<T>(host: Host, act: impl FnOnce(SocketAddr) -> T) -> T {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (sender, address) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                let address = listener.local_addr().expect("a bound listener");
                sender.send(address).expect("somebody who waits");
                let stopped = async {
                    let _ = stopped.await;
                };
                host.serve(listener, None, stopped).await;
            });
        });
        let done = act(address.recv().expect("a server that starts"));
        drop(stop);
        done
    })
}

/// One thing to measure.
#[derive(Clone)]
pub struct Contender {
    pub name: &'static str,
    pub address: SocketAddr,
    pub path: String,
    /// What is asked for next, in turns, each connection from another place on.
    pub others: Vec<String>,
    /// Whole lines with their ends.
    pub headers: String,
    /// How many bytes the client reads at once.
    pub piece: usize,
}

impl Contender {
    pub fn new(name: &'static str, address: SocketAddr, path: impl Into<String>) -> Self {
        Contender {
            name,
            address,
            path: path.into(),
            others: Vec::new(),
            headers: String::new(),
            piece: client::LARGE,
        }
    }

    /// What it is asked.
    pub fn request(&self) -> String {
        client::request(self.address, &self.path, &self.headers)
    }

    /// All that it is asked.
    pub fn requests(&self) -> Vec<String> {
        let paths = std::iter::once(&self.path).chain(&self.others);
        paths
            .map(|path| client::request(self.address, path, &self.headers))
            .collect()
    }
}

/// Measures them in turns, and returns the best round of each.
pub fn compare(contenders: &[Contender], connections: usize) -> Vec<client::Measured> {
    compare_by(contenders, |contender, time| {
        client::load(contender, connections, time)
    })
}

/// The same, measured so.
pub fn compare_by(
    contenders: &[Contender],
    measure: impl Fn(&Contender, Duration) -> client::Measured,
) -> Vec<client::Measured> {
    for contender in contenders {
        measure(contender, ROUND / 5);
    }
    let mut best: Vec<Option<client::Measured>> = contenders.iter().map(|_| None).collect();
    for _ in 0..ROUNDS {
        for (contender, best) in contenders.iter().zip(&mut best) {
            let measured = measure(contender, ROUND);
            if best
                .as_ref()
                .is_none_or(|best| measured.per_second() > best.per_second())
            {
                *best = Some(measured);
            }
        }
    }
    best.into_iter().flatten().collect()
}

/// Prints a line a contender; ratios are to the one at `floor`.
pub fn print_requests(
    title: &str,
    contenders: &[Contender],
    measured: &[client::Measured],
    floor: usize,
) {
    println!("\n{title}");
    for (contender, one) in contenders.iter().zip(measured) {
        println!(
            "  {:<44} {:>9.0} requests/s  {:>4.0} %  p99 {:>6.2} ms",
            contender.name,
            one.per_second(),
            100.0 * one.per_second() / measured[floor].per_second(),
            one.p99.as_secs_f64() * 1e3,
        );
    }
}

/// The same in bytes a second.
pub fn print_throughput(
    title: &str,
    contenders: &[Contender],
    measured: &[client::Measured],
    floor: usize,
) {
    println!("\n{title}");
    for (contender, one) in contenders.iter().zip(measured) {
        let rate = |one: &client::Measured| one.bytes as f64 / one.time.as_secs_f64();
        println!(
            "  {:<44} {:>9.0} MB/s  {:>4.0} %",
            contender.name,
            rate(one) / 1e6,
            100.0 * rate(one) / rate(&measured[floor]),
        );
    }
}
