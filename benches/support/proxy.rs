//! The proxy on the embedded host, and modules published to it.

use std::io::{Cursor, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use goproxy_edge_host::{Host, HostConfig};
use zip::write::SimpleFileOptions;

use super::{COMPONENT, serve_this};

/// Its SHA-256 is in [`TOKENS`].
pub const TOKEN: &str = "benchmark";
const TOKENS: &str = r#"[{"name":"benchmark","sha256":"0e89820860c342f2c7ec694d144023b10301c2accdd078cb5167a06d0c3d5bcc","scopes":["api"],"projects":["*"],"admin":true}]"#;

/// Starts the proxy with its store in this file, and these settings besides. Log lines are formed
/// and dropped.
pub fn start(
    store: &Path,
    settings: &[(&str, &str)],
    change: impl FnOnce(&mut HostConfig),
) -> SocketAddr {
    serve_this(&host(store, settings, change))
}

/// The host of it.
pub fn host(store: &Path, settings: &[(&str, &str)], change: impl FnOnce(&mut HostConfig)) -> Host {
    let mut config = HostConfig::new(COMPONENT.to_vec(), store);
    config.settings.insert("tokens".into(), TOKENS.into());
    for (name, value) in settings {
        config.settings.insert((*name).into(), (*value).into());
    }
    config.log = Arc::new(|line| drop(std::hint::black_box(line.text.to_owned())));
    change(&mut config);
    Host::new(config).unwrap_or_else(|error| panic!("{error}"))
}

/// Publishes a version whose zip has about this many bytes, and returns the answer's time in seconds.
pub fn publish(
    server: SocketAddr,
    module: &str,
    version: &str,
    files: usize,
    file_bytes: usize,
) -> f64 {
    let zip = module_zip(module, version, files, file_bytes);
    publish_zip(server, module, version, &zip)
}

/// Publishes this zip, and returns the answer's time in seconds.
pub fn publish_zip(server: SocketAddr, module: &str, version: &str, zip: &[u8]) -> f64 {
    put(server, &format!("/{module}/@v/{version}.zip"), zip)
}

/// Makes something new of these bytes, and returns the answer's time in seconds.
pub fn put(server: SocketAddr, path: &str, bytes: &[u8]) -> f64 {
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {server}\r\nauthorization: Bearer {TOKEN}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        bytes.len()
    );
    let mut socket = TcpStream::connect(server).expect("a server that listens");
    let started = std::time::Instant::now();
    socket
        .write_all(head.as_bytes())
        .expect("an open connection");
    socket.write_all(bytes).expect("an open connection");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    started.elapsed().as_secs_f64()
}

/// Files of bytes that do not deflate, so that the zip is as large as they are.
fn module_zip(module: &str, version: &str, files: usize, file_bytes: usize) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(format!("{module}@{version}/{name}"), options)
            .expect("a legal name");
        zip.write_all(bytes).expect("room in memory");
    };
    add("go.mod", format!("module {module}\n").as_bytes());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..files {
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .take(file_bytes)
        .collect();
        add(&format!("file{number}.dat"), &bytes);
    }
    zip.finish().expect("room in memory").into_inner()
}
