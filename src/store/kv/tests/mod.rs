//! The contract over a map, with small chunks; a fault at every step of every write; two writers in
//! every order. The same with zips in an object store is in `objects`, and in one that speaks S3 in
//! `over_s3`.

mod objects;
#[cfg(feature = "s3")]
mod over_s3;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::testing::{Map, Port};
use super::{KeyValue, Kv, record};
#[cfg(feature = "admin")]
use crate::store::Brought;
use crate::store::contract::{self, bytes, listed, module_zip, published, release, version};
use crate::store::key::portable_key;
use crate::store::testing::{
    Fault, Faults, Step, TestClock, TestEntropy, Turns, both, in_every_order,
};
use crate::store::trials::{self, DAY, Ground, NOW, PATH, faulty, sound, writer};
use crate::store::{Entry, Error, File, Outcome, Store};

/// Bytes of a chunk.
const CHUNK: usize = 1024;

fn chunk_keys(map: &Map) -> usize {
    let keys = map.lock().unwrap();
    keys.keys()
        .filter(|key| key.starts_with("-=2Fchunks"))
        .count()
}

impl Ground for Map {
    type Store = Kv;

    fn open(&self, now: i64, faults: &Rc<Faults>, turns: Option<(&'static Turns, usize)>) -> Kv {
        let port = Port {
            map: Arc::clone(self),
            faults: Rc::clone(faults),
            turns,
        };
        // Other numbers for each of two writers.
        let seed = turns.map_or(0, |(_, seat)| seat as u64 + 1);
        let clock = TestClock {
            inner: TestEntropy::new(now, seed),
            turns,
            waited: Rc::default(),
        };
        Kv::new(Rc::new(port), Rc::new(clock), CHUNK)
    }

    fn holds_only(&self, files: &[&[u8]], at: &str) {
        let needed: usize = files.iter().map(|file| file.len().div_ceil(CHUNK)).sum();
        assert_eq!(chunk_keys(self), needed, "{at}");
    }
}

#[test]
fn the_contract_holds() {
    let map = Map::default();
    contract::check_all(&sound(&map));
    contract::check_documents(&sound(&map));
    assert_eq!(trials::repaired(&map, 2 * DAY).problems, [""; 0]);
}

#[cfg(feature = "admin")]
#[test]
fn documents_have_the_keys_that_each_has_alone() {
    let long = "long/".repeat(60);
    for names in [
        &["a/b/c", "a/b", "a", "x/y", "x", "x", "a"][..],
        &["a/b", "a/c", "a."],
        &["a.", "a", "a..b", "a."],
        &[&long, &long[..100], "long"],
        &["a"],
        &[],
    ] {
        let alone: Vec<String> = names.iter().map(|name| super::document_key(name)).collect();
        assert_eq!(super::DocumentKeys::of(names).all(), alone);
    }
}

#[cfg(feature = "admin")]
#[test]
fn what_a_host_gives_for_many_keys_is_put_in_their_order() {
    let texts = |all: &[&str]| -> Vec<String> { all.iter().map(ToString::to_string).collect() };
    for (asked, found, expected) in [
        (
            &["a", "b", "c"][..],
            &["a", "b", "c"][..],
            [true, true, true],
        ),
        (&["a", "b", "c"], &["c", "a", "b"], [true, true, true]),
        (&["a", "b", "c"], &["c"], [false, false, true]),
        (&["a", "b", "a"], &["a"], [true, false, true]),
        (&["a", "b", "a"], &["a", "a", "b"], [true, true, true]),
        (&["a", "b", "a"], &["b", "a"], [true, true, true]),
        (&["a", "b", "c"], &["d", "b"], [false, true, false]),
        (&["a", "b", "c"], &[], [false, false, false]),
    ] {
        let found = texts(found).into_iter().map(|key| {
            let value = key.clone().into_bytes();
            (key, value)
        });
        let values = super::in_order(asked, found);
        for ((key, value), is_there) in asked.iter().zip(&values).zip(expected) {
            let expected = is_there.then(|| key.as_bytes().to_vec());
            assert_eq!(*value, expected, "{asked:?}");
        }
        assert_eq!(values.len(), 3);
    }
}

#[test]
fn a_fault_at_any_step_of_publishing_leaves_all_or_nothing_and_can_be_tried_again() {
    trials::publishing(Map::default, &[7; 3000]);
}

#[test]
fn a_fault_at_any_step_of_withdrawing_can_be_tried_again() {
    trials::withdrawing(Map::default);
}

#[test]
fn a_fault_at_any_step_of_a_go_mod_alone_can_be_tried_again() {
    trials::go_mod_alone(Map::default);
}

#[test]
fn two_publishers_of_other_content_end_with_one_of_the_two_in_any_order() {
    let orders = trials::publishers_of_other_content(6, Map::default);
    assert!(orders > 500, "{orders}");
}

#[test]
fn two_publishers_of_the_same_content_both_succeed_in_any_order() {
    trials::publishers_of_the_same_content(3, Map::default);
}

#[test]
fn two_versions_published_at_once_are_both_listed_in_any_order() {
    trials::publishers_of_two_versions(2, Map::default);
}

#[test]
fn no_order_of_a_go_mod_and_a_zip_that_disagree_ends_in_a_mix() {
    trials::go_mod_against_zip(3, Map::default);
}

#[test]
fn an_entry_that_a_slow_writer_took_out_of_the_index_is_put_back_by_the_next_read() {
    let map = Map::default();
    let (one, two) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    published(&sound(&map), &one, b"one");
    let index = portable_key(&record::index_key(one.path()));
    let old = map.lock().unwrap().get(&index).cloned().unwrap();
    published(&sound(&map), &two, b"two");
    let read = |now| {
        let store = faulty(&map, now, &Rc::new(Faults::none()));
        let afterwards = store.read(&two, File::Info).unwrap().afterwards;
        let unsettled = afterwards.is_some();
        afterwards.into_iter().for_each(|work| work());
        unsettled
    };
    for now in [NOW, NOW + 29] {
        map.lock().unwrap().insert(index.clone(), old.clone());
        assert_eq!(listed(&sound(&map), PATH).as_deref(), Some("v1.0.0\n"));
        assert!(read(now), "{now}");
        assert_eq!(
            listed(&sound(&map), PATH).as_deref(),
            Some("v1.0.0\nv1.1.0\n")
        );
    }
    assert!(read(NOW + 30), "the read that settles it");
    assert!(!read(NOW + 31), "settled for good");
}

#[cfg(feature = "admin")]
#[test]
fn a_document_neither_brings_another_along_nor_is_told_again() {
    let store = sound(&Map::default());
    let one = version(PATH, "v1.0.0");
    published(&store, &one, b"one");
    store.set_document("keys", b"old").unwrap();
    assert!(store.bring_along("generation", Some(b"before")));
    assert_eq!(store.document("keys"), Ok(Some(b"old".to_vec())));
    store.set_document("keys", b"new").unwrap();
    assert_eq!(store.brought(), Brought::Nothing);
    assert!(store.bring_along("generation", Some(b"before")));
    assert_eq!(store.document("keys"), Ok(Some(b"new".to_vec())));
    assert!(bytes(&store, &one, File::Info).is_ok());
    assert_eq!(store.brought(), Brought::Other(None));
}

#[test]
fn who_writes_waits_longer_than_a_disk_takes_and_longer_before_the_last_look() {
    let map = Map::default();
    let port = Port {
        map: Arc::clone(&map),
        faults: Rc::new(Faults::none()),
        turns: None,
    };
    let waited = Rc::default();
    let clock = TestClock {
        inner: TestEntropy::new(NOW, 1),
        turns: None,
        waited: Rc::clone(&waited),
    };
    let store = Kv::new(Rc::new(port), Rc::new(clock), CHUNK);
    let one = version(PATH, "v1.0.0");
    published(&store, &one, b"one");
    let before = waited.take();
    assert_eq!(before.len(), 2, "the record and the index");
    assert!(
        before.iter().all(|wait| wait.as_millis() >= 50),
        "{before:?}"
    );
    store.look_again(&one).unwrap()();
    assert_eq!(waited.take(), [Duration::from_millis(500)]);
}

#[test]
fn an_entry_that_a_slow_writer_took_out_of_the_index_is_put_back_by_its_own_writer() {
    let map = Map::default();
    let (one, two) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    let store = sound(&map);
    published(&store, &one, b"one");
    let index = portable_key(&record::index_key(one.path()));
    let old = map.lock().unwrap().get(&index).cloned().unwrap();
    let slow_writer = || map.lock().unwrap().insert(index.clone(), old.clone());
    published(&store, &two, b"two");
    slow_writer();
    store.look_again(&two).unwrap()();
    assert_eq!(listed(&store, PATH).as_deref(), Some("v1.0.0\nv1.1.0\n"));
    assert_eq!(store.withdraw(&one), Ok(Outcome::Created));
    slow_writer();
    store.look_again(&one).unwrap()();
    assert_eq!(listed(&store, PATH).as_deref(), Some(""));
}

#[test]
fn repair_indexes_what_a_kill_left_unindexed_and_names_what_it_cannot_read() {
    let map = Map::default();
    let store = sound(&map);
    let (one, two) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    published(&store, &one, b"one");
    published(&store, &two, b"two");
    let index = portable_key(&record::index_key(one.path()));
    map.lock().unwrap().remove(&index);
    assert_eq!(listed(&store, PATH), None);
    let damaged = portable_key("example.com/m/@v/v1.2.0");
    map.lock().unwrap().insert(damaged, b"{}\n".to_vec());
    map.lock()
        .unwrap()
        .insert("somebody elses".to_owned(), vec![0]);
    let report = trials::repaired(&map, 2 * DAY);
    let counts = (
        report.modules,
        report.versions,
        report.indexed,
        report.removed,
    );
    assert_eq!(counts, (1, 2, 2, 0));
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert_eq!(
        report.problems[0],
        "the record of example.com/m@v1.2.0 can't be read"
    );
    assert_eq!(listed(&store, PATH).as_deref(), Some("v1.0.0\nv1.1.0\n"));
}

/// Leaves this key out of its first list, as a host may that gives keys in pages while others write.
struct Moving<'a>(Port<'a>, RefCell<Option<String>>);

