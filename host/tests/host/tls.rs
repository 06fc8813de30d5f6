//! https.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use goproxy_edge_host::Tls;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::server::{Folder, Server};

fn certificate(folder: &Folder) -> (CertifiedKey<rcgen::KeyPair>, Tls) {
    let certified = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let tls = Tls::from_pem(&certificate, &key).unwrap();
    (certified, tls)
}

/// The whole of what is answered over a connection of its own.
fn get(server: &Server, certified: &CertifiedKey<rcgen::KeyPair>, path: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(certified.cert.der().clone()).unwrap();
    let provider = tokio_rustls::rustls::crypto::ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(session, server.connect().socket);
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_server_with_a_certificate_speaks_https() {
    let folder = Folder::new();
    let (certified, tls) = certificate(&folder);
    let server = Server::start_with_tls(
        |config| config.limits.stalled_transfer = Duration::from_millis(300),
        Some(tls),
    );
    let answer = get(&server, &certified, "/wait/60000");
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    let answer = get(&server, &certified, "/count");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\n0"),
        "{answer}"
    );
}

#[test]
fn a_handshake_that_does_not_end_is_cut_off() {
    let folder = Folder::new();
    let (_, tls) = certificate(&folder);
    let server = Server::start_with_tls(
        |config| config.limits.header_time = Duration::from_millis(300),
        Some(tls),
    );
    let mut client = server.connect();
    client.send("\u{16}\u{3}");
    let (took, text) = client.closed_after();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(text, "");
}

#[test]
fn files_that_are_no_certificate_or_key_are_named() {
    let folder = Folder::new();
    drop(certificate(&folder));
    let [certificate, key, other] =
        ["cert.pem", "key.pem", "other.pem"].map(|name| folder.path().join(name));
    let refusal = |certificate, key| Tls::from_pem(certificate, key).err().unwrap().to_string();
    let missing = refusal(&other, &key);
    assert!(
        missing.contains("other.pem for https: ") && missing.contains("No such file"),
        "{missing}"
    );
    std::fs::write(&other, "nothing").unwrap();
    let empty = refusal(&other, &key);
    assert!(
        empty.ends_with("other.pem for https: it holds no certificate in PEM"),
        "{empty}"
    );
    let no_key = refusal(&certificate, &other);
    assert!(no_key.contains("other.pem for https: "), "{no_key}");
    let foreign = rcgen::KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(&other, foreign).unwrap();
    let mismatch = refusal(&certificate, &other);
    assert!(mismatch.contains("other.pem for https: "), "{mismatch}");
}
