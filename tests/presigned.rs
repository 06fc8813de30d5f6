//! `redirect_over`: large zips past the proxy, from and to a real object store behind TLS, alone and beside a key-value
//! store, by plain requests, by the `go` command, and by `goproxy-edge publish` and `import`.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::support::archive::{module_zip, small_module};
use crate::support::front::Front;
use crate::support::git::Repository;
use crate::support::go::Go;
use crate::support::http::{Answer, Request};
use crate::support::s3::{ObjectStore, SECRET_KEY, setup_at};
use crate::support::server::{GITLAB_BASES, Server, Setup, TOKEN};
use crate::support::tls::Authority;
use crate::support::tree::{Tree, files};
use crate::support::{Ran, goproxy_edge, run, sha256_hex};

/// Above it clients deal with the object store. The command asks from 8 MiB on.
const OVER: u64 = 1 << 20;

/// The stores whose zips lie in an object store that clients can reach.
const STORES: [&str; 2] = ["s3", "s3+kv"];

/// An object store behind TLS, under a name that is not the proxy's.
struct Bucket {
    /// The setting `store` of its servers.
    setting: &'static str,
    authority: Authority,
    store: ObjectStore,
    front: Front,
}

impl Bucket {
    fn new(setting: &'static str) -> Self {
        let authority = Authority::new();
        let store = ObjectStore::new();
        let front = Front::new(&authority, store.address());
        Self {
            setting,
            authority,
            store,
            front,
        }
    }

    /// Settings of a server that knows the store by this name.
    fn setup(&self, name: &str) -> Setup {
        setup_at("replaced")
            .set("store", self.setting)
            .set(
                "s3_endpoint",
                format_args!("https://{name}:{}", self.front.port()),
            )
            .set("redirect_over", OVER)
            .trust(self.authority.root())
    }

    /// A client that trusts the store and has no credential.
    fn client(&self) -> ureq::Agent {
        let root = std::fs::read(self.authority.root()).expect("a file");
        let root = Certificate::from_pem(&root).expect("a certificate");
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .tls_config(
                TlsConfig::builder()
                    .root_certs(RootCerts::new_with_certs(&[root]))
                    .build(),
            )
            .build()
            .into()
    }

    /// What the path of a zip of `example.com/large` starts with.
    fn path_of(&self, version: &str) -> String {
        match self.setting {
            "s3" => format!("/modules/example.com/large/%40v/{version}.zip?X-Amz-"),
            _ => "/modules/zips/".to_owned(),
        }
    }

    fn uploads(&self) -> usize {
        self.store.uploads()
    }

    /// The command, which trusts the store.
    #[track_caller]
    fn command(&self, to: &str, arguments: &[&str]) -> Ran {
        let home = tempfile::tempdir().expect("a folder");
        let mut command = goproxy_edge(home.path());
        command
            .env("SSL_CERT_FILE", self.authority.root())
            .env("GOPROXY_EDGE_TOKEN", TOKEN)
            .args(arguments)
            .args(["--to", to]);
        run(&mut command)
    }
}

/// Bytes that nothing packs.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes
}

fn large_module(version: &str, length: usize) -> Vec<u8> {
    let files: [(&str, &[u8]); 2] = [
        ("go.mod", b"module example.com/large\n"),
        ("noise", &noise(length)),
    ];
    module_zip("example.com/large", version, &files)
}

#[track_caller]
fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 302, "{answer}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.header("location").expect("a location").to_owned()
}

