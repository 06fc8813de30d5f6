//! Addresses as they are signed, what is left of uploads in parts, and buckets to which nothing is sent.

use std::rc::Rc;

use super::super::testing::{Shared, TestClient, config, store_of};
use super::super::{Config, Layout, S3};
use super::*;
use crate::store::Store;
use crate::store::contract::version;
use crate::store::trials::{DAY, NOW, PATH};

fn store_at(bucket: &Shared, now: i64) -> S3 {
    store_of(TestClient::new(bucket), now, 7)
}

fn store() -> S3 {
    store_at(&Shared::default(), NOW)
}

#[test]
fn an_upload_is_addressed_by_time_chance_and_version_and_its_length_is_signed() {
    let one = version(PATH, "v1.0.0");
    let begun = Presigned::begin(&store(), &one, 1234).unwrap();
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
    let other = Presigned::begin(&store(), &one, 1235).unwrap();
    assert_ne!(other.url, begun.url, "another length has another signature");
    let beside = PresignedBlobs::begin(&store(), &one, 1234).unwrap();
    assert_eq!(beside, begun, "beside a key-value store it is the same");
    let get = store().read_address("example.com/m/@v/v1.0.0.zip", false);
    let get = get.unwrap();
    let start =
        "http://s3.example.com/modules/pre-fix/example.com/m/%40v/v1.0.0.zip?X-Amz-Algorithm";
    assert!(
        get.starts_with(start) && get.contains("&X-Amz-Expires=300&"),
        "{get}"
    );
}

#[test]
fn repair_aborts_uploads_in_parts_that_are_old() {
    let bucket = Shared::default();
    bucket.lock().unwrap().page = Some(2);
    let parts = |name: &str, begun: i64, number: u32| {
        let upload = format!("pre-fix/.goproxy-edge/{begun:x}.{number:032x}");
        let insert = (name.to_owned(), (upload, Default::default()));
        bucket.lock().unwrap().uploads.extend([insert]);
    };
    for number in 0..7 {
        parts(&format!("id{number}"), NOW, number);
    }
    parts("young", NOW + DAY, 1);
    let later = store_at(&bucket, NOW + DAY);
    let done = later.repair(None, &|| true).unwrap();
    assert_eq!((done.removed, done.cursor), (7, None));
    let left: Vec<String> = bucket.lock().unwrap().uploads.keys().cloned().collect();
    assert_eq!(left, ["young"]);
    let refused = later.repair(Some("nonsense"), &|| true);
    let expected = Error::Refused("no page gave this cursor".to_owned());
    assert_eq!(refused, Err(expected));
}

#[test]
fn nothing_is_sent_to_a_bucket_that_is_only_read() {
    let version = version(PATH, "v1.0.0");
    let mut store = store();
    let mut athens = config();
    athens.layout = Layout::Athens;
    store.config = Rc::new(athens);
    let refused = Error::Refused("a bucket of Athens is only read (`s3_layout`)".to_owned());
    let begun = Presigned::begin(&store, &version, 1);
    assert_eq!(begun, Err(refused.clone()));
    let id = "6553f100.00000007000000010000000700000002";
    assert_eq!(store.arrived(&version, id).map(|_| ()), Err(refused));
    let mut open = Config::default();
    for (name, value) in [
        ("s3_endpoint", "https://s3.example.com"),
        ("s3_bucket", "modules"),
    ] {
        open.set(name, value).unwrap();
    }
    store.config = Rc::new(open);
    let text = "nothing can be signed without a key (`s3_access_key`)";
    for begun in [
        Presigned::begin(&store, &version, 1),
        PresignedBlobs::begin(&store, &version, 1),
    ] {
        assert_eq!(begun, Err(Error::Refused(text.to_owned())));
    }
    let open = "https://s3.example.com/modules/example.com/m/%40v/v1.0.0.zip";
    assert_eq!(
        store
            .read_address("example.com/m/@v/v1.0.0.zip", false)
            .as_deref(),
        Ok(open),
        "anyone may read it"
    );
}
