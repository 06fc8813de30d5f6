//! The contract over an object store in memory; a fault at every step of every write; two writers in
//! every order, with stores that keep a condition and stores that do not; what the store answers, in
//! words; buckets that others filled.

use std::cell::RefCell;
use std::rc::Rc;

use super::testing::{Bucket, Odd, Shared, TestClient, config, store_of};
use super::{Layout, S3};
use crate::http::client::{Client, Incoming, Outgoing, Unanswered};
use crate::http::{Body, Wanted};
use crate::module::{ModulePath, ModuleVersion};
use crate::store::contract::{self, bytes, listed, module_zip, published, release, version};
use crate::store::testing::{Faults, TestEntropy, Turns, at_every_step};
use crate::store::trials::{self, DAY, Ground, NOW, PATH, sound};
use crate::store::{Content, Detail, Error, File, Outcome, Store};

/// A bucket that keeps conditions, one that keeps that of a write alone, one that keeps none, or one that
/// refuses to hear of one for a copy (and writes tags without quotes, as Ceph does).
fn bucket(kind: usize) -> Shared {
    let (overwrites, copies_over) =
        [(false, false), (false, true), (true, true), (false, true)][kind];
    let bucket = Shared::default();
    *bucket.lock().unwrap() = Bucket {
        overwrites,
        copies_over,
        copies_refuse: kind == 3,
        bare_tags: kind == 3,
        ..Bucket::default()
    };
    bucket
}

/// Sizes of files whose zips are held until they are checked, and go in parts.
const SIZES: [usize; 2] = [3000, 5000];

/// Each kind of bucket with each kind of upload.
fn kinds() -> impl Iterator<Item = (usize, usize)> {
    (0..4).flat_map(|kind| SIZES.map(|size| (kind, size)))
}

/// Bytes that do not deflate.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let bytes = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    bytes.take(size).collect()
}

fn buckets() -> [Shared; 4] {
    [0, 1, 2, 3].map(bucket)
}

fn uploads(bucket: &Shared) -> usize {
    let bucket = bucket.lock().unwrap();
    bucket.staged() + bucket.uploads.len()
}

impl Ground for Shared {
    type Store = S3;

