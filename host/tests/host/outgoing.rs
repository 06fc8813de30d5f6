//! What a guest may ask of other servers, and what it is told when they fail.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::server::Server;

/// A server that answers each request with the next of these texts, and goes on with the connection
/// as long as they are whole; an empty one is silence.
struct Other {
    address: SocketAddr,
    connections: Arc<AtomicU32>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Other {
    fn new(answers: &[&str]) -> Other {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = Other {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let answers: Vec<String> = answers.iter().map(|text| (*text).to_owned()).collect();
        let (connections, requests) = (other.connections.clone(), other.requests.clone());
        std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            while answers.len() > 0 {
                let (mut socket, _) = listener.accept().unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                while let Some(request) = read_request(&mut socket) {
                    requests.lock().unwrap().push(request);
                    let Some(answer) = answers.next() else { return };
                    if answer.is_empty() {
                        std::thread::sleep(Duration::from_secs(2));
                        break;
                    }
                    socket.write_all(answer.as_bytes()).unwrap();
                    if answer.contains("short") {
                        break;
                    }
                }
            }
        });
        other
    }

    /// A server that lets its guest ask this one.
    fn allowed(&self) -> Server {
        let entry = format!("http://{}", self.address);
        Server::start_with(|config| config.allowed_outbound_hosts = vec![entry])
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A head, and a body of the length that the head tells or of one chunk.
fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut request = String::new();
    let mut bytes = [0; 4096];
    loop {
        let read = socket.read(&mut bytes).ok().filter(|read| *read > 0)?;
        request.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        let chunked = request.contains("transfer-encoding");
        if request.ends_with(if chunked { "\r\n0\r\n\r\n" } else { "\r\n\r\n" }) {
            return Some(request);
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[test]
fn a_guest_may_ask_what_the_configuration_names_and_nothing_else() {
    let other = Other::new(&[OK]);
    let path = format!("/ask/{}/a?b=c", other.address);
    let denied = (200, "ErrorCode::HttpRequestDenied");
    assert_eq!(Server::start().get(&path).said(), denied);
    let elsewhere = Server::start_with(|config| {
        config.allowed_outbound_hosts = vec!["http://127.0.0.1:1".to_owned()];
    });
    assert_eq!(elsewhere.get(&path).said(), denied);
    assert_eq!(other.requests(), [""; 0]);
    assert_eq!(other.allowed().get(&path).said(), (200, "200 hello"));
    let request = &other.requests()[0];
    assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains(&format!("host: {}\r\n", other.address)),
        "{request}"
    );
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let other = Other::new(&[OK, OK, OK]);
    let server = other.allowed();
    for _ in 0..3 {
        let answer = server.get(&format!("/ask/{}/", other.address));
        assert_eq!(answer.said(), (200, "200 hello"));
    }
    assert_eq!(other.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_connection_that_the_server_has_closed_is_not_used_again() {
    let closing = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nshort";
    let other = Other::new(&[closing, OK]);
    let server = other.allowed();
    for said in ["200 short", "200 hello"] {
        let answer = server.get(&format!("/ask/{}/", other.address));
        assert_eq!(answer.said(), (200, said));
        // As long as it takes until the end of the connection is seen.
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(other.connections.load(Ordering::SeqCst), 2);
}

#[test]
fn a_redirect_is_handed_on_and_not_followed() {
    let redirect =
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let other = Other::new(&[redirect]);
    let answer = other.allowed().get(&format!("/ask/{}/", other.address));
    assert_eq!(answer.said(), (200, "302 "));
}

#[test]
fn a_guest_is_told_what_became_of_its_request() {
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort";
    for (answer, said) in [
        (short, "200 short and broke off"),
        ("", "ErrorCode::ConnectionReadTimeout"),
        ("no HTTP, and short\r\n\r\n", "ErrorCode::HttpProtocolError"),
    ] {
        let other = Other::new(&[answer]);
        let got = other.allowed().get(&format!("/ask/{}/", other.address));
        assert_eq!(got.said(), (200, said), "{answer}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let server = Server::start_with(|config| {
        config.allowed_outbound_hosts = vec![format!("http://{nobody}")];
    });
    let refused = (200, "ErrorCode::ConnectionRefused");
    assert_eq!(server.get(&format!("/ask/{nobody}/")).said(), refused);
}

#[test]
fn an_entry_that_names_no_server_is_told_at_the_start() {
    let folder = crate::server::Folder::new();
    let mut config = crate::server::config(&folder.path().join("store.redb"));
    config.allowed_outbound_hosts = vec!["s3.example.com".to_owned()];
    let error = goproxy_edge_host::Host::new(config)
        .err()
        .unwrap()
        .to_string();
    let expected =
        "\"s3.example.com\" names no outbound host: it is scheme://host[:port], without a path";
    assert_eq!(error, expected);
}
