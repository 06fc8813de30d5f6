//! Uploads past the proxy, over an object store in memory, alone and beside a key-value store: a fault at every
//! step, bytes that are swapped at every step, others who publish meanwhile, and stores that break their word.

use std::rc::Rc;
use std::sync::Mutex;

use crate::http::Method;
use crate::http::client::{Client, Outgoing, Payload};
use crate::module::ModuleVersion;
use crate::store::contract::{
    self, bytes, listed, module_zip, publish, published, release, version,
};
use crate::store::kv::Kv;
use crate::store::kv::testing::{Map, Port};
use crate::store::s3::testing::{Bucket, Shared, TestClient, store_of};
use crate::store::testing::{
    Faults, TestClock, TestEntropy, Turns, at_every_step, both, in_every_order,
};
use crate::store::trials::{DAY, NOW, PATH};
use crate::store::{Error, File, Outcome, Release, Repaired, Store};

/// Where a store keeps what it has.
#[derive(Default)]
struct World {
    /// The records, and zips alone in the bucket; none: the bucket has it all.
    values: Option<Map>,
    bucket: Shared,
    seeds: Mutex<u64>,
    name: String,
}

/// `s3` and `s3+kv`, each over a bucket that keeps conditions, over one that keeps that of a write alone,
/// and over one that keeps none but that on the source of a copy.
fn worlds() -> impl Iterator<Item = World> {
    (0..6).map(world)
}

fn world(number: usize) -> World {
    let (beside, kind) = (number >= 3, number % 3);
    let bucket = Bucket {
        overwrites: kind == 2,
        copies_over: kind > 0,
        ..Bucket::default()
    };
    World {
        values: beside.then(Map::default),
        bucket: Shared::new(Mutex::new(bucket)),
        name: format!("{} {kind}", if beside { "s3+kv" } else { "s3" }),
        ..World::default()
    }
}

/// One of each.
fn one_of_each() -> [World; 2] {
    [world(0), world(3)]
}

