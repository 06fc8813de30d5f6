//! The contract over a map, with small chunks; a fault at every step of every write; two writers in
//! every order. The same with zips in an object store is in `objects`, and in one that speaks S3 in
//! `over_s3`.

mod objects;
#[cfg(feature = "s3")]
mod over_s3;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{KeyValue, Kv, record};
use crate::module::ModuleVersion;
use crate::store::contract::{
    self, bytes, listed, module_zip, publish, published, release, version,
};
use crate::store::testing::{
    Fault, Faults, Step, TestEntropy, Turns, at_every_step, both, in_every_order,
};
use crate::store::{Entry, Error, File, Outcome, Repaired, Store};

const NOW: i64 = 1_700_000_000;
const DAY: i64 = 24 * 60 * 60;
const PATH: &str = "example.com/m";

/// What the two writers share.
type Map = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

struct Port<'a> {
    map: Map,
    faults: Rc<Faults>,
    turns: Option<(&'a Turns, usize)>,
}

impl Port<'_> {
    fn step<T>(&self, step: Step, action: impl FnOnce(&Map) -> T) -> Result<T, Error> {
        if let Some((turns, seat)) = self.turns {
            turns.take(seat, step);
        }
        let failure = || Error::Unavailable("a fault".to_owned());
        self.faults.step(failure, || Ok(action(&self.map)))
    }
}

impl KeyValue for Port<'_> {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.step(Step::Read, |map| map.lock().unwrap().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        portable(key);
        self.step(Step::Write, |map| {
            map.lock().unwrap().insert(key.to_owned(), value.to_vec());
        })
    }

    fn delete(&self, keys: &[String]) -> Result<(), Error> {
        self.step(Step::Write, |map| {
            let mut map = map.lock().unwrap();
            map.retain(|key, _| !keys.contains(key));
        })
    }

    fn keys(&self) -> Result<Vec<String>, Error> {
        self.step(Step::Read, |map| {
            map.lock().unwrap().keys().cloned().collect()
        })
    }

    fn wait(&self, _: Duration) {
        let _ = self.step(Step::Wait, |_| ());
    }
}

fn portable(key: &str) {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_=.".contains(c);
    assert!(key.chars().all(fine) && key.len() <= 240, "{key}");
    assert!(!key.starts_with('.') && !key.ends_with('.'), "{key}");
}

fn store_at(map: &Map, now: i64, faults: Rc<Faults>) -> Kv {
    let port = Port {
        map: Arc::clone(map),
        faults,
        turns: None,
    };
    Kv::new(Rc::new(port), Rc::new(TestEntropy::new(now, 0)), 1024)
}

fn store(map: &Map) -> Kv {
    store_at(map, NOW, Rc::new(Faults::none()))
}

/// A store for one of two writers. The port is leaked: the trait object must not borrow.
fn writer(map: &Map, turns: &Turns, seat: usize) -> Kv {
    // Both threads end before the turns do.
    let turns: &'static Turns = unsafe { std::mem::transmute(turns) };
    let port = Port {
        map: Arc::clone(map),
        faults: Rc::new(Faults::none()),
        turns: Some((turns, seat)),
    };
    let entropy = TestEntropy::new(NOW, seat as u64 + 1);
    Kv::new(Rc::new(port), Rc::new(entropy), 1024)
}

fn chunk_keys(map: &Map) -> usize {
    let keys = map.lock().unwrap();
    keys.keys()
        .filter(|key| key.starts_with("-=2Fchunks"))
        .count()
}

/// All pages of repair, two days later.
fn repaired(map: &Map) -> Repaired {
    every_page(&store_at(map, NOW + 2 * DAY, Rc::new(Faults::none())))
}

fn every_page(store: &Kv) -> Repaired {
    let mut whole = Repaired::default();
    let mut cursor = None;
    loop {
        let page = store.repair(cursor.as_deref(), &|| false).unwrap();
        whole.modules += page.modules;
        whole.versions += page.versions;
        whole.indexed += page.indexed;
        whole.removed += page.removed;
        whole.problems.extend(page.problems);
        cursor = page.cursor;
        if cursor.is_none() {
            return whole;
        }
    }
}

fn whole_or_absent(store: &Kv, version: &ModuleVersion, zip: &[u8]) {
    let expected = release(version, zip);
    for (file, whole) in [
        (File::Info, expected.info.to_json()),
        (File::Mod, expected.go_mod),
        (File::Zip, zip.to_vec()),
    ] {
        match bytes(store, version, file) {
            Ok(found) => assert!(found == whole, "{file:?} of {version} is another"),
            Err(error) => assert_eq!(error, Error::NotFound, "{file:?} of {version}"),
        }
    }
}

