//! `store=s3`: a bucket of a real object store, filled by others and by us, and what becomes of a request when the
//! store is wrong, busy, slow or cut off.

use std::time::{Duration, Instant};

use goproxy_edge::store::contract::{check_all, check_documents};

use crate::store_contract::Remote;
use crate::support::archive::{module_zip, small_module};
use crate::support::go::{self, Go};
use crate::support::hosts::publishes_and_serves;
use crate::support::http::Request;
use crate::support::native::store_in;
use crate::support::s3::{
    Fault, FaultyProxy, ObjectStore, SECRET_KEY, VIRTUAL_BUCKET, VIRTUAL_DOMAIN, is_signed,
    readiness_and_hit, setup_at,
};
use crate::support::server::{Setup, TOKEN};
use crate::support::tls::Authority;
use crate::support::tree::files;

#[test]
fn the_object_store_keeps_the_contract_through_the_component() {
    let store = ObjectStore::new();
    let server = store.setup().start();
    check_all(&Remote::at(server.address()));
    assert_eq!(store.uploads(), 0, "no upload stays behind");
}

#[test]
fn the_object_store_keeps_the_contract_natively() {
    let store = ObjectStore::new();
    let native = store_in(&store);
    check_all(&native);
    assert_eq!(store.uploads(), 0, "no upload stays behind");
    check_documents(&native);
}

#[test]
fn a_real_program_builds_from_a_bucket_into_which_a_module_cache_was_copied() {
    let store = ObjectStore::new();
    let download = go::real_module_cache().join("cache/download");
    for (name, content) in files(&download) {
        store.upload(&format!("mirror/{name}"), content);
    }
    store.upload("mirror/readme.txt", "no module");
    let server = store.setup().set("s3_prefix", "mirror").start();
    for (name, content) in files(&download) {
        let answer = server.get(&format!("/{}", name.replace('!', "%21")));
        assert_eq!(answer.status, 200, "{name}: {answer}");
        assert!(answer.body == content, "{name} has other bytes");
    }
    let go = Go::at(&server.url()).env("GOFLAGS", "-modcacherw");
    let read = |name: &str| std::fs::read_to_string(go::program().join(name)).unwrap();
    let sums = read("go.sum");
    let program = go.program(&[
        ("main.go", &read("main.go")),
        ("go.mod", &read("go.mod")),
        ("go.sum", &sums),
    ]);
    go.run(&program, &["build", "-o", "program", "./..."])
        .expect_success();
}

#[test]
fn a_bucket_that_everybody_may_read_is_served_without_keys_and_takes_nothing() {
    let store = ObjectStore::new();
    let zip = small_module("example.com/m", "v1.0.0");
    let info = "{\"Version\":\"v1.0.0\",\"Time\":\"2024-01-02T03:04:05Z\"}";
    store.put("example.com/m/@v/v1.0.0.info", info);
    store.put("example.com/m/@v/v1.0.0.mod", "module example.com/m\n");
    store.put("example.com/m/@v/v1.0.0.zip", &zip);
    let server = store
        .setup()
        .set("s3_access_key", "")
        .set("s3_secret_key", "")
        .start();
    let get = |file: &str| server.get(&format!("/example.com/m/@v/{file}"));
    let refused = get("v1.0.0.info");
    assert_eq!(refused.status, 503, "{refused}");
    assert!(refused.text().contains("refuses access"), "{refused}");
    store.open_to_everybody();
    assert_eq!(server.get("/readyz").status, 200);
    assert_eq!(get("list").text(), "v1.0.0\n");
    assert_eq!(get("v1.0.0.info").text(), info);
    assert_eq!(get("v1.0.0.mod").text(), "module example.com/m\n");
    assert!(get("v1.0.0.zip").body == zip);
    assert_eq!(get("v1.1.0.info").status, 404);
    let told = Request::new("PUT", "/example.com/m/@v/v1.1.0.zip")
        .token(TOKEN)
        .body(small_module("example.com/m", "v1.1.0"))
        .send(server.address());
    assert_eq!(told.status, 503, "{told}");
    assert!(told.text().contains("refuses access"), "{told}");
    assert_eq!(get("list").text(), "v1.0.0\n");
}

