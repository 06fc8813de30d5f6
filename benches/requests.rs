//! Small answers: requests a second of the proxy on the embedded host, beside the floor component that
//! reads the store once and does nothing else, and plain hyper on the same store.
//!
//! `cargo bench --bench requests`

mod support;

use goproxy_edge_host::HostConfig;
use support::{
    Contender, Folder, compare, fill_store, floor, let_settle, native, print_requests, proxy,
    serve, serve_host,
};

const CONNECTIONS: usize = 16;

fn main() {
    let folder = Folder::new("requests");
    let [native_store, floor_store] =
        ["native", "floor"].map(|name| folder.path().join(format!("{name}.redb")));
    fill_store(&native_store, 0);
    fill_store(&floor_store, 0);
    let files = folder.path().to_owned();
    let native =
        serve(move |listener| async move { native::serve(listener, native_store, &files).await });
    let floor = serve_host(HostConfig::new(floor(), floor_store));

    let quiet = proxy::start(&folder.path().join("quiet.redb"), &[("log", "off")], |_| ());
    let logging = proxy::start(&folder.path().join("logging.redb"), &[], |_| ());
    for server in [quiet, logging] {
        for version in 0..10 {
            proxy::publish(server, "example.com/m", &format!("v1.{version}.0"), 1, 1000);
        }
    }

    let_settle(quiet, &["/example.com/m/@v/v1.3.0.info"]);
    let_settle(logging, &["/example.com/m/@v/v1.3.0.info"]);

    let file =
        |name, server, file| Contender::new(name, server, format!("/example.com/m/@v/{file}"));
    let contenders = [
        Contender::new("floor component", floor, "/get"),
        file(".info", quiet, "v1.3.0.info"),
        file(".mod", quiet, "v1.3.0.mod"),
        file("list, of 10 versions", quiet, "list"),
        file(".info, with a line in the log", logging, "v1.3.0.info"),
        Contender::new("plain hyper and redb", native, "/get"),
    ];
    let measured = compare(&contenders, CONNECTIONS);
    print_requests(
        "Small answers from the store, 16 connections",
        &contenders,
        &measured,
        0,
    );
}
