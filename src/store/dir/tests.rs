//! The contract over a folder of the real file system; a fault at every step of every write; two
//! writers in every order; the trees of others.

use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::disk::{Created, Disk, Opened, StdDisk};
use super::{Detail, Dir, File};
use crate::http::Body;
use crate::module::{ModulePath, ModuleVersion};
use crate::store::contract::{
    self, bytes, listed, module_zip, publish, published, release, version,
};
use crate::store::testing::{
    Faults, Step, TestEntropy, Turns, at_every_step, both, in_every_order,
};
use crate::store::{Error, Info, ReadSeek, Store};

const NOW: i64 = 1_700_000_000;
const DAY: i64 = 24 * 60 * 60;
const PATH: &str = "example.com/m";

fn next_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(8);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("goproxy-edge-dir-{}-{}", std::process::id(), next_number());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn uploads(&self) -> usize {
        let folder = std::fs::read_dir(self.0.join(".goproxy-edge"));
        let files =
            |entry: &io::Result<std::fs::DirEntry>| entry.as_ref().unwrap().path().is_file();
        folder.map_or(0, |entries| entries.filter(files).count())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The file system with faults and turns.
struct TestDisk {
    faults: Rc<Faults>,
    turns: Option<(&'static Turns, usize)>,
}

impl TestDisk {
    fn step<T>(&self, step: Step, action: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if let Some((turns, seat)) = self.turns {
            turns.take(seat, step);
        }
        self.faults.step(|| io::Error::other("a fault"), action)
    }
}

impl Disk for TestDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Opened>> {
        self.step(Step::Read, || StdDisk.open(path))
    }

    fn reader(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>> {
        self.step(Step::Read, || StdDisk.reader(path))
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.step(Step::Read, || StdDisk.names(folder))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.step(Step::Read, || StdDisk.exists(path))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Created>> {
        let file = self.step(Step::Write, || StdDisk.create(path))?;
        let faults = Rc::clone(&self.faults);
        Ok(Box::new(TestFile { file, faults }))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Write, || StdDisk.link(from, to))
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Write, || StdDisk.replace(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(Step::Write, || StdDisk.remove(path))
    }
}

struct TestFile {
    file: Box<dyn Created>,
    faults: Rc<Faults>,
}

impl Write for TestFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = &mut self.file;
        self.faults
            .step(|| io::Error::other("a fault"), || file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Created for TestFile {
    fn sync(&mut self) -> io::Result<()> {
        let file = &mut self.file;
        self.faults
            .step(|| io::Error::other("a fault"), || file.sync())
    }
}

fn store_at(folder: &Folder, now: i64, faults: Rc<Faults>) -> Dir {
    let disk = TestDisk {
        faults,
        turns: None,
    };
    let entropy = TestEntropy::new(now, u64::from(next_number()));
    Dir::new(&folder.0, Rc::new(disk), Rc::new(entropy))
}

fn store(folder: &Folder) -> Dir {
    store_at(folder, NOW, Rc::new(Faults::none()))
}

fn writer(folder: &Folder, turns: &Turns, seat: usize) -> Dir {
    // Both threads end before the turns do.
    let turns: &'static Turns = unsafe { std::mem::transmute(turns) };
    let disk = TestDisk {
        faults: Rc::new(Faults::none()),
        turns: Some((turns, seat)),
    };
    let entropy = TestEntropy::new(NOW, seat as u64 + 1);
    Dir::new(&folder.0, Rc::new(disk), Rc::new(entropy))
}

fn repair(folder: &Folder) {
    let store = store_at(folder, NOW + 2 * DAY, Rc::new(Faults::none()));
    store.repair(None, &|| true).unwrap();
    assert_eq!(folder.uploads(), 0);
}

#[test]
fn the_contract_holds() {
    let folder = Folder::new();
    contract::check_all(&store(&folder));
    contract::check_documents(&store(&folder));
    assert_eq!(folder.uploads(), 0, "no upload stays behind");
}

#[test]
fn a_fault_at_any_step_of_writing_a_document_leaves_one_of_the_two_whole() {
    at_every_step(|step, fault| {
        let folder = Folder::new();
        store(&folder).set_document("name", b"old").unwrap();
        let faults = Rc::new(Faults::at(step, fault));
        let written = store_at(&folder, NOW, Rc::clone(&faults)).set_document("name", b"the new");
        let store = store(&folder);
        let found = store.document("name").unwrap().unwrap();
        let at = format!("{fault:?} at step {step}: {written:?}");
        if written.is_ok() {
            assert_eq!(found, b"the new", "{at}");
        } else {
            assert!(found == b"old" || found == b"the new", "{at}");
        }
        assert_eq!(store.set_document("name", b"last"), Ok(()), "{at}");
        assert_eq!(store.document("name"), Ok(Some(b"last".to_vec())), "{at}");
        repair(&folder);
        assert_eq!(store.document("name"), Ok(Some(b"last".to_vec())), "{at}");
        faults.struck()
    });
}

#[test]
fn a_fault_at_any_step_of_publishing_leaves_whole_files_and_can_be_tried_again() {
    let (first, second) = (version(PATH, "v1.0.0"), version(PATH, "v1.1.0"));
    let zip = module_zip(&second, &[7; 3000]);
    let release = release(&second, &zip);
    at_every_step(|step, fault| {
        let folder = Folder::new();
        let before = published(&store(&folder), &first, b"first");
        let faults = Rc::new(Faults::at(step, fault));
        let outcome = publish(&store_at(&folder, NOW, Rc::clone(&faults)), &release, &zip);
        let store = store(&folder);
        let at = format!("{fault:?} at step {step}");
        assert_eq!(
            bytes(&store, &first, File::Zip).as_ref(),
            Ok(&before),
            "{at}"
        );
        let list = listed(&store, PATH).unwrap();
        for (file, whole) in [
            (File::Info, release.info.to_json()),
            (File::Mod, release.go_mod.clone()),
            (File::Zip, zip.clone()),
        ] {
            match bytes(&store, &second, file) {
                Ok(found) => assert!(found == whole, "{file:?} is another: {at}"),
                Err(error) => {
                    assert_eq!(error, Error::NotFound, "{file:?}: {at}");
                    assert!(outcome.is_err() && list == "v1.0.0\n", "{file:?}: {at}");
                }
            }
        }
        assert!(publish(&store, &release, &zip).is_ok(), "{at}");
        assert_eq!(
            bytes(&store, &second, File::Info),
            Ok(release.info.to_json()),
            "{at}"
        );
        assert_eq!(bytes(&store, &second, File::Zip).as_ref(), Ok(&zip), "{at}");
        assert_eq!(
            listed(&store, PATH).as_deref(),
            Some("v1.0.0\nv1.1.0\n"),
            "{at}"
        );
        repair(&folder);
        faults.struck()
    });
}

#[test]
fn a_fault_at_any_step_of_withdrawing_can_be_tried_again() {
    let gone = version(PATH, "v1.0.0");
    at_every_step(|step, fault| {
        let folder = Folder::new();
        let zip = published(&store(&folder), &gone, b"text");
        let faults = Rc::new(Faults::at(step, fault));
        let _ = store_at(&folder, NOW, Rc::clone(&faults)).withdraw(&gone);
        let store = store(&folder);
        let at = format!("{fault:?} at step {step}");
        match bytes(&store, &gone, File::Zip) {
            Ok(whole) => assert_eq!(whole, zip, "{at}"),
            Err(error) => assert_eq!(error, Error::Withdrawn, "{at}"),
        }
        assert!(store.withdraw(&gone).is_ok(), "{at}");
        assert_eq!(
            bytes(&store, &gone, File::Info),
            Err(Error::Withdrawn),
            "{at}"
        );
        assert_eq!(
            bytes(&store, &gone, File::Zip),
            Err(Error::Withdrawn),
            "{at}"
        );
        assert!(bytes(&store, &gone, File::Mod).is_ok(), "{at}");
        assert_eq!(listed(&store, PATH).as_deref(), Some(""), "{at}");
        repair(&folder);
        faults.struck()
    });
}

#[test]
fn a_fault_at_any_step_of_a_go_mod_alone_can_be_tried_again() {
    let alone = version(PATH, "v1.0.0");
    let go_mod = b"module example.com/m\n";
    at_every_step(|step, fault| {
        let folder = Folder::new();
        let faults = Rc::new(Faults::at(step, fault));
        let _ = store_at(&folder, NOW, Rc::clone(&faults)).put_mod(&alone, go_mod);
        let store = store(&folder);
        let at = format!("{fault:?} at step {step}");
        match bytes(&store, &alone, File::Mod) {
            Ok(whole) => assert_eq!(whole, go_mod, "{at}"),
            Err(error) => assert_eq!(error, Error::NotFound, "{at}"),
        }
        assert!(store.put_mod(&alone, go_mod).is_ok(), "{at}");
        assert_eq!(
            bytes(&store, &alone, File::Mod),
            Ok(go_mod.to_vec()),
            "{at}"
        );
        repair(&folder);
        faults.struck()
    });
}

#[test]
fn two_publishers_of_other_content_end_with_one_of_the_two_in_any_order() {
    let version = version(PATH, "v1.0.0");
    let zips = [module_zip(&version, b"one"), module_zip(&version, b"two")];
    in_every_order(2, |turns| {
        let folder = Folder::new();
        let act = |seat: usize| {
            let (folder, version, zip) = (&folder, &version, &zips[seat]);
            move || publish(&writer(folder, turns, seat), &release(version, zip), zip)
        };
        let (one, two) = both(turns, act(0), act(1));
        let store = store(&folder);
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
        assert_eq!(listed(&store, PATH).as_deref(), Some("v1.0.0\n"));
        assert_eq!(folder.uploads(), 0);
    });
}

#[test]
fn no_order_of_a_go_mod_and_a_zip_that_disagree_ends_in_a_mix() {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    let other = b"module example.com/m\n\ngo 1.17\n";
    in_every_order(3, |turns| {
        let folder = Folder::new();
        let publisher = || publish(&writer(&folder, turns, 0), &release(&version, &zip), &zip);
        let mod_writer = || writer(&folder, turns, 1).put_mod(&version, other);
        let (zip_outcome, mod_outcome) = both(turns, publisher, mod_writer);
        let store = store(&folder);
        match (zip_outcome, mod_outcome) {
            (Ok(_), Err(Error::Conflict(_))) => {
                let own = release(&version, &zip).go_mod;
                assert_eq!(bytes(&store, &version, File::Mod), Ok(own));
                assert!(bytes(&store, &version, File::Zip).as_ref() == Ok(&zip));
            }
            (Err(Error::Conflict(_)), Ok(_)) => {
                assert_eq!(bytes(&store, &version, File::Mod), Ok(other.to_vec()));
                assert_eq!(bytes(&store, &version, File::Zip), Err(Error::NotFound));
                assert_eq!(bytes(&store, &version, File::Info), Err(Error::NotFound));
            }
            // The go.mod came while the zip stood without its own and saw that they disagree; the
            // zip's writer saw it come. Then neither is there in part.
            (Err(Error::Conflict(_)), Err(Error::Conflict(_))) => {
                assert_eq!(bytes(&store, &version, File::Zip), Err(Error::NotFound));
            }
            both => panic!("{both:?}"),
        }
    });
}

#[test]
fn a_withdrawal_holds_against_a_publisher_in_any_order() {
    let version = version(PATH, "v1.0.0");
    let zip = module_zip(&version, b"text");
    in_every_order(3, |turns| {
        let folder = Folder::new();
        published(&store(&folder), &version, b"text");
        let withdraw = || writer(&folder, turns, 0).withdraw(&version).map(|_| ());
        let publisher = || {
            let outcome = publish(&writer(&folder, turns, 1), &release(&version, &zip), &zip);
            outcome.map(|_| ())
        };
        let (withdrawn, _) = both(turns, withdraw, publisher);
        assert_eq!(withdrawn, Ok(()));
        let store = store(&folder);
        assert_eq!(bytes(&store, &version, File::Zip), Err(Error::Withdrawn));
        assert_eq!(listed(&store, PATH).as_deref(), Some(""));
    });
}

fn names(store: &Dir, path: &str) -> Vec<String> {
    let path = ModulePath::parse(path).unwrap();
    let index = store.index(&path, Detail::Names).unwrap();
    let entries = index.iter().flat_map(|index| index.entries());
    entries.map(|entry| entry.version.to_string()).collect()
}

#[test]
fn a_module_cache_is_served_as_it_is() {
    let folder = Folder::new();
    let module = "example.com/Azure/m";
    let base = "example.com/!azure/m/@v";
    let whole = version(module, "v1.0.0");
    let zip = module_zip(&whole, b"text");
    folder.put(&format!("{base}/v1.0.0.zip"), &zip);
    folder.put(
        &format!("{base}/v1.0.0.mod"),
        b"module example.com/Azure/m\n",
    );
    folder.put(&format!("{base}/v1.0.0.info"), br#"{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z","Origin":{"VCS":"git","New":"kept"}}"#);
    folder.put(&format!("{base}/v1.0.0.ziphash"), b"h1:x");
    folder.put(&format!("{base}/v1.0.0.lock"), b"");
    folder.put(&format!("{base}/list"), b"v9.9.9\n");
    folder.put(&format!("{base}/list.lock"), b"");
    folder.put(&format!("{base}/master.info"), br#"{"Version":"v1.0.0"}"#);
    folder.put(&format!("{base}/v1.0.1-!r!c1.zip"), b"zip");
    folder.put(
        &format!("{base}/v1.0.1-!r!c1.mod"),
        b"module example.com/Azure/m\n",
    );
    folder.put(
        &format!("{base}/v1.1.0.mod"),
        b"module example.com/Azure/m\n",
    );
    folder.put(&format!("{base}/v1.2.0.info"), br#"{"Version":"v1.2.0"}"#);
    folder.put(&format!("{base}/v1.3.0.zip"), b"zip without go.mod");
    let store = store(&folder);
    assert_eq!(names(&store, module), ["v1.0.0", "v1.0.1-RC1"]);
    assert_eq!(listed(&store, "example.com/Azure"), None);
    assert_eq!(bytes(&store, &whole, File::Zip), Ok(zip));
    let info = bytes(&store, &whole, File::Info).unwrap();
    assert!(String::from_utf8(info).unwrap().contains(r#""New":"kept""#));
    let alone = version(module, "v1.1.0");
    let go_mod = Ok(b"module example.com/Azure/m\n".to_vec());
    assert_eq!(bytes(&store, &alone, File::Mod), go_mod);
    assert_eq!(bytes(&store, &alone, File::Info), Err(Error::NotFound));
    let info_alone = bytes(&store, &version(module, "v1.2.0"), File::Info);
    assert_eq!(info_alone, Ok(br#"{"Version":"v1.2.0"}"#.to_vec()));
}

fn made_info(store: &Dir, version: &ModuleVersion) -> String {
    let json = bytes(store, version, File::Info).unwrap();
    Info::parse(&json).unwrap().time.to_string()
}

#[test]
fn a_missing_info_is_made_of_what_is_known() {
    let folder = Folder::new();
    let put = |name: &str| {
        let version = version(PATH, name);
        let zip = module_zip(&version, b"text");
        folder.put(&format!("{PATH}/@v/{name}.zip"), &zip);
        folder.put(&format!("{PATH}/@v/{name}.mod"), b"module example.com/m\n");
        version
    };
    let pseudo = put("v0.0.0-20200102030405-0123456789ab");
    let plain = put("v1.0.0");
    let store = store(&folder);
    assert_eq!(made_info(&store, &pseudo), "2020-01-02T03:04:05Z");
    // The date that the archive's entries have.
    assert_eq!(made_info(&store, &plain), "1980-01-01T00:00:00Z");
}

#[test]
fn an_info_of_another_version_is_corrupt() {
    let folder = Folder::new();
    for (name, info) in [("v1.0.0", r#"{"Version":"v1.0.1"}"#), ("v1.1.0", "{")] {
        folder.put(&format!("{PATH}/@v/{name}.info"), info.as_bytes());
        let refused = bytes(&store(&folder), &version(PATH, name), File::Info);
        assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
    }
}

#[test]
fn a_range_is_read_from_the_middle_of_a_file() {
    let folder = Folder::new();
    folder.put("file", b"0123456789");
    let opened = StdDisk.open(&folder.0.join("file")).unwrap();
    let Range { start, end } = 3u64..7;
    let Body::Stream(4, mut source) = opened.body(start..end).unwrap() else {
        panic!("a stream of four bytes");
    };
    assert_eq!(source.next().unwrap().as_deref(), Some(&b"3456"[..]));
    assert_eq!(source.next().unwrap(), None);
}