#[test]
fn a_bucket_of_athens_is_served() {
    let store = ObjectStore::new();
    let base = "github.com/Azure/m";
    let zip = small_module(base, "v1.0.0");
    for (name, content) in [
        ("v1.0.0.zip", zip.as_slice()),
        ("v1.0.0.mod", b"module github.com/Azure/m\n"),
        (
            "v1.0.0.info",
            br#"{"Version":"v1.0.0","Time":"2020-01-02T03:04:05Z"}"#,
        ),
    ] {
        store.put(&format!("{base}/@v/{name}"), content);
    }
    let server = store.setup().set("s3_layout", "athens").start();
    let list = server.get("/github.com/%21azure/m/@v/list");
    assert_eq!(list.text(), "v1.0.0\n");
    assert!(server.get("/github.com/%21azure/m/@v/v1.0.0.zip").body == zip);
    let refused = server.put(
        "/github.com/%21azure/m/@v/v1.1.0.zip",
        small_module(base, "v1.1.0"),
    );
    assert_eq!(refused.status, 503, "{refused}");
    assert!(
        refused.text().contains("a bucket of Athens is only read"),
        "{refused}"
    );
}

#[test]
fn what_is_published_lies_in_the_bucket_as_go_reads_a_tree() {
    let store = ObjectStore::new();
    let server = store.setup().start();
    let zip = small_module("example.com/Up", "v1.0.0");
    server.publish(
        "/example.com/%21up/@v/v1.0.0.zip?time=2020-01-02T03:04:05Z",
        zip.clone(),
    );
    let expected = [
        (
            "example.com/!up/@v/v1.0.0.info",
            br#"{"Version":"v1.0.0","Time":"2020-01-02T03:04:05Z"}"#.to_vec(),
        ),
        (
            "example.com/!up/@v/v1.0.0.mod",
            b"module example.com/Up\n".to_vec(),
        ),
        ("example.com/!up/@v/v1.0.0.zip", zip),
    ];
    assert_eq!(
        files(&store.bucket()),
        expected
            .map(|(name, content)| (name.to_owned(), content))
            .into()
    );
}