impl World {
    fn open(
        &self,
        now: i64,
        faults: &Rc<Faults>,
        turns: Option<(&'static Turns, usize)>,
    ) -> Box<dyn Store> {
        let seed = {
            let mut seeds = self.seeds.lock().unwrap();
            *seeds += 1;
            *seeds
        };
        let mut client = TestClient::new(&self.bucket);
        client.faults = Rc::clone(faults);
        client.turns = turns;
        let objects = store_of(client, now, seed);
        let Some(map) = self.values.clone() else {
            return Box::new(objects);
        };
        let port = Port {
            map,
            faults: Rc::clone(faults),
            turns,
        };
        let clock = TestClock {
            inner: TestEntropy::new(now, seed + 1000),
            turns,
            waited: Rc::default(),
        };
        Box::new(Kv::new(Rc::new(port), Rc::new(clock), 1024).with_blobs(Rc::new(objects)))
    }

    fn at(&self, now: i64) -> Box<dyn Store> {
        self.open(now, &Rc::new(Faults::none()), None)
    }

    fn store(&self) -> Box<dyn Store> {
        self.at(NOW)
    }

    /// One of two that take turns.
    fn writer(&self, turns: &Turns, seat: usize) -> Box<dyn Store> {
        // Both threads end before the turns do.
        let turns: &'static Turns = unsafe { std::mem::transmute(turns) };
        self.open(NOW, &Rc::new(Faults::none()), Some((turns, seat)))
    }

    /// Sends bytes to an address, as a client does that has nothing but the address.
    fn follow(&self, method: Method, url: &str, bytes: &[u8]) -> (u16, Vec<u8>) {
        let request = Outgoing {
            method,
            url,
            headers: Vec::new(),
            body: Payload::Bytes(bytes),
            patience: std::time::Duration::ZERO,
        };
        let mut answer = TestClient::new(&self.bucket).send(request).unwrap();
        let mut told = Vec::new();
        while let Some(piece) = answer.body.next().unwrap() {
            told.extend(piece);
        }
        (answer.status, told)
    }

    /// Begins an upload and sends it. Returns its id.
    fn sent(&self, version: &ModuleVersion, bytes: &[u8]) -> String {
        let store = self.store();
        let presigned = store.presigned().unwrap();
        let begun = presigned.begin(version, bytes.len() as u64).unwrap();
        assert_eq!(self.follow(Method::Put, &begun.url, bytes).0, 200);
        begun.id
    }

    /// What clients sent, and is still there.
    fn uploads(&self) -> usize {
        self.bucket.lock().unwrap().staged()
    }

    fn zips(&self) -> usize {
        self.bucket.lock().unwrap().zips()
    }

    fn repaired(&self, after: i64) -> (Repaired, usize) {
        let store = self.at(NOW + after);
        let (mut whole, mut pages) = (Repaired::default(), 0);
        let mut cursor: Option<String> = None;
        loop {
            let page = store.repair(cursor.as_deref(), &|| false).unwrap();
            let before = cursor.or(Some(String::new()));
            assert_ne!(page.cursor, before, "it gets on");
            whole.removed += page.removed;
            whole.problems.extend(page.problems);
            pages += 1;
            cursor = page.cursor;
            if cursor.is_none() {
                return (whole, pages);
            }
        }
    }
}

fn arrived(store: &dyn Store, version: &ModuleVersion, id: &str) -> Result<(), Error> {
    store.presigned().unwrap().arrived(version, id).map(|_| ())
}

/// Reads what has arrived, and commits it. What was read, too.
fn take(store: &dyn Store, release: &Release, id: &str) -> (Result<Outcome, Error>, Vec<u8>) {
    let mut read = Vec::new();
    let staged = store.presigned().unwrap().arrived(&release.version, id);
    let outcome = staged.and_then(|staged| {
        let all = staged.reader()?.read_to_end(&mut read);
        all.map_err(Error::from_io)?;
        staged.commit(release)
    });
    (outcome, read)
}

fn complete(store: &dyn Store, release: &Release, id: &str) -> Result<Outcome, Error> {
    take(store, release, id).0
}

/// What the answer to a read brings in order, where a write could not.
fn healed(store: &dyn Store, version: &ModuleVersion) {
    let object = store.read(version, File::Info).unwrap();
    if let Some(work) = object.afterwards {
        work();
    }
}

#[test]
fn what_is_sent_is_committed_and_the_upload_is_gone() {
    for world in worlds() {
        let at = &world.name;
        let version = version(PATH, "v1.0.0");
        let zip = module_zip(&version, b"text");
        let release = release(&version, &zip);
        let id = world.sent(&version, &zip);
        assert_eq!(listed(&*world.store(), PATH), None, "nobody sees it");
        let outcome = complete(&*world.store(), &release, &id);
        assert_eq!(outcome, Ok(Outcome::Created), "{at}");
        assert!(bytes(&*world.store(), &version, File::Zip) == Ok(zip.clone()));
        assert_eq!(listed(&*world.store(), PATH).as_deref(), Some("v1.0.0\n"));
        assert_eq!(world.uploads(), 0);
        let outcome = complete(&*world.store(), &release, &id);
        assert_eq!(outcome, Err(Error::NotFound), "{at}");
        let again = world.sent(&version, &zip);
        let outcome = complete(&*world.store(), &release, &again);
        assert_eq!(outcome, Ok(Outcome::Unchanged), "{at}");
        let other = module_zip(&version, b"other");
        let id = world.sent(&version, &other);
        let outcome = complete(&*world.store(), &contract::release(&version, &other), &id);
        assert!(matches!(outcome, Err(Error::Conflict(_))), "{outcome:?}");
        assert!(bytes(&*world.store(), &version, File::Zip) == Ok(zip));
        assert_eq!((world.uploads(), world.zips()), (0, 1), "{at}");
    }
}

#[test]
fn a_zip_past_the_proxy_is_the_same_as_one_through_it_however_much_of_it_was_read() {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, &[7; 300_000]);
    let release = release(&version, &zip);
    let tagged = |store: &dyn Store| {
        let object = store.read(&version, File::Zip).unwrap();
        (object.size, String::from(&object.etag))
    };
    for number in [0, 3] {
        let through = world(number);
        publish(&*through.store(), &release, &zip).unwrap();
        for is_checked in [true, false] {
            let world = world(number);
            let id = world.sent(&version, &zip);
            let store = world.store();
            let staged = store.presigned().unwrap().arrived(&version, &id).unwrap();
            if is_checked {
                let limits = crate::module::zip::Limits::default();
                let mut reader = staged.reader().unwrap();
                let checked = crate::module::zip::check(&mut reader, &version, &limits);
                assert_eq!(checked.unwrap().h1, release.zip_hash);
            }
            assert_eq!(staged.commit(&release), Ok(Outcome::Created));
            let past = tagged(&*world.store());
            assert_eq!(past, tagged(&*through.store()), "{}", world.name);
        }
    }
}

