//! The component on wasmCloud, a real one (`wash dev`), with each store that it has: the store's contract, two hosts
//! that write to one store at once, and a real program built from it.

use goproxy_edge::store::contract::check_all;
use serde_json::{Value, json};

use crate::store_contract::Remote;
use crate::support::archive::{module_zip, noise};
use crate::support::go::{build_the_program, real_module_cache};
use crate::support::hosts::{Nats, Redis, Wash, publishes_and_serves};
use crate::support::http::{Answer, Request};
use crate::support::s3::{ObjectStore, settings};
use crate::support::server::TOKEN;
use crate::support::tree::files;
use crate::support::{goproxy_edge, run, sha256_hex};

/// So small that a zip of these tests is many values.
const SMALL_CHUNKS: (&str, &str) = ("kv_chunk_bytes", "16384");
/// Versions that each of two writers publishes.
const EACH: usize = 6;

fn zip(version: &str, noise: &[u8]) -> Vec<u8> {
    let go_mod: &[u8] = b"module example.com/m\n";
    let files = [
        ("go.mod", go_mod),
        ("m.go", b"package m\n"),
        ("noise", noise),
    ];
    module_zip("example.com/m", version, &files)
}

fn put(host: &Wash, version: &str, zip: &[u8]) -> Answer {
    Request::new("PUT", format!("/example.com/m/@v/{version}.zip"))
        .token(TOKEN)
        .body(zip)
        .send(host.address())
}

fn get(host: &Wash, file: &str) -> Answer {
    Request::new("GET", format!("/example.com/m/@v/{file}")).send(host.address())
}

/// Two hosts with one store publish, at once, versions of one module and, first, the same version with other content
/// and another with the same content. How many versions there are then.
fn two_hosts_at_once_lose_nothing(hosts: [&Wash; 2]) -> usize {
    let noise = noise(200_000);
    let contested = [b"of the one".as_slice(), b"of the other"].map(|text| zip("v1.9.0", text));
    let alike = zip("v1.8.0", b"of both");
    let own = |seat: usize, number: usize| {
        let version = format!("v1.{seat}.{number}");
        let zip = zip(&version, &noise[(seat * EACH + number) * 1000..][..100_000]);
        (version, zip)
    };
    let first = std::thread::scope(|scope| {
        let writers = [0, 1].map(|seat| {
            let (own, contested, alike) = (&own, &contested, &alike);
            scope.spawn(move || {
                let other = put(hosts[seat], "v1.9.0", &contested[seat]).status;
                let same = put(hosts[seat], "v1.8.0", alike).status;
                for number in 0..EACH {
                    let (version, zip) = own(seat, number);
                    let answer = put(hosts[seat], &version, &zip);
                    assert_eq!(answer.status, 201, "{version}: {answer}");
                }
                (other, same)
            })
        });
        writers.map(|writer| writer.join().expect("a writer"))
    });

    let winner = match first.map(|(other, _)| other) {
        [201, 409] => 0,
        [409, 201] => 1,
        statuses => panic!("of two that publish other content one wins: {statuses:?}"),
    };
    let same = first.map(|(_, same)| same);
    assert!(
        same.contains(&201) && same.iter().all(|status| [200, 201].contains(status)),
        "of two that publish the same content nobody fails: {same:?}"
    );
    let mut expected = vec![
        ("v1.8.0".to_owned(), alike),
        ("v1.9.0".to_owned(), contested[winner].clone()),
    ];
    expected.extend((0..2 * EACH).map(|it| own(it / EACH, it % EACH)));
    expected.sort();
    let list: String = expected
        .iter()
        .map(|(version, _)| format!("{version}\n"))
        .collect();
    for host in hosts {
        for (version, zip) in &expected {
            let answer = get(host, &format!("{version}.zip"));
            assert_eq!(answer.status, 200, "{version}: {answer}");
            assert!(answer.body == *zip, "{version} has other bytes");
        }
        assert_eq!(get(host, "list").text(), list);
    }
    let repaired = Request::new("POST", "/-/admin/repair")
        .token(TOKEN)
        .send(hosts[0].address());
    let repaired: Value = serde_json::from_slice(&repaired.body).expect("JSON");
    let found = ["indexed", "removed", "problems"].map(|name| repaired[name].clone());
    assert_eq!(found, [json!(0), json!(0), json!([])], "{repaired}");
    expected.len()
}

