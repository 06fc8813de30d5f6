//! The client that loads a server: one thread, some connections, one request after the other on each.
//!
//! Written on plain sockets: a client that costs more than the server would hide what differs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Contender;

/// As much as is read at once by a client that costs as little as can be.
pub const LARGE: usize = 512 << 10;

/// What one round gave.
#[derive(Debug, Default)]
pub struct Measured {
    pub requests: u64,
    /// Bytes of bodies.
    pub bytes: u64,
    pub time: Duration,
    pub p99: Duration,
}

impl Measured {
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64()
    }
}

/// Asks the same servers in turns, over a connection of each, so many times, and returns the median time
/// of each until its answer was there.
///
/// # Panics
/// When an answer is not whole, or has another status than is expected.
pub fn take_turns(contenders: &[(&Contender, u16)], times: usize) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut all = Vec::new();
        for (contender, status) in contenders {
            let socket = TcpStream::connect(contender.address)
                .await
                .expect("a server that listens");
            socket.set_nodelay(true).expect("an open socket");
            all.push((contender.request(), *status, socket, Vec::new()));
        }
        let mut buffer = vec![0; 64 << 10];
        for turn in 0..times {
            // Whoever comes behind the same one each time may find its caches warmer.
            let count = all.len();
            for at in 0..count {
                let (request, status, socket, latencies) = &mut all[(at + turn) % count];
                let started = Instant::now();
                socket
                    .write_all(request.as_bytes())
                    .await
                    .expect("an open connection");
                read_answer(socket, &mut buffer, *status).await;
                latencies.push(started.elapsed());
            }
        }
        let median = |mut latencies: Vec<Duration>| {
            latencies.sort_unstable();
            latencies[latencies.len() / 2]
        };
        all.into_iter().map(|(.., times)| median(times)).collect()
    })
}

/// Loads the server for some time.
///
/// # Panics
/// When an answer is not a whole 200.
pub fn load(contender: &Contender, connections: usize, time: Duration) -> Measured {
    let (address, piece) = (contender.address, contender.piece);
    let requests: Arc<[String]> = contender.requests().into();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let started = Instant::now();
    let mut latencies = Vec::new();
    let mut measured = Measured::default();
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for number in 0..connections {
            let until = started + time;
            let first = number * requests.len() / connections;
            let asks = ask(address, requests.clone(), first, piece, until);
            tasks.push(tokio::spawn(asks));
        }
        for task in tasks {
            let (bytes, times) = task.await.expect("a server that answers");
            measured.bytes += bytes;
            latencies.extend(times);
        }
    });
    measured.time = started.elapsed();
    measured.requests = latencies.len() as u64;
    latencies.sort_unstable();
    measured.p99 = latencies
        .get(latencies.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    measured
}

/// A request, whose headers are whole lines.
pub fn request(address: SocketAddr, path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n")
}

/// Sends one request over a connection of its own, and returns the time until the answer was there.
pub fn once(address: SocketAddr, path: &str) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let request = request(address, path, "");
    runtime.block_on(async {
        let started = Instant::now();
        let mut socket = TcpStream::connect(address)
            .await
            .expect("a server that listens");
        socket
            .write_all(request.as_bytes())
            .await
            .expect("an open connection");
        read_answer(&mut socket, &mut vec![0; LARGE], 200).await;
        started.elapsed()
    })
}

/// Loads the server for some time over so many connections with the client that the `go` command has, Go's
/// `net/http`.
///
/// # Panics
/// Where there is no Go, or an answer is not a whole 200.
pub fn go(
    contender: &Contender,
    connections: usize,
    folder: Option<&Path>,
    time: Duration,
) -> Measured {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/support/asks.go");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bin/asks");
        let mut go = Command::new("go");
        let built = go.args(["build", "-o"]).arg(&program).arg(source).status();
        assert!(built.is_ok_and(|it| it.success()), "asks.go is not built");
        program
    });
    let url = format!("http://{}{}", contender.address, contender.path);
    let mut asks = Command::new(program);
    asks.arg(&url).arg(connections.to_string());
    asks.arg(time.as_millis().to_string()).args(folder);
    let done = asks.output();
    let done = done.expect("a program that was built");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let printed = String::from_utf8(done.stdout).expect("numbers");
    let numbers: Vec<u64> = printed
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect();
    Measured {
        requests: numbers[0],
        bytes: numbers[1],
        time: Duration::from_nanos(numbers[2]),
        p99: Duration::from_nanos(numbers[3]),
    }
}

/// Loads the server for some time with `curl`, so many at once, each of which writes what it gets to a file
/// in `folder`: as people fetch something large.
///
/// # Panics
/// Where there is no `curl`, or an answer is not a whole 200.
pub fn curl(contender: &Contender, at_once: usize, folder: &Path, time: Duration) -> Measured {
    let url = format!("http://{}{}", contender.address, contender.path);
    let started = Instant::now();
    let mut measured = Measured::default();
    while started.elapsed() < time {
        let files: Vec<_> = (0..at_once)
            .map(|number| folder.join(format!("got{number}")))
            .collect();
        let running: Vec<_> = files
            .iter()
            .map(|file| {
                let mut command = Command::new("curl");
                command.args(["--silent", "--fail", "--output"]).arg(file);
                command.arg(&url).spawn().expect("curl")
            })
            .collect();
        for mut one in running {
            assert!(one.wait().expect("a process that ends").success(), "{url}");
            measured.requests += 1;
        }
        for file in &files {
            measured.bytes += std::fs::metadata(file).expect("a file").len();
        }
    }
    measured.time = started.elapsed();
    measured
}

async fn ask(
    address: SocketAddr,
    requests: Arc<[String]>,
    first: usize,
    piece: usize,
    until: Instant,
) -> (u64, Vec<Duration>) {
    let mut socket = TcpStream::connect(address)
        .await
        .expect("a server that listens");
    socket.set_nodelay(true).expect("an open socket");
    let mut buffer = vec![0; piece];
    let (mut bytes, mut times) = (0, Vec::new());
    let mut next = first;
    loop {
        let request = &requests[next];
        next = (next + 1) % requests.len();
        let started = Instant::now();
        if started >= until {
            return (bytes, times);
        }
        socket
            .write_all(request.as_bytes())
            .await
            .expect("an open connection");
        bytes += read_answer(&mut socket, &mut buffer, 200).await;
        times.push(started.elapsed());
    }
}

async fn read_answer(socket: &mut TcpStream, buffer: &mut [u8], status: u16) -> u64 {
    let mut filled = 0;
    let head = loop {
        let read = socket
            .read(&mut buffer[filled..])
            .await
            .expect("an open connection");
        assert!(read > 0, "the server closed the connection");
        filled += read;
        if let Some(end) = buffer[..filled]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        {
            break end + 4;
        }
    };
    let text = std::str::from_utf8(&buffer[..head])
        .expect("a head in ASCII")
        .to_ascii_lowercase();
    assert!(text.starts_with(&format!("http/1.1 {status}")), "{text}");
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: u64 = length
        .expect("a content-length")
        .trim()
        .parse()
        .expect("a number");
    let mut rest = length - (filled - head) as u64;
    while rest > 0 {
        let read = socket.read(buffer).await.expect("an open connection") as u64;
        assert!(read > 0, "the server broke off");
        rest -= read;
    }
    length
}