#[test]
fn a_large_zip_is_fetched_from_the_object_store_whole_in_part_or_its_head() {
    for store in STORES {
        let bucket = Bucket::new(store);
        let server = bucket.setup("localhost").start();
        let path = "/example.com/large/@v/v1.0.0.zip";
        let zip = large_module("v1.0.0", 3 << 20);
        server.publish(path, zip.clone());
        server.publish(
            "/example.com/m/@v/v1.0.0.zip",
            small_module("example.com/m", "v1.0.0"),
        );
        assert_eq!(server.get("/example.com/m/@v/v1.0.0.zip").status, 200);
        bucket.front.heads();
        let address = location(&server.get(path));
        // Where no record has its size the zip's end is looked at.
        let requests = if store == "s3" { 2 } else { 1 };
        assert_eq!(bucket.front.heads().len(), requests, "{store}");
        let start = format!(
            "https://localhost:{}{}",
            bucket.front.port(),
            bucket.path_of("v1.0.0")
        );
        assert!(address.starts_with(&start), "{address}");
        let client = bucket.client();
        let read = |mut answer: ureq::http::Response<ureq::Body>| {
            let status = answer.status().as_u16();
            let tag = answer.headers().get("etag").cloned();
            let body = answer
                .body_mut()
                .with_config()
                .limit(64 << 20)
                .read_to_vec();
            (status, tag, body.expect("a body"))
        };
        let (status, tag, body) = read(client.get(&address).call().expect("an answer"));
        assert_eq!(status, 200);
        assert!(body == zip);
        let part = client.get(&address).header("range", "bytes=1000-1999");
        let (status, _, body) = read(part.call().expect("an answer"));
        assert_eq!(status, 206);
        assert!(body == zip[1000..2000]);
        let known = Request::new("GET", path)
            .header(
                "If-None-Match",
                tag.as_ref().expect("a tag").to_str().expect("text"),
            )
            .send(server.address());
        let known = client
            .get(location(&known))
            .header("if-none-match", tag.expect("a tag"))
            .call();
        assert_eq!(known.expect("an answer").status(), 304);
        let look = location(&server.head(path));
        let looked = client.head(&look).call().expect("an answer");
        let length = looked.headers().get("content-length").expect("a length");
        assert_eq!(
            (looked.status().as_u16(), length.to_str().expect("text")),
            (200, zip.len().to_string().as_str())
        );
        let other_method = client.get(&look).call().expect("an answer");
        assert_eq!(other_method.status(), 403, "it is signed for HEAD");
        let log = server.log();
        assert!(
            !log.contains("X-Amz-") && !log.contains(SECRET_KEY),
            "{log}"
        );
    }
}

#[test]
fn the_go_command_follows_and_its_netrc_stays_with_the_proxy() {
    for store in STORES {
        let bucket = Bucket::new(store);
        let reader = "the-token-of-a-reader";
        let tokens = format!(
            r#"[{{"name":"ci","sha256":"{}","scopes":["api"],"projects":["*"]}},
                {{"name":"reader","sha256":"{}","scopes":["read_package_registry"],"projects":["*"]}}]"#,
            sha256_hex(TOKEN),
            sha256_hex(reader)
        );
        let projects =
            r#"[{"id":1,"path":"g/p","modules":["example.com"],"visibility":"private"}]"#;
        let authority = &bucket.authority;
        let server = bucket
            .setup("127.0.0.1")
            .set("projects", projects)
            .tokens(Some(&tokens))
            .tls(authority.certificate(), authority.key())
            .start();
        let port = server.address().rsplit(':').next().expect("a port");
        let to = format!("https://localhost:{port}");
        let zip = large_module("v1.0.0", 12 << 20);
        let tree = Tree::new(&[("example.com/large/@v/v1.0.0.zip", &zip)]);
        let imported = bucket.command(&to, &["import", tree.path().to_str().expect("text")]);
        imported.expect_success();
        for base in ["", "/api/v4/projects/1/packages/go"] {
            bucket.front.heads();
            let go = Go::at(&format!("{to}{base}"))
                .env("GONOSUMDB", "*")
                .env("GONOPROXY", "none")
                .env("SSL_CERT_FILE", authority.root().display());
            let netrc = format!("machine localhost:{port} login any password {reader}\n");
            std::fs::write(go.home().join(".netrc"), netrc).expect("a file");
            go.anywhere(&["mod", "download", "example.com/large@v1.0.0"])
                .expect_success();
            let name = "example.com/large/@v/v1.0.0.zip";
            let arrived = std::fs::read(go.downloads().join(name)).expect("a zip");
            assert!(arrived == zip, "through {base:?}");
            let heads = bucket.front.heads();
            let by_go = heads
                .iter()
                .filter(|head| head.contains("User-Agent: Go-http-client"));
            let by_go: Vec<_> = by_go.collect();
            assert_eq!(by_go.len(), 1, "{heads:#?}");
            let asked = format!("GET {}", bucket.path_of("v1.0.0"));
            assert!(by_go[0].starts_with(&asked), "{}", by_go[0]);
            for head in &heads {
                assert!(
                    !head.to_ascii_lowercase().contains("\nauthorization:"),
                    "{head}"
                );
            }
        }
        // A proxy that is asked under the store's own name would have them taken along.
        let own = Go::at(&format!("https://127.0.0.1:{port}"))
            .env("SSL_CERT_FILE", authority.root().display());
        let refused = own.anywhere(&["mod", "download", "example.com/large@v1.0.0"]);
        assert_eq!(refused.code, Some(1));
        let cause = "the setting `redirect_over` is wrong: the object store's host is 127.0.0.1";
        assert!(refused.stderr.contains(cause), "{}", refused.stderr);
    }
}

