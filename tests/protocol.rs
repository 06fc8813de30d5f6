//! Every row of the URL space: status, all headers, the whole body; by GET and by HEAD, through every base.

use crate::support::archive::small_module;
use crate::support::http::{Request, refusal};
use crate::support::server::{GITLAB_BASES, Server};
use crate::support::sha256_hex;

const BASES: [&str; 3] = ["", GITLAB_BASES[0], GITLAB_BASES[1]];
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const SHORT: &str = "public, max-age=60";

/// What is in front of a body.
struct Head {
    age: &'static str,
    content_type: &'static str,
    /// How many digits the ETag has.
    etag: usize,
    ranges: bool,
}

const LIST: Head = Head {
    age: SHORT,
    content_type: "text/plain; charset=utf-8",
    etag: 32,
    ranges: false,
};
const QUERY: Head = Head {
    content_type: "application/json",
    ..LIST
};
const INFO: Head = Head {
    age: IMMUTABLE,
    etag: 64,
    ..QUERY
};
const MOD: Head = Head {
    age: IMMUTABLE,
    etag: 64,
    ..LIST
};
const ZIP: Head = Head {
    content_type: "application/zip",
    ranges: true,
    ..MOD
};

/// Strong, of the bytes: so many digits of their SHA-256.
fn etag(digits: usize, body: &[u8]) -> String {
    format!("\"{}\"", &sha256_hex(body)[..digits])
}

/// An answer as [`crate::support::http::Answer::show`] writes it.
fn shown(head: &Head, body: &[u8]) -> String {
    let mut text = "200\n".to_owned();
    if head.ranges {
        text += "accept-ranges: bytes\n";
    }
    text += &format!(
        "cache-control: {}\ncontent-length: {}\ncontent-type: {}\n",
        head.age,
        body.len(),
        head.content_type
    );
    text += &format!("etag: {}\n", etag(head.etag, body));
    text + "\n" + &String::from_utf8_lossy(body)
}

