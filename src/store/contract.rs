//! The suite that every store passes: one function a promise, on any store, over any port, natively
//! or through the component. Each uses module paths of its own, so one store can serve them all.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{Cursor, Write};

use super::{Body, Content, Detail, Error, File, Info, Object, Origin, Outcome, Release, Store};
use crate::module::{ModulePath, ModuleVersion, Timestamp, Version, zip};

/// A promise: its name and its check, which panics where the store breaks it.
pub type Promise = (&'static str, fn(&dyn Store));

/// All promises.
pub const PROMISES: &[Promise] = &[
    ("a published version is read back to the byte", read_back),
    ("any range of a zip can be read", ranges),
    (
        "an upload is not seen before its commit",
        unseen_before_commit,
    ),
    ("an upload that is dropped leaves nothing", dropped_upload),
    ("what is not there is not found", not_found),
    (
        "the index names what is published and no neighbour",
        exact_index,
    ),
    ("branches and commits are recorded", recorded_origins),
    ("a go.mod alone is served and not listed", mod_alone),
    (
        "a zip must agree with a go.mod that came before",
        mod_before_zip,
    ),
    ("the same content again is unchanged", same_again),
    (
        "other content is a conflict and changes nothing",
        other_content,
    ),
    ("a withdrawn version keeps only its go.mod", withdrawal),
    (
        "repair changes nothing where nothing is wrong",
        repair_of_a_sound_store,
    ),
];

/// Checks every promise.
///
/// # Panics
/// With the name of the first that is broken.
pub fn check_all(store: &dyn Store) {
    for (name, check) in PROMISES {
        println!("promise: {name}");
        check(store);
    }
}

/// Checks the promises on documents, which no request reads or writes as they are.
///
/// # Panics
/// Where one is broken.
pub fn check_documents(store: &dyn Store) {
    let names = [
        "contract/!one",
        "contract/one",
        "contract/one/two",
        "contract",
        "../..-",
        "@",
        &"long/".repeat(100),
    ];
    for name in names {
        assert_eq!(store.document(name), Ok(None), "{name}");
    }
    for (name, text) in names.iter().zip(["1", "2", "3", "4", "5", "6", "7"]) {
        assert_eq!(store.set_document(name, b"a longer one before"), Ok(()));
        assert_eq!(store.set_document(name, text.as_bytes()), Ok(()), "{name}");
    }
    for (name, text) in names.iter().zip(["1", "2", "3", "4", "5", "6", "7"]) {
        assert_eq!(store.document(name), Ok(Some(text.as_bytes().to_vec())));
    }
    let large: Vec<u8> = (0..64 << 10).map(|at: u32| at as u8).collect();
    assert_eq!(store.set_document("contract", &large), Ok(()));
    assert_eq!(store.document("contract"), Ok(Some(large)));
    assert_eq!(store.set_document("contract", b""), Ok(()));
    assert_eq!(store.document("contract"), Ok(Some(Vec::new())));
    assert_eq!(listed(store, "example.com/contract/documents"), None);
    #[cfg(feature = "admin")]
    documents_in_number(store);
}

/// Several at once, listed in pages, and removed.
#[cfg(feature = "admin")]
fn documents_in_number(store: &dyn Store) {
    let name = |number: u32| format!("number/one/{number}");
    for number in [2, 10, 1, 3, 20] {
        let text = number.to_string();
        assert_eq!(
            store.set_document(&name(number), text.as_bytes()),
            Ok(()),
            "{number}"
        );
    }
    for other in ["number", "number/one", "number/two/1", "number/on/e"] {
        assert_eq!(store.set_document(other, b"other"), Ok(()), "{other}");
    }
    let asked = [1, 20, 4, 1].map(name);
    let found = ["1", "20", "", "1"].map(|text| {
        let text = Some(text).filter(|text| !text.is_empty());
        text.map(|text| text.as_bytes().to_vec())
    });
    let asked = asked.each_ref().map(String::as_str);
    assert_eq!(store.documents(&asked), Ok(found.to_vec()));
    assert_eq!(store.documents(&[]), Ok(Vec::new()));
    assert_eq!(store.documents(&[&name(4), "none"]), Ok(vec![None; 2]));

    let all = [1, 10, 2, 20, 3].map(name);
    let names = |prefix: &str, after: Option<&str>, most| {
        store
            .document_names(prefix, after, most)
            .expect("a list of names")
    };
    assert_eq!(names("number/one/", None, 100), all);
    for most in 1..=6 {
        let mut found: Vec<String> = Vec::new();
        loop {
            let page = names("number/one/", found.last().map(String::as_str), most);
            assert!(page.len() <= most, "{page:?} of {most}");
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, all, "pages of {most}");
    }
    assert_eq!(names("number/one/", Some(&name(3)), 100), [""; 0]);
    // What was behind is no longer there when the next page is asked for.
    assert_eq!(store.remove_document(&name(10)), Ok(()));
    assert_eq!(store.remove_document(&name(10)), Ok(()));
    assert_eq!(store.document(&name(10)), Ok(None));
    assert_eq!(
        names("number/one/", Some(&name(10)), 2),
        [name(2), name(20)]
    );
    assert_eq!(
        names("number/one/", None, 100),
        [name(1), name(2), name(20), name(3)]
    );
    assert_eq!(names("number/one/2", None, 100), [name(2), name(20)]);
    assert_eq!(names("none/", None, 100), [""; 0]);
    assert!(store.repair(None, &|| true).is_ok());
    assert_eq!(
        store.documents(&[&name(2), "number/one"]),
        Ok(vec![Some(b"2".to_vec()), Some(b"other".to_vec())])
    );
}

/// A version of a module.
///
/// # Panics
/// When it is none.
pub fn version(path: &str, version: &str) -> ModuleVersion {
    let path = ModulePath::parse(path).expect("a module path");
    let version = Version::parse(version).expect("a canonical version");
    ModuleVersion::new(path, version).expect("a version that fits the path")
}

/// A module zip with a go.mod and one more file of this text.
///
/// # Panics
/// Never on a version that can be published.
pub fn module_zip(version: &ModuleVersion, text: &[u8]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = ::zip::write::SimpleFileOptions::default()
        .compression_method(::zip::CompressionMethod::Stored);
    let go_mod = format!("module {}\n\ngo 1.25\n", version.path());
    for (name, content) in [("go.mod", go_mod.as_bytes()), ("file.txt", text)] {
        writer
            .start_file(format!("{version}/{name}"), stored)
            .expect("a file");
        writer.write_all(content).expect("its content");
    }
    writer.finish().expect("a zip").into_inner()
}

/// What a publisher commits with this zip.
///
/// # Panics
/// When it is no valid module zip.
pub fn release(version: &ModuleVersion, zip: &[u8]) -> Release {
    let limits = zip::Limits::default();
    let checked = zip::check(&mut Cursor::new(zip), version, &limits).expect("a module zip");
    Release {
        version: version.clone(),
        info: Info {
            version: version.version().clone(),
            time: Timestamp::from_unix(1_700_000_000, 0).expect("a time"),
            origin: None,
        },
        go_mod: checked.go_mod.expect("a go.mod"),
        zip_hash: checked.h1,
    }
}

/// Uploads a zip and commits it.
///
/// # Errors
/// The store's.
pub fn publish(store: &dyn Store, release: &Release, zip: &[u8]) -> Result<Outcome, Error> {
    let mut staging = store.stage(&release.version)?;
    staging.write_all(zip).map_err(Error::from_io)?;
    staging.finish()?.commit(release)
}

/// Publishes a version with this text in it. Gives its zip.
///
/// # Panics
/// When it can't be published.
pub fn published(store: &dyn Store, version: &ModuleVersion, text: &[u8]) -> Vec<u8> {
    let zip = module_zip(version, text);
    let outcome = publish(store, &release(version, &zip), &zip);
    assert_eq!(outcome, Ok(Outcome::Created), "{version}");
    zip
}

/// A whole file of a version.
///
/// # Errors
/// The store's.
pub fn bytes(store: &dyn Store, version: &ModuleVersion, file: File) -> Result<Vec<u8>, Error> {
    store.read(version, file).and_then(Object::into_bytes)
}

/// The lines of `list`, or nothing where there is no such module.
///
/// # Panics
/// When the store fails.
pub fn listed(store: &dyn Store, path: &str) -> Option<String> {
    let path = ModulePath::parse(path).expect("a module path");
    let index = store.index(&path, Detail::Names).expect("an index");
    index.map(|index| index.list())
}

fn read_back(store: &dyn Store) {
    let version = version("example.com/Contract/Read..Back", "v1.0.0-RC.1");
    let zip = published(store, &version, b"text");
    let release = release(&version, &zip);
    assert_eq!(
        bytes(store, &version, File::Info),
        Ok(release.info.to_json())
    );
    assert_eq!(bytes(store, &version, File::Mod), Ok(release.go_mod));
    assert_eq!(bytes(store, &version, File::Zip), Ok(zip.clone()));
    for file in [File::Info, File::Mod, File::Zip] {
        let first = store.read(&version, file).expect("an object");
        let again = store.read(&version, file).expect("an object");
        assert_eq!(first.etag, again.etag, "the tag of unchanged bytes");
    }
    let object = store.read(&version, File::Zip).expect("a zip");
    assert_eq!(object.size, zip.len() as u64);
}

fn ranges(store: &dyn Store) {
    let version = version("example.com/contract/ranges", "v1.0.0");
    let text: Vec<u8> = (0..40_000u32).flat_map(u32::to_le_bytes).collect();
    let zip = published(store, &version, &text);
    let size = zip.len();
    for (start, end) in [
        (0, 1),
        (0, size),
        (1, size - 1),
        (size - 1, size),
        (1023, 1025),
        (1024, 2048),
        (5000, 90_000),
        (7, 7),
    ] {
        let object = store.read(&version, File::Zip).expect("a zip");
        let Content::Stored(open) = object.content else {
            continue;
        };
        let mut part = Vec::new();
        match open(start as u64..end as u64).expect("a range") {
            Body::Bytes(bytes) => part = bytes,
            Body::Stream(length, mut source) => {
                assert_eq!(length, (end - start) as u64);
                while let Some(piece) = source.next().expect("a piece") {
                    part.extend_from_slice(&piece);
                }
            }
        }
        assert!(part == zip[start..end], "{start} to {end} of {size}");
    }
}

fn unseen_before_commit(store: &dyn Store) {
    let version = version("example.com/contract/unseen", "v1.0.0");
    let zip = module_zip(&version, b"text");
    let mut staging = store.stage(&version).expect("an upload");
    staging.write_all(&zip).expect("its bytes");
    nothing_there(store, &version);
    let staged = staging.finish().expect("an upload at its end");
    nothing_there(store, &version);
    let mut back = Vec::new();
    let mut reader = staged.reader().expect("a reader");
    std::io::Read::read_to_end(&mut reader, &mut back).expect("its bytes");
    assert_eq!(back, zip);
    drop(reader);
    let outcome = staged.commit(&release(&version, &zip));
    assert_eq!(outcome, Ok(Outcome::Created));
    assert_eq!(bytes(store, &version, File::Zip), Ok(zip));
}

fn nothing_there(store: &dyn Store, version: &ModuleVersion) {
    for file in [File::Info, File::Mod, File::Zip] {
        assert_eq!(
            bytes(store, version, file),
            Err(Error::NotFound),
            "{file:?}"
        );
    }
    assert_eq!(listed(store, version.path().as_str()), None);
}

fn dropped_upload(store: &dyn Store) {
    let version = version("example.com/contract/dropped", "v1.0.0");
    let zip = module_zip(&version, b"text");
    let mut staging = store.stage(&version).expect("an upload");
    staging.write_all(&zip).expect("its bytes");
    drop(staging);
    nothing_there(store, &version);
    let mut staging = store.stage(&version).expect("an upload");
    staging.write_all(&zip).expect("its bytes");
    drop(staging.finish().expect("an upload at its end"));
    nothing_there(store, &version);
    published(store, &version, b"text");
}

fn not_found(store: &dyn Store) {
    let there = version("example.com/contract/there", "v1.0.0");
    published(store, &there, b"text");
    for missing in [
        version("example.com/contract/there", "v1.0.1"),
        version("example.com/contract/there", "v1.0.0-rc"),
        version("example.com/contract/absent", "v1.0.0"),
        version("example.com/contract", "v1.0.0"),
    ] {
        for file in [File::Info, File::Mod, File::Zip] {
            assert_eq!(
                bytes(store, &missing, file),
                Err(Error::NotFound),
                "{missing}"
            );
        }
        assert_eq!(store.withdraw(&missing), Err(Error::NotFound), "{missing}");
    }
    assert_eq!(listed(store, "example.com/contract/absent"), None);
    assert_eq!(listed(store, "example.com/contract"), None);
}

fn exact_index(store: &dyn Store) {
    for (path, name) in [
        ("example.com/contract/one", "v1.10.0"),
        ("example.com/contract/one", "v1.9.0"),
        ("example.com/contract/one", "v1.9.0-rc"),
        ("example.com/contract/one", "v1.9.0-RC"),
        (
            "example.com/contract/one",
            "v0.0.0-20200101000000-0123456789ab",
        ),
        ("example.com/contract/one", "v3.0.0+incompatible"),
        ("example.com/contract/one/v2", "v2.0.0"),
        ("example.com/contract/one-other", "v1.0.0"),
        ("example.com/contract/One", "v1.1.0"),
        (
            "example.com/contract/pseudo",
            "v0.0.0-20200101000000-0123456789ab",
        ),
    ] {
        published(store, &version(path, name), name.as_bytes());
    }
    for (path, list) in [
        (
            "example.com/contract/one",
            "v1.9.0-RC\nv1.9.0-rc\nv1.9.0\nv1.10.0\nv3.0.0+incompatible\n",
        ),
        ("example.com/contract/one/v2", "v2.0.0\n"),
        ("example.com/contract/one-other", "v1.0.0\n"),
        ("example.com/contract/One", "v1.1.0\n"),
        ("example.com/contract/pseudo", ""),
    ] {
        assert_eq!(listed(store, path).as_deref(), Some(list), "{path}");
    }
}

fn recorded_origins(store: &dyn Store) {
    let version = version("example.com/contract/origins", "v1.0.0");
    let zip = module_zip(&version, b"text");
    let mut release = release(&version, &zip);
    let commit = "0123456789abcdef0123456789abcdef01234567";
    release.info.origin = Some(Origin {
        vcs: "git".to_owned(),
        hash: commit.to_owned(),
        reference: "refs/heads/main".to_owned(),
        ..Origin::default()
    });
    assert_eq!(publish(store, &release, &zip), Ok(Outcome::Created));
    assert_eq!(
        bytes(store, &version, File::Info),
        Ok(release.info.to_json())
    );
    let index = store.index(version.path(), Detail::Origins);
    let index = index.expect("an index").expect("a module");
    let entry = index.entries().next().expect("a version");
    assert_eq!(entry.version, *version.version());
    assert_eq!(entry.recorded.refs, ["refs/heads/main"]);
    assert_eq!(entry.recorded.commit.as_deref(), commit.get(..12));
    assert_eq!(entry.seconds(), Some(1_700_000_000));
}

fn mod_alone(store: &dyn Store) {
    let version = version("example.com/contract/alone", "v1.0.0");
    let go_mod = b"module example.com/contract/alone\n";
    assert_eq!(store.put_mod(&version, go_mod), Ok(Outcome::Created));
    assert_eq!(store.put_mod(&version, go_mod), Ok(Outcome::Unchanged));
    let other = store.put_mod(&version, b"module example.com/other\n");
    assert!(matches!(other, Err(Error::Conflict(_))), "{other:?}");
    assert_eq!(bytes(store, &version, File::Mod), Ok(go_mod.to_vec()));
    for file in [File::Info, File::Zip] {
        assert_eq!(bytes(store, &version, file), Err(Error::NotFound));
    }
    assert_eq!(listed(store, "example.com/contract/alone"), None);
    assert_eq!(store.withdraw(&version), Err(Error::NotFound));
}

fn mod_before_zip(store: &dyn Store) {
    let version = version("example.com/contract/before", "v1.0.0");
    let zip = module_zip(&version, b"text");
    let release = release(&version, &zip);
    assert_eq!(
        store.put_mod(&version, &release.go_mod),
        Ok(Outcome::Created)
    );
    assert_eq!(publish(store, &release, &zip), Ok(Outcome::Created));
    assert_eq!(
        store.put_mod(&version, &release.go_mod),
        Ok(Outcome::Unchanged)
    );
    assert_eq!(bytes(store, &version, File::Zip), Ok(zip));
    let path = version.path().as_str();
    assert_eq!(listed(store, path).as_deref(), Some("v1.0.0\n"));

    let version = self::version("example.com/contract/before", "v1.1.0");
    let zip = module_zip(&version, b"text");
    let release = self::release(&version, &zip);
    let first = b"module example.com/contract/before\n\ngo 1.17\n";
    assert_eq!(store.put_mod(&version, first), Ok(Outcome::Created));
    let refused = publish(store, &release, &zip);
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(bytes(store, &version, File::Mod), Ok(first.to_vec()));
    assert_eq!(bytes(store, &version, File::Zip), Err(Error::NotFound));
    assert_eq!(listed(store, path).as_deref(), Some("v1.0.0\n"));
}

fn same_again(store: &dyn Store) {
    let version = version("example.com/contract/same", "v1.0.0");
    let zip = published(store, &version, b"text");
    let mut release = release(&version, &zip);
    let info = release.info.to_json();
    release.info.time = Timestamp::from_unix(1_800_000_000, 0).expect("a time");
    assert_eq!(publish(store, &release, &zip), Ok(Outcome::Unchanged));
    assert_eq!(bytes(store, &version, File::Info), Ok(info));
    assert_eq!(bytes(store, &version, File::Zip), Ok(zip));
    let path = version.path().as_str();
    assert_eq!(listed(store, path).as_deref(), Some("v1.0.0\n"));
}

fn other_content(store: &dyn Store) {
    let version = version("example.com/contract/other", "v1.0.0");
    let zip = published(store, &version, b"text");
    let other = module_zip(&version, b"other");
    let refused = publish(store, &release(&version, &other), &other);
    let standing = release(&version, &zip);
    match refused {
        Err(Error::Conflict(what)) => assert!(what.contains(&standing.zip_hash), "{what}"),
        refused => panic!("{refused:?}"),
    }
    assert_eq!(
        bytes(store, &version, File::Info),
        Ok(standing.info.to_json())
    );
    assert_eq!(bytes(store, &version, File::Zip), Ok(zip));
}

fn withdrawal(store: &dyn Store) {
    let path = "example.com/contract/withdrawn";
    let gone = version(path, "v1.0.0");
    let stays = version(path, "v1.1.0");
    let zip = published(store, &gone, b"text");
    published(store, &stays, b"text");
    assert_eq!(store.withdraw(&gone), Ok(Outcome::Created));
    assert_eq!(store.withdraw(&gone), Ok(Outcome::Unchanged));
    let release = release(&gone, &zip);
    for file in [File::Info, File::Zip] {
        assert_eq!(bytes(store, &gone, file), Err(Error::Withdrawn), "{file:?}");
    }
    assert_eq!(bytes(store, &gone, File::Mod), Ok(release.go_mod.clone()));
    assert_eq!(listed(store, path).as_deref(), Some("v1.1.0\n"));
    assert_eq!(publish(store, &release, &zip), Err(Error::Withdrawn));
    let go_mod = store.put_mod(&gone, &release.go_mod);
    assert_eq!(go_mod, Err(Error::Withdrawn));
    assert_eq!(bytes(store, &gone, File::Zip), Err(Error::Withdrawn));
    assert_eq!(listed(store, path).as_deref(), Some("v1.1.0\n"));
    assert_eq!(store.withdraw(&stays), Ok(Outcome::Created));
    assert_eq!(listed(store, path).as_deref(), Some(""));
}

fn repair_of_a_sound_store(store: &dyn Store) {
    let version = version("example.com/contract/repair", "v1.0.0");
    let zip = published(store, &version, b"text");
    let mut cursor = None;
    loop {
        let page = store.repair(cursor.as_deref(), &|| false).expect("a page");
        assert_eq!((page.indexed, page.removed), (0, 0), "{page:?}");
        assert!(page.problems.is_empty(), "{page:?}");
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(bytes(store, &version, File::Zip), Ok(zip));
}
