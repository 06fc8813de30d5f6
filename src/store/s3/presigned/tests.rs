//! Uploads past the proxy, over an object store in memory: addresses as they are signed, a fault at every
//! step, bytes that are swapped at every step, a publisher beside, and stores that break their word.

use std::rc::Rc;

use super::super::testing::{Bucket, Shared, TestClient, store_of};
use super::super::{Layout, S3};
use super::*;
use crate::http::client::{Client, Outgoing, Payload};
use crate::store::contract::{
    self, bytes, listed, module_zip, publish, published, release, version,
};
use crate::store::testing::{Faults, Turns, at_every_step, both, in_every_order};
use crate::store::{File, Outcome, Release, Store};

const NOW: i64 = 1_700_000_000;
const DAY: i64 = 24 * 60 * 60;
const PATH: &str = "example.com/m";

fn store_at(bucket: &Shared, now: i64, faults: Rc<Faults>) -> S3 {
    let mut client = TestClient::new(bucket);
    client.faults = faults;
    let seed = 7 + bucket.lock().unwrap().objects.len() as u64;
    store_of(client, now, seed)
}

fn store(bucket: &Shared) -> S3 {
    store_at(bucket, NOW, Rc::new(Faults::none()))
}

/// Buckets that keep conditions, that of a write alone, and none but that on the source of a copy.
fn bucket(kind: usize) -> Shared {
    let bucket = Shared::default();
    *bucket.lock().unwrap() = Bucket {
        overwrites: kind == 2,
        copies_over: kind > 0,
        ..Bucket::default()
    };
    bucket
}

/// Sends bytes to an address, as a client does that has nothing but the address.
fn send(bucket: &Shared, url: &str, bytes: &[u8]) -> u16 {
    let request = Outgoing {
        method: Method::Put,
        url,
        headers: Vec::new(),
        body: Payload::Bytes(bytes),
        patience: std::time::Duration::ZERO,
    };
    TestClient::new(bucket).send(request).unwrap().status
}

/// Begins an upload and sends it. Returns its id.
fn sent(bucket: &Shared, version: &ModuleVersion, bytes: &[u8]) -> String {
    let begun = store(bucket).begin(version, bytes.len() as u64).unwrap();
    assert_eq!(send(bucket, &begun.url, bytes), 200);
    begun.id
}

fn complete(store: &S3, release: &Release, id: &str) -> Result<Outcome, Error> {
    store.arrived(&release.version, id)?.commit(release)
}

fn uploads(bucket: &Shared) -> usize {
    let bucket = bucket.lock().unwrap();
    let keys = bucket.objects.keys();
    keys.filter(|key| key.contains("/.goproxy-edge/")).count()
}

#[test]
fn an_upload_is_addressed_by_time_chance_and_version_and_its_length_is_signed() {
    let bucket = bucket(0);
    let one = version(PATH, "v1.0.0");
    let begun = store(&bucket).begin(&one, 1234).unwrap();
    assert_eq!(begun.id, "6553f100.00000007000000010000000700000002");
    assert_eq!(begun.seconds, 900);
    let digest = Sha256::digest(b"example.com/m@v1.0.0");
    let start = format!(
        "http://s3.example.com/modules/pre-fix/.goproxy-edge/{}.{}?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIDEXAMPLE%2F20231114%2Fus-east-1%2Fs3%2Faws4_request\
         &X-Amz-Date=20231114T221320Z&X-Amz-Expires=900\
         &X-Amz-SignedHeaders=content-length%3Bhost&X-Amz-Signature=",
        begun.id,
        hex::encode(&digest[..16]),
    );
    assert!(begun.url.starts_with(&start), "{}", begun.url);
    // Another length has another signature.
    let other = store(&bucket).begin(&one, 1235).unwrap();
    assert_ne!(other.url, begun.url);
    let head = store(&bucket).zip_address(&one, true).unwrap();
    let get = store(&bucket).zip_address(&one, false).unwrap();
    assert_ne!(head, get, "the method is signed");
    let start =
        "http://s3.example.com/modules/pre-fix/example.com/m/%40v/v1.0.0.zip?X-Amz-Algorithm";
    assert!(
        get.starts_with(start) && get.contains("&X-Amz-Expires=300&"),
        "{get}"
    );
}

