//! A store that is filled without a server: what the proxy's own code writes is kept in memory until it
//! goes into a file.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use goproxy_edge::access::kept::Documents;
use goproxy_edge::access::outside::Keeper;
use goproxy_edge::store::kv::{KeyValue, Kv};
use goproxy_edge::store::{Entropy, Error, Store, contract};

use super::{CHUNK, write_store};

#[derive(Default)]
struct Map {
    values: Mutex<BTreeMap<String, Vec<u8>>>,
    /// The keys that were read at once last.
    asked: Mutex<Vec<String>>,
}

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

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        *self.asked.lock().expect("a list that nobody broke") =
            keys.iter().map(|key| (*key).to_owned()).collect();
        keys.iter().map(|key| self.get(key)).collect()
    }

    fn keys(&self) -> Result<Vec<String>, Error> {
        Ok(self.lock().keys().cloned().collect())
    }
}

impl Map {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.values.lock().expect("a map that nobody broke")
    }
}

/// A day ago, so that nothing is looked after any more, and then now.
struct Clock {
    day: Cell<i64>,
    number: Cell<u64>,
}

impl Entropy for Clock {
    fn unix_seconds(&self) -> i64 {
        1_700_000_000 + self.day.get() * 86_400
    }

    fn random(&self) -> u64 {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }

    // Nobody else writes.
    fn wait(&self, _: Duration) {}
}

/// A store that is being filled.
pub struct Filling {
    map: Rc<Map>,
    store: Kv,
}

impl Filling {
    /// One with these modules, and so many versions of each: v1.0.0, v1.0.1 and so on. None is looked
    /// after any more.
    pub fn new(modules: &[(String, usize)]) -> Self {
        let map = Rc::new(Map::default());
        let clock = Rc::new(Clock {
            day: 0.into(),
            number: 0.into(),
        });
        let store = Kv::new(map.clone(), clock.clone(), CHUNK);
        for (module, count) in modules {
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
                return Filling { map, store };
            }
        }
    }

    /// Writes it all into a new file, as the host's own store has it.
    pub fn write(self, file: &Path) {
        write_store(file, std::mem::take(&mut *self.map.lock()));
    }

    /// What the floor component reads besides, for the next [`Filling::write`] to have it.
    #[must_use]
    pub fn with_floor(self) -> Self {
        self.map.lock().insert("floor".to_owned(), vec![7; 200]);
        self
    }

    /// The keys that were read last by one call of the store.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.map.asked.lock();
        asked.expect("a list that nobody broke").clone()
    }
}

/// Projects and tokens.
impl Documents for Filling {
    fn get(&self, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.store.documents(names)
    }

    fn set(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.store.set_document(name, value)
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.store.remove_document(name)
    }

    fn names(&self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<String>, Error> {
        self.store.document_names(prefix, after, most)
    }

    fn wait(&self, _: Duration) {}

    fn random(&self) -> u64 {
        self.map.lock().len() as u64
    }
}

/// The keys of issuers.
impl Keeper for Filling {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.store.document(name)
    }

    fn set(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.store.set_document(name, value)
    }

    fn wait(&self, _: Duration) {}
}