#[test]
fn clients_get_the_address_of_a_zip_and_of_nothing_else() {
    for world in worlds() {
        let at = &world.name;
        let version = version(PATH, "v1.0.0");
        let zip = published(&*world.store(), &version, &[1; 5000]);
        let store = world.store();
        let elsewhere = |head| {
            let object = store.read(&version, File::Zip).unwrap();
            (object.elsewhere.unwrap())(head)
        };
        let (get, head) = (elsewhere(false).unwrap(), elsewhere(true).unwrap());
        assert_ne!(get, head, "the method is signed");
        assert!(get.contains("&X-Amz-Expires=300&"), "{get}");
        assert!(world.follow(Method::Get, &get, b"") == (200, zip.clone()));
        assert_eq!(world.follow(Method::Head, &head, b""), (200, Vec::new()));
        for file in [File::Info, File::Mod] {
            let object = store.read(&version, file).unwrap();
            assert!(object.elsewhere.is_none(), "{file:?} of {at}");
        }
    }
}

#[test]
fn an_object_that_is_gone_or_cut_short_is_told_here_and_not_by_the_object_store() {
    let world = world(3);
    let version = version(PATH, "v1.0.0");
    let zip = published(&*world.store(), &version, &[1; 5000]);
    let key = world.bucket.lock().unwrap().objects.keys().next().cloned();
    let key = key.unwrap();
    let name = key.trim_start_matches("pre-fix/");
    let elsewhere = || {
        let object = world.store().read(&version, File::Zip).unwrap();
        (object.elsewhere.unwrap())(false)
    };
    let cut = zip[..4000].to_vec();
    let mut bucket = world.bucket.lock().unwrap();
    bucket.objects.insert(key.clone(), cut);
    drop(bucket);
    let text = format!("the object {name} has 4000 of {} bytes", zip.len());
    assert_eq!(elsewhere(), Err(Error::Corrupt(text)));
    world.bucket.lock().unwrap().objects.remove(&key);
    let text = format!("the object {name} is gone");
    assert_eq!(elsewhere(), Err(Error::Corrupt(text)));
}

#[test]
fn a_zip_in_chunks_has_no_address_and_a_store_of_chunks_has_no_way_past() {
    let world = world(3);
    let version = version(PATH, "v1.0.0");
    let port = Port {
        map: world.values.clone().unwrap(),
        faults: Rc::new(Faults::none()),
        turns: None,
    };
    let chunks = Kv::new(Rc::new(port), Rc::new(TestEntropy::new(NOW, 1)), 1024);
    let zip = published(&chunks, &version, &[1; 5000]);
    assert!(chunks.presigned().is_none());
    for store in [Box::new(chunks) as Box<dyn Store>, world.store()] {
        let object = store.read(&version, File::Zip).unwrap();
        assert!(object.elsewhere.is_none());
        assert!(bytes(&*store, &version, File::Zip).as_ref() == Ok(&zip));
    }
    // The same content past the proxy is the same, and stays where it is.
    let id = world.sent(&version, &zip);
    let outcome = complete(&*world.store(), &release(&version, &zip), &id);
    assert_eq!(outcome, Ok(Outcome::Unchanged));
    assert_eq!((world.uploads(), world.zips()), (0, 0));
}

#[test]
fn an_id_is_good_for_its_version_and_for_a_day() {
    for world in one_of_each() {
        let one = version(PATH, "v1.0.0");
        let zip = module_zip(&one, b"text");
        let id = world.sent(&one, &zip);
        for other in [version(PATH, "v1.0.1"), version("example.com/n", "v1.0.0")] {
            let found = arrived(&*world.store(), &other, &id);
            assert_eq!(found, Err(Error::NotFound), "{other}");
        }
        let late = arrived(&*world.at(NOW + DAY), &one, &id);
        assert_eq!(late, Err(Error::NotFound));
        let (begun, chance) = id.split_once('.').unwrap();
        for wrong in [
            String::new(),
            ".".to_owned(),
            begun.to_owned(),
            format!("{begun}.A{}", &chance[1..]),
            format!("{begun}.{chance}0"),
            format!("{begun}.{chance}/../x"),
            format!("-1.{chance}"),
            format!("00000000000000000.{chance}"),
        ] {
            let found = arrived(&*world.store(), &one, &wrong);
            assert_eq!(found, Err(Error::NotFound), "{wrong}");
        }
        assert_eq!(world.uploads(), 1, "it waits for its own version");
        assert!(complete(&*world.at(NOW + DAY - 1), &release(&one, &zip), &id).is_ok());
    }
}

