//! What no guest can bring about: disks that fail, and writers by the dozen.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use redb::backends::InMemoryBackend;
use redb::{Builder, StorageBackend};

use super::*;

/// A disk in memory that can be full, and counts how often it was told to keep what it has.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<DiskState>);

#[derive(Debug, Default)]
struct DiskState {
    memory: InMemoryBackend,
    full: AtomicBool,
    unreadable: AtomicBool,
    syncs: AtomicU32,
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        match self.0.full.load(Ordering::SeqCst) {
            true => Err(io::Error::from(io::ErrorKind::StorageFull)),
            false => Ok(()),
        }
    }

    fn store(&self) -> Store {
        let again = self.clone();
        // Nothing is kept in memory, so that each read reads.
        let open = |disk: &Disk| {
            let mut builder = Builder::new();
            builder.set_cache_size(0).create_with_backend(disk.clone())
        };
        let reopen = move || open(&again).map_err(|error| error.to_string());
        Store::over(open(self).unwrap(), Box::new(reopen)).unwrap()
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.0.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self.0.unreadable.load(Ordering::SeqCst) {
            true => Err(io::Error::other("a bad sector")),
            false => self.0.memory.read(offset, out),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.0.memory.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        self.check()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.0.memory.write(offset, data)
    }
}

fn label() -> Arc<str> {
    "default".into()
}

async fn set(store: &Store, key: &str) -> Result<(), StoreError> {
    store
        .set(&label(), vec![(key.into(), b"value".to_vec())])
        .await
}

#[tokio::test]
async fn a_store_goes_on_when_a_full_disk_has_room_again() {
    let disk = Disk::default();
    let store = disk.store();
    set(&store, "before").await.unwrap();
    disk.0.full.store(true, Ordering::SeqCst);
    // The component says before it that the store failed.
    let why = "I/O error: no storage space";
    let again = format!("its file can't be opened again after a failure: {why}");
    for expected in [why, &again, &again] {
        let error = set(&store, "meanwhile").await.unwrap_err().to_string();
        assert_eq!(error, expected);
    }
    let error = store.get("default", "before").unwrap_err().to_string();
    assert_eq!(error, again);
    disk.0.full.store(false, Ordering::SeqCst);
    // Whoever comes first opens it again, and be it to read.
    assert_eq!(
        store.get("default", "before").unwrap().as_deref(),
        Some(b"value".as_slice())
    );
    set(&store, "after").await.unwrap();
    assert_eq!(store.get("default", "meanwhile").unwrap(), None);
    assert_eq!(
        store.get("default", "after").unwrap().as_deref(),
        Some(b"value".as_slice())
    );
}

#[tokio::test]
async fn a_store_that_is_only_read_goes_on_after_a_read_that_failed() {
    let disk = Disk::default();
    let store = disk.store();
    set(&store, "before").await.unwrap();
    disk.0.unreadable.store(true, Ordering::SeqCst);
    let error = store.get("default", "before").unwrap_err().to_string();
    assert!(error.contains("a bad sector"), "{error}");
    disk.0.unreadable.store(false, Ordering::SeqCst);
    let value = store.get("default", "before").unwrap();
    assert_eq!(value.as_deref(), Some(b"value".as_slice()));
}

/// Readers are let loose on the state that is kept for them, while it is replaced again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_sees_every_write_that_was_answered_before_it() {
    let store = Disk::default().store();
    let answered = Arc::new(AtomicU32::new(0));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (store, answered) = (store.clone(), answered.clone());
            tokio::task::spawn_blocking(move || {
                let mut reads = 0;
                while answered.load(Ordering::SeqCst) < 300 {
                    let least = answered.load(Ordering::SeqCst);
                    let value = store.get("default", "number").unwrap();
                    let found =
                        value.map_or(0, |bytes| u32::from_le_bytes(bytes.try_into().unwrap()));
                    assert!(found >= least, "{found} after {least}");
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    for number in 1..=300u32 {
        let pair = ("number".to_owned(), number.to_le_bytes().to_vec());
        store.set(&label(), vec![pair]).await.unwrap();
        answered.store(number, Ordering::SeqCst);
        let value = store.get("default", "number").unwrap();
        assert_eq!(value, Some(number.to_le_bytes().to_vec()));
    }
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    store
        .delete(&label(), vec!["number".to_owned()])
        .await
        .unwrap();
    assert_eq!(store.get("default", "number").unwrap(), None);
}

#[tokio::test]
async fn writers_that_wait_together_share_a_commit() {
    let disk = Disk::default();
    let store = disk.store();
    set(&store, "first").await.unwrap();
    let one = disk.0.syncs.swap(0, Ordering::SeqCst);
    set(&store, "second").await.unwrap();
    let one = one.max(disk.0.syncs.swap(0, Ordering::SeqCst));
    let writers: Vec<_> = (0..100)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { set(&store, &format!("key-{number}")).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(store.keys("default").unwrap().len(), 102);
    let together = disk.0.syncs.load(Ordering::SeqCst);
    assert!(
        together < 50 * one,
        "{together} syncs for 100 writers, {one} for one"
    );
}

#[tokio::test]
async fn what_waits_when_the_store_is_dropped_is_written_first() {
    let folder = std::env::temp_dir().join(format!("goproxy-edge-kv-{}", std::process::id()));
    let file = folder.join("store.redb");
    for number in 0..5 {
        let store = Store::open(&file).unwrap();
        let label = "default".into();
        let write = store.set(&label, vec![(number.to_string(), Vec::new())]);
        tokio::select! {
            biased;
            result = write => result.unwrap(),
            () = std::future::ready(()) => {}
        }
        drop(store);
        let keys = Store::open(&file).unwrap().keys("default").unwrap();
        assert_eq!(keys.len(), number + 1);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[cfg(unix)]
#[test]
fn a_new_store_is_for_its_user_alone_and_what_is_there_stays_as_it_is() {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    let folder = std::env::temp_dir().join(format!("goproxy-edge-kv-mode-{}", std::process::id()));
    let data = folder.join("above/data");
    let file = data.join("store.redb");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let set_mode = |path: &Path, mode| {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    std::fs::create_dir(&folder).unwrap();
    set_mode(&folder, 0o755);
    drop(Store::open(&file).unwrap());
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&folder.join("above")), 0o700);
    assert_eq!(mode(&folder), 0o755);

    set_mode(&data, 0o750);
    set_mode(&file, 0o640);
    drop(Store::open(&file).unwrap());
    assert_eq!((mode(&data), mode(&file)), (0o750, 0o640));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn more_than_spins_cap_is_an_error_in_spins_words() {
    let store = Disk::default().store();
    let half = vec![0; RESULT_CAP / 2 + 1];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pairs = ["a", "b"]
        .map(|key| (key.to_owned(), half.clone()))
        .to_vec();
    runtime.block_on(store.set(&label(), pairs)).unwrap();
    let keys = ["a".to_owned(), "b".to_owned()];
    let error = store.get_many("default", keys.to_vec()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "query result exceeds limit of 134217728 bytes"
    );
    assert_eq!(
        store.get_many("default", keys[..1].to_vec()).unwrap().len(),
        1
    );
}