#[test]
fn a_zip_is_published_by_plain_requests_past_the_proxy() {
    for store in STORES {
        let bucket = Bucket::new(store);
        let server = bucket.setup("localhost").start();
        let client = bucket.client();
        let post = |target: &str| {
            Request::new("POST", target)
                .token(TOKEN)
                .body("")
                .send(server.address())
        };
        let begin = |path: &str, size: usize| -> (String, String) {
            let answer = post(&format!("{path}?uploads&size={size}"));
            assert_eq!(answer.status, 200, "{answer}");
            let json: Value = serde_json::from_slice(&answer.body).expect("JSON");
            let text = |name: &str| json[name].as_str().expect(name).to_owned();
            (text("id"), text("url"))
        };
        let put = |url: &str, zip: &[u8]| {
            let answer = client.put(url).send(zip).expect("an answer");
            answer.status().as_u16()
        };
        for (number, base) in ["", GITLAB_BASES[0], GITLAB_BASES[1]].iter().enumerate() {
            let version = format!("v1.{number}.0");
            let path = format!("{base}/example.com/large/@v/{version}.zip");
            let zip = large_module(&version, 2 << 20);
            let (id, url) = begin(&path, zip.len());
            assert_eq!(put(&url, &zip[1..]), 403, "the length is signed");
            assert_eq!(post(&format!("{path}?complete={id}")).status, 404);
            assert_eq!(put(&url, &zip), 200);
            assert_eq!(bucket.uploads(), 1);
            assert_eq!(server.get(&path).status, 404, "nobody sees it");
            let other = path.replace(&version, "v1.9.0");
            assert_eq!(
                post(&format!("{other}?complete={id}")).status,
                404,
                "another version's"
            );
            let done = post(&format!(
                "{path}?complete={id}&time=2020-01-02T03:04:05Z&ref=main"
            ));
            assert_eq!(done.status, 201, "{done}");
            let json: Value = serde_json::from_slice(&done.body).expect("JSON");
            assert_eq!(json["Time"], "2020-01-02T03:04:05Z");
            let mut read = client
                .get(location(&server.get(&path)))
                .call()
                .expect("an answer");
            let body = read.body_mut().with_config().limit(64 << 20).read_to_vec();
            assert!(body.expect("a body") == zip);
            // The same through the proxy is the same; another past it is not.
            assert_eq!(server.put(&path, zip.clone()).status, 200);
            let other = large_module(&version, 3 << 20);
            let (id, url) = begin(&path, other.len());
            assert_eq!(put(&url, &other), 200);
            let conflict = post(&format!("{path}?complete={id}"));
            assert_eq!(conflict.status, 409, "{conflict}");
            assert_eq!(bucket.uploads(), 0);
        }
        let path = "/example.com/large/@v/v1.9.0.zip";
        let (id, url) = begin(path, 7);
        assert_eq!(put(&url, b"nothing"), 200);
        let key = url.split("/modules/").nth(1).expect("a key");
        let key = key.split('?').next().expect("a key");
        assert!(key.starts_with(".goproxy-edge/"), "{key}");
        for path in [format!("/{key}"), format!("/example.com/m/@v/../../{key}")] {
            assert_eq!(server.get(&path).status, 404, "{path} is never served");
        }
        let refused = post(&format!("{path}?complete={id}"));
        assert_eq!(refused.status, 422, "{refused}");
        assert_eq!(bucket.uploads(), 0);
        assert_eq!(
            server.get("/example.com/large/@v/list").text(),
            "v1.0.0\nv1.1.0\nv1.2.0\n"
        );
        let log = server.log();
        assert!(
            !log.contains("X-Amz-") && !log.contains(SECRET_KEY),
            "{log}"
        );
    }
}

