//! Large answers: throughput from the store and from files, beside plain hyper servers that send the
//! same bytes from the same place.
//!
//! `cargo bench --bench zips`

mod support;

use std::path::Path;

use goproxy_edge_host::HostConfig;
use support::{
    CHUNK, Contender, Folder, compare, fill_store, floor, native, preopen, print_throughput, proxy,
    serve, serve_host,
};

const CONNECTIONS: usize = 4;
/// Some 36 MB, a large module's zip.
const CHUNKS: usize = 138;

fn main() {
    let folder = Folder::new("zips");
    let at = |name: &str| folder.path().join(name);
    fill_store(&at("native.redb"), CHUNKS);
    fill_store(&at("floor.redb"), CHUNKS);
    std::fs::write(at("zip"), vec![7; CHUNKS * CHUNK]).expect("room for a file");
    let tree = at("tree");
    std::fs::create_dir(&tree).expect("room for a folder");

    let (store, files) = (at("native.redb"), folder.path().to_owned());
    let native = serve(move |listener| async move { native::serve(listener, store, &files).await });
    let mut config = HostConfig::new(floor(), at("floor.redb"));
    config
        .preopens
        .push(preopen(folder.path(), Path::new("/files")));
    let floor = serve_host(config);
    let kv = proxy::start(&at("kv.redb"), &[("log", "off")], |_| ());
    let setting = format!("dir:{}", tree.display());
    let dir = proxy::start(
        &at("dir.redb"),
        &[("log", "off"), ("store", &setting)],
        |config| {
            config.preopens.push(preopen(&tree, &tree));
        },
    );
    for (name, server) in [("the store", kv), ("a folder", dir)] {
        let seconds = proxy::publish(server, "example.com/m", "v1.0.0", CHUNKS, CHUNK);
        println!(
            "36 MB published to {name}: {:.0} MB/s",
            (CHUNKS * CHUNK) as f64 / seconds / 1e6
        );
    }

    let path = format!("/chunks/{CHUNKS}/{}", CHUNKS * CHUNK);
    let zip = "/example.com/m/@v/v1.0.0.zip";
    let contenders = [
        Contender::new("plain hyper and redb", native, &path),
        Contender::new("floor component", floor, &path),
        Contender::new("the proxy, kv", kv, zip),
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
        Contender::new("the proxy, dir", dir, zip),
    ];
    let measured = compare(&contenders, CONNECTIONS);
    print_throughput(
        "36 MB from a file, 4 connections",
        &contenders,
        &measured,
        0,
    );
}
