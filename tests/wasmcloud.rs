//! The component on wasmCloud, a real one (`wash dev`), with each store that it has: the store's contract, two hosts
//! that write to one store at once, and a real program built from it.

use goproxy_edge::store::contract::check_all;
use serde_json::{Value, json};

use crate::store_contract::Remote;
use crate::support::archive::{module_zip, noise};
use crate::support::go::{build_the_program, real_module_cache};
use crate::support::hosts::{Nats, Redis, Wash};
use crate::support::http::{Answer, Request};
use crate::support::server::TOKEN;
use crate::support::{goproxy_edge, run};

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

/// Two hosts with one store publish, at once, versions of one module and, first, the same version with other content.
fn two_hosts_at_once_lose_nothing(hosts: [&Wash; 2]) {
    let noise = noise(200_000);
    let contested = [b"of the one".as_slice(), b"of the other"].map(|text| zip("v1.9.0", text));
    let own = |seat: usize, number: usize| {
        let version = format!("v1.{seat}.{number}");
        let zip = zip(&version, &noise[(seat * EACH + number) * 1000..][..100_000]);
        (version, zip)
    };
    let first = std::thread::scope(|scope| {
        let writers = [0, 1].map(|seat| {
            let (own, contested) = (&own, &contested);
            scope.spawn(move || {
                let first = put(hosts[seat], "v1.9.0", &contested[seat]).status;
                for number in 0..EACH {
                    let (version, zip) = own(seat, number);
                    let answer = put(hosts[seat], &version, &zip);
                    assert_eq!(answer.status, 201, "{version}: {answer}");
                }
                first
            })
        });
        writers.map(|writer| writer.join().expect("a writer"))
    });

    let winner = match first {
        [201, 409] => 0,
        [409, 201] => 1,
        statuses => panic!("of two that publish other content one wins: {statuses:?}"),
    };
    let mut expected = vec![("v1.9.0".to_owned(), contested[winner].clone())];
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

#[test]
fn its_stores_in_memory_keep_the_contract() {
    let host = Wash::start(json!({}), &[SMALL_CHUNKS]);
    check_all(&Remote::at(host.address()));
}

#[test]
fn its_store_of_files_keeps_the_contract() {
    let dev = json!({ "wasi_keyvalue_path": "keyvalue" });
    let host = Wash::start(dev, &[SMALL_CHUNKS]);
    check_all(&Remote::at(host.address()));
    let kept = std::fs::read_dir(host.project().join("keyvalue/default"));
    assert!(kept.expect("the bucket").count() > 20);
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
    let dev = json!({ "wasi_keyvalue_nats_url": nats.url });
    let hosts = [0, 1].map(|_| Wash::start(dev.clone(), &[("store", "kv:modules")]));
    two_hosts_at_once_lose_nothing([&hosts[0], &hosts[1]]);
    check_all(&Remote::at(hosts[0].address()));
    import_and_build_a_real_program(&hosts[1]);
}