#[test]
fn bytes_that_their_sender_swaps_while_they_are_completed_are_a_409_and_nothing_stays() {
    for store in STORES {
        let bucket = Bucket::new(store);
        let server = bucket.setup("localhost").start();
        let path = "/example.com/large/@v/v1.0.0.zip";
        let post = |query: &str| {
            Request::new("POST", format!("{path}?{query}"))
                .token(TOKEN)
                .body("")
                .send(server.address())
        };
        let zip = large_module("v1.0.0", 2 << 20);
        let mut other = zip.clone();
        other.reverse();
        let begun = post(&format!("uploads&size={}", zip.len()));
        let json: Value = serde_json::from_slice(&begun.body).expect("JSON");
        let text = |name: &str| json[name].as_str().expect(name).to_owned();
        let (id, url) = (text("id"), text("url"));
        let client = bucket.client();
        let put = move |bytes: &[u8]| {
            let answer = client.put(&url).send(bytes).expect("an answer");
            assert_eq!(answer.status().as_u16(), 200);
        };
        put(&zip);
        // It has been looked at, and is to be copied.
        bucket
            .front
            .before("x-amz-copy-source-if-match: ", move || put(&other));
        let told = post(&format!("complete={id}"));
        assert_eq!(told.status, 409, "{store}: {told}");
        let words = "the upload was replaced";
        let read = "the object was replaced while it was read";
        let said = told.text();
        assert!(said.contains(words) || said.contains(read), "{said}");
        assert_eq!(server.get(path).status, 404);
        assert_eq!(server.get("/example.com/large/@v/list").status, 404);
        let left = files(&bucket.store.bucket());
        assert_eq!(left.keys().collect::<Vec<_>>(), [""; 0], "{store}");
        assert_eq!(bucket.uploads(), 0, "{store}");
    }
}

/// What went through the server of zips.
fn puts(server: &Server) -> usize {
    server
        .log()
        .lines()
        .filter(|line| line.contains(" PUT /"))
        .count()
}