#[test]
fn a_fault_at_any_step_leaves_whole_files_and_can_be_tried_again() {
    let (first, second) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    let zip = module_zip(&second, &[7; 3000]);
    let release = release(&second, &zip);
    for number in 0..6 {
        at_every_step(|step, fault| {
            let world = world(number);
            let before = published(&*world.store(), &first, b"first");
            let faults = Rc::new(Faults::at(step, fault));
            let faulty = world.open(NOW, &faults, None);
            let begun = faulty.presigned().unwrap();
            let begun = begun.begin(&second, zip.len() as u64);
            let outcome = begun.and_then(|begun| {
                assert_eq!(world.follow(Method::Put, &begun.url, &zip).0, 200);
                complete(&*faulty, &release, &begun.id)
            });
            let at = format!("{fault:?} at step {step} of {}", world.name);
            let store = world.store();
            for (file, whole) in [(File::Mod, &release.go_mod), (File::Zip, &zip)] {
                match bytes(&*store, &second, file) {
                    Ok(found) => assert!(found == *whole, "{file:?} {at}"),
                    Err(error) => assert_eq!(error, Error::NotFound, "{file:?} {at}"),
                }
            }
            let listing = Some("v1.0.0\nv1.1.0\n");
            if outcome.is_ok() {
                healed(&*store, &second);
                assert_eq!(listed(&*store, PATH).as_deref(), listing, "{at}");
            }
            let again = world.sent(&second, &zip);
            let again = complete(&*store, &release, &again);
            assert!(again.is_ok(), "{at}: {again:?}");
            for (version, whole) in [(&second, &zip), (&first, &before)] {
                let found = bytes(&*store, version, File::Zip);
                assert!(found.as_ref() == Ok(whole), "{at}");
            }
            healed(&*store, &second);
            assert_eq!(listed(&*store, PATH).as_deref(), listing, "{at}");
            assert_eq!(world.repaired(2 * DAY).0.problems, [""; 0], "{at}");
            assert_eq!((world.uploads(), world.zips()), (0, 2), "{at}");
            for (version, whole) in [(&second, &zip), (&first, &before)] {
                let found = bytes(&*store, version, File::Zip);
                assert!(found.as_ref() == Ok(whole), "{at}, repaired");
            }
            faults.struck()
        });
    }
}

#[test]
fn bytes_that_are_swapped_at_any_step_are_never_published() {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    for number in 0..6 {
        let mut conflicts = 0;
        for step in 0.. {
            let world = world(number);
            let at = format!("step {step} of {}", world.name);
            let id = world.sent(&version, &zip);
            let swap = Some((step, b"not what was checked".to_vec()));
            world.bucket.lock().unwrap().swap_after = swap;
            let store = world.store();
            let (outcome, read) = take(&*store, &release(&version, &zip), &id);
            match &outcome {
                Ok(_) => {
                    assert!(read == zip, "{at}");
                    assert!(bytes(&*store, &version, File::Zip).as_ref() == Ok(&zip));
                }
                Err(Error::Conflict(_)) => {
                    conflicts += 1;
                    assert_eq!(bytes(&*store, &version, File::Zip), Err(Error::NotFound));
                    assert_eq!(listed(&*store, PATH), None);
                    assert_eq!(world.zips(), 0, "{at}");
                }
                Err(error) => panic!("{at}: {error}"),
            }
            assert_eq!(world.uploads(), 0, "{at}");
            if world.bucket.lock().unwrap().swap_after.is_some() {
                break;
            }
        }
        // Alone: after each look, read and the trial. Beside: before the copy, which is what is read.
        let least = if number < 3 { 3 } else { 1 };
        assert!(conflicts >= least, "{conflicts} of {number}");
    }
}

#[test]
fn a_store_that_copies_whatever_the_tag_is_refused_or_can_do_no_harm() {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    let [alone, beside] = one_of_each();
    alone.bucket.lock().unwrap().copies_anything = true;
    let id = alone.sent(&version, &zip);
    let outcome = complete(&*alone.store(), &release(&version, &zip), &id);
    let text = "http://s3.example.com: it copies an upload whatever its tag (`redirect_over`: the bytes \
                could be swapped after they were checked)";
    assert_eq!(outcome, Err(Error::Refused(text.to_owned())));
    assert!(
        alone.bucket.lock().unwrap().objects.is_empty(),
        "nothing stays"
    );

    beside.bucket.lock().unwrap().copies_anything = true;
    let id = beside.sent(&version, &zip);
    let mut other = zip.clone();
    other.reverse();
    beside.bucket.lock().unwrap().swap_after = Some((0, other.clone()));
    let (outcome, read) = take(&*beside.store(), &release(&version, &zip), &id);
    assert_eq!(outcome, Ok(Outcome::Created));
    assert!(read == other, "what was swapped in is what the check reads");
    assert!(bytes(&*beside.store(), &version, File::Zip) == Ok(other));
    let longer = [zip.as_slice(), b"more"].concat();
    let id = beside.sent(&version, &zip);
    beside.bucket.lock().unwrap().swap_after = Some((0, longer));
    let outcome = complete(&*beside.store(), &release(&version, &zip), &id);
    let size = zip.len();
    let text = format!("the object store kept {} of {size} bytes", size + 4);
    assert_eq!(outcome, Err(Error::Unavailable(text)));
    assert_eq!((beside.uploads(), beside.zips()), (0, 1));
}

