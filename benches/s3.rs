//! Modules in an object store: a hit beside the same request by a plain client to the same server (by those
//! that people have, Go's and curl, and by plain sockets, which cost a client the least), how many requests
//! each thing takes, the guest's memory, publishing, and lists of many versions.
//!
//! `cargo bench --bench s3`

mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use goproxy_edge_host::{Host, HostConfig};
use support::client::LARGE;
use support::objects::{self, Link, ObjectStore, Relay};
use support::{
    Contender, Folder, client, compare, compare_by, floor, let_settle, print_requests,
    print_throughput, proxy, serve_host, serve_this, while_serving,
};

const MODULE: &str = "example.com/m";
/// A module's zip of some 36 MB.
const FILES: usize = 36;
const FILE_BYTES: usize = 1_000_000;
/// Versions of the modules that are listed.
const VERSIONS: [usize; 3] = [10, 1_000, 10_000];
/// Files of a version in a module cache.
const CACHED: [&str; 5] = ["info", "lock", "mod", "zip", "ziphash"];
/// As many bytes the `go` command reads at once of what it downloads (io.Copy).
const GO_READS: usize = 32 << 10;
/// The keys of a page.
const PAGE: usize = 1_000;
const STORES: [&str; 2] = ["s3", "s3+kv"];
/// A network like that between a machine and its provider's object store, and a fast one.
const NETWORKS: [(&str, Link); 2] = [
    (
        "5 ms and 1 Gbit/s",
        Link {
            round_trip: Duration::from_millis(5),
            bytes_per_second: 125e6,
        },
    ),
    (
        "1 ms and 5 Gbit/s",
        Link {
            round_trip: Duration::from_millis(1),
            bytes_per_second: 625e6,
        },
    ),
];

fn main() {
    let folder = Folder::new("s3");
    let store = ObjectStore::start(&folder.path().join("objects"));
    let counter = Relay::start(store.address);
    fill(&store.bucket());
    publish(&folder, &store);
    let [s3, both] = STORES.map(|name| serve_this(&host(&folder, name, store.address)));
    let_settle(
        both,
        &["v1.0.0.info", "v1.1.0.info"]
            .map(proxy_path)
            .each_ref()
            .map(String::as_str),
    );
    let least = least(&folder, store.address);
    by_go(&folder, &store, s3, both, least);
    by_curl(&folder, &store, s3, both);
    far_away(&store);
    hits(&store, &counter, s3, both, least);
    lists(&store, s3);
    count(&counter);
}

fn proxy_path(file: &str) -> String {
    format!("/{MODULE}/@v/{file}")
}

/// The proxy over a store at this address, with a key-value store of its own for each kind.
fn host(folder: &Folder, store: &str, address: SocketAddr) -> Host {
    let endpoint = format!("http://{address}");
    let settings = objects::settings(store, &endpoint);
    let kind = if store == "s3" { "s3" } else { "both" };
    let file = folder.path().join(format!("{kind}.redb"));
    proxy::host(&file, &settings, |config| {
        config.allowed_outbound_hosts.push(endpoint.clone());
    })
}

/// The least component that asks the object store: it has no settings, signs nothing, looks at nothing, and has the
/// host copy what comes.
fn least(folder: &Folder, address: SocketAddr) -> SocketAddr {
    let file = folder.path().join("least.redb");
    support::write_store(&file, []);
    let mut config = HostConfig::new(floor(), file);
    let endpoint = format!("http://{address}");
    config.allowed_outbound_hosts.push(endpoint);
    serve_host(config)
}

/// A signed request by way of the least component.
fn by_least(store: &ObjectStore, least: SocketAddr, name: &'static str, file: &str) -> Contender {
    let key = store.get(&format!("{MODULE}/@v/{file}"));
    Contender::new(name, least, format!("/relay/{}{key}", store.address))
}

/// Modules as a copied module cache has them, past the server.
fn fill(bucket: &Path) {
    for versions in VERSIONS {
        let module = bucket.join(format!("example.com/list{versions}/@v"));
        std::fs::create_dir_all(&module).expect("room for a folder");
        for number in 0..versions {
            let version = format!("v1.{number}.0");
            for extension in CACHED {
                let file = module.join(format!("{version}.{extension}"));
                let text = format!("a file of {version}, which is longer than an empty zip");
                std::fs::write(file, text).expect("room for a file");
            }
        }
    }
}