impl KeyValue for Moving<'_> {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get(key)
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.0.set(key, value)
    }

    fn delete(&self, keys: &[String]) -> Result<(), Error> {
        self.0.delete(keys)
    }

    fn keys(&self) -> Result<Vec<String>, Error> {
        let left_out = self.1.take();
        let mut keys = self.0.keys()?;
        keys.retain(|key| Some(key) != left_out.as_ref());
        Ok(keys)
    }
}

#[test]
fn repair_removes_nothing_for_a_record_that_one_list_leaves_out() {
    let map = Map::default();
    let version = version(PATH, "v1.0.0");
    let zip = published(&sound(&map), &version, &[1; 5000]);
    let record = portable_key("example.com/m/@v/v1.0.0");
    assert!(map.lock().unwrap().contains_key(&record));
    let port = Port {
        map: Arc::clone(&map),
        faults: Rc::new(Faults::none()),
        turns: None,
    };
    let clock = TestEntropy::new(NOW + 2 * DAY, 1);
    let moving = Moving(port, RefCell::new(Some(record)));
    let store = Kv::new(Rc::new(moving), Rc::new(clock), CHUNK);
    let page = store.repair(None, &|| true).unwrap();
    assert_eq!((page.removed, page.cursor), (0, None));
    assert_eq!(bytes(&store, &version, File::Zip), Ok(zip));
}

