//! What a hit costs when there is much: a module with 10, 1,000 and 10,000 versions, and a store with
//! 100 and 100,000 modules.
//!
//! `cargo bench --bench growth`

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use goproxy_edge::store::kv::{KeyValue, Kv};
use goproxy_edge::store::{Entropy, Error, Store, contract};
use support::{CHUNK, Contender, Folder, compare, print_requests, proxy, write_store};

const CONNECTIONS: usize = 16;

/// What the store writes, kept until it goes into a file.
#[derive(Default)]
struct Map(Mutex<BTreeMap<String, Vec<u8>>>);

impl KeyValue for Map {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.lock().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.lock().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn delete(&self, keys: &[String]) -> Result<(), Error> {
        self.lock().retain(|key, _| !keys.contains(key));
        Ok(())
    }

    fn keys(&self) -> Result<Vec<String>, Error> {
        Ok(self.lock().keys().cloned().collect())
    }

    // Nobody else writes.
    fn wait(&self, _: Duration) {}
}

impl Map {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().expect("a map that nobody broke")
    }
}

/// A day ago, so that nothing is looked after any more, and then now.
struct Clock {
    day: std::cell::Cell<i64>,
    number: std::cell::Cell<u64>,
}

impl Entropy for Clock {
    fn unix_seconds(&self) -> i64 {
        1_700_000_000 + self.day.get() * 86_400
    }

    fn random(&self) -> u64 {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }
}

/// A server whose store holds these versions.
fn server(folder: &Folder, name: &str, versions: &[(String, usize)]) -> SocketAddr {
    let map = Rc::new(Map::default());
    let clock = Rc::new(Clock {
        day: 0.into(),
        number: 0.into(),
    });
    let store = Kv::new(map.clone(), clock.clone(), CHUNK);
    for (module, count) in versions {
        for patch in 0..*count {
            let version = contract::version(module, &format!("v1.0.{patch}"));
            contract::published(&store, &version, b"text");
        }
    }
    clock.day.set(1);
    let mut cursor = None;
    loop {
        let page = store.repair(cursor.as_deref(), &|| true).expect("a page");
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    let file = folder.path().join(format!("{name}.redb"));
    write_store(&file, std::mem::take(&mut *map.lock()));
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