#[test]
fn what_is_sent_is_committed_and_the_upload_is_gone() {
    for kind in 0..3 {
        let bucket = bucket(kind);
        let version = version(PATH, "v1.0.0");
        let zip = module_zip(&version, b"text");
        let release = release(&version, &zip);
        let id = sent(&bucket, &version, &zip);
        assert_eq!(listed(&store(&bucket), PATH), None, "nobody sees it");
        assert_eq!(
            complete(&store(&bucket), &release, &id),
            Ok(Outcome::Created)
        );
        assert!(bytes(&store(&bucket), &version, File::Zip) == Ok(zip.clone()));
        assert_eq!(listed(&store(&bucket), PATH).as_deref(), Some("v1.0.0\n"));
        assert_eq!(uploads(&bucket), 0);
        assert_eq!(
            complete(&store(&bucket), &release, &id),
            Err(Error::NotFound)
        );
        let again = sent(&bucket, &version, &zip);
        assert_eq!(
            complete(&store(&bucket), &release, &again),
            Ok(Outcome::Unchanged)
        );
        let other = module_zip(&version, b"other");
        let id = sent(&bucket, &version, &other);
        let outcome = complete(&store(&bucket), &contract::release(&version, &other), &id);
        assert!(matches!(outcome, Err(Error::Conflict(_))), "{outcome:?}");
        assert!(bytes(&store(&bucket), &version, File::Zip) == Ok(zip));
        assert_eq!(uploads(&bucket), 0);
    }
}

#[test]
fn an_id_is_good_for_its_version_and_for_a_day() {
    let bucket = bucket(0);
    let one = version(PATH, "v1.0.0");
    let zip = module_zip(&one, b"text");
    let id = sent(&bucket, &one, &zip);
    for other in [version(PATH, "v1.0.1"), version("example.com/n", "v1.0.0")] {
        let found = store(&bucket).arrived(&other, &id).map(|_| ());
        assert_eq!(found, Err(Error::NotFound), "{other}");
    }
    let late = store_at(&bucket, NOW + DAY, Rc::new(Faults::none()));
    assert_eq!(late.arrived(&one, &id).map(|_| ()), Err(Error::NotFound));
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
        let found = store(&bucket).arrived(&one, &wrong).map(|_| ());
        assert_eq!(found, Err(Error::NotFound), "{wrong}");
    }
    assert_eq!(uploads(&bucket), 1, "it waits for its own version");
    assert!(complete(&store(&bucket), &release(&one, &zip), &id).is_ok());
}

#[test]
fn a_fault_at_any_step_leaves_whole_files_and_can_be_tried_again() {
    let (first, second) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    let zip = module_zip(&second, &[7; 3000]);
    let release = release(&second, &zip);
    for kind in 0..3 {
        at_every_step(|step, fault| {
            let bucket = bucket(kind);
            let before = published(&store(&bucket), &first, b"first");
            let faults = Rc::new(Faults::at(step, fault));
            let faulty = store_at(&bucket, NOW, Rc::clone(&faults));
            let outcome = faulty.begin(&second, zip.len() as u64).and_then(|begun| {
                assert_eq!(send(&bucket, &begun.url, &zip), 200);
                complete(&faulty, &release, &begun.id)
            });
            let at = format!("{fault:?} at step {step} of {kind}");
            let store = store(&bucket);
            for (file, whole) in [(File::Mod, &release.go_mod), (File::Zip, &zip)] {
                match bytes(&store, &second, file) {
                    Ok(found) => assert!(found == *whole, "{file:?} {at}"),
                    Err(error) => assert_eq!(error, Error::NotFound, "{file:?} {at}"),
                }
            }
            if outcome.is_ok() {
                assert_eq!(
                    listed(&store, PATH).as_deref(),
                    Some("v1.0.0\nv1.1.0\n"),
                    "{at}"
                );
            }
            let again = sent(&bucket, &second, &zip);
            assert!(complete(&store, &release, &again).is_ok(), "{at}");
            assert!(
                bytes(&store, &second, File::Zip).as_ref() == Ok(&zip),
                "{at}"
            );
            assert!(
                bytes(&store, &first, File::Zip).as_ref() == Ok(&before),
                "{at}"
            );
            assert_eq!(
                listed(&store, PATH).as_deref(),
                Some("v1.0.0\nv1.1.0\n"),
                "{at}"
            );
            let later = store_at(&bucket, NOW + 2 * DAY, Rc::new(Faults::none()));
            assert_eq!(later.repair(None, &|| true).unwrap().cursor, None);
            assert_eq!(uploads(&bucket), 0, "{at}");
            faults.struck()
        });
    }
}