#[test]
fn publish_and_import_go_past_the_proxy_where_it_wants_that() {
    for store in STORES {
        let bucket = Bucket::new(store);
        let server = bucket.setup("localhost").start();
        let mut repository = Repository::new();
        repository.write("noise", noise(9 << 20));
        repository.commit(&[("go.mod", "module example.com/large\n")]);
        repository.tag("v1.0.0");
        let folder = repository.path().to_str().expect("text");
        let past = bucket
            .command(&server.url(), &["publish", folder])
            .expect_success();
        let heads = bucket.front.heads();
        let sent: Vec<_> = heads
            .iter()
            .filter(|head| head.contains("user-agent: goproxy-edge/"))
            .collect();
        assert_eq!(sent.len(), 1, "{heads:#?}");
        assert!(
            sent[0].starts_with("PUT /modules/.goproxy-edge/"),
            "{}",
            sent[0]
        );
        assert!(!sent[0].contains("authorization"), "{}", sent[0]);
        assert_eq!((puts(&server), bucket.uploads()), (0, 0));
        // Through another server the same archive becomes the same version.
        let plain = Server::new();
        let through = plain.command(&["publish", folder]).expect_success();
        plain.logged(" PUT /example.com/large/");
        assert_eq!(puts(&plain), 1);
        assert_eq!(past.replace(&server.url(), &plain.url()), through);
        let info = |server: &Server| server.get("/example.com/large/@v/v1.0.0.info").text();
        assert_eq!(info(&server), info(&plain));
        let again = bucket
            .command(&server.url(), &["publish", folder])
            .expect_success();
        assert!(
            again.starts_with("already there, with the same content:"),
            "{again}"
        );

        let zips = [
            large_module("v1.1.0", 9 << 20),
            large_module("v1.2.0", 2 << 20),
        ];
        let tree = Tree::new(&[
            ("example.com/large/@v/v1.1.0.zip", &zips[0]),
            (
                "example.com/large/@v/v1.1.0.info",
                br#"{"Version":"v1.1.0","Time":"2020-01-02T03:04:05Z"}"#,
            ),
            ("example.com/large/@v/v1.2.0.zip", &zips[1]),
        ]);
        let folder = tree.path().to_str().expect("text");
        let first = bucket
            .command(&server.url(), &["import", folder])
            .expect_success();
        assert!(
            first.contains("2 zips") && first.contains(" 0 refused"),
            "{first}"
        );
        server.logged(" PUT /");
        assert_eq!(puts(&server), 1, "the one of 2 MiB");
        let info = server.get("/example.com/large/@v/v1.1.0.info").text();
        assert!(info.contains("2020-01-02T03:04:05Z"), "{info}");
        let second = bucket
            .command(&server.url(), &["import", folder])
            .expect_success();
        assert!(
            second.contains("0 zips") && second.contains("2 already there"),
            "{second}"
        );
        assert_eq!(bucket.uploads(), 0);
    }
}

#[test]
fn the_command_begins_a_broken_upload_again_and_says_why_it_gave_up() {
    let bucket = Bucket::new("s3");
    let server = bucket.setup("localhost").start();
    let zip = large_module("v1.0.0", 9 << 20);
    let tree = Tree::new(&[("example.com/large/@v/v1.0.0.zip", &zip)]);
    let folder = tree.path().to_str().expect("text");
    let import = || bucket.command(&server.url(), &["import", folder]);
    let upload = "PUT /modules/.goproxy-edge/";
    bucket.front.refuse(&[upload; 3]);
    let failed = import();
    assert_eq!(failed.code, Some(1));
    let why = format!(
        "error: {} wants this zip in its object store, which did not take it: localhost:{} answered 503\n",
        server.url(),
        bucket.front.port()
    );
    assert_eq!(failed.stderr, why);
    bucket.front.refuse(&[upload; 2]);
    import().expect_success();
    assert_eq!(puts(&server), 0);
    assert_eq!(bucket.uploads(), 0);
}

#[test]
fn repair_clears_uploads_that_nobody_completed() {
    for store in STORES {
        let bucket = Bucket::new(store);
        let server = bucket.setup("localhost").start();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a time");
        let key = |seconds: u64| format!(".goproxy-edge/{seconds:x}.{:032x}.{:032x}", 1, 2);
        let (old, young) = (key(now.as_secs() - 90_000), key(now.as_secs() - 3_000));
        bucket.store.put(&old, "old");
        bucket.store.put(&young, "young");
        let repaired = server.command(&["repair"]).expect_success();
        assert!(repaired.contains(" 1 leftovers removed"), "{repaired}");
        let there = |key: &str| Path::new(&bucket.store.bucket()).join(key).exists();
        assert_eq!((there(&old), there(&young)), (false, true));
    }
}