/// A module of 20 MB, which no compression makes smaller.
fn large_module(module: &str) -> Vec<u8> {
    let noise: Vec<u8> = (0..5_000_000u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let go_mod = format!("module {module}\n");
    let files = [("go.mod", go_mod.as_bytes()), ("noise", &noise)];
    module_zip(module, "v1.0.0", &files)
}

#[test]
fn a_zip_of_many_parts_is_published_and_read_back_and_ranges_are_passed_through() {
    let store = ObjectStore::new();
    let proxy = FaultyProxy::new(store.address());
    let server = setup_at(proxy.address()).start();
    let zip = large_module("example.com/large");
    let path = "/example.com/large/@v/v1.0.0.zip";
    server.publish(path, zip.clone());
    assert_eq!(store.uploads(), 0);
    proxy.carried();
    let answer = server.get(path);
    assert!(answer.body == zip);
    let part = Request::new("GET", path)
        .header("Range", "bytes=1000000-1999999")
        .send(server.address());
    assert_eq!(part.status, 206);
    assert!(part.body == zip[1_000_000..2_000_000]);
    let tag = answer.header("etag").expect("a tag");
    let known = Request::new("GET", path)
        .header("If-None-Match", tag)
        .send(server.address());
    assert_eq!(known.status, 304);
    assert_eq!(server.head(path).status, 200);
    let key = "/modules/example.com/large/%40v/v1.0.0.zip";
    let one = |method: &str| format!("{method} {key}");
    assert_eq!(
        proxy.carried(),
        [one("GET"), one("GET"), one("HEAD"), one("HEAD")]
    );
    // The host copies it, the connection to the store breaks, and the guest takes it up where it broke.
    proxy.next(&[Some(Fault::Cut(3_000_000)), Some(Fault::Cut(2_000_000))]);
    assert!(server.get(path).body == zip);
    assert_eq!(proxy.carried(), [one("GET"), one("GET"), one("GET")]);
}

#[test]
fn a_busy_slow_or_broken_store_is_asked_again_and_nothing_cut_looks_whole() {
    let store = ObjectStore::new();
    let proxy = FaultyProxy::new(store.address());
    let server = setup_at(proxy.address()).start();
    let zip = small_module("example.com/m", "v1.0.0");
    let path = "/example.com/m/@v/v1.0.0.zip";
    server.publish(path, zip.clone());
    for fault in [
        Fault::Reset,
        Fault::Status(500, "InternalError"),
        Fault::Status(503, "SlowDown"),
        Fault::Status(429, "TooManyRequests"),
        Fault::Cut(10),
        Fault::Cut(400),
        Fault::Slow(Duration::from_millis(300)),
    ] {
        proxy.next(&[Some(fault), Some(fault)]);
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{fault:?}: {answer}");
        assert!(answer.body == zip, "{fault:?}");
    }
    proxy.next(&[Some(Fault::Status(503, "SlowDown")); 9]);
    let busy = server.get(path);
    assert_eq!(busy.status, 503, "{busy}");
    assert!(
        busy.text().ends_with("it answered 503 SlowDown\n"),
        "{busy}"
    );
    server.logged("it answered 503 SlowDown");
    // Writing too.
    for (number, fault) in [Fault::Reset, Fault::Status(503, "SlowDown")]
        .into_iter()
        .enumerate()
    {
        proxy.next(&[
            None,
            Some(fault),
            None,
            Some(fault),
            None,
            Some(fault),
            None,
            None,
            Some(fault),
        ]);
        let version = format!("v1.1.{number}");
        let other = small_module("example.com/m", &version);
        server.publish(&format!("/example.com/m/@v/{version}.zip"), other.clone());
        proxy.next(&[]);
        assert!(server.get(&format!("/example.com/m/@v/{version}.zip")).body == other);
    }
    assert_eq!(
        server.get("/example.com/m/@v/list").text(),
        "v1.0.0\nv1.1.0\nv1.1.1\n"
    );
}

#[test]
fn what_the_store_says_of_an_upload_before_it_has_all_of_it_is_told() {
    let store = ObjectStore::new();
    let proxy = FaultyProxy::new(store.address());
    let server = setup_at(proxy.address()).start();
    let path = "/example.com/large/@v/v1.0.0.zip";
    let zip = large_module("example.com/large");
    let put = || server.put(path, zip.clone());
    // A connection that is closed before all has been read may take the answer with it: then it is asked again.
    proxy.next(&[Some(Fault::Early(403, "AccessDenied")); 9]);
    let refused = put();
    assert_eq!(refused.status, 503, "{refused}");
    assert!(
        refused.text().contains("it answered 403 AccessDenied"),
        "{refused}"
    );
    assert_eq!(server.get(path).status, 404);
    assert_eq!(store.uploads(), 0);
    // A store that is busy is asked again.
    proxy.next(&[Some(Fault::Early(503, "SlowDown"))]);
    assert_eq!(put().status, 201);
    assert!(server.get(path).body == zip);
}

#[test]
fn a_store_that_says_nothing_or_stops_in_the_middle_is_a_504() {
    let store = ObjectStore::new();
    // The list is longer than the head of the answer, so that half of it is there when it stops.
    for number in 0..50 {
        store.put(&format!("example.com/m/@v/v1.{number}.0.mod"), "module");
    }
    let for_ever = Duration::from_secs(40);
    let late = |fault, file: &str, expected: &str| {
        let proxy = FaultyProxy::new(store.address());
        let server = setup_at(proxy.address()).start();
        proxy.next(&[Some(fault)]);
        let begun = Instant::now();
        let answer = server.get(&format!("/example.com/m/@v/{file}"));
        assert_eq!(answer.status, 504, "{answer}");
        assert!(answer.text().contains(expected), "{answer}");
        assert!(
            begun.elapsed() < Duration::from_secs(29),
            "within a host's limit"
        );
    };
    std::thread::scope(|scope| {
        scope.spawn(|| late(Fault::Silent, "v1.0.0.zip", "it did not answer in time"));
        scope.spawn(|| late(Fault::Slow(for_ever), "list", "nothing came for too long"));
    });
}

#[test]
fn what_is_set_wrong_is_named_to_the_operator() {
    let store = ObjectStore::new();
    let at = format!(
        "store unavailable: the store refuses access: http://{}: ",
        store.address()
    );
    let setup = || store.setup();
    assert_eq!(readiness_and_hit(setup()), (200, "ready\n".to_owned()));
    for (setup, words) in [
        (
            setup().set("s3_access_key", "nobody"),
            "it does not know the key (`s3_access_key`)\n",
        ),
        (
            setup().set("s3_secret_key", "another"),
            "the signature is wrong: `s3_secret_key` does not belong to `s3_access_key`\n",
        ),
        (
            setup().set("s3_bucket", "absent"),
            "it has no bucket `absent` (`s3_bucket`)\n",
        ),
        (
            setup().set("s3_region", "eu-north-9"),
            "the bucket is in another region (`s3_region`), or at another address (`s3_endpoint`)\n",
        ),
    ] {
        assert_eq!(readiness_and_hit(setup), (503, format!("{at}{words}")));
    }
    let (status, text) = readiness_and_hit(setup_at("127.0.0.1:1"));
    assert_eq!(status, 503);
    assert!(
        text.contains("http://127.0.0.1:1: it can't be reached"),
        "{text}"
    );
    // A server whose certificate nobody vouches for, and one whose is another's.
    let (own, others) = (Authority::new(), Authority::of(&["elsewhere.example.com"]));
    for (authority, trusts) in [(&own, false), (&others, true)] {
        let server = Setup::new()
            .tls(authority.certificate(), authority.key())
            .start();
        let url = server.url();
        let mut setup = setup().set("s3_endpoint", &url);
        if trusts {
            setup = setup.trust(authority.root());
        }
        let cause = "TLS with it failed: the host does not trust its certificate\n";
        let text = format!("store unavailable: the store refuses access: {url}: {cause}");
        assert_eq!(readiness_and_hit(setup), (503, text));
    }
}

#[test]
fn a_clock_that_is_off_is_named_by_readyz_and_the_log_and_to_the_client() {
    let store = ObjectStore::new();
    let proxy = FaultyProxy::new(store.address());
    let server = setup_at(proxy.address()).start();
    for (fault, clock) in [
        (
            Fault::Clock(3600),
            "because this host's clock is 60 minutes behind",
        ),
        (
            Fault::Clock(-3600),
            "because this host's clock is 60 minutes ahead",
        ),
        // Without the store's own time nobody knows by how much.
        (
            Fault::Status(403, "RequestTimeTooSkewed"),
            "because of this host's clock",
        ),
    ] {
        let why = format!(
            "the store refuses access: http://{}: it refuses {clock}",
            proxy.address()
        );
        for (path, what) in [
            ("/readyz", ""),
            ("/example.com/m/@v/v1.0.0.zip", "example.com/m@v1.0.0: "),
        ] {
            proxy.next(&[Some(fault)]);
            let text = format!("store unavailable: {what}{why}");
            let answer = server.get(path);
            assert_eq!((answer.status, answer.text()), (503, format!("{text}\n")));
            let line = server.logged(&text);
            assert!(line.contains(path), "{line}");
        }
    }
    // Nothing of it stays.
    assert_eq!(server.get("/readyz").status, 200);
    let log = server.log();
    assert!(
        !log.contains(SECRET_KEY) && !log.contains("X-Amz-"),
        "a secret: {log}"
    );
}

#[test]
fn the_token_of_a_session_goes_with_each_request_and_is_signed_with_it() {
    let session = "the/token+of/a+session==";
    let store = ObjectStore::new();
    let proxy = FaultyProxy::new(store.address());
    let server = setup_at(proxy.address())
        .set("s3_session_token", session)
        .start();
    let mut texts = Vec::new();
    for path in [
        "/readyz",
        "/example.com/m/@v/list",
        "/example.com/m/@v/v1.0.0.zip",
    ] {
        let answer = server.get(path);
        // This store has no sessions: it says so of any token, which shows that it was told one.
        let words = "the session has expired or is none (`s3_session_token`)\n";
        assert!(
            answer.status == 503 && answer.text().ends_with(words),
            "{answer}"
        );
        texts.push(answer.show());
        let heads = proxy.heads();
        let [head] = heads.as_slice() else {
            panic!("{path}: {} requests", heads.len());
        };
        let token = "&X-Amz-Security-Token=the%2Ftoken%2Bof%2Fa%2Bsession%3D%3D";
        assert!(head.contains(token), "{path}: no token of the session");
        assert!(is_signed(head), "{path}: the signature is another's");
        let without = head.replacen(token, "", 1);
        assert!(!is_signed(&without), "{path}: the token is not signed");
    }
    texts.push(server.log());
    for text in texts {
        for secret in [session, "X-Amz-", SECRET_KEY] {
            assert!(!text.contains(secret), "a secret: {text}");
        }
    }
}

#[test]
fn a_bucket_that_is_named_in_the_host_is_written_and_read() {
    let store = ObjectStore::with_virtual_hosts();
    let proxy = FaultyProxy::new(store.address());
    let (host, port) = proxy.address().split_once(':').expect("host and port");
    assert_eq!(host, format!("{VIRTUAL_BUCKET}.{VIRTUAL_DOMAIN}"));
    let server = setup_at(proxy.address())
        .set("s3_addressing", "virtual")
        .set(
            "s3_endpoint",
            format_args!("http://{VIRTUAL_DOMAIN}:{port}"),
        )
        .set("s3_bucket", VIRTUAL_BUCKET)
        .start();
    for name in publishes_and_serves(server.address()) {
        assert!(
            store.bucket().join(format!("{name}.zip")).is_file(),
            "{name}"
        );
        proxy.carried();
        assert_eq!(server.get(&format!("/{name}.zip")).status, 200);
        let key = format!("GET /{}.zip", name.replace('@', "%40"));
        assert_eq!(proxy.carried(), [key], "no bucket in front of the key");
    }
    assert_eq!(store.uploads(), 0);
}

#[test]
fn two_servers_write_to_one_bucket_and_nothing_is_lost() {
    let store = ObjectStore::new();
    let servers = [store.setup().start(), store.setup().start()];
    let put = |seat: usize, version: &str, zip: Vec<u8>| {
        let path = format!("/example.com/m/@v/{version}.zip");
        let request = Request::new("PUT", path).token(TOKEN).body(zip);
        request.send(servers[seat].address())
    };
    let of_seat = |seat: usize| {
        let files = [
            ("go.mod", b"module example.com/m\n".as_slice()),
            ("seat", if seat == 0 { b"one" } else { b"two" }),
        ];
        module_zip("example.com/m", "v1.9.0", &files)
    };
    let contested = [of_seat(0), of_seat(1)];
    let alike = small_module("example.com/m", "v1.8.0");
    let outcomes = std::thread::scope(|scope| {
        let writers = [0, 1].map(|seat| {
            let (put, contested, alike) = (&put, &contested, &alike);
            scope.spawn(move || {
                let other = put(seat, "v1.9.0", contested[seat].clone()).status;
                let same = put(seat, "v1.8.0", alike.clone()).status;
                for number in 0..8 {
                    let version = format!("v1.{seat}.{number}");
                    let zip = small_module("example.com/m", &version);
                    let answer = put(seat, &version, zip);
                    assert_eq!(answer.status, 201, "{answer}");
                }
                (other, same)
            })
        });
        writers.map(|writer| writer.join().expect("a writer"))
    });
    let winner = match outcomes.map(|(other, _)| other) {
        [201, 409] => 0,
        [409, 201] => 1,
        statuses => panic!("of two that publish other content one wins: {statuses:?}"),
    };
    let same = outcomes.map(|(_, same)| same);
    assert!(
        same.contains(&201) && same.iter().all(|status| [200, 201].contains(status)),
        "of two that publish the same content nobody fails: {same:?}"
    );
    let mut expected: String = (0..2)
        .flat_map(|seat| (0..8).map(move |number| format!("v1.{seat}.{number}\n")))
        .collect();
    expected += "v1.8.0\nv1.9.0\n";
    for server in &servers {
        assert_eq!(server.get("/example.com/m/@v/list").text(), expected);
        let stands = server.get("/example.com/m/@v/v1.9.0.zip");
        assert!(stands.status == 200 && stands.body == contested[winner]);
        assert!(server.get("/example.com/m/@v/v1.8.0.zip").body == alike);
    }
    assert_eq!(store.uploads(), 0);
}

#[test]
fn repair_aborts_an_upload_in_parts_that_nobody_ended() {
    let store = ObjectStore::new();
    let server = store.setup().start();
    let name = |seconds: u64| format!(".goproxy-edge/{seconds:x}.{}", "0123456789abcdef".repeat(2));
    let now = std::time::UNIX_EPOCH
        .elapsed()
        .expect("after 1970")
        .as_secs();
    store.begin_parts(&name(now - 2 * 24 * 60 * 60));
    store.begin_parts(&name(now));
    store.begin_parts("example.com/others");
    assert_eq!(store.parts_begun(), 3);
    let repaired = server.command(&["repair"]).expect_success();
    assert!(repaired.contains(" 1 leftovers removed"), "{repaired}");
    assert_eq!(store.parts_begun(), 2);
}

#[test]
fn no_secret_is_printed() {
    let store = ObjectStore::new();
    let proxy = FaultyProxy::new(store.address());
    let server = setup_at(proxy.address()).start();
    server.publish(
        "/example.com/m/@v/v1.0.0.zip",
        small_module("example.com/m", "v1.0.0"),
    );
    server.get("/example.com/m/@v/list");
    // What goes wrong is told at length.
    for fault in [
        Fault::Status(403, "AccessDenied"),
        Fault::Status(400, "SignatureDoesNotMatch"),
        Fault::Cut(400),
        Fault::Reset,
    ] {
        proxy.next(&[Some(fault); 9]);
        let answer = server.get("/example.com/m/@v/v1.0.0.zip");
        assert!(
            answer.status != 200 || answer.body.is_empty(),
            "{fault:?}: {answer}"
        );
        let text = answer.text();
        assert!(
            !text.contains(SECRET_KEY) && !text.contains("X-Amz-"),
            "{text}"
        );
    }
    let log = server.log();
    assert!(log.matches("v1.0.0.zip 50").count() >= 3, "{log}");
    assert!(
        !log.contains(SECRET_KEY) && !log.contains("X-Amz-"),
        "{log}"
    );
}
