//! Large answers: throughput from the store and from files, beside plain hyper servers that send the
//! same bytes from the same place.
//!
//! `cargo bench --bench zips`

mod support;

use goproxy_edge_host::{HostConfig, Preopen};
use support::{
    CHUNK, Contender, Folder, compare, fill_store, floor, native, print_throughput, serve,
    serve_host,
};

const CONNECTIONS: usize = 4;
/// Some 36 MB, a large module's zip.
const CHUNKS: usize = 138;

fn main() {
    let folder = Folder::new("zips");
    let [native_store, floor_store] =
        ["native", "floor"].map(|name| folder.path().join(format!("{name}.redb")));
    fill_store(&native_store, CHUNKS);
    fill_store(&floor_store, CHUNKS);
    std::fs::write(folder.path().join("zip"), vec![7; CHUNKS * CHUNK]).expect("room for a file");

    let files = folder.path().to_owned();
    let native =
        serve(move |listener| async move { native::serve(listener, native_store, &files).await });
    let mut config = HostConfig::new(floor(), floor_store);
    config.preopens.push(Preopen {
        host: folder.path().into(),
        guest: "/files".into(),
        writable: false,
    });
    let floor = serve_host(config);

    let path = format!("/chunks/{CHUNKS}/{}", CHUNKS * CHUNK);
    let contenders = [
        Contender::new("plain hyper and redb", native, &path),
        Contender::new("floor component", floor, &path),
    ];
    let measured = compare(&contenders, CONNECTIONS);
    print_throughput(
        "36 MB from the store, 4 connections",
        &contenders,
        &measured,
        0,
    );

    let contenders = [
        Contender::new("plain hyper and a file", native, "/file/zip"),
        Contender::new("floor component, copied by the host", floor, "/file/zip"),
    ];
    let measured = compare(&contenders, CONNECTIONS);
    print_throughput(
        "36 MB from a file, 4 connections",
        &contenders,
        &measured,
        0,
    );
}