/// Publishes a small version and a large one to each store, beside a plain upload.
fn publish(folder: &Folder, store: &ObjectStore) {
    let bytes = FILES * FILE_BYTES;
    println!("\nPublishing 36 MB");
    let plain: f64 = (0..3)
        .map(|number| {
            let path = store.put(&format!("plain/{number}"));
            objects::upload(store.address, &path, &vec![7; bytes])
        })
        .fold(f64::MAX, f64::min);
    let print = |name: &str, seconds: f64| {
        let rate = bytes as f64 / seconds / 1e6;
        let ratio = 100.0 * plain / seconds;
        println!("  {name:<44} {rate:>9.0} MB/s  {ratio:>4.0} %");
    };
    print("a plain upload", plain);
    for name in STORES {
        let host = host(folder, name, store.address);
        let best = while_serving(host.clone(), |server| {
            proxy::publish(server, MODULE, "v1.0.0", 1, 1000);
            let large = (1..4).map(|number| {
                let version = format!("v1.{number}.0");
                proxy::publish(server, MODULE, &version, FILES, FILE_BYTES)
            });
            large.fold(f64::MAX, f64::min)
        });
        print(&format!("the proxy, {name}"), best);
        let memory = host.largest_instance() as f64 / (1 << 20) as f64;
        println!("  {:<44} {memory:>9.1} MiB of guest memory", "");
    }
}

/// By a client that costs less than any that speaks HTTP: whatever the proxy takes of the processors that all
/// three share counts the most. Beside it stands one that asks through a relay, which does nothing but copy
/// what comes: no proxy that reads and writes can do better there.
fn hits(store: &ObjectStore, relay: &Relay, s3: SocketAddr, both: SocketAddr, least: SocketAddr) {
    let relayed = |file: &str| {
        let path = store.get_through(relay.address, &format!("{MODULE}/@v/{file}"));
        Contender::new("plain sockets, through a relay", relay.address, path)
    };
    let key = |file: &str| store.get(&format!("{MODULE}/@v/{file}"));
    let of = |name, server, file: &str| Contender::new(name, server, proxy_path(file));
    for connections in [1, 16] {
        let contenders = [
            Contender::new("plain sockets", store.address, key("v1.0.0.info")),
            relayed("v1.0.0.info"),
            by_least(
                store,
                least,
                "plain sockets, through the least component",
                "v1.0.0.info",
            ),
            of("the proxy, s3, .info", s3, "v1.0.0.info"),
            of("the proxy, s3, .mod", s3, "v1.0.0.mod"),
            of("the proxy, s3+kv, .info", both, "v1.0.0.info"),
        ];
        let measured = compare(&contenders, connections);
        let title = format!("Small answers from the object store, {connections} connections");
        print_requests(&title, &contenders, &measured, 0);
    }
    for (piece, reads) in [
        (GO_READS, "as `go` reads, 32 KiB at a time"),
        (LARGE, "read with the least cost"),
    ] {
        for connections in [1, 4] {
            let mut contenders = [
                Contender::new("plain sockets", store.address, key("v1.1.0.zip")),
                relayed("v1.1.0.zip"),
                by_least(
                    store,
                    least,
                    "plain sockets, through the least component",
                    "v1.1.0.zip",
                ),
                of("the proxy, s3", s3, "v1.1.0.zip"),
                of("the proxy, s3+kv", both, "v1.1.0.zip"),
            ];
            for contender in &mut contenders {
                contender.piece = piece;
            }
            let measured = compare(&contenders, connections);
            let title = format!("36 MB from the object store, {connections} connections, {reads}");
            print_throughput(&title, &contenders, &measured, 0);
        }
    }
}

/// By the client that people have: what Go's costs counts as much here as the store's and the proxy's own work.
fn by_go(
    folder: &Folder,
    store: &ObjectStore,
    s3: SocketAddr,
    both: SocketAddr,
    least: SocketAddr,
) {
    let of = |name, server, file: &str| Contender::new(name, server, proxy_path(file));
    let key = |file: &str| store.get(&format!("{MODULE}/@v/{file}"));
    let through_least =
        |file: &str| by_least(store, least, "net/http through the least component", file);
    let contenders = [
        Contender::new("net/http", store.address, key("v1.0.0.info")),
        through_least("v1.0.0.info"),
        of("net/http from the proxy, s3, .info", s3, "v1.0.0.info"),
        of("net/http from the proxy, s3, .mod", s3, "v1.0.0.mod"),
        of("net/http from the proxy, s3+kv, .info", both, "v1.0.0.info"),
    ];
    let connections = 16;
    let measured = compare_by(&contenders, |contender, time| {
        client::go(contender, connections, None, time)
    });
    let title = "Small answers from the object store by Go's net/http, 16 connections";
    print_requests(title, &contenders, &measured, 0);
    let contenders = [
        Contender::new("net/http", store.address, key("v1.1.0.zip")),
        through_least("v1.1.0.zip"),
        of("net/http from the proxy, s3", s3, "v1.1.0.zip"),
        of("net/http from the proxy, s3+kv", both, "v1.1.0.zip"),
    ];
    for (into, words) in [(None, "to nowhere"), (Some(folder.path()), "into files")] {
        for connections in [1, 4] {
            let measured = compare_by(&contenders, |contender, time| {
                client::go(contender, connections, into, time)
            });
            let title = format!("36 MB by Go's net/http {words}, {connections} connections");
            print_throughput(&title, &contenders, &measured, 0);
        }
    }
}

