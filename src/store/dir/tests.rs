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
use crate::store::contract::{self, bytes, listed, module_zip, version};
use crate::store::testing::{Faults, Step, TestEntropy, Turns, at_every_step};
use crate::store::trials::{self, DAY, Ground, NOW, PATH, sound};
use crate::store::{Error, Info, ReadSeek, Store};

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

impl Ground for Folder {
    type Store = Dir;

    fn open(&self, now: i64, faults: &Rc<Faults>, turns: Option<(&'static Turns, usize)>) -> Dir {
        let disk = TestDisk {
            faults: Rc::clone(faults),
            turns,
        };
        let entropy = TestEntropy::new(now, u64::from(next_number()));
        Dir::new(&self.0, Rc::new(disk), Rc::new(entropy))
    }

    /// Each file is one of its own, so only an upload can be left over.
    fn holds_only(&self, _: &[&[u8]], at: &str) {
        assert_eq!(self.uploads(), 0, "{at}");
    }
}

#[test]
fn the_contract_holds() {
    let folder = Folder::new();
    contract::check_all(&sound(&folder));
    contract::check_documents(&sound(&folder));
    assert_eq!(folder.uploads(), 0, "no upload stays behind");
}

#[test]
fn a_fault_at_any_step_of_writing_a_document_leaves_one_of_the_two_whole() {
    at_every_step(|step, fault| {
        let folder = Folder::new();
        sound(&folder).set_document("name", b"old").unwrap();
        let faults = Rc::new(Faults::at(step, fault));
        let written = trials::faulty(&folder, NOW, &faults).set_document("name", b"the new");
        let store = sound(&folder);
        let found = store.document("name").unwrap().unwrap();
        let at = format!("{fault:?} at step {step}: {written:?}");
        if written.is_ok() {
            assert_eq!(found, b"the new", "{at}");
        } else {
            assert!(found == b"old" || found == b"the new", "{at}");
        }
        assert_eq!(store.set_document("name", b"last"), Ok(()), "{at}");
        assert_eq!(store.document("name"), Ok(Some(b"last".to_vec())), "{at}");
        trials::repaired(&folder, 2 * DAY);
        folder.holds_only(&[], &at);
        assert_eq!(store.document("name"), Ok(Some(b"last".to_vec())), "{at}");
        faults.struck()
    });
}

#[test]
fn a_fault_at_any_step_of_publishing_leaves_whole_files_and_can_be_tried_again() {
    trials::publishing(Folder::new, &[7; 3000]);
}

#[test]
fn a_fault_at_any_step_of_withdrawing_can_be_tried_again() {
    trials::withdrawing(Folder::new);
}

#[test]
fn a_fault_at_any_step_of_a_go_mod_alone_can_be_tried_again() {
    trials::go_mod_alone(Folder::new);
}

#[test]
fn two_publishers_of_other_content_end_with_one_of_the_two_in_any_order() {
    trials::publishers_of_other_content(2, Folder::new);
}

#[test]
fn two_publishers_of_the_same_content_both_succeed_in_any_order() {
    trials::publishers_of_the_same_content(2, Folder::new);
}

#[test]
fn two_versions_published_at_once_are_both_listed_in_any_order() {
    trials::publishers_of_two_versions(2, Folder::new);
}

#[test]
fn no_order_of_a_go_mod_and_a_zip_that_disagree_ends_in_a_mix() {
    trials::go_mod_against_zip(3, Folder::new);
}

#[test]
fn a_withdrawal_holds_against_a_publisher_in_any_order() {
    trials::withdrawal_against_publisher(3, Folder::new);
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
    let store = sound(&folder);
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
    let store = sound(&folder);
    assert_eq!(made_info(&store, &pseudo), "2020-01-02T03:04:05Z");
    // The date that the archive's entries have.
    assert_eq!(made_info(&store, &plain), "1980-01-01T00:00:00Z");
}

#[test]
fn an_info_of_another_version_is_corrupt() {
    let folder = Folder::new();
    for (name, info) in [("v1.0.0", r#"{"Version":"v1.0.1"}"#), ("v1.1.0", "{")] {
        folder.put(&format!("{PATH}/@v/{name}.info"), info.as_bytes());
        let refused = bytes(&sound(&folder), &version(PATH, name), File::Info);
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