#[test]
fn a_key_too_long_for_a_host_is_hashed_and_still_repaired() {
    let long = format!("example.com/{}/{}", "A".repeat(90), "b".repeat(90));
    let map = Map::default();
    let store = sound(&map);
    let version = version(&long, "v1.0.0");
    let zip = published(&store, &version, b"text");
    let index = portable_key(&record::index_key(version.path()));
    assert!(index.starts_with("h="), "{index}");
    map.lock().unwrap().remove(&index);
    assert_eq!(trials::repaired(&map, 2 * DAY).indexed, 1);
    assert_eq!(listed(&store, &long).as_deref(), Some("v1.0.0\n"));
    assert_eq!(bytes(&store, &version, File::Zip), Ok(zip));
}

#[test]
fn a_chunk_that_is_gone_or_cut_is_corrupt_and_never_short() {
    let map = Map::default();
    let store = sound(&map);
    let version = version(PATH, "v1.0.0");
    published(&store, &version, &[1; 5000]);
    let key = map
        .lock()
        .unwrap()
        .keys()
        .find(|key| key.starts_with("-=2Fchunks") && key.ends_with("=2F2"))
        .cloned()
        .unwrap();
    map.lock().unwrap().get_mut(&key).unwrap().pop();
    let cut = bytes(&store, &version, File::Zip);
    assert!(matches!(cut, Err(Error::Corrupt(_))), "{cut:?}");
    map.lock().unwrap().remove(&key);
    let gone = bytes(&store, &version, File::Zip);
    assert!(matches!(gone, Err(Error::Corrupt(_))), "{gone:?}");
}