/// A large zip by a client that does with it what people do: `curl`, into a file.
fn by_curl(folder: &Folder, store: &ObjectStore, s3: SocketAddr, both: SocketAddr) {
    let zip = "v1.1.0.zip";
    let contenders = [
        Contender::new(
            "curl",
            store.address,
            store.get(&format!("{MODULE}/@v/{zip}")),
        ),
        Contender::new("curl from the proxy, s3", s3, proxy_path(zip)),
        Contender::new("curl from the proxy, s3+kv", both, proxy_path(zip)),
    ];
    for at_once in [1, 4] {
        let measured = compare_by(&contenders, |contender, time| {
            client::curl(contender, at_once, folder.path(), time)
        });
        let title = format!("36 MB from the object store into a file, {at_once} at once");
        print_throughput(&title, &contenders, &measured, 0);
    }
}

/// The same with a network between the object store and whoever asks it. On one machine, with all of them
/// on the same processors, the client's own work and the proxy's count as much as the store's.
fn far_away(store: &ObjectStore) {
    let folder = Folder::new("s3-far");
    for (network, link) in NETWORKS {
        let relay = Relay::far(store.address, link);
        while_serving(host(&folder, "s3", relay.address), |s3| {
            for (file, connections) in [("v1.0.0.info", 16), ("v1.1.0.zip", 1), ("v1.1.0.zip", 4)] {
                let path = store.get_through(relay.address, &format!("{MODULE}/@v/{file}"));
                let contenders = [
                    Contender::new("plain sockets", relay.address, path),
                    Contender::new("the proxy, s3", s3, proxy_path(file)),
                ];
                let measured = compare(&contenders, connections);
                let title = format!("{network} to the object store, {connections} connections");
                match file {
                    "v1.0.0.info" => print_requests(&title, &contenders, &measured, 0),
                    _ => print_throughput(&format!("36 MB, {title}"), &contenders, &measured, 0),
                }
            }
        });
    }
}

/// The best of some times that a request takes.
fn fastest(server: SocketAddr, path: &str) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        best = best.min(client::once(server, path));
    }
    best
}

fn lists(store: &ObjectStore, s3: SocketAddr) {
    println!("\nA list, beside its pages by a plain client");
    for versions in VERSIONS {
        let folder = format!("example.com/list{versions}/@v/");
        let mut keys: Vec<String> = (0..versions)
            .flat_map(|number| CACHED.map(|file| format!("{folder}v1.{number}.0.{file}")))
            .collect();
        keys.sort_unstable();
        let after = |page: usize| {
            page.checked_sub(1)
                .map(|page| &*keys[page * PAGE + PAGE - 1])
        };
        let plain: Duration = (0..keys.len().div_ceil(PAGE))
            .map(|page| fastest(store.address, &store.list(&folder, after(page))))
            .sum();
        let path = format!("/example.com/list{versions}/@v/list");
        let own = fastest(s3, &path);
        println!(
            "  {:<44} {:>9.1} ms  plain {:>7.1} ms  {:>4.0} %",
            format!("of {versions} versions"),
            own.as_secs_f64() * 1e3,
            plain.as_secs_f64() * 1e3,
            100.0 * plain.as_secs_f64() / own.as_secs_f64()
        );
    }
}

/// What each thing asks of the object store, and the memory that reading takes.
fn count(counter: &Relay) {
    println!("\nRequests to the object store");
    let folder = Folder::new("s3-count");
    let module = "example.com/count";
    for name in STORES {
        let print = |what: &str, times: u64| {
            let each = counter.taken() as f64 / times as f64;
            println!("  {:<44} {each:>9.2}", format!("{name}, {what}"));
        };
        while_serving(host(&folder, name, counter.address), |server| {
            counter.taken();
            for (version, files) in [("v1.0.0", 1), ("v1.1.0", FILES)] {
                proxy::publish(server, module, version, files, FILE_BYTES);
                print(&format!("publishing {files} MB"), 1);
            }
        });
        let host = host(&folder, name, counter.address);
        while_serving(host.clone(), |server| {
            for file in ["v1.0.0.info", "v1.0.0.mod", "v1.1.0.zip"] {
                let path = format!("/{module}/@v/{file}");
                let time = Duration::from_millis(500);
                let done = client::load(&Contender::new("", server, &*path), 2, time);
                print(&format!("a hit, {}", &file[7..]), done.requests);
            }
            let memory = host.largest_instance() as f64 / (1 << 20) as f64;
            println!(
                "  {:<44} {memory:>9.1} MiB",
                format!("{name}, memory of the guest that serves")
            );
            for versions in VERSIONS.into_iter().filter(|_| name == "s3") {
                let path = format!("/example.com/list{versions}/@v/list");
                client::once(server, &path);
                print(&format!("list of {versions} versions"), 1);
            }
        });
    }
}
