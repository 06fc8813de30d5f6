//! Records and indexes in a map, zips in an object store that speaks S3: the contract, a fault at every
//! step of both, two writers in every order, what a hit asks, and what repair clears.

use std::collections::BTreeMap;
use std::io::Write;

use super::*;
use crate::http::Body;
use crate::http::client::Client;
use crate::module::ModuleVersion;
use crate::store::s3::S3;
use crate::store::s3::testing::{Odd, Shared, TestClient, config};
use crate::store::testing::at_every_step;
use crate::store::{Content, Repaired};

/// More than a part of an upload is in tests, and than is held before it is sent.
const LARGE: usize = 68 << 10;

/// What the two writers share: values and a bucket.
#[derive(Clone, Default)]
struct Both {
    values: Map,
    bucket: Shared,
}

impl Both {
    fn keys(&self) -> Vec<String> {
        self.bucket
            .lock()
            .unwrap()
            .objects
            .keys()
            .cloned()
            .collect()
    }

    fn unfinished(&self) -> usize {
        self.bucket.lock().unwrap().uploads.len()
    }
}

fn store_through(
    both: &Both,
    now: i64,
    faults: &Rc<Faults>,
    client: Rc<dyn Client>,
    turns: Option<(&'static Turns, usize)>,
) -> Kv {
    let seed = match turns {
        Some((_, seat)) => seat as u64 + 1,
        None => 7 + both.keys().len() as u64,
    };
    let clock = |seed| {
        Rc::new(TestClock {
            inner: TestEntropy::new(now, seed),
            turns,
            waited: Rc::default(),
        })
    };
    let port = Port {
        map: Arc::clone(&both.values),
        faults: Rc::clone(faults),
        turns,
    };
    let objects = S3::new(Rc::new(config()), client, clock(seed + 100));
    Kv::new(Rc::new(port), clock(seed), 1024).with_blobs(Rc::new(objects))
}

impl Ground for Both {
    type Store = Kv;

    fn open(&self, now: i64, faults: &Rc<Faults>, turns: Option<(&'static Turns, usize)>) -> Kv {
        let mut client = TestClient::new(&self.bucket);
        client.faults = Rc::clone(faults);
        client.turns = turns;
        store_through(self, now, faults, Rc::new(client), turns)
    }

    fn holds_only(&self, zips: &[&[u8]], at: &str) {
        assert_eq!(
            (self.keys().len(), self.unfinished()),
            (zips.len(), 0),
            "{at}"
        );
        assert_eq!(chunk_keys(&self.values), 0, "{at}");
    }
}

#[test]
fn the_contract_holds() {
    let both = Both::default();
    both.bucket.lock().unwrap().page = Some(3);
    contract::check_all(&sound(&both));
    contract::check_documents(&sound(&both));
    assert_eq!(chunk_keys(&both.values), 0);
    assert_eq!(both.unfinished(), 0);
    let zips = |key: &String| key.starts_with("pre-fix/zips/") && key.ends_with(".zip");
    assert!(both.keys().iter().all(zips), "{:?}", both.keys());
}

#[test]
fn a_fault_at_any_step_of_publishing_leaves_all_or_nothing_and_can_be_tried_again() {
    trials::publishing(Both::default, &[7; 50_000]);
}

#[test]
fn two_publishers_of_other_content_end_with_one_of_the_two_in_any_order() {
    let orders = trials::publishers_of_other_content(3, Both::default);
    assert!(orders > 100, "{orders}");
}

#[test]
fn a_fault_at_any_step_of_a_large_upload_leaves_what_repair_clears() {
    let large = version(PATH, "v1.0.0");
    let zip = vec![7; LARGE];
    at_every_step(|step, fault| {
        let both = Both::default();
        let faults = Rc::new(Faults::at(step, fault));
        let store = faulty(&both, NOW, &faults);
        let staged = store.stage(&large).and_then(|mut staging| {
            staging.write_all(&zip).map_err(Error::from_io)?;
            staging.finish()
        });
        let at = format!("{fault:?} at step {step}");
        if let Ok(staged) = staged {
            let mut reader = staged.reader().unwrap();
            let mut found = Vec::new();
            if reader.read_to_end(&mut found).is_ok() {
                assert!(found == zip, "{at}");
            }
        }
        let kept = both.keys().len() + both.unfinished();
        assert!(kept <= 1, "{at}: {kept}");
        assert_eq!(trials::repaired(&both, DAY - 1).removed, 0, "{at}");
        assert_eq!(trials::repaired(&both, DAY).removed, kept as u64, "{at}");
        assert_eq!((both.keys().len(), both.unfinished()), (0, 0), "{at}");
        faults.struck()
    });
}

#[test]
fn a_fault_at_any_step_of_withdrawing_or_of_repair_loses_nothing_that_is_in_use() {
    let (kept, gone) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    at_every_step(|step, fault| {
        let both = Both::default();
        both.bucket.lock().unwrap().page = Some(1);
        let zip = published(&sound(&both), &kept, b"kept");
        published(&sound(&both), &gone, b"gone");
        let faults = Rc::new(Faults::at(step, fault));
        let store = faulty(&both, NOW + 2 * DAY, &faults);
        let _ = store.withdraw(&gone);
        let _ = store.repair(None, &|| true);
        let at = format!("{fault:?} at step {step}");
        let sound = sound(&both);
        assert!(bytes(&sound, &kept, File::Zip).as_ref() == Ok(&zip), "{at}");
        assert!(sound.withdraw(&gone).is_ok(), "{at}");
        assert_eq!(
            bytes(&sound, &gone, File::Zip),
            Err(Error::Withdrawn),
            "{at}"
        );
        trials::repaired(&both, 2 * DAY);
        assert_eq!(both.keys().len(), 1, "{at}");
        assert!(bytes(&sound, &kept, File::Zip).as_ref() == Ok(&zip), "{at}");
        faults.struck()
    });
}

#[test]
fn repair_goes_through_the_objects_page_by_page_and_leaves_what_is_in_use_young_or_not_ours() {
    let both = Both::default();
    both.bucket.lock().unwrap().page = Some(2);
    let mut kept = Vec::new();
    for number in 0..5 {
        let version = version(PATH, &format!("v1.{number}.0"));
        let zip = published(&sound(&both), &version, &[number; 100]);
        kept.push((version, zip));
    }
    // Killed: seven whole, three begun, and as many of each two days later.
    let leave = |now: i64, number: u32| {
        let name = version(PATH, &format!("v1.9{number}.{now}"));
        let mut staging = faulty(&both, now, &Rc::new(Faults::none()))
            .stage(&name)
            .unwrap();
        if number < 7 {
            staging.write_all(b"of an upload that was killed").unwrap();
            std::mem::forget(staging.finish().unwrap());
        } else {
            staging.write_all(&vec![1; LARGE]).unwrap();
            std::mem::forget(staging);
        }
    };
    for number in 0..10 {
        leave(NOW, number);
        leave(NOW + 2 * DAY, number);
    }
    for key in [
        "zips/a",
        "zips/zz.zip",
        "zips/0.zip",
        "example.com/m/@v/v1.0.0.zip",
    ] {
        let mut bucket = both.bucket.lock().unwrap();
        bucket.objects.insert(format!("pre-fix/{key}"), vec![0]);
        let parts = (format!("pre-fix/{key}"), BTreeMap::new());
        bucket.uploads.insert(format!("of another: {key}"), parts);
    }
    assert_eq!((both.keys().len(), both.unfinished()), (5 + 14 + 4, 6 + 4));
    let report = trials::repaired(&both, 2 * DAY);
    let expected = Repaired {
        modules: 1,
        versions: 5,
        removed: 10,
        ..Repaired::default()
    };
    assert_eq!(report, expected);
    assert_eq!((both.keys().len(), both.unfinished()), (5 + 7 + 4, 3 + 4));
    for (version, zip) in kept {
        assert_eq!(bytes(&sound(&both), &version, File::Zip), Ok(zip));
    }
}

#[test]
fn two_key_value_stores_with_one_bucket_never_remove_each_other_s_objects() {
    let one = Both::default();
    let two = Both {
        bucket: Arc::clone(&one.bucket),
        ..Both::default()
    };
    let version = version(PATH, "v1.0.0");
    let zips = [&one, &two].map(|both| {
        let text = both.keys().len().to_string();
        published(&sound(both), &version, text.as_bytes())
    });
    for both in [&one, &two] {
        // Killed before the record.
        let mut staging = sound(both).stage(&version).unwrap();
        staging.write_all(b"of an upload that was killed").unwrap();
        std::mem::forget(staging.finish().unwrap());
        let mut staging = sound(both).stage(&version).unwrap();
        staging.write_all(&vec![1; LARGE]).unwrap();
        std::mem::forget(staging);
    }
    // One without a mark may be anybody's.
    let marked = one.keys().into_iter().find(|key| key.contains("zips/"));
    let marked = marked.unwrap();
    let (unmarked, _) = marked.trim_end_matches(".zip").rsplit_once('.').unwrap();
    let mut bucket = one.bucket.lock().unwrap();
    bucket.objects.insert(format!("{unmarked}.zip"), vec![0]);
    drop(bucket);
    assert_eq!((one.keys().len(), one.unfinished()), (5, 2));
    assert_eq!(trials::repaired(&one, 2 * DAY).removed, 2);
    assert_eq!((one.keys().len(), one.unfinished()), (4, 1));
    assert_eq!(trials::repaired(&two, 2 * DAY).removed, 2);
    assert_eq!((one.keys().len(), one.unfinished()), (3, 0));
    for (both, zip) in [&one, &two].into_iter().zip(zips) {
        assert_eq!(bytes(&sound(both), &version, File::Zip), Ok(zip));
    }
}

/// A store with a published version, and the client that it asks through.
fn asking(script: Vec<Option<Odd>>) -> (Both, Kv, ModuleVersion, Vec<u8>, Rc<TestClient>) {
    let both = Both::default();
    let version = version(PATH, "v1.0.0");
    let zip = published(&sound(&both), &version, &[1; 5000]);
    let client = Rc::new(TestClient::new(&both.bucket));
    client.script.borrow_mut().extend(script);
    let faults = Rc::new(Faults::none());
    let store = store_through(&both, NOW, &faults, client.clone(), None);
    (both, store, version, zip, client)
}

fn part(
    store: &Kv,
    version: &ModuleVersion,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, Error> {
    let object = store.read(version, File::Zip)?;
    let Content::Stored(open) = object.content else {
        panic!("it is not in the record");
    };
    let Body::Stream(length, mut source) = open(range)? else {
        panic!("it is sent as it comes");
    };
    let mut all = Vec::new();
    while let Some(piece) = source.next().map_err(Error::from_io)? {
        all.extend(piece);
    }
    assert_eq!(all.len() as u64, length);
    Ok(all)
}

#[test]
fn a_hit_asks_the_object_store_once_for_a_zip_or_its_part_and_never_for_the_rest() {
    let (_, store, version, zip, client) = asking(Vec::new());
    let size = zip.len() as u64;
    for file in [File::Info, File::Mod] {
        assert!(bytes(&store, &version, file).is_ok());
    }
    // A look is enough for `HEAD` and for a tag that is known.
    assert_eq!(store.read(&version, File::Zip).unwrap().size, size);
    assert_eq!(client.asked.borrow().len(), 0);
    assert_eq!(part(&store, &version, 0..size), Ok(zip.clone()));
    assert_eq!(part(&store, &version, 10..1300), Ok(zip[10..1300].to_vec()));
    assert_eq!(client.asked.borrow().len(), 2, "{:?}", client.asked);
}

#[test]
fn a_body_that_breaks_goes_on_from_where_it_broke_and_another_object_never_mixes_in() {
    let cuts = vec![Some(Odd::Broken(1500)), Some(Odd::Broken(700)), None];
    let (_, store, version, zip, client) = asking(cuts);
    assert_eq!(
        part(&store, &version, 100..4000),
        Ok(zip[100..4000].to_vec())
    );
    assert_eq!(client.asked.borrow().len(), 3);
    let (_, store, version, _, _) = asking(vec![Some(Odd::Replaced(1500))]);
    let mixed = part(&store, &version, 0..4000);
    assert!(matches!(mixed, Err(Error::Conflict(_))), "{mixed:?}");
}

#[test]
fn an_object_that_is_gone_or_cut_short_is_corrupt_before_a_byte_is_sent() {
    let (both, store, version, zip, _) = asking(Vec::new());
    let key = both.keys().remove(0);
    let name = key.trim_start_matches("pre-fix/").to_owned();
    let cut = zip[..4000].to_vec();
    both.bucket.lock().unwrap().objects.insert(key.clone(), cut);
    let corrupt = |what: String| Err(Error::Corrupt(what));
    let size = zip.len() as u64;
    for range in [0..size, 3999..size, size - 10..size] {
        let read = part(&store, &version, range);
        assert_eq!(read, corrupt(format!("{name} has been cut short")));
    }
    both.bucket.lock().unwrap().objects.remove(&key);
    let read = part(&store, &version, 0..size);
    assert_eq!(read, corrupt(format!("the object {name} is gone")));
}

#[test]
fn an_object_that_another_was_put_over_is_not_given_out() {
    let both = Both::default();
    let version = version(PATH, "v1.0.0");
    let zip = published(&sound(&both), &version, &[1; 5000]);
    for bytes_there in [zip.len() - 1, zip.len() + 1] {
        let mut other = zip.clone();
        other.resize(bytes_there, 0);
        for bytes in both.bucket.lock().unwrap().objects.values_mut() {
            bytes.clone_from(&other);
        }
        let read = bytes(&sound(&both), &version, File::Zip);
        assert!(matches!(read, Err(Error::Corrupt(_))), "{read:?}");
    }
}