#[test]
fn the_contract_holds() {
    let map = Map::default();
    contract::check_all(&store(&map));
    contract::check_documents(&store(&map));
    assert_eq!(repaired(&map).problems, [""; 0]);
}

#[test]
fn a_fault_at_any_step_of_publishing_leaves_all_or_nothing_and_can_be_tried_again() {
    let (first, second) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    let zip = module_zip(&second, &[7; 3000]);
    let release = release(&second, &zip);
    at_every_step(|step, fault| {
        let map = Map::default();
        let before = published(&store(&map), &first, b"first");
        let chunks_before = chunk_keys(&map);
        let faults = Rc::new(Faults::at(step, fault));
        let outcome = publish(&store_at(&map, NOW, Rc::clone(&faults)), &release, &zip);

        let store = store(&map);
        let at = format!("{fault:?} at step {step}");
        assert_eq!(
            bytes(&store, &first, File::Zip).as_ref(),
            Ok(&before),
            "{at}"
        );
        assert!(listed(&store, PATH).unwrap().contains("v1.0.0\n"), "{at}");
        whole_or_absent(&store, &second, &zip);
        if outcome.is_ok() {
            assert_eq!(bytes(&store, &second, File::Zip).as_ref(), Ok(&zip), "{at}");
        } else if fault == Fault::Fails && bytes(&store, &second, File::Zip).is_err() {
            repaired(&map);
            assert_eq!(chunk_keys(&map), chunks_before, "{at}");
        }
        let again = publish(&store, &release, &zip);
        assert!(again.is_ok(), "{at}: {again:?}");
        assert_eq!(bytes(&store, &second, File::Zip).as_ref(), Ok(&zip), "{at}");
        // A read finds what is not confirmed, and confirms it when its answer is out.
        let object = store.read(&second, File::Info).unwrap();
        if let Some(work) = object.afterwards {
            work();
        }
        assert_eq!(
            listed(&store, PATH).as_deref(),
            Some("v1.0.0\nv1.1.0\n"),
            "{at}"
        );
        let report = repaired(&map);
        assert_eq!(report.problems, [""; 0], "{at}");
        // Nothing but the chunks of the two zips stays.
        let needed = before.len().div_ceil(1024) + zip.len().div_ceil(1024);
        assert_eq!(chunk_keys(&map), needed, "{at}");
        faults.struck()
    });
}

#[test]
fn a_fault_at_any_step_of_withdrawing_can_be_tried_again() {
    let gone = version(PATH, "v1.0.0");
    at_every_step(|step, fault| {
        let map = Map::default();
        let zip = published(&store(&map), &gone, b"text");
        let faults = Rc::new(Faults::at(step, fault));
        let _ = store_at(&map, NOW, Rc::clone(&faults)).withdraw(&gone);
        let store = store(&map);
        let at = format!("{fault:?} at step {step}");
        match bytes(&store, &gone, File::Zip) {
            Ok(whole) => assert_eq!(whole, zip, "{at}"),
            Err(error) => assert_eq!(error, Error::Withdrawn, "{at}"),
        }
        assert!(store.withdraw(&gone).is_ok(), "{at}");
        assert_eq!(
            bytes(&store, &gone, File::Zip),
            Err(Error::Withdrawn),
            "{at}"
        );
        assert!(bytes(&store, &gone, File::Mod).is_ok(), "{at}");
        repaired(&map);
        assert_eq!(listed(&store, PATH).as_deref(), Some(""), "{at}");
        assert_eq!(chunk_keys(&map), 0, "{at}");
        faults.struck()
    });
}

#[test]
fn a_fault_at_any_step_of_a_go_mod_alone_can_be_tried_again() {
    let alone = version(PATH, "v1.0.0");
    // Larger than a chunk.
    let go_mod = format!("module {PATH}\n{}", "// text\n".repeat(400)).into_bytes();
    at_every_step(|step, fault| {
        let map = Map::default();
        let faults = Rc::new(Faults::at(step, fault));
        let _ = store_at(&map, NOW, Rc::clone(&faults)).put_mod(&alone, &go_mod);
        let store = store(&map);
        let at = format!("{fault:?} at step {step}");
        match bytes(&store, &alone, File::Mod) {
            Ok(whole) => assert!(whole == go_mod, "{at}"),
            Err(error) => assert_eq!(error, Error::NotFound, "{at}"),
        }
        assert!(store.put_mod(&alone, &go_mod).is_ok(), "{at}");
        assert!(
            bytes(&store, &alone, File::Mod).as_ref() == Ok(&go_mod),
            "{at}"
        );
        assert_eq!(listed(&store, PATH), None, "{at}");
        repaired(&map);
        assert_eq!(chunk_keys(&map), go_mod.len().div_ceil(1024), "{at}");
        faults.struck()
    });
}

