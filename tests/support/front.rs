//! TLS in front of a plain server. The head of every request is written down, the next ones of a kind can be refused,
//! and something can be done before one of a kind.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::s3::request_of;
use super::tls::Authority;

/// Carries one request a connection.
pub struct Front {
    port: u16,
    seen: Arc<Seen>,
}

type Action = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Seen {
    heads: Mutex<Vec<String>>,
    /// What the heads to be refused contain, one entry a request.
    refused: Mutex<Vec<String>>,
    /// What is done once before a request whose head contains this.
    before: Mutex<Option<(String, Action)>>,
}

impl Front {
    #[track_caller]
    pub fn new(authority: &Authority, to: &str) -> Self {
        let chain = CertificateDer::pem_file_iter(authority.certificate()).expect("a file");
        let chain = chain.collect::<Result<_, _>>().expect("certificates");
        let key = PrivateKeyDer::from_pem_file(authority.key()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a pair");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let seen = Arc::<Seen>::default();
        let (to, shared) = (to.to_owned(), seen.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (config, to, seen) = (config.clone(), to.clone(), shared.clone());
                std::thread::spawn(move || {
                    let connection = ServerConnection::new(config).expect("a configuration");
                    carry(StreamOwned::new(connection, client), &to, &seen);
                });
            }
        });
        Self { port, seen }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers 503 to the next requests whose heads contain these.
    pub fn refuse(&self, parts: &[&str]) {
        let mut refused = self.seen.refused.lock().expect("the list");
        refused.extend(parts.iter().map(|part| (*part).to_owned()));
    }

    /// Does something once, before the next request whose head contains this goes on.
    pub fn before(&self, part: &str, action: impl FnOnce() + Send + 'static) {
        let mut before = self.seen.before.lock().expect("the action");
        *before = Some((part.to_owned(), Box::new(action)));
    }

    /// The heads that came since this was last asked.
    pub fn heads(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.heads.lock().expect("the heads"))
    }
}

fn carry(mut client: StreamOwned<ServerConnection, TcpStream>, to: &str, seen: &Seen) {
    let Some(request) = request_of(&mut client) else {
        return;
    };
    let end = request.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = request.split_at(end.expect("a head"));
    let head = String::from_utf8_lossy(head).into_owned();
    seen.heads.lock().expect("the heads").push(head.clone());
    let action = {
        let mut before = seen.before.lock().expect("the action");
        before.take_if(|(part, _)| head.contains(part.as_str()))
    };
    if let Some((_, action)) = action {
        action();
    }
    let refused = {
        let mut refused = seen.refused.lock().expect("the list");
        let found = refused.iter().position(|part| head.contains(part.as_str()));
        found.map(|at| refused.remove(at))
    };
    let answer = if refused.is_some() {
        b"HTTP/1.1 503 Told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
    } else {
        let mut server = TcpStream::connect(to).expect("the server");
        // The body has come already.
        let fields: Vec<&str> = head
            .split("\r\n")
            .filter(|field| !field.to_ascii_lowercase().starts_with("expect:"))
            .collect();
        let head = fields.join("\r\n") + "\r\nConnection: close";
        let sent = server.write_all(head.as_bytes());
        let _ = sent.and_then(|()| server.write_all(body));
        let mut answer = Vec::new();
        let _ = server.read_to_end(&mut answer);
        answer
    };
    let _ = client.write_all(&answer);
    client.conn.send_close_notify();
    let _ = client.flush();
}