/// Projects and tokens that are kept in the store, changed at either host, hold at both from then on.
#[track_caller]
fn projects_and_tokens_hold_at_both(hosts: [&Wash; 2]) {
    let administer = |host: &Wash, method: &str, below: &str, body: &Value| {
        let target = format!("/-/admin/{below}");
        let request = Request::new(method, target).token(TOKEN);
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = request.body(body).send(host.address());
        (answer.status, answer.text())
    };
    let module = "v1.8.0.info";
    let statuses = |expected: [u16; 3], at: &str| {
        // Often enough to be remembered.
        for round in 0..5 {
            for host in hosts {
                let found = [None, Some("of the reader"), Some("of nobody")].map(|secret| {
                    let request = Request::new("GET", format!("/example.com/m/@v/{module}"));
                    let request = match secret {
                        Some(secret) => request.token(secret),
                        None => request,
                    };
                    request.send(host.address()).status
                });
                assert_eq!(found, expected, "{at}, round {round}");
            }
        }
    };
    statuses([200, 401, 401], "before");
    let project = json!({ "id": 7, "path": "team/m", "modules": ["example.com/m"] });
    let hash = sha256_hex("of the reader");
    let token = json!({
        "name": "reader", "sha256": hash, "scopes": ["read_api"], "projects": ["team"],
    });
    let created = (201, "{\"outcome\":\"created\"}\n".to_owned());
    assert_eq!(administer(hosts[0], "PUT", "projects", &project), created);
    assert_eq!(administer(hosts[1], "PUT", "tokens", &token), created);
    statuses([401, 200, 401], "with both");
    let (status, listed) = administer(hosts[0], "GET", "tokens", &Value::Null);
    assert!(status == 200 && listed.contains("\"reader\""), "{listed}");
    let switch = |name: &str| {
        administer(
            hosts[1],
            "POST",
            &format!("projects/7/{name}"),
            &Value::Null,
        )
        .0
    };
    assert_eq!(switch("disable"), 200);
    statuses([401, 403, 401], "switched off");
    assert_eq!(switch("enable"), 200);
    statuses([401, 200, 401], "switched on");
    assert_eq!(
        administer(hosts[0], "DELETE", "tokens/reader", &Value::Null).0,
        200
    );
    statuses([401, 401, 401], "without the token");
    assert_eq!(
        administer(hosts[1], "DELETE", "projects/team%2Fm", &Value::Null).0,
        200
    );
    statuses([200, 401, 401], "without both");
}

#[track_caller]
fn import_and_build_a_real_program(host: &Wash) {
    let cache = real_module_cache();
    let url = format!("http://{}", host.address());
    let mut import = goproxy_edge(host.project());
    import
        .env("GOPROXY_EDGE_TOKEN", TOKEN)
        .arg("import")
        .arg(cache)
        .args(["--to", &url]);
    run(&mut import).expect_success();
    build_the_program(&url);
}

/// What a workload must be told of its object store in NATS, or every call is "unauthorized".
fn with_zips(mut dev: Value) -> Value {
    dev["host_interfaces"] = json!([{
        "namespace": "wasi", "package": "blobstore", "version": "0.2.0-draft",
        "interfaces": ["blobstore", "container", "types"], "config": { "buckets": "zips" },
    }]);
    dev
}

#[test]
fn its_stores_in_memory_keep_the_contract() {
    let host = Wash::start(json!({}), &[SMALL_CHUNKS]);
    check_all(&Remote::at(host.address()));
}

#[test]
fn its_object_store_in_memory_takes_a_megabyte_and_what_is_larger_is_refused_whole() {
    let host = Wash::start(json!({}), &[("store", "blobstore:zips")]);
    check_all(&Remote::at(host.address()));
    let refused = put(&host, "v1.0.0", &zip("v1.0.0", &noise(1_100_000)));
    let text = "store unavailable: example.com/m@v1.0.0: the store failed: \
                the host's object store takes no more of this object\n";
    assert_eq!((refused.status, refused.text().as_str()), (503, text));
    assert_eq!(get(&host, "v1.0.0.zip").status, 404);
    assert_eq!(get(&host, "list").status, 404);
}