    fn open(&self, now: i64, faults: &Rc<Faults>, turns: Option<(&'static Turns, usize)>) -> S3 {
        let mut client = TestClient::new(self);
        client.faults = Rc::clone(faults);
        client.turns = turns;
        let seed = match turns {
            Some((_, seat)) => seat as u64 + 1,
            None => 7 + self.lock().unwrap().objects.len() as u64,
        };
        store_of(client, now, seed)
    }

    /// Each file is an object of its own, so only an upload can be left over.
    fn holds_only(&self, _: &[&[u8]], at: &str) {
        assert_eq!(uploads(self), 0, "{at}");
    }
}

#[test]
fn the_contract_holds() {
    for bucket in buckets() {
        bucket.lock().unwrap().page = Some(3);
        contract::check_all(&sound(&bucket));
        assert_eq!(uploads(&bucket), 0, "no upload stays behind");
        contract::check_documents(&sound(&bucket));
    }
}

#[test]
fn a_fault_at_any_step_of_publishing_leaves_whole_files_and_can_be_tried_again() {
    for (kind, size) in kinds() {
        trials::publishing(|| bucket(kind), &noise(size));
    }
}

#[test]
fn a_fault_at_any_step_of_withdrawing_can_be_tried_again() {
    trials::withdrawing(Shared::default);
}

#[test]
fn a_withdrawal_that_was_cut_off_after_its_mark_is_carried_out_by_repair() {
    let gone = version(PATH, "v1.0.0");
    at_every_step(|step, fault| {
        let bucket = Shared::default();
        published(&sound(&bucket), &gone, b"text");
        let faults = Rc::new(Faults::at(step, fault));
        let _ = trials::faulty(&bucket, NOW, &faults).withdraw(&gone);
        let marked = {
            let bucket = bucket.lock().unwrap();
            let mut keys = bucket.objects.keys();
            keys.any(|key| key.ends_with("withdrawn"))
        };
        trials::repaired(&bucket, 2 * DAY);
        let read = bytes(&sound(&bucket), &gone, File::Zip);
        let at = format!("{fault:?} at step {step}");
        assert_eq!(read == Err(Error::Withdrawn), marked, "{at}");
        faults.struck()
    });
}

#[test]
fn repair_stops_between_two_marks_when_its_time_is_up() {
    let bucket = Shared::default();
    for name in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        let gone = version(PATH, name);
        published(&sound(&bucket), &gone, b"text");
        sound(&bucket).withdraw(&gone).unwrap();
    }
    let client = Rc::new(TestClient::new(&bucket));
    let mut store = sound(&bucket);
    store.client = client.clone();
    let (mut cursor, mut marks) = (None, 0);
    loop {
        let page = store.repair(cursor.as_deref(), &|| false).unwrap();
        let asked = client.asked.take();
        let looks = asked.iter().filter(|it| it.starts_with("HEAD ")).count();
        assert!(looks <= 2, "{asked:?}");
        marks += looks / 2;
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(marks, 3);
}

#[test]
fn a_fault_at_any_step_of_a_go_mod_alone_can_be_tried_again() {
    trials::go_mod_alone(Shared::default);
}

#[test]
fn two_publishers_of_other_content_end_with_one_of_the_two_in_any_order() {
    for (kind, size) in kinds() {
        let (one, two) = (noise(size), noise(size + 1));
        trials::publishers_of(2, [&one, &two], || bucket(kind));
    }
    // One that is written to its place, and one that is copied there.
    for kind in 0..3 {
        let [small, large] = SIZES.map(noise);
        trials::publishers_of(2, [&small, &large], || bucket(kind));
    }
}

#[test]
fn two_publishers_of_the_same_content_both_succeed_in_any_order() {
    for kind in 0..3 {
        trials::publishers_of_the_same_content(2, || bucket(kind));
    }
}

#[test]
fn two_versions_published_at_once_are_both_listed_in_any_order() {
    trials::publishers_of_two_versions(2, Shared::default);
}

#[test]
fn a_withdrawal_holds_against_a_publisher_in_any_order() {
    trials::withdrawal_against_publisher(2, Shared::default);
}

#[test]
fn a_large_upload_goes_in_parts_and_a_broken_off_one_leaves_nothing() {
    let bucket = Shared::default();
    let version = version(PATH, "v1.0.0");
    let text: Vec<u8> = (0..5_000_000u32).flat_map(u32::to_le_bytes).collect();
    let zip = published(&sound(&bucket), &version, &text);
    assert!(bytes(&sound(&bucket), &version, File::Zip) == Ok(zip.clone()));
    let mut staging = sound(&bucket).stage(&version).unwrap();
    std::io::Write::write_all(&mut staging, &zip).unwrap();
    assert_eq!(uploads(&bucket), 1, "an upload in parts");
    drop(staging);
    assert_eq!(uploads(&bucket), 0);
}

/// A store with one published version whose next answers are these.
fn scripted(script: Vec<Option<Odd>>) -> (S3, ModuleVersion, Vec<u8>, Rc<TestClient>) {
    let bucket = Shared::default();
    let version = version(PATH, "v1.0.0");
    let zip = published(&sound(&bucket), &version, &[7; 5000]);
    let client = Rc::new(TestClient::new(&bucket));
    client.script.borrow_mut().extend(script);
    let mut own = sound(&bucket);
    own.client = client.clone();
    (own, version, zip, client)
}

fn asked(client: &TestClient) -> Vec<String> {
    let asked = client.asked.borrow();
    asked
        .iter()
        .map(|it| it.replace("/modules/pre-fix/example.com/m/%40v/", ""))
        .collect()
}

#[test]
fn a_hit_is_one_request() {
    let (store, version, zip, client) = scripted(Vec::new());
    for (file, wanted, method) in [
        (File::Info, Wanted::Whole, "GET v1.0.0.info"),
        (File::Mod, Wanted::Whole, "GET v1.0.0.mod"),
        (File::Zip, Wanted::Whole, "GET v1.0.0.zip"),
        (File::Zip, Wanted::Look, "HEAD v1.0.0.zip"),
        (
            File::Zip,
            Wanted::Part("bytes=10-19".to_owned()),
            "GET v1.0.0.zip",
        ),
    ] {
        client.asked.borrow_mut().clear();
        let object = store.read_for(&version, file, &wanted).unwrap();
        if let (Content::Stored(open), Wanted::Part(_)) = (object.content, &wanted) {
            assert_eq!(object.size, zip.len() as u64);
            assert!(read(open(10..20).unwrap()).as_ref().unwrap() == &zip[10..20]);
        }
        assert_eq!(asked(&client), [method], "{wanted:?}");
    }
}

fn read(body: Body) -> Result<Vec<u8>, Error> {
    match body {
        Body::Bytes(bytes) => Ok(bytes),
        Body::Stream(length, mut source) => {
            let mut all = Vec::new();
            while let Some(piece) = source.next().map_err(Error::from_io)? {
                all.extend(piece);
            }
            assert_eq!(all.len() as u64, length, "a body that looks whole is whole");
            Ok(all)
        }
    }
}

#[test]
fn a_read_that_breaks_goes_on_from_where_it_broke() {
    let (store, version, zip, client) =
        scripted(vec![Some(Odd::Broken(1500)), Some(Odd::Broken(700))]);
    assert!(bytes(&store, &version, File::Zip) == Ok(zip));
    assert_eq!(asked(&client), ["GET v1.0.0.zip"; 3]);
}

#[test]
fn a_read_that_goes_on_breaking_is_given_up() {
    let (store, version, ..) = scripted(vec![Some(Odd::Broken(10)); 20]);
    let broken = bytes(&store, &version, File::Zip);
    assert!(matches!(broken, Err(Error::Unavailable(_))), "{broken:?}");
}

/// Tells the addresses that are asked.
struct Told(TestClient, Rc<RefCell<Vec<String>>>);

impl Client for Told {
    fn send(&self, request: Outgoing<'_>) -> Result<Incoming, Unanswered> {
        self.1.borrow_mut().push(request.url.to_owned());
        self.0.send(request)
    }
}

#[test]
fn a_signed_address_is_used_again_for_a_minute_where_something_is_there() {
    let bucket = bucket(0);
    let version = version(PATH, "v1.0.0");
    published(
        &store_of(TestClient::new(&bucket), NOW, 1),
        &version,
        b"text",
    );
    let (config, addresses) = (Rc::new(config()), Rc::default());
    let address = |version: &ModuleVersion, now: i64| {
        let client = Told(TestClient::new(&bucket), Rc::clone(&addresses));
        let clock = Rc::new(TestEntropy::new(now, 2));
        let store = S3::new(Rc::clone(&config), Rc::new(client), clock);
        addresses.borrow_mut().clear();
        let _ = bytes(&store, version, File::Mod);
        addresses.borrow().first().cloned().unwrap()
    };
    let at = [0, 59, 60, 61, 20].map(|seconds| address(&version, NOW + seconds));
    let same = [(0, 1), (1, 2), (2, 3), (3, 4)].map(|(one, other)| at[one] == at[other]);
    // And where the clock was set back it is signed anew.
    assert_eq!(same, [true, false, true, false], "{at:#?}");
    let none = contract::version(PATH, "v1.1.0");
    assert_ne!(
        address(&none, NOW),
        address(&none, NOW + 1),
        "nothing is there"
    );
}

#[test]
fn a_body_that_is_late_twice_is_given_up() {
    for (late, asks) in [(1, 2), (2, 2), (3, 2)] {
        let (store, version, zip, client) = scripted(vec![Some(Odd::Late(1500)); late]);
        let told = bytes(&store, &version, File::Zip);
        match late {
            1 => assert!(told == Ok(zip)),
            _ => assert!(matches!(told, Err(Error::TimedOut(_))), "{told:?}"),
        }
        assert_eq!(asked(&client).len(), asks, "{late}");
    }
}

#[test]
fn attempts_in_vain_have_one_budget_for_all_that_a_request_asks() {
    let (store, version, _, client) = scripted(vec![answer(503, "SlowDown"); 100]);
    let mut attempts = Vec::new();
    for _ in 0..20 {
        client.asked.borrow_mut().clear();
        let busy = bytes(&store, &version, File::Zip);
        assert!(matches!(busy, Err(Error::Unavailable(_))), "{busy:?}");
        attempts.push(asked(&client).len());
    }
    assert_eq!((attempts[0], attempts[19]), (5, 1), "{attempts:?}");
    assert!(
        attempts.is_sorted_by(|one, next| one >= next),
        "{attempts:?}"
    );
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_never_mixed() {
    let (store, version, ..) = scripted(vec![Some(Odd::Replaced(1500))]);
    let broken = bytes(&store, &version, File::Zip);
    assert!(matches!(broken, Err(Error::Conflict(_))), "{broken:?}");
}

fn answer(status: u16, code: &str) -> Option<Odd> {
    let body = format!("<Error><Code>{code}</Code><Message>secret-words</Message></Error>");
    Some(Odd::Answer(status, Vec::new(), body))
}

fn broken() -> Option<Odd> {
    Some(Odd::Unanswered(Unanswered::Unreachable(
        "the connection broke".to_owned(),
    )))
}

#[test]
fn a_busy_store_is_asked_again_and_a_broken_connection_too() {
    for odd in [
        answer(429, "TooManyRequests"),
        answer(500, "InternalError"),
        answer(502, ""),
        answer(503, "SlowDown"),
        answer(504, ""),
        broken(),
        // Wasmtime and Spin say this of a broken connection.
        Some(Odd::Unanswered(Unanswered::Nonsense(
            "what came".to_owned(),
        ))),
    ] {
        let (store, version, zip, client) = scripted(vec![odd.clone(), odd]);
        assert!(bytes(&store, &version, File::Zip) == Ok(zip));
        assert_eq!(asked(&client).len(), 3);
    }
}

#[test]
fn what_failed_after_the_answer_began_is_asked_for_again_and_a_copy_that_is_none_is_told() {
    let publish = |script: &[(usize, Odd)]| {
        let bucket = Shared::default();
        let version = version(PATH, "v1.0.0");
        let client = Rc::new(TestClient::new(&bucket));
        let mut store = sound(&bucket);
        store.client = client.clone();
        let zip = module_zip(&version, &noise(5000));
        let mut staging = store.stage(&version).unwrap();
        std::io::Write::write_all(&mut staging, &zip).unwrap();
        let staged = staging.finish();
        let at = client.asked.borrow().len();
        // Behind the looks at the mark and at the go.mod.
        for (behind, odd) in script {
            let mut script = client.script.borrow_mut();
            script.resize(behind + 1, None);
            script[*behind] = Some(odd.clone());
        }
        let done = staged.and_then(|staged| staged.commit(&release(&version, &zip)));
        let asked = client.asked.borrow()[at..].to_vec();
        (
            done,
            asked,
            bytes(&sound(&bucket), &version, File::Zip) == Ok(zip),
        )
    };
    let (done, asked, is_there) = publish(&[]);
    assert_eq!((done, is_there), (Ok(Outcome::Created), true));
    let copy = asked
        .iter()
        .position(|it| it.starts_with("PUT ") && it.ends_with(".zip"));
    let copy = copy.expect("a copy");
    let told = |body: &str| Odd::Answer(200, Vec::new(), body.to_owned());
    let failed = told("<Error><Code>InternalError</Code></Error>");
    let (done, asked, is_there) = publish(&[(copy, failed)]);
    // The bucket had copied it, which is found on looking.
    assert!(done.is_ok() && is_there, "{done:?} {asked:?}");
    let count = |asked: &[String], start: &str| {
        let asked = asked.iter().filter(|it| it.starts_with(start));
        asked.filter(|it| it.ends_with("v1.0.0.zip")).count()
    };
    assert_eq!(count(&asked, "PUT "), 2, "{asked:?}");
    let looks = count(&publish(&[]).1, "HEAD ");
    let (done, asked, _) = publish(&[(copy, told("<html>welcome</html>"))]);
    assert_eq!(done, Ok(Outcome::Created), "it was copied");
    assert_eq!(count(&asked, "HEAD "), looks + 1, "{asked:?}");
    let bucket = Shared::default();
    bucket.lock().unwrap().copies_nothing = true;
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, &noise(5000));
    let done = contract::publish(&sound(&bucket), &release(&version, &zip), &zip);
    let words = "http://s3.example.com: it did not copy the upload".to_owned();
    assert_eq!(done, Err(Error::Unavailable(words)));
    assert_eq!(bucket.lock().unwrap().objects.len(), 0, "nothing is left");
}

#[test]
fn words_that_break_off_are_asked_for_again() {
    let (store, _, _, client) = scripted(vec![Some(Odd::Broken(50)), Some(Odd::Broken(0))]);
    assert_eq!(listed(&store, PATH).as_deref(), Some("v1.0.0\n"));
    assert_eq!(asked(&client).len(), 3);
    let (store, _, _, client) = scripted(vec![Some(Odd::Broken(20))]);
    let missing = bytes(&store, &version(PATH, "v1.1.0"), File::Mod);
    assert_eq!(missing, Err(Error::NotFound));
    assert_eq!(asked(&client), ["GET v1.1.0.mod"; 2]);
    let (store, ..) = scripted(vec![Some(Odd::Broken(20)); 9]);
    let expected = "http://s3.example.com: its answer broke off: connection aborted".to_owned();
    assert_eq!(
        bytes(&store, &version(PATH, "v1.1.0"), File::Mod),
        Err(Error::Unavailable(expected))
    );
}

#[test]
fn what_the_store_refuses_is_told_in_words_and_without_a_secret() {
    let at = |seconds: i64| {
        let date = match seconds {
            3600 => "Tue, 14 Nov 2023 23:13:20 GMT",
            _ => "Tue, 14 Nov 2023 21:13:20 GMT",
        };
        let fields = vec![("date", date.to_owned())];
        Some(Odd::Answer(
            403,
            fields,
            "<Error><Code>AccessDenied</Code></Error>".to_owned(),
        ))
    };
    let region = |code: &str, status| {
        let fields = vec![("x-amz-bucket-region", "eu-west-1".to_owned())];
        Some(Odd::Answer(
            status,
            fields,
            format!("<Error><Code>{code}</Code></Error>"),
        ))
    };
    let refused = |text: &str| Error::Refused(format!("http://s3.example.com: {text}"));
    let denied = "these credentials may not do this (without the right to list, what is not there is refused too)";
    for (odd, expected) in [
        (answer(403, "InvalidAccessKeyId"), refused("it does not know the key (`s3_access_key`)")),
        (
            answer(403, "SignatureDoesNotMatch"),
            refused("the signature is wrong: `s3_secret_key` does not belong to `s3_access_key`"),
        ),
        (
            answer(400, "ExpiredToken"),
            refused("the session has expired or is none (`s3_session_token`)"),
        ),
        (answer(404, "NoSuchBucket"), refused("it has no bucket `modules` (`s3_bucket`)")),
        (answer(403, "RequestTimeTooSkewed"), refused("it refuses because of this host's clock")),
        (at(3600), refused("it refuses because this host's clock is 60 minutes behind")),
        (at(-3600), refused("it refuses because this host's clock is 60 minutes ahead")),
        (
            region("PermanentRedirect", 301),
            refused("the bucket's region is eu-west-1 (`s3_region`)"),
        ),
        (
            region("AuthorizationHeaderMalformed", 400),
            refused("the bucket's region is eu-west-1 (`s3_region`)"),
        ),
        (answer(403, "AccessDenied"), refused(&format!("it answered 403 AccessDenied: {denied}"))),
        (
            Some(Odd::Answer(
                403,
                Vec::new(),
                "<Error><Code>AccessDenied</Code><Resource>my-regions</Resource></Error>".to_owned(),
            )),
            refused(&format!("it answered 403 AccessDenied: {denied}")),
        ),
        (
            Some(Odd::Unanswered(Unanswered::Denied)),
            refused(&Unanswered::Denied.to_string()),
        ),
        (
            Some(Odd::Unanswered(Unanswered::Untrusted("the certificate".to_owned()))),
            refused("TLS with it failed: the certificate"),
        ),
        (
            Some(Odd::Unanswered(Unanswered::TimedOut)),
            Error::TimedOut("http://s3.example.com: it did not answer in time".to_owned()),
        ),
        (
            Some(Odd::Answer(299, Vec::new(), "<html>".to_owned())),
            Error::Unavailable(
                "http://s3.example.com: it answered 299, which no object store says (`s3_endpoint`)"
                    .to_owned(),
            ),
        ),
    ] {
        let (store, version, ..) = scripted(vec![odd]);
        assert_eq!(bytes(&store, &version, File::Zip), Err(expected));
    }
    let (store, version, ..) = scripted(vec![answer(503, "SlowDown"); 9]);
    let expected = "http://s3.example.com: it answered 503 SlowDown".to_owned();
    assert_eq!(
        bytes(&store, &version, File::Zip),
        Err(Error::Unavailable(expected))
    );
}

#[test]
fn only_a_404_that_says_what_is_missing_is_one() {
    let nobody = Error::Refused(
        "http://s3.example.com: it does not know the key (`s3_access_key`)".to_owned(),
    );
    let nothing = Error::Unavailable(
        "http://s3.example.com: it answered 404 without a word of what is missing: it may be no object \
         store (`s3_endpoint`)"
            .to_owned(),
    );
    for (code, expected) in [
        ("NoSuchKey", Error::NotFound),
        ("XAdminUserNotFound", nobody),
        ("", nothing),
    ] {
        let missing = answer(404, code);
        let (store, version, ..) = scripted(vec![missing.clone()]);
        assert_eq!(bytes(&store, &version, File::Mod), Err(expected.clone()));
        // An answer to HEAD has no body: the store is asked once more.
        let head = Some(Odd::Answer(404, Vec::new(), String::new()));
        let (store, version, _, client) = scripted(vec![head, missing]);
        let looked = store.read_for(&version, File::Mod, &Wanted::Look);
        assert_eq!(looked.map(|_| ()), Err(expected));
        assert_eq!(asked(&client), ["HEAD v1.0.0.mod", "GET v1.0.0.mod"]);
    }
}

#[test]
fn a_small_upload_is_checked_before_anything_is_sent() {
    let bucket = Shared::default();
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, &noise(SIZES[0]));
    let client = Rc::new(TestClient::new(&bucket));
    let mut store = sound(&bucket);
    store.client = client.clone();
    let mut staging = store.stage(&version).unwrap();
    std::io::Write::write_all(&mut staging, &zip).unwrap();
    let staged = staging.finish().unwrap();
    let mut read = Vec::new();
    std::io::Read::read_to_end(&mut staged.reader().unwrap(), &mut read).unwrap();
    assert!(read == zip);
    assert_eq!(asked(&client), [""; 0]);
    let outcome = staged.commit(&release(&version, &zip));
    assert_eq!(outcome, Ok(Outcome::Created));
    let expected = [
        "HEAD v1.0.0.withdrawn",
        "GET v1.0.0.withdrawn",
        "GET v1.0.0.mod",
        "HEAD v1.0.0.zip",
        "PUT v1.0.0.zip",
        "HEAD v1.0.0.zip",
        // The store is tried, for the first time ever.
        "GET /modules/pre-fix/.goproxy-edge/trial",
        "PUT /modules/pre-fix/.goproxy-edge/trial",
        "PUT /modules/pre-fix/.goproxy-edge/trial",
        "PUT /modules/pre-fix/.goproxy-edge/trial",
        "PUT v1.0.0.info",
        "PUT v1.0.0.mod",
        "HEAD v1.0.0.withdrawn",
    ];
    assert_eq!(asked(&client), expected);
    assert!(bytes(&store, &version, File::Zip) == Ok(zip));
    // What was found is there for others.
    for bucket in buckets() {
        let verdicts: Vec<bool> = (0..2)
            .map(|_| {
                let client = Rc::new(TestClient::new(&bucket));
                let mut store = sound(&bucket);
                store.client = client.clone();
                store.put_new("key", b"").unwrap();
                let tried = |asked: &String| asked.starts_with("PUT") && asked.ends_with("/trial");
                assert_eq!(store.put_new("key", b""), Ok(false));
                client.asked.borrow().iter().any(tried)
            })
            .collect();
        assert_eq!(verdicts, [true, false]);
    }
}