fn info(version: &str, minute: u8, origin: &str) -> String {
    format!(r#"{{"Version":"{version}","Time":"2020-01-01T00:{minute:02}:00Z"{origin}}}"#)
}

struct Fixture {
    server: Server,
    zip: Vec<u8>,
}

const PSEUDO: &str = "v1.2.0-rc.1.0.20200101000500-0123456789ab";

impl Fixture {
    fn new() -> Self {
        let server = Server::new();
        let publish = |version: &str, query: &str| {
            server.publish(
                &format!("/example.com/m/@v/{version}.zip?{query}"),
                small_module("example.com/m", version),
            );
        };
        publish("v1.0.0", "time=2020-01-01T00:01:00Z");
        publish("v1.10.0", "time=2020-01-01T00:02:00Z&ref=refs/tags/v1.10.0");
        publish("v1.2.0", "time=2020-01-01T00:03:00Z");
        publish("v1.11.0-rc.1", "time=2020-01-01T00:04:00Z");
        publish(
            PSEUDO,
            &format!(
                "ref=refs/heads/main&origin=%7B%22VCS%22:%22git%22,%22Hash%22:%22{COMMIT}%22,%22Ref%22:%22refs/heads/main%22%7D"
            ),
        );
        let capital = small_module("example.com/Up", "v1.0.0-RC1");
        server.publish(
            "/example.com/%21up/@v/v1.0.0-%21r%21c1.zip?time=2020-01-01T00:06:00Z",
            capital,
        );
        let pseudo = "v0.0.0-20200101000700-0123456789ab";
        server.publish(
            &format!("/example.com/pseudo/@v/{pseudo}.zip"),
            small_module("example.com/pseudo", pseudo),
        );
        server.publish(
            "/example.com/rc/@v/v0.1.0-rc.1.zip?time=2020-01-01T00:08:00Z",
            small_module("example.com/rc", "v0.1.0-rc.1"),
        );
        Self {
            server,
            zip: small_module("example.com/m", "v1.0.0"),
        }
    }
}

fn origin_of_main() -> String {
    format!(r#","Origin":{{"VCS":"git","Hash":"{COMMIT}","Ref":"refs/heads/main"}}"#)
}

#[test]
fn every_request_has_the_answer_of_the_table() {
    let fixture = Fixture::new();
    let go_mod: &[u8] = b"module example.com/m\n";
    let tagged = r#","Origin":{"VCS":"git","Ref":"refs/tags/v1.10.0"}"#;
    let highest = info("v1.10.0", 2, tagged);
    let main = info(PSEUDO, 5, &origin_of_main());
    let rows: Vec<(&str, String, &Head, Vec<u8>)> = vec![
        (
            "a list",
            "/example.com/m/@v/list".into(),
            &LIST,
            b"v1.0.0\nv1.2.0\nv1.10.0\nv1.11.0-rc.1\n".to_vec(),
        ),
        (
            "a list of nothing but pseudo-versions",
            "/example.com/pseudo/@v/list".into(),
            &LIST,
            b"".to_vec(),
        ),
        (
            "the highest release",
            "/example.com/m/@latest".into(),
            &QUERY,
            highest.clone().into(),
        ),
        (
            "the highest pre-release",
            "/example.com/rc/@latest".into(),
            &QUERY,
            info("v0.1.0-rc.1", 8, "").into(),
        ),
        (
            "the newest pseudo-version",
            "/example.com/pseudo/@latest".into(),
            &QUERY,
            info("v0.0.0-20200101000700-0123456789ab", 7, "").into(),
        ),
        (
            "an .info",
            "/example.com/m/@v/v1.0.0.info".into(),
            &INFO,
            info("v1.0.0", 1, "").into(),
        ),
        (
            "an .info with an origin",
            format!("/example.com/m/@v/{PSEUDO}.info"),
            &INFO,
            main.clone().into(),
        ),
        (
            "a .mod",
            "/example.com/m/@v/v1.0.0.mod".into(),
            &MOD,
            go_mod.to_vec(),
        ),
        (
            "a .zip",
            "/example.com/m/@v/v1.0.0.zip".into(),
            &ZIP,
            fixture.zip.clone(),
        ),
        (
            "capitals",
            "/example.com/!up/@v/v1.0.0-!r!c1.info".into(),
            &INFO,
            info("v1.0.0-RC1", 6, "").into(),
        ),
        (
            "capitals as go sends them",
            "/example.com/%21up/@v/v1.0.0-%21r%21c1.info".into(),
            &INFO,
            info("v1.0.0-RC1", 6, "").into(),
        ),
        (
            "what needs no escape, escaped",
            "/ex%61mple.com/m/@v/v1%2e0.0.mod".into(),
            &MOD,
            go_mod.to_vec(),
        ),
        (
            "the query latest",
            "/example.com/m/@v/latest.info".into(),
            &QUERY,
            highest.clone().into(),
        ),
        (
            "a major version",
            "/example.com/m/@v/v1.info".into(),
            &QUERY,
            highest.clone().into(),
        ),
        (
            "a minor version",
            "/example.com/m/@v/v1.2.info".into(),
            &QUERY,
            info("v1.2.0", 3, "").into(),
        ),
        (
            "GitLab's documented form of a version",
            "/example.com/m/@v/1.0.0.info".into(),
            &INFO,
            info("v1.0.0", 1, "").into(),
        ),
        (
            "a branch",
            "/example.com/m/@v/main.info".into(),
            &QUERY,
            main.clone().into(),
        ),
        (
            "a branch by its full name",
            "/example.com/m/@v/refs%2Fheads%2Fmain.info".into(),
            &QUERY,
            main.clone().into(),
        ),
        (
            "a commit of 7 digits",
            format!("/example.com/m/@v/{}.info", &COMMIT[..7]),
            &QUERY,
            main.clone().into(),
        ),
        (
            "a commit of 40 digits",
            format!("/example.com/m/@v/{COMMIT}.info"),
            &QUERY,
            main.clone().into(),
        ),
        (
            "the .mod of latest",
            "/example.com/m/@v/latest.mod".into(),
            &Head { age: SHORT, ..MOD },
            go_mod.to_vec(),
        ),
        (
            "the .mod of GitLab's form",
            "/example.com/m/@v/1.0.0.mod".into(),
            &MOD,
            go_mod.to_vec(),
        ),
        (
            "the .zip of GitLab's form",
            "/example.com/m/@v/1.0.0.zip".into(),
            &ZIP,
            fixture.zip.clone(),
        ),
    ];
    let absent = [
        (
            "a version that is not there",
            "/example.com/m/@v/v1.2.3.info",
            "example.com/m@v1.2.3: no such version",
        ),
        (
            "its .mod",
            "/example.com/m/@v/v1.2.3.mod",
            "example.com/m@v1.2.3: no such version",
        ),
        (
            "its .zip",
            "/example.com/m/@v/v1.2.3.zip",
            "example.com/m@v1.2.3: no such version",
        ),
        (
            "a module that is not there",
            "/example.com/absent/@v/list",
            "example.com/absent: no such module",
        ),
        (
            "the latest of a module that is not there",
            "/example.com/absent/@latest",
            "example.com/absent: no such module",
        ),
        (
            "a branch that is not there",
            "/example.com/m/@v/other.info",
            "example.com/m@other: no version matches",
        ),
        (
            "a commit of too few digits",
            "/example.com/m/@v/012345.info",
            "example.com/m@012345: no version matches",
        ),
        (
            "a prefix that nothing has",
            "/example.com/m/@v/v3.info",
            "example.com/m@v3: no version matches",
        ),
        (
            "a prefix that only a pre-release has, as for go",
            "/example.com/m/@v/v1.11.info",
            "example.com/m@v1.11: no version matches",
        ),
        (
            "a module whose path goes on",
            "/example.com/m/more/@v/list",
            "example.com/m/more: no such module",
        ),
        (
            "a module whose path is shorter",
            "/example.com/@v/list",
            "example.com: no such module",
        ),
        (
            "a version without an extension, which can only be withdrawn",
            "/example.com/m/@v/v1.0.0",
            "a version has .info, .mod and .zip, and nothing under its bare name",
        ),
    ];
    let present = rows
        .into_iter()
        .map(|(name, path, head, body)| (name, path, shown(head, &body)));
    let absent = absent.map(|(name, path, why)| {
        (
            name,
            path.to_owned(),
            refusal(404, SHORT, "", &format!("not found: {why}\n")),
        )
    });
    let rows: Vec<_> = present.chain(absent).collect();
    let mut differences = String::new();
    for base in BASES {
        for (name, path, whole) in &rows {
            for method in ["GET", "HEAD"] {
                let answer = Request::new(method, format!("{base}{path}"))
                    .send(fixture.server.address())
                    .show();
                let expected = match method {
                    "GET" => whole.clone(),
                    _ => whole[..whole.find("\n\n").expect("a head") + 2].to_owned(),
                };
                if answer != expected {
                    differences += &format!(
                        "## {name}: {method} {base}{path}\nexpected {expected}\ngot {answer}\n"
                    );
                }
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn other_methods_are_a_405_that_names_those_there_are() {
    let server = Server::new();
    let rows = [
        ("/example.com/m/@v/list", "POST", "GET, HEAD"),
        ("/example.com/m/@v/list", "PUT", "GET, HEAD"),
        ("/example.com/m/@latest", "DELETE", "GET, HEAD"),
        ("/example.com/m/@v/v1.0.0.info", "PUT", "GET, HEAD"),
        ("/example.com/m/@v/v1.0.0.zip", "POST", "GET, HEAD, PUT"),
        ("/example.com/m/@v/v1.0.0.mod", "PATCH", "GET, HEAD, PUT"),
        ("/example.com/m/@v/v1.0.0", "POST", "DELETE"),
        ("/upload", "GET", "PUT"),
        ("/healthz", "POST", "GET, HEAD"),
        ("/readyz", "DELETE", "GET, HEAD"),
        ("/-/admin/repair", "GET", "POST"),
        ("/example.com/m/@v/list", "OPTIONS", "GET, HEAD"),
        ("/example.com/m/@v/list", "NONSENSE", "GET, HEAD"),
    ];
    let mut differences = String::new();
    for (path, method, allow) in rows {
        let answer = Request::new(method, path).send(server.address()).show();
        let text = format!("method not allowed: {method} is not for this path: {allow}\n");
        let expected = refusal(405, "no-store", &format!("allow: {allow}"), &text);
        if answer != expected {
            differences += &format!("## {method} {path}\nexpected {expected}\ngot {answer}\n");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