#[test]
fn bytes_that_are_swapped_at_any_step_are_never_published() {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    for kind in 0..3 {
        let mut conflicts = 0;
        for step in 0.. {
            let bucket = bucket(kind);
            let id = sent(&bucket, &version, &zip);
            bucket.lock().unwrap().swap_after = Some((step, b"not what was checked".to_vec()));
            let store = store(&bucket);
            let staged = store.arrived(&version, &id).unwrap();
            let mut read = Vec::new();
            let checked = staged.reader().unwrap().read_to_end(&mut read);
            let outcome = match checked {
                Ok(_) => {
                    assert!(read == zip, "step {step} of {kind}");
                    staged.commit(&release(&version, &zip))
                }
                Err(error) => {
                    drop(staged);
                    Err(Error::from_io(error))
                }
            };
            match &outcome {
                Ok(_) => assert!(bytes(&store, &version, File::Zip).as_ref() == Ok(&zip)),
                Err(Error::Conflict(_)) => {
                    conflicts += 1;
                    assert_eq!(bytes(&store, &version, File::Zip), Err(Error::NotFound));
                    assert_eq!(listed(&store, PATH), None);
                }
                Err(error) => panic!("step {step} of {kind}: {error}"),
            }
            assert_eq!(uploads(&bucket), 0);
            if bucket.lock().unwrap().swap_after.is_some() {
                break;
            }
        }
        assert!(
            conflicts >= 3,
            "{conflicts} of {kind}: after each look, read and the trial"
        );
    }
}

#[test]
fn a_store_that_copies_whatever_the_tag_is_refused() {
    let bucket = bucket(0);
    bucket.lock().unwrap().copies_anything = true;
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    let id = sent(&bucket, &version, &zip);
    let outcome = complete(&store(&bucket), &release(&version, &zip), &id);
    let text = "http://s3.example.com: it copies an upload whatever its tag (`redirect_over`: the bytes \
                could be swapped after they were checked)";
    assert_eq!(outcome, Err(Error::Refused(text.to_owned())));
    assert!(bucket.lock().unwrap().objects.is_empty(), "nothing stays");
}

#[test]
fn a_publisher_past_the_proxy_and_one_through_it_end_with_one_of_the_two_in_any_order() {
    let version = version(PATH, "v1.0.0");
    let zips = [module_zip(&version, b"one"), module_zip(&version, b"two")];
    for kind in 0..3 {
        in_every_order(2, |turns| {
            // Both threads end before the turns do.
            let turns: &'static Turns = unsafe { std::mem::transmute(turns) };
            let bucket = bucket(kind);
            let id = sent(&bucket, &version, &zips[0]);
            let writer = |seat: usize| {
                let mut client = TestClient::new(&bucket);
                client.turns = Some((turns, seat));
                store_of(client, NOW, seat as u64 + 1)
            };
            let past = || complete(&writer(0), &release(&version, &zips[0]), &id);
            let through = || publish(&writer(1), &release(&version, &zips[1]), &zips[1]);
            let (one, two) = both(turns, past, through);
            let store = store(&bucket);
            let standing = bytes(&store, &version, File::Zip).unwrap();
            for (outcome, zip) in [(&one, &zips[0]), (&two, &zips[1])] {
                match outcome {
                    Ok(_) => assert!(standing == *zip, "another stands"),
                    Err(error) => assert!(matches!(error, Error::Conflict(_)), "{error:?}"),
                }
            }
            assert!(one.is_ok() != two.is_ok(), "{one:?} and {two:?} of {kind}");
            assert_eq!(uploads(&bucket), 0);
        });
    }
}

