//! What HTTP asks of any resource: conditions, ranges; and the settings that show in every answer.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::archive::{module_zip, noise, small_module};
use crate::support::http::{Request, refusal};
use crate::support::server::{Server, Setup};
use crate::support::sha256_hex;

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const ZIP: &str = "/example.com/m/@v/v1.0.0.zip";
const LIST: &str = "/example.com/m/@v/list";

#[test]
fn what_a_client_has_already_is_not_sent_again() {
    let server = Server::new();
    server.publish(ZIP, small_module("example.com/m", "v1.0.0"));
    let (zip, list) = (ZIP, LIST);
    let of = |path: &str| server.get(path).header("etag").expect("an ETag").to_owned();
    let (zip_tag, list_tag) = (of(zip), of(list));
    let rows = [
        ("the same", zip, zip_tag.clone(), 304),
        ("the same, weak", zip, format!("W/{zip_tag}"), 304),
        ("one of several", zip, format!("\"x\", {zip_tag}"), 304),
        ("any", zip, "*".to_owned(), 304),
        ("another", zip, "\"x\"".to_owned(), 200),
        ("unquoted", zip, zip_tag.trim_matches('"').to_owned(), 200),
        ("a list's", list, list_tag.clone(), 304),
        ("another file's", zip, list_tag, 200),
    ];
    for (name, path, value, status) in rows {
        for method in ["GET", "HEAD"] {
            let answer = Request::new(method, path)
                .header("If-None-Match", &value)
                .send(server.address());
            assert_eq!(answer.status, status, "{name}: {method} {answer}");
            if status == 304 {
                let age = if path == zip {
                    IMMUTABLE
                } else {
                    "public, max-age=60"
                };
                let ranges = if path == zip {
                    "accept-ranges: bytes\n"
                } else {
                    ""
                };
                let etag = of(path);
                assert_eq!(
                    answer.show(),
                    format!("304\n{ranges}cache-control: {age}\netag: {etag}\n\n"),
                    "{name}: {method}"
                );
            }
        }
    }
    let absent = Request::new("GET", "/example.com/m/@v/v9.9.9.zip")
        .header("If-None-Match", "*")
        .send(server.address());
    assert_eq!(absent.status, 404);
}

#[test]
fn a_range_of_a_zip_is_sent_as_asked() {
    let server = Server::new();
    let noise = noise(600_000);
    // Of several chunks.
    let zip = module_zip(
        "example.com/m",
        "v1.0.0",
        &[("go.mod", b"module example.com/m\n"), ("noise", &noise)],
    );
    let path = ZIP;
    server.publish(path, zip.clone());
    let size = zip.len();
    let tag = format!("\"{}\"", sha256_hex(&zip));
    let partial = |first: usize, last: usize| {
        let head = format!(
            "206\naccept-ranges: bytes\ncache-control: {IMMUTABLE}\ncontent-length: {}\ncontent-range: bytes {first}-{last}/{size}\ncontent-type: application/zip\netag: {tag}\n\n",
            last - first + 1
        );
        (head, zip[first..=last].to_vec())
    };
    let whole = || {
        let head = format!(
            "200\naccept-ranges: bytes\ncache-control: {IMMUTABLE}\ncontent-length: {size}\ncontent-type: application/zip\netag: {tag}\n\n"
        );
        (head, zip.clone())
    };
    let none = || {
        let text = format!("range not satisfiable: there are {size} bytes\n");
        let whole = refusal(
            416,
            "no-store",
            &format!("content-range: bytes */{size}"),
            &text,
        );
        (
            whole[..whole.find("\n\n").unwrap() + 2].to_owned(),
            text.into_bytes(),
        )
    };
    let rows = [
        (
            "the first bytes",
            "bytes=0-3".to_owned(),
            None,
            partial(0, 3),
        ),
        (
            "from the middle",
            "bytes=1000-".to_owned(),
            None,
            partial(1000, size - 1),
        ),
        (
            "across chunks",
            "bytes=262000-262100".to_owned(),
            None,
            partial(262_000, 262_100),
        ),
        (
            "across several chunks",
            "bytes=100-599999".to_owned(),
            None,
            partial(100, 599_999),
        ),
        (
            "a chunk's last byte",
            "bytes=262015-262015".to_owned(),
            None,
            partial(262_015, 262_015),
        ),
        (
            "a chunk's first byte",
            "bytes=262016-262016".to_owned(),
            None,
            partial(262_016, 262_016),
        ),
        (
            "the last bytes",
            "bytes=-10".to_owned(),
            None,
            partial(size - 10, size - 1),
        ),
        (
            "more than there is, from the end",
            format!("bytes=-{}", size + 10),
            None,
            partial(0, size - 1),
        ),
        (
            "past the end",
            format!("bytes=10-{}", size + 10),
            None,
            partial(10, size - 1),
        ),
        ("after the end", format!("bytes={size}-"), None, none()),
        ("no last bytes", "bytes=-0".to_owned(), None, none()),
        ("backwards", "bytes=5-4".to_owned(), None, whole()),
        ("no numbers", "bytes=a-b".to_owned(), None, whole()),
        ("another unit", "lines=1-2".to_owned(), None, whole()),
        (
            "too large a number",
            "bytes=0-99999999999999999999999".to_owned(),
            None,
            partial(0, size - 1),
        ),
        ("several ranges", "bytes=0-1,5-6".to_owned(), None, whole()),
        (
            "if it is the same",
            "bytes=0-3".to_owned(),
            Some(tag.clone()),
            partial(0, 3),
        ),
        (
            "if it is another",
            "bytes=0-3".to_owned(),
            Some("\"x\"".to_owned()),
            whole(),
        ),
        (
            "if it is the same, weakly",
            "bytes=0-3".to_owned(),
            Some(format!("W/{tag}")),
            whole(),
        ),
    ];
    for (name, range, condition, (head, body)) in rows {
        let mut request = Request::new("GET", path).header("Range", &range);
        if let Some(condition) = condition {
            request = request.header("If-Range", condition);
        }
        let answer = request.send(server.address());
        let shown = answer.show();
        assert_eq!(
            shown[..shown.find("\n\n").unwrap() + 2],
            head,
            "{name}: {range}"
        );
        assert!(answer.body == body, "{name}: {range}: other bytes");
    }
    let list = Request::new("GET", "/example.com/m/@v/list")
        .header("Range", "bytes=0-1")
        .send(server.address());
    assert_eq!((list.status, list.text().as_str()), (200, "v1.0.0\n"));
}