#[test]
fn a_hit_reads_one_value_and_a_zip_one_more_for_each_chunk() {
    let map = Map::default();
    let version = version(PATH, "v1.0.0");
    let zip = published(&sound(&map), &version, &[1; 5000]);
    trials::repaired(&map, 2 * DAY);
    let chunks = zip.len().div_ceil(1024);
    for (file, reads) in [(File::Info, 1), (File::Mod, 1), (File::Zip, 1 + chunks)] {
        // The step after the last is never reached.
        let count = |at| {
            let faults = Rc::new(Faults::at(at, Fault::Fails));
            let store = faulty(&map, NOW, &faults);
            let object = store.read(&version, file);
            let object = object.map(|object| {
                assert!(
                    object.afterwards.is_none(),
                    "a settled version needs no care"
                );
                object.into_bytes()
            });
            (faults.struck(), matches!(object, Ok(Ok(_))))
        };
        assert_eq!(count(reads - 1), (true, false), "{file:?}");
        assert_eq!(count(reads), (false, true), "{file:?}");
    }
}

#[test]
fn no_order_of_two_index_writers_loses_an_entry() {
    let versions = [version(PATH, "v1.0.0"), version(PATH, "v1.1.0")];
    let orders = in_every_order(usize::MAX, |turns| {
        let map = Map::default();
        let act = |seat: usize| {
            let (map, version) = (&map, &versions[seat]);
            move || {
                let entry = Entry::withdrawn(version.version());
                writer(map, turns, seat).write_index(version.path(), &[entry])
            }
        };
        let (one, two) = both(turns, act(0), act(1));
        assert!(one.is_ok() && two.is_ok(), "{one:?} and {two:?}");
        let index = sound(&map)
            .stored_index(versions[0].path())
            .unwrap()
            .unwrap();
        assert_eq!(index.as_text(), "-v1.0.0\n-v1.1.0\n");
    });
    assert!(orders > 10, "{orders}");
}

/// A store in which something happens once, when a chunk is written.
struct Meanwhile {
    inner: Port<'static>,
    happens: RefCell<Option<Box<dyn FnOnce()>>>,
}

impl KeyValue for Meanwhile {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.inner.get(key)
    }
    #[cfg(feature = "admin")]
    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        keys.iter().map(|key| self.get(key)).collect()
    }
    fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        if key.starts_with("-=2Fchunks")
            && let Some(happen) = self.happens.take()
        {
            happen();
        }
        self.inner.set(key, value)
    }
    fn delete(&self, keys: &[String]) -> Result<(), Error> {
        self.inner.delete(keys)
    }
    fn keys(&self) -> Result<Vec<String>, Error> {
        self.inner.keys()
    }
}

#[test]
fn a_large_go_mod_that_takes_long_to_write_wipes_out_no_release_that_comes_meanwhile() {
    let map = Map::default();
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    let release = release(&version, &zip);
    let publisher = sound(&map);
    let happens = {
        let (zip, release) = (zip.clone(), release.clone());
        move || {
            let outcome = contract::publish(&publisher, &release, &zip);
            assert_eq!(outcome, Ok(Outcome::Created));
        }
    };
    let port = Meanwhile {
        inner: Port {
            map: Arc::clone(&map),
            faults: Rc::new(Faults::none()),
            turns: None,
        },
        happens: RefCell::new(Some(Box::new(happens))),
    };
    let slow = Kv::new(Rc::new(port), Rc::new(TestEntropy::new(NOW, 9)), CHUNK);
    let go_mod = format!("module {PATH}\n// {}\n", "x".repeat(5 * CHUNK));
    let outcome = slow.put_mod(&version, go_mod.as_bytes());
    assert!(matches!(outcome, Err(Error::Conflict(_))), "{outcome:?}");
    assert_eq!(bytes(&sound(&map), &version, File::Zip), Ok(zip));
    assert_eq!(bytes(&sound(&map), &version, File::Mod), Ok(release.go_mod));
}

#[test]
fn a_withdrawal_holds_against_a_publisher_in_any_order() {
    trials::withdrawal_against_publisher(3, Map::default);
}

#[test]
fn a_withdrawal_holds_against_a_reader_in_any_order() {
    let version = version(PATH, "v1.0.0");
    in_every_order(3, |turns| {
        let map = Map::default();
        published(&sound(&map), &version, b"text");
        // As if the publisher had been killed before it noted that the index is right.
        let key = portable_key(&record::record_key(&version));
        let mut lagging = sound(&map).record(&version).unwrap().unwrap();
        lagging.unsettled_since = Some(NOW - DAY);
        map.lock().unwrap().insert(key, lagging.to_value());
        let withdraw = || writer(&map, turns, 0).withdraw(&version).map(|_| ());
        let reader = || writer(&map, turns, 1).confirm(&version);
        let (withdrawn, _) = both(turns, withdraw, reader);
        assert_eq!(withdrawn, Ok(()));
        let store = sound(&map);
        assert_eq!(bytes(&store, &version, File::Zip), Err(Error::Withdrawn));
        assert_eq!(listed(&store, PATH).as_deref(), Some(""));
    });
}