#[test]
fn repair_clears_what_is_old_in_pages_and_leaves_what_is_under_way() {
    let bucket = bucket(0);
    bucket.lock().unwrap().page = Some(2);
    let old = store(&bucket);
    for number in 0..7 {
        let version = version(PATH, &format!("v1.{number}.0"));
        sent(&bucket, &version, b"never completed");
        let upload = format!("pre-fix/.goproxy-edge/6553f100.{number:032x}");
        let mut bucket = bucket.lock().unwrap();
        bucket
            .uploads
            .insert(format!("id{number}"), (upload, Default::default()));
    }
    let kept = published(&old, &version("example.com/k", "v1.0.0"), b"text");
    old.set_document("name", b"text").unwrap();
    let now = NOW + DAY;
    let later = store_at(&bucket, now, Rc::new(Faults::none()));
    let young = later.begin(&version(PATH, "v1.9.0"), 5).unwrap();
    assert_eq!(send(&bucket, &young.url, b"young"), 200);
    let parts = format!("pre-fix/.goproxy-edge/{now:x}.{:032x}", 1);
    let insert = ("young".to_owned(), (parts, Default::default()));
    bucket.lock().unwrap().uploads.extend([insert]);
    let mut cursor = None;
    let mut removed = 0;
    let mut pages = 0;
    loop {
        let page = later.repair(cursor.as_deref(), &|| false).unwrap();
        assert_ne!(
            page.cursor.as_ref(),
            cursor.as_ref().or(Some(&String::new()))
        );
        removed += page.removed;
        pages += 1;
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(removed, 14);
    assert!(pages > 8, "{pages} pages");
    assert_eq!(uploads(&bucket), 2, "the young one and the document");
    let left: Vec<String> = bucket.lock().unwrap().uploads.keys().cloned().collect();
    assert_eq!(left, ["young"]);
    assert!(bytes(&later, &version("example.com/k", "v1.0.0"), File::Zip) == Ok(kept));
    let refused = later.repair(Some("nonsense"), &|| true);
    let expected = Error::Refused("no page gave this cursor".to_owned());
    assert_eq!(refused, Err(expected));
}

#[test]
fn nothing_is_sent_to_a_bucket_that_is_only_read() {
    let bucket = bucket(0);
    let version = version(PATH, "v1.0.0");
    let mut store = store(&bucket);
    let mut config = super::super::testing::config();
    config.layout = Layout::Athens;
    store.config = Rc::new(config);
    let refused = Error::Refused("a bucket of Athens is only read (`s3_layout`)".to_owned());
    assert_eq!(store.begin(&version, 1), Err(refused.clone()));
    let id = "6553f100.00000007000000010000000700000002";
    assert_eq!(store.arrived(&version, id).map(|_| ()), Err(refused));
    let mut config = super::super::Config::default();
    for (name, value) in [
        ("s3_endpoint", "https://s3.example.com"),
        ("s3_bucket", "modules"),
    ] {
        config.set(name, value).unwrap();
    }
    store.config = Rc::new(config);
    let text = "nothing can be signed without a key (`s3_access_key`)";
    assert_eq!(
        store.begin(&version, 1),
        Err(Error::Refused(text.to_owned()))
    );
    let open = "https://s3.example.com/modules/example.com/m/%40v/v1.0.0.zip";
    assert_eq!(
        store.zip_address(&version, false).as_deref(),
        Ok(open),
        "anyone may read it"
    );
}