#[test]
fn its_stores_of_files_keep_the_contract() {
    let dev = json!({ "wasi_keyvalue_path": "keyvalue", "wasi_blobstore_path": "blobstore" });
    for store in ["kv", "blobstore:zips"] {
        let host = Wash::start(dev.clone(), &[("store", store), SMALL_CHUNKS]);
        check_all(&Remote::at(host.address()));
        let large = zip("v1.0.0", &noise(20 << 20));
        let published = put(&host, "v1.0.0", &large);
        assert_eq!(published.status, 201, "{published}");
        assert!(get(&host, "v1.0.0.zip").body == large);
        let count = |folder: &str| {
            let entries = std::fs::read_dir(host.project().join(folder));
            entries.map_or(0, Iterator::count)
        };
        let (values, objects) = (count("keyvalue/default"), count("blobstore/zips/zips"));
        match store {
            "kv" => assert!(values > 1000 && objects == 0, "{values} and {objects}"),
            _ => assert!(values < 100 && objects > 10, "{values} and {objects}"),
        }
    }
}

#[test]
fn two_hosts_share_a_store_in_redis() {
    let redis = Redis::start();
    let dev = json!({ "wasi_keyvalue_redis_url": redis.url });
    let hosts = [0, 1].map(|_| Wash::start(dev.clone(), &[SMALL_CHUNKS]));
    two_hosts_at_once_lose_nothing([&hosts[0], &hosts[1]]);
    check_all(&Remote::at(hosts[0].address()));
}

#[test]
fn two_hosts_share_a_store_in_nats_and_a_real_program_builds_from_it() {
    let nats = Nats::start();
    let dev = json!({ "data_nats_url": nats.url });
    let settings = [("store", "kv:modules"), ("admin", "on")];
    let hosts = [0, 1].map(|_| Wash::start(dev.clone(), &settings));
    two_hosts_at_once_lose_nothing([&hosts[0], &hosts[1]]);
    projects_and_tokens_hold_at_both([&hosts[0], &hosts[1]]);
    check_all(&Remote::at(hosts[0].address()));
    import_and_build_a_real_program(&hosts[1]);
}

#[test]
fn two_hosts_share_zips_in_an_object_store_of_nats_beside_their_records() {
    let nats = Nats::start();
    let dev = with_zips(json!({ "data_nats_url": nats.url }));
    let store = ("store", "blobstore:zips+kv:modules");
    let hosts = [0, 1].map(|_| Wash::start(dev.clone(), &[store]));
    two_hosts_at_once_lose_nothing([&hosts[0], &hosts[1]]);
    check_all(&Remote::at(hosts[0].address()));
    let large = zip("v1.10.0", &noise(20 << 20));
    let published = put(&hosts[0], "v1.10.0", &large);
    assert_eq!(published.status, 201, "{published}");
    assert!(get(&hosts[1], "v1.10.0.zip").body == large);
}

#[test]
fn it_keeps_modules_in_a_bucket() {
    let store = ObjectStore::new();
    let endpoint = format!("http://{}", store.address());
    let host = Wash::start(json!({}), &settings("s3", &endpoint));
    for name in publishes_and_serves(host.address()) {
        for extension in ["info", "mod", "zip"] {
            let file = store.bucket().join(format!("{name}.{extension}"));
            assert!(file.is_file(), "{name}.{extension} is not in the bucket");
        }
    }
    assert_eq!(store.uploads(), 0);
}

#[test]
fn two_hosts_share_zips_in_a_bucket_beside_their_records_in_redis() {
    let (store, redis) = (ObjectStore::new(), Redis::start());
    let endpoint = format!("http://{}", store.address());
    let dev = json!({ "wasi_keyvalue_redis_url": redis.url });
    let hosts = [0, 1].map(|_| Wash::start(dev.clone(), &settings("s3+kv", &endpoint)));
    let versions = two_hosts_at_once_lose_nothing([&hosts[0], &hosts[1]]);
    // What lost is gone, and what both published lies there once.
    let objects: Vec<_> = files(&store.bucket()).into_keys().collect();
    let in_place = objects.iter().all(|name| name.starts_with("zips/"));
    assert!(in_place && objects.len() == versions, "{objects:?}");
}

#[test]
fn an_object_store_that_the_host_does_not_give_is_named_by_readyz() {
    let nats = Nats::start();
    let dev = json!({ "data_nats_url": nats.url });
    let host = Wash::start(dev, &[("store", "blobstore:zips")]);
    let ready = Request::new("GET", "/readyz").send(host.address());
    let text = "store unavailable: the store refuses access: the host gives no blobstore container \
                named \"zips\": unauthorized\n";
    assert_eq!((ready.status, ready.text().as_str()), (503, text));
}
