//! What a hit costs when there is much: a module with 10, 1,000 and 10,000 versions, and a store with
//! 100 and 100,000 modules.
//!
//! `cargo bench --bench growth`

mod support;

use std::net::SocketAddr;

use support::fill::Filling;
use support::{Contender, Folder, compare, print_requests, proxy};

const CONNECTIONS: usize = 16;

/// A server whose store holds these versions.
fn server(folder: &Folder, name: &str, versions: &[(String, usize)]) -> SocketAddr {
    let file = folder.path().join(format!("{name}.redb"));
    Filling::new(versions).write(&file);
    proxy::start(&file, &[("log", "off")], |_| ())
}

fn main() {
    let folder = Folder::new("growth");
    let module = |count: usize| {
        let versions = [("example.com/m".to_owned(), count)];
        server(&folder, &format!("versions-{count}"), &versions)
    };
    let [few, many, most] = [10, 1_000, 10_000].map(module);
    let info = |name, server| Contender::new(name, server, "/example.com/m/@v/v1.0.3.info");
    let list = |name, server| Contender::new(name, server, "/example.com/m/@v/list");
    for (title, contenders) in [
        (
            ".info of a module, by the number of its versions",
            [info("10", few), info("1,000", many), info("10,000", most)],
        ),
        (
            "list of a module, by the number of its versions",
            [list("10", few), list("1,000", many), list("10,000", most)],
        ),
    ] {
        let measured = compare(&contenders, CONNECTIONS);
        print_requests(title, &contenders, &measured, 0);
    }

    let modules = |count: usize| {
        let versions: Vec<_> = (0..count)
            .map(|number| (format!("example.com/m{number}"), 1))
            .collect();
        server(&folder, &format!("modules-{count}"), &versions)
    };
    let [few, most] = [100, 100_000].map(modules);
    let hit = |name, server, file: &str| {
        Contender::new(name, server, format!("/example.com/m42/@v/{file}"))
    };
    let contenders = [
        hit(".info, 100 modules", few, "v1.0.0.info"),
        hit(".info, 100,000 modules", most, "v1.0.0.info"),
        hit("list, 100 modules", few, "list"),
        hit("list, 100,000 modules", most, "list"),
    ];
    let measured = compare(&contenders, CONNECTIONS);
    print_requests(
        "A hit, by the number of modules in the store",
        &contenders,
        &measured,
        0,
    );
}
