//! Start: from the built command to its first answer, at its first start, which compiles the
//! component, and at the next ones.
//!
//! `cargo bench --bench start`

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use support::Folder;

fn main() {
    let folder = Folder::new("start");
    let first = first_answer(folder.path());
    let mut next: Vec<f64> = (0..5).map(|_| first_answer(folder.path())).collect();
    next.sort_by(f64::total_cmp);
    println!("\nFrom the start of the command to its first answer");
    println!("  {:<44} {first:>9.0} ms", "the first start");
    println!(
        "  {:<44} {:>9.0} ms",
        "the next ones, at the median", next[2]
    );
}

/// In milliseconds.
fn first_answer(folder: &Path) -> f64 {
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_goproxy-edge"))
        .args(["serve", "--addr", "127.0.0.1:0", "--data"])
        .arg(folder.join("data"))
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the built command");
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    output.read_line(&mut line).expect("its first line");
    let address = line.trim().strip_prefix("listening on http://");
    let address = address.unwrap_or_else(|| panic!("{line}"));
    let mut socket = TcpStream::connect(address).expect("a server that listens");
    write!(
        socket,
        "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .expect("an open connection");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let took = started.elapsed().as_secs_f64() * 1e3;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // No bench leaves a server behind.
    let _ = child.kill();
    let _ = child.wait();
    took
}
