//! `store=s3+kv`: zips in a bucket of a real object store, everything else in the host's key-value store.

use goproxy_edge::store::contract::check_all;

use crate::store_contract::Remote;
use crate::support::archive::{module_zip, small_module};
use crate::support::http::Request;
use crate::support::s3::{Fault, FaultyProxy, ObjectStore, readiness, setup_at};
use crate::support::server::{Setup, TOKEN};
use crate::support::tree::files;

fn setup(address: &str) -> Setup {
    setup_at(address).set("store", "s3+kv")
}

fn objects(store: &ObjectStore) -> Vec<String> {
    files(&store.bucket()).into_keys().collect()
}

#[test]
fn the_object_store_beside_a_key_value_store_keeps_the_contract_through_the_component() {
    let store = ObjectStore::new();
    let server = setup(store.address()).set("kv_chunk_bytes", 1024).start();
    check_all(&Remote::at(server.address()));
}

#[test]
fn a_zip_is_one_object_and_one_request_and_all_else_asks_the_object_store_nothing() {
    let store = ObjectStore::new();
    let proxy = FaultyProxy::new(store.address());
    let server = setup(proxy.address()).set("s3_prefix", "go").start();
    let noise: Vec<u8> = (0..5_000_000u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let entries: [(&str, &[u8]); 2] =
        [("go.mod", b"module example.com/large\n"), ("noise", &noise)];
    let zip = module_zip("example.com/large", "v1.0.0", &entries);
    let path = "/example.com/large/@v/v1.0.0.zip";
    server.publish(path, zip.clone());
    let names = objects(&store);
    let [name] = names.as_slice() else {
        panic!("one object: {names:?}");
    };
    assert!(
        name.starts_with("go/zips/") && name.ends_with(".zip"),
        "{name}"
    );
    let hit = format!("GET /modules/{name}");
    proxy.carried();

    let whole = server.get(path);
    assert!(whole.body == zip);
    assert_eq!(proxy.carried(), std::slice::from_ref(&hit));
    let part = Request::new("GET", path)
        .header("Range", "bytes=1000000-1999999")
        .send(server.address());
    assert_eq!(part.status, 206);
    assert!(part.body == zip[1_000_000..2_000_000]);
    assert_eq!(proxy.carried(), std::slice::from_ref(&hit));

    let tag = whole.header("etag").expect("a tag");
    let known = Request::new("GET", path)
        .header("If-None-Match", tag)
        .send(server.address());
    assert_eq!(known.status, 304);
    let head = server.head(path);
    assert_eq!(
        head.header("content-length"),
        Some(zip.len().to_string().as_str())
    );
    for file in ["v1.0.0.info", "v1.0.0.mod", "list"] {
        let answer = server.get(&format!("/example.com/large/@v/{file}"));
        assert_eq!(answer.status, 200, "{file}: {answer}");
    }
    assert_eq!(proxy.carried(), [""; 0]);

    // The host copies it, the connection to the store breaks, and the guest takes it up where it broke.
    proxy.next(&[Some(Fault::Cut(3_000_000)), Some(Fault::Cut(2_000_000))]);
    assert!(server.get(path).body == zip);
    assert_eq!(proxy.carried(), [hit.clone(), hit.clone(), hit]);
}

#[test]
fn a_busy_or_broken_object_store_is_asked_again_and_what_fails_leaves_nothing() {
    let store = ObjectStore::new();
    let proxy = FaultyProxy::new(store.address());
    let server = setup(proxy.address()).start();
    let path = "/example.com/m/@v/v1.0.0.zip";
    let zip = small_module("example.com/m", "v1.0.0");
    proxy.next(&[Some(Fault::Status(503, "SlowDown")); 5]);
    let failed = Request::new("PUT", path)
        .token(TOKEN)
        .body(zip.clone())
        .send(server.address());
    assert_eq!(failed.status, 503, "{failed}");
    assert_eq!(objects(&store), [""; 0]);
    assert_eq!(server.get("/example.com/m/@v/list").status, 404);
    // Writing, looking, and reading back.
    let (busy, reset) = (Fault::Status(503, "SlowDown"), Fault::Reset);
    proxy.next(&[Some(busy), None, Some(reset), None, Some(busy), None]);
    server.publish(path, zip.clone());
    for fault in [busy, reset, Fault::Cut(10), Fault::Cut(400)] {
        proxy.next(&[Some(fault), Some(fault)]);
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{fault:?}: {answer}");
        assert!(answer.body == zip, "{fault:?}");
    }
    assert_eq!(server.get("/example.com/m/@v/list").text(), "v1.0.0\n");
}

#[test]
fn repair_removes_an_object_that_no_record_names_and_an_object_that_is_cut_is_not_served() {
    let store = ObjectStore::new();
    let server = setup(store.address()).start();
    let path = "/example.com/m/@v/v1.0.0.zip";
    let zip = small_module("example.com/m", "v1.0.0");
    server.publish(path, zip.clone());
    let name = objects(&store).remove(0);
    // As uploads of long ago and of just now leave them, and what is not ours.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("a time after 1970").as_secs();
    let stem = name.strip_suffix(".zip").expect("a zip");
    let (_, mark) = stem.rsplit_once('.').expect("a mark");
    let left = |seconds: u64, mark: &str| {
        format!("zips/0123456789abcdef.{seconds:x}.0000000000000001.{mark}.zip")
    };
    store.put(&left(now - 100_000, mark), "old");
    store.put(&left(now, mark), "young");
    store.put(&left(now - 100_000, "0000000000000002"), "another's");
    store.put("zips/readme.zip", "not ours");
    let answer = Request::new("POST", "/-/admin/repair")
        .token(TOKEN)
        .send(server.address());
    let expected = r#"{"done":true,"cursor":null,"modules":1,"versions":1,"indexed":0,"removed":1,"problems":[]}"#;
    assert_eq!((answer.status, answer.text().trim()), (200, expected));
    assert_eq!(objects(&store).len(), 4);
    assert!(server.get(path).body == zip);

    store.put(&name, &zip[..zip.len() - 1]);
    let cut = server.get(path);
    let words = format!("{name} has been cut short");
    assert!(cut.status >= 500 && cut.text().contains(&words), "{cut}");
}

#[test]
fn what_is_missing_or_wrong_is_named_to_the_operator() {
    let store = ObjectStore::new();
    assert_eq!(
        readiness(setup(store.address())),
        (200, "ready\n".to_owned())
    );
    let (status, text) = readiness(setup(store.address()).set("s3_bucket", "absent"));
    let words = "it has no bucket `absent` (`s3_bucket`)\n";
    assert!(status == 503 && text.ends_with(words), "{text}");
    let (status, text) = readiness(setup("127.0.0.1:1"));
    assert!(
        status == 503 && text.contains("it can't be reached"),
        "{text}"
    );
}

#[test]
fn records_lie_in_the_key_value_store_that_is_named_and_outlive_the_server() {
    let store = ObjectStore::new();
    let server = setup(store.address()).set("store", "s3+kv:modules").start();
    let path = "/example.com/m/@v/v1.0.0.zip";
    let zip = small_module("example.com/m", "v1.0.0");
    server.publish(path, zip.clone());
    let server = server.restart();
    assert!(server.get(path).body == zip);
    assert_eq!(server.get("/example.com/m/@v/list").text(), "v1.0.0\n");
}