#[test]
fn bytes_that_are_swapped_after_the_check_are_a_conflict() {
    for bucket in buckets() {
        let version = version(PATH, "v1.0.0");
        let zip = module_zip(&version, &noise(SIZES[1]));
        let store = sound(&bucket);
        let mut staging = store.stage(&version).unwrap();
        std::io::Write::write_all(&mut staging, &zip).unwrap();
        let staged = staging.finish().unwrap();
        for bytes in bucket.lock().unwrap().objects.values_mut() {
            bytes.push(0);
        }
        let outcome = staged.commit(&release(&version, &zip));
        assert!(matches!(outcome, Err(Error::Conflict(_))), "{outcome:?}");
        assert_eq!(listed(&store, PATH), None);
    }
}

fn put(bucket: &Shared, key: &str, bytes: &[u8]) {
    let key = format!("pre-fix/{key}");
    bucket.lock().unwrap().objects.insert(key, bytes.to_vec());
}

fn layout(bucket: &Shared, layout: Layout) -> S3 {
    let mut config = super::testing::config();
    config.layout = layout;
    let mut store = sound(bucket);
    store.config = Rc::new(config);
    store
}

#[test]
fn a_module_cache_is_served_as_it_is() {
    let bucket = Shared::default();
    let module = "example.com/Azure/m";
    let base = "example.com/!azure/m/@v";
    let whole = version(module, "v1.0.0");
    let zip = module_zip(&whole, b"text");
    for (name, content) in [
        ("v1.0.0.zip", zip.as_slice()),
        ("v1.0.0.mod", b"module example.com/Azure/m\n"),
        (
            "v1.0.0.info",
            br#"{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z"}"#,
        ),
        ("v1.0.0.ziphash", b"h1:x"),
        ("v1.0.0.lock", b""),
        ("list", b"v9.9.9\n"),
        ("master.info", br#"{"Version":"v1.0.0"}"#),
        ("v1.0.1-!r!c1.zip", &[0; 30]),
        ("v1.0.1-!r!c1.mod", b"module example.com/Azure/m\n"),
        ("v1.1.0.mod", b"module example.com/Azure/m\n"),
        ("v1.2.0.zip", b"cut short"),
        ("v1.2.0.mod", b"module example.com/Azure/m\n"),
        ("%zz/v1.3.0.mod", b"no module"),
        (
            "v1.3.0.mod",
            b"a go.mod of a version whose zip has a name that is no text",
        ),
        ("v1.3.0.\u{7f}zip", b"no file of a version"),
    ] {
        put(&bucket, &format!("{base}/{name}"), content);
    }
    put(&bucket, "readme.txt", b"not a module");
    let store = sound(&bucket);
    assert_eq!(
        listed(&store, module).as_deref(),
        Some("v1.0.0\nv1.0.1-RC1\n")
    );
    assert_eq!(listed(&store, "example.com/Azure"), None);
    assert_eq!(bytes(&store, &whole, File::Zip), Ok(zip));
    let cut = bytes(&store, &version(module, "v1.2.0"), File::Zip);
    assert!(matches!(cut, Err(Error::Corrupt(_))), "{cut:?}");
    let alone = version(module, "v1.1.0");
    assert!(bytes(&store, &alone, File::Mod).is_ok());
    assert_eq!(bytes(&store, &alone, File::Info), Err(Error::NotFound));
}

#[test]
fn a_zip_that_was_cut_short_is_never_given_out_whole() {
    // One whose end is seen before the answer begins, and one of which most is under way by then.
    for size in [3_000, 300_000] {
        let bucket = Shared::default();
        let version = version(PATH, "v1.0.0");
        // Another archive in it has an end of its own.
        let inner = module_zip(&version, b"text");
        let text = [noise(size), inner, noise(100)].concat();
        let zip = module_zip(&version, &text);
        let behind_text = zip.windows(100).rposition(|piece| *piece == noise(100));
        let behind_inner = behind_text.unwrap();
        let key = format!("{PATH}/@v/v1.0.0.zip");
        let store = sound(&bucket);
        put(&bucket, &key, &zip);
        assert_eq!(bytes(&store, &version, File::Zip), Ok(zip.clone()));
        for end in [
            zip.len() - 1,
            zip.len() - 22,
            behind_inner,
            behind_inner + 50,
            zip.len() / 2 + 22,
            22,
        ] {
            put(&bucket, &key, &zip[..end]);
            let cut = bytes(&store, &version, File::Zip);
            let expected = Error::Corrupt(format!("{key} has been cut short"));
            assert_eq!(cut, Err(expected.clone()), "{end} of {}", zip.len());
            let object = store.read(&version, File::Zip).unwrap();
            let address = object.elsewhere.unwrap()(false);
            assert_eq!(address, Err(expected), "a client that is sent there");
        }
    }
}

#[test]
fn what_can_be_no_info_and_no_go_mod_is_given_to_nobody_and_not_read() {
    let bucket = Shared::default();
    let version = version(PATH, "v1.0.0");
    let store = sound(&bucket);
    let long = format!(
        r#"{{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z"}}{}"#,
        " ".repeat(64 << 10)
    );
    put(&bucket, &format!("{PATH}/@v/v1.0.0.info"), long.as_bytes());
    put(&bucket, &format!("{PATH}/@v/v1.0.0.mod"), b"");
    for file in [File::Info, File::Mod] {
        let given = bytes(&store, &version, file);
        assert!(matches!(given, Err(Error::Corrupt(_))), "{given:?}");
    }
    put(&bucket, &format!("{PATH}/@v/v1.0.0.zip"), &[0; 30]);
    assert_eq!(listed(&store, PATH), None, "nobody could use it");
    // Those beside it are found by their branches and commits all the same.
    let go_mod = b"module example.com/m\n";
    put(&bucket, &format!("{PATH}/@v/v1.0.0.mod"), go_mod);
    let path = ModulePath::parse(PATH).unwrap();
    for info in [long.as_bytes(), b""] {
        put(&bucket, &format!("{PATH}/@v/v1.0.0.info"), info);
        let index = store.index(&path, Detail::Origins).unwrap().unwrap();
        assert_eq!(index.entries().count(), 1);
    }
}

#[test]
fn what_another_store_was_seen_to_do_counts_for_that_one_alone() {
    // A bucket that was copied here, with what was noted of the store that it comes from.
    let overwrites = bucket(2);
    let version = version(PATH, "v1.0.0");
    published(&sound(&overwrites), &version, b"text");
    let trial = "pre-fix/.goproxy-edge/trial";
    let noted = |bucket: &Shared| bucket.lock().unwrap().objects.get(trial).cloned();
    assert!(noted(&overwrites).is_some());
    let keeps = bucket(0);
    published(&sound(&keeps), &version, b"text");
    let of_another = String::from_utf8(noted(&keeps).unwrap()).unwrap();
    let of_another = of_another.replace("s3.example.com", "s3.example.org");
    put(&overwrites, ".goproxy-edge/trial", of_another.as_bytes());
    let store = sound(&overwrites);
    let written = store.put_mod(&version, b"module example.com/m\n\ngo 1.24\n");
    assert!(matches!(written, Err(Error::Conflict(_))), "{written:?}");
}

#[test]
fn a_missing_info_is_made_of_what_is_known() {
    let bucket = Shared::default();
    let store = sound(&bucket);
    for (name, time) in [
        ("v0.0.0-20200102030405-0123456789ab", "2020-01-02T03:04:05Z"),
        // The date that the archive's entries have.
        ("v1.0.0", "1980-01-01T00:00:00Z"),
    ] {
        let version = version(PATH, name);
        put(
            &bucket,
            &format!("{PATH}/@v/{name}.zip"),
            &module_zip(&version, b"text"),
        );
        put(
            &bucket,
            &format!("{PATH}/@v/{name}.mod"),
            b"module example.com/m\n",
        );
        let expected = format!(r#"{{"Version":"{name}","Time":"{time}"}}"#);
        assert_eq!(
            bytes(&store, &version, File::Info),
            Ok(expected.into_bytes())
        );
    }
}

#[test]
fn both_layouts_of_athens_are_read_and_not_written() {
    let module = "github.com/Azure/m";
    let version = version(module, "v1.0.0-RC1");
    let nested = contract::version("github.com/Azure/m/v2", "v2.0.0");
    let zip = module_zip(&version, b"text");
    let info = br#"{"Version":"v1.0.0-RC1","Time":"2020-01-01T00:00:00Z"}"#;
    let go_mod = b"module github.com/Azure/m\n";
    let flat = ["v1.0.0-RC1.info", "v1.0.0-RC1.mod", "v1.0.0-RC1.zip"];
    let flat = flat.map(|name| format!("{module}/@v/{name}"));
    let deep = ["v1.0.0-RC1.info", "go.mod", "source.zip"];
    let deep = deep.map(|name| format!("{module}/v1.0.0-RC1/{name}"));
    for (kind, names, other) in [
        (Layout::Athens, flat, format!("{module}/v2/@v/v2.0.0.")),
        (Layout::AthensMinio, deep, format!("{module}/v2/v2.0.0/")),
    ] {
        let bucket = Shared::default();
        for (name, content) in names.iter().zip([&info[..], &go_mod[..], &zip[..]]) {
            put(&bucket, name, content);
        }
        let other_names = match kind {
            Layout::AthensMinio => ["source.zip", "go.mod"],
            _ => ["zip", "mod"],
        };
        for name in other_names {
            put(
                &bucket,
                &format!("{other}{name}"),
                &module_zip(&nested, b"text"),
            );
        }
        let store = layout(&bucket, kind);
        assert_eq!(
            listed(&store, module).as_deref(),
            Some("v1.0.0-RC1\n"),
            "{kind:?}"
        );
        assert_eq!(
            listed(&store, "github.com/Azure/m/v2").as_deref(),
            Some("v2.0.0\n")
        );
        assert_eq!(bytes(&store, &version, File::Info), Ok(info.to_vec()));
        assert_eq!(bytes(&store, &version, File::Mod), Ok(go_mod.to_vec()));
        assert_eq!(bytes(&store, &version, File::Zip), Ok(zip.clone()));
        let refused = Err(Error::Refused(
            "a bucket of Athens is only read (`s3_layout`)".to_owned(),
        ));
        assert_eq!(store.put_mod(&version, go_mod), refused);
        assert_eq!(store.withdraw(&version), refused);
        assert_eq!(store.stage(&version).err(), refused.as_ref().err().cloned());
    }
}

#[test]
fn a_listing_asks_once_for_a_thousand_keys() {
    let bucket = Shared::default();
    for number in 0..700 {
        let base = format!("{PATH}/@v/v1.0.{number}");
        put(&bucket, &format!("{base}.zip"), &[0; 30]);
        put(&bucket, &format!("{base}.mod"), b"module example.com/m\n");
    }
    let client = Rc::new(TestClient::new(&bucket));
    let mut store = sound(&bucket);
    store.client = client.clone();
    let path = ModulePath::parse(PATH).unwrap();
    let index = store
        .index(&path, crate::store::Detail::Names)
        .unwrap()
        .unwrap();
    assert_eq!(index.entries().count(), 700);
    assert_eq!(asked(&client), ["GET /modules"; 2]);
}

#[test]
fn nonsense_in_place_of_a_list_is_told() {
    let path = ModulePath::parse(PATH).unwrap();
    for body in [
        "",
        "<html>",
        "<ListBucketResult>",
        "<IsTruncated>true</IsTruncated>",
    ] {
        let odd = Some(Odd::Answer(200, Vec::new(), body.to_owned()));
        let (store, ..) = scripted(vec![odd]);
        let error = store.index(&path, crate::store::Detail::Names).unwrap_err();
        let expected = "http://s3.example.com: it answered a list with something else";
        assert_eq!(error, Error::Unavailable(expected.to_owned()), "{body}");
    }
}

#[test]
fn a_store_that_answers_can_say_that_it_is_ready() {
    let bucket = Shared::default();
    assert_eq!(sound(&bucket).ready(), Ok(()));
    let (store, ..) = scripted(vec![answer(404, "NoSuchBucket")]);
    let expected = "http://s3.example.com: it has no bucket `modules` (`s3_bucket`)";
    assert_eq!(store.ready(), Err(Error::Refused(expected.to_owned())));
}

#[test]
fn an_object_without_a_tag_has_one_of_its_date_and_size() {
    let fields = vec![("last-modified", "Tue, 14 Nov 2023 21:13:20 GMT".to_owned())];
    let odd = Odd::Answer(200, fields, "x".repeat(30));
    let (store, version, ..) = scripted(vec![Some(odd)]);
    let object = store.read(&version, File::Zip).unwrap();
    assert_eq!(String::from(&object.etag), "W/\"1e-Tue14Nov2023211320GMT\"");
}