#[test]
fn a_publisher_past_the_proxy_and_one_through_it_end_with_one_of_the_two_in_any_order() {
    let version = version(PATH, "v1.0.0");
    let zips = [module_zip(&version, b"one"), module_zip(&version, b"two")];
    for number in 0..6 {
        in_every_order(2, |turns| {
            let world = world(number);
            let id = world.sent(&version, &zips[0]);
            let past = || complete(&*world.writer(turns, 0), &release(&version, &zips[0]), &id);
            let through = || {
                publish(
                    &*world.writer(turns, 1),
                    &release(&version, &zips[1]),
                    &zips[1],
                )
            };
            let (one, two) = both(turns, past, through);
            let standing = bytes(&*world.store(), &version, File::Zip).unwrap();
            for (outcome, zip) in [(&one, &zips[0]), (&two, &zips[1])] {
                match outcome {
                    Ok(_) => assert!(standing == *zip, "another stands"),
                    Err(error) => assert!(matches!(error, Error::Conflict(_)), "{error:?}"),
                }
            }
            assert!(
                one.is_ok() != two.is_ok(),
                "{one:?}, {two:?}: {}",
                world.name
            );
            assert_eq!((world.uploads(), world.zips()), (0, 1));
        });
    }
}

#[test]
fn an_upload_that_is_completed_twice_at_once_is_published_once_in_any_order() {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    let release = release(&version, &zip);
    for number in 0..6 {
        in_every_order(2, |turns| {
            let world = world(number);
            let id = world.sent(&version, &zip);
            let act = |seat: usize| {
                let (world, release, id) = (&world, &release, &id);
                move || complete(&*world.writer(turns, seat), release, id)
            };
            let (one, two) = both(turns, act(0), act(1));
            let at = format!("{one:?}, {two:?}: {}", world.name);
            assert!(one.is_ok() || two.is_ok(), "{at}");
            for outcome in [&one, &two] {
                let gone = matches!(outcome, Err(Error::NotFound | Error::Conflict(_)));
                assert!(outcome.is_ok() || gone, "{at}");
            }
            let store = world.store();
            assert!(
                bytes(&*store, &version, File::Zip).as_ref() == Ok(&zip),
                "{at}"
            );
            assert_eq!(listed(&*store, PATH).as_deref(), Some("v1.0.0\n"), "{at}");
            world.repaired(2 * DAY);
            assert_eq!((world.uploads(), world.zips()), (0, 1), "{at}");
            assert!(
                bytes(&*store, &version, File::Zip).as_ref() == Ok(&zip),
                "{at}"
            );
        });
    }
}

#[test]
fn repair_clears_what_is_old_in_pages_and_leaves_what_is_under_way() {
    for world in one_of_each() {
        world.bucket.lock().unwrap().page = Some(2);
        for number in 0..7 {
            world.sent(
                &version(PATH, &format!("v1.{number}.0")),
                b"never completed",
            );
        }
        let kept = published(
            &*world.store(),
            &version("example.com/k", "v1.0.0"),
            b"text",
        );
        // A bucket may hold the documents of a store that is alone with it.
        let alone = World {
            bucket: Shared::clone(&world.bucket),
            ..World::default()
        };
        alone.store().set_document("name", b"text").unwrap();
        let later = world.at(NOW + DAY);
        let young = later.presigned().unwrap();
        let young = young.begin(&version(PATH, "v1.9.0"), 5).unwrap();
        assert_eq!(world.follow(Method::Put, &young.url, b"young").0, 200);
        assert_eq!(world.repaired(DAY - 1).0.removed, 0, "{}", world.name);
        let (done, pages) = world.repaired(DAY);
        assert_eq!(done.removed, 7, "{}", world.name);
        assert!(pages > 4, "{pages} pages of {}", world.name);
        assert_eq!(world.uploads(), 2, "the young one and the document");
        let found = bytes(&*later, &version("example.com/k", "v1.0.0"), File::Zip);
        assert!(found == Ok(kept));
    }
}