#[test]
fn an_entry_that_a_slow_writer_took_out_of_the_index_is_put_back_by_the_next_read() {
    let map = Map::default();
    let (one, two) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    published(&store(&map), &one, b"one");
    let index = record::portable_key(&record::index_key(one.path()));
    let old = map.lock().unwrap().get(&index).cloned().unwrap();
    published(&store(&map), &two, b"two");
    let read = |now| {
        let store = store_at(&map, now, Rc::new(Faults::none()));
        let afterwards = store.read(&two, File::Info).unwrap().afterwards;
        let unsettled = afterwards.is_some();
        afterwards.into_iter().for_each(|work| work());
        unsettled
    };
    for now in [NOW, NOW + 29] {
        map.lock().unwrap().insert(index.clone(), old.clone());
        assert_eq!(listed(&store(&map), PATH).as_deref(), Some("v1.0.0\n"));
        assert!(read(now), "{now}");
        assert_eq!(
            listed(&store(&map), PATH).as_deref(),
            Some("v1.0.0\nv1.1.0\n")
        );
    }
    assert!(read(NOW + 30), "the read that settles it");
    assert!(!read(NOW + 31), "settled for good");
}

#[test]
fn repair_indexes_what_a_kill_left_unindexed_and_names_what_it_cannot_read() {
    let map = Map::default();
    let store = store(&map);
    let (one, two) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    published(&store, &one, b"one");
    published(&store, &two, b"two");
    let index = record::portable_key(&record::index_key(one.path()));
    map.lock().unwrap().remove(&index);
    assert_eq!(listed(&store, PATH), None);
    let damaged = record::portable_key("example.com/m/@v/v1.2.0");
    map.lock().unwrap().insert(damaged, b"{}\n".to_vec());
    map.lock()
        .unwrap()
        .insert("somebody elses".to_owned(), vec![0]);
    let report = repaired(&map);
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

#[test]
fn a_key_too_long_for_a_host_is_hashed_and_still_repaired() {
    let long = format!("example.com/{}/{}", "A".repeat(90), "b".repeat(90));
    let map = Map::default();
    let store = store(&map);
    let version = version(&long, "v1.0.0");
    let zip = published(&store, &version, b"text");
    let index = record::portable_key(&record::index_key(version.path()));
    assert!(index.starts_with("h="), "{index}");
    map.lock().unwrap().remove(&index);
    assert_eq!(repaired(&map).indexed, 1);
    assert_eq!(listed(&store, &long).as_deref(), Some("v1.0.0\n"));
    assert_eq!(bytes(&store, &version, File::Zip), Ok(zip));
}

#[test]
fn a_chunk_that_is_gone_or_cut_is_corrupt_and_never_short() {
    let map = Map::default();
    let store = store(&map);
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
    let zip = published(&store(&map), &version, &[1; 5000]);
    repaired(&map);
    let chunks = zip.len().div_ceil(1024);
    for (file, reads) in [(File::Info, 1), (File::Mod, 1), (File::Zip, 1 + chunks)] {
        // The step after the last is never reached.
        let count = |at| {
            let faults = Rc::new(Faults::at(at, Fault::Fails));
            let store = store_at(&map, NOW, Rc::clone(&faults));
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
fn two_publishers_of_other_content_end_with_one_of_the_two_in_any_order() {
    let version = version(PATH, "v1.0.0");
    let zips = [module_zip(&version, b"one"), module_zip(&version, b"two")];
    let orders = in_every_order(6, |turns| {
        let map = Map::default();
        let act = |seat: usize| {
            let (map, version, zip) = (&map, &version, &zips[seat]);
            move || publish(&writer(map, turns, seat), &release(version, zip), zip)
        };
        let (one, two) = both(turns, act(0), act(1));
        let store = store(&map);
        let standing = bytes(&store, &version, File::Zip).unwrap();
        for (outcome, zip) in [(&one, &zips[0]), (&two, &zips[1])] {
            match outcome {
                Ok(_) => assert!(
                    standing == *zip,
                    "a publisher was told so, and another stands"
                ),
                Err(error) => assert!(matches!(error, Error::Conflict(_)), "{error:?}"),
            }
        }
        assert!(one.is_ok() != two.is_ok(), "{one:?} and {two:?}");
        whole_or_absent(&store, &version, &standing);
        assert_eq!(listed(&store, PATH).as_deref(), Some("v1.0.0\n"));
        repaired(&map);
        assert_eq!(chunk_keys(&map), standing.len().div_ceil(1024));
    });
    assert!(orders > 500, "{orders}");
}

#[test]
fn two_publishers_of_the_same_content_both_succeed_in_any_order() {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"one");
    in_every_order(3, |turns| {
        let map = Map::default();
        let act = |seat: usize| {
            let (map, version, zip) = (&map, &version, &zip);
            move || publish(&writer(map, turns, seat), &release(version, zip), zip)
        };
        let (one, two) = both(turns, act(0), act(1));
        assert!(one.is_ok() && two.is_ok(), "{one:?} and {two:?}");
        let store = store(&map);
        assert!(bytes(&store, &version, File::Zip).as_ref() == Ok(&zip));
        assert_eq!(listed(&store, PATH).as_deref(), Some("v1.0.0\n"));
        repaired(&map);
        assert_eq!(chunk_keys(&map), zip.len().div_ceil(1024));
    });
}

#[test]
fn two_versions_published_at_once_are_both_listed_in_any_order() {
    let versions = [version(PATH, "v1.0.0"), version(PATH, "v1.1.0")];
    in_every_order(2, |turns| {
        let map = Map::default();
        let act = |seat: usize| {
            let (map, version) = (&map, &versions[seat]);
            move || {
                let zip = module_zip(version, b"text");
                publish(&writer(map, turns, seat), &release(version, &zip), &zip)
            }
        };
        let (one, two) = both(turns, act(0), act(1));
        assert_eq!((one, two), (Ok(Outcome::Created), Ok(Outcome::Created)));
        assert_eq!(
            listed(&store(&map), PATH).as_deref(),
            Some("v1.0.0\nv1.1.0\n")
        );
    });
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
        let index = store(&map)
            .stored_index(versions[0].path())
            .unwrap()
            .unwrap();
        assert_eq!(index.as_text(), "-v1.0.0\n-v1.1.0\n");
    });
    assert!(orders > 10, "{orders}");
}

#[test]
fn no_order_of_a_go_mod_and_a_zip_that_disagree_ends_in_a_mix() {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    let other = b"module example.com/m\n\ngo 1.17\n";
    in_every_order(3, |turns| {
        let map = Map::default();
        let publisher = {
            let (map, version, zip) = (&map, &version, &zip);
            move || publish(&writer(map, turns, 0), &release(version, zip), zip)
        };
        let mod_writer = {
            let (map, version) = (&map, &version);
            move || writer(map, turns, 1).put_mod(version, other)
        };
        let (zip_outcome, mod_outcome) = both(turns, publisher, mod_writer);
        let store = store(&map);
        let standing = bytes(&store, &version, File::Mod).unwrap();
        match (zip_outcome, mod_outcome) {
            (Ok(_), Err(Error::Conflict(_))) => {
                assert_eq!(standing, release(&version, &zip).go_mod);
                assert!(bytes(&store, &version, File::Zip).as_ref() == Ok(&zip));
            }
            (Err(Error::Conflict(_)), Ok(_)) => {
                assert_eq!(standing, other);
                assert_eq!(bytes(&store, &version, File::Zip), Err(Error::NotFound));
            }
            both => panic!("{both:?}"),
        }
    });
}

#[test]
fn a_withdrawal_holds_against_a_publisher_and_a_reader_in_any_order() {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    let withdraw = |map: &Map, turns: &Turns, first: &ModuleVersion| {
        writer(map, turns, 0).withdraw(first).map(|_| ())
    };
    in_every_order(3, |turns| {
        let map = Map::default();
        published(&store(&map), &version, b"text");
        let publisher = || {
            let outcome = publish(&writer(&map, turns, 1), &release(&version, &zip), &zip);
            outcome.map(|_| ())
        };
        let (withdrawn, _) = both(turns, || withdraw(&map, turns, &version), publisher);
        assert_eq!(withdrawn, Ok(()));
        assert_eq!(
            bytes(&store(&map), &version, File::Zip),
            Err(Error::Withdrawn)
        );
        assert_eq!(listed(&store(&map), PATH).as_deref(), Some(""));
    });
    in_every_order(3, |turns| {
        let map = Map::default();
        published(&store(&map), &version, b"text");
        // As if the publisher had been killed before it noted that the index is right.
        let key = record::portable_key(&record::record_key(&version));
        let mut lagging = store(&map).record(&version).unwrap().unwrap();
        lagging.unsettled_since = Some(NOW - DAY);
        map.lock().unwrap().insert(key, lagging.to_value());
        let reader = || writer(&map, turns, 1).confirm(&version);
        let (withdrawn, _) = both(turns, || withdraw(&map, turns, &version), reader);
        assert_eq!(withdrawn, Ok(()));
        assert_eq!(
            bytes(&store(&map), &version, File::Zip),
            Err(Error::Withdrawn)
        );
        assert_eq!(listed(&store(&map), PATH).as_deref(), Some(""));
    });
}