#[test]
fn health_is_asked_without_a_credential() {
    let server = Server::new();
    let answer = |text: &str| {
        format!(
            "200\ncache-control: no-store\ncontent-length: {}\ncontent-type: text/plain; charset=utf-8\n\n{text}",
            text.len()
        )
    };
    assert_eq!(server.get("/healthz").show(), answer("ok\n"));
    assert_eq!(server.get("/readyz").show(), answer("ready\n"));
    assert_eq!(
        server.head("/healthz").show(),
        answer("ok\n").replace("\n\nok\n", "\n\n")
    );
}

#[test]
fn a_base_path_stands_in_front_of_everything() {
    let server = Setup::new().set("base_path", "/go").start();
    server.publish(
        "/go/example.com/m/@v/v1.0.0.zip",
        small_module("example.com/m", "v1.0.0"),
    );
    assert_eq!(server.get("/go/example.com/m/@v/list").text(), "v1.0.0\n");
    assert_eq!(
        server
            .get("/go/api/v4/projects/1/packages/go/example.com/m/@v/list")
            .text(),
        "v1.0.0\n"
    );
    assert_eq!(server.get("/go/healthz").status, 200);
    for outside in [
        "/example.com/m/@v/list",
        "/gone/example.com/m/@v/list",
        "/go",
    ] {
        assert_eq!(server.get(outside).status, 404, "{outside}");
    }
    for base in ["/go", "/go/api/v4/projects/1/packages/go"] {
        let repaired = server.command_at(base, &["repair"]).expect_success();
        assert!(
            repaired.contains(": 1 modules with 1 versions checked, "),
            "{repaired}"
        );
    }
}

#[test]
fn the_age_of_a_list_can_be_set() {
    let server = Setup::new().set("list_max_age", 5).start();
    server.publish(ZIP, small_module("example.com/m", "v1.0.0"));
    for path in [
        "/example.com/m/@v/list",
        "/example.com/m/@latest",
        "/example.com/m/@v/v1.info",
    ] {
        assert_eq!(
            server.get(path).header("cache-control"),
            Some("public, max-age=5"),
            "{path}"
        );
    }
    assert_eq!(
        server
            .get("/example.com/m/@v/v1.0.0.info")
            .header("cache-control"),
        Some(IMMUTABLE)
    );
}

#[test]
fn a_download_that_its_client_gives_up_is_in_the_log_too() {
    let server = Server::new();
    let content = noise(20 << 20);
    let files = [
        ("go.mod", &b"module example.com/m\n"[..]),
        ("noise", &content),
    ];
    server.publish(ZIP, module_zip("example.com/m", "v1.0.0", &files));
    let mut socket = TcpStream::connect(server.address()).unwrap();
    let head = format!("GET {ZIP} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    socket.read_exact(&mut [0; 1000]).unwrap();
    drop(socket);
    let line = server.logged(&format!("GET {ZIP} 200 "));
    assert!(line.ends_with(" the client went away"), "{line}");
    let sent: usize = line.split(' ').nth_back(5).unwrap().parse().unwrap();
    assert!((1000..20 << 20).contains(&sent), "{line}");
}

#[test]
fn every_request_is_one_line_of_the_log() {
    let server = Server::new();
    server.get("/example.com/m/@v/list");
    let line = server.logged("/example.com/m/@v/list");
    assert!(line.contains("GET") && line.contains("404"), "{line}");
    let quiet = Setup::new().set("log", "off").start();
    quiet.get("/example.com/m/@v/list");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(
        !quiet.log().contains("/example.com/m/@v/list"),
        "{}",
        quiet.log()
    );
}
