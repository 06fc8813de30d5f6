//! The key-value store: one redb file, one table a label, durable when a write returns.
//!
//! Reads run where they are called (a hop to another thread halved the requests per second), all on the
//! state after the last commit, which is opened once (`opened`). Writes go to the one writer thread
//! (`writer`), which commits all that wait at once. `guest` is the interface
//! that the component sees. No WASI in this file.

mod guest;
mod opened;
mod writer;

use std::fs::{DirBuilder, File, OpenOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableTable, StorageError, TableDefinition};

use crate::Error;
pub use guest::Bucket;
pub(crate) use guest::{KvState, KvView, link};
use opened::{Reopen, Reopening, Table};
use writer::Writer;

/// Keys with their values.
type Found = Vec<(String, Option<Vec<u8>>)>;

/// Spin's cap on what one call may return, in bytes.
const RESULT_CAP: usize = 128 << 20;

/// redb's own cache of pages. The operating system caches the file as well, so a small one will do.
const CACHE_BYTES: usize = 64 << 20;

/// What went wrong with the store while it served, in words: what the guest gets as `error.other`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct StoreError {
    text: String,
    /// Whether it is redb's, which may then refuse everything until its file is opened again.
    is_of_file: bool,
}

impl StoreError {
    fn new(text: impl Into<String>) -> Self {
        StoreError {
            text: text.into(),
            is_of_file: false,
        }
    }

    fn too_large() -> Self {
        StoreError::new(format!("query result exceeds limit of {RESULT_CAP} bytes"))
    }
}

fn storage(error: impl Into<redb::Error>) -> StoreError {
    StoreError {
        text: error.into().to_string(),
        is_of_file: true,
    }
}

fn table(label: &str) -> TableDefinition<'_, &'static str, &'static [u8]> {
    TableDefinition::new(label)
}

/// A store; clones share it.
#[derive(Clone)]
pub(crate) struct Store {
    file: Arc<Reopening>,
    writer: Writer,
}

impl Store {
    /// Opens the store in this file, or makes it. A file that a crash left behind is repaired.
    pub fn open(path: &Path) -> Result<Store, Error> {
        if let Some(folder) = path.parent() {
            make_folder(folder).map_err(|source| Error::DataFolder {
                path: folder.to_owned(),
                source,
            })?;
        }
        let path = path.to_owned();
        let database = open_file(&path)?;
        let reopen = move || open_file(&path).map_err(|error| why_closed(&error));
        Store::over(database, Box::new(reopen))
    }

    fn over(database: Database, reopen: Box<Reopen>) -> Result<Store, Error> {
        let file = Arc::new(Reopening::new(database, reopen));
        let writer = Writer::start(file.clone())?;
        Ok(Store { file, writer })
    }

    fn read<R>(
        &self,
        label: &str,
        absent: R,
        read: impl FnOnce(&Table) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let result = self.file.with(|opened| match opened.table(label)? {
            Some(table) => read(&table),
            None => Ok(absent),
        });
        if result.as_ref().is_err_and(|error| error.is_of_file) {
            self.file.revive();
        }
        result
    }

    fn get(&self, label: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(label, None, |table| {
            match table.get(key).map_err(storage)? {
                Some(value) if value.value().len() > RESULT_CAP => Err(StoreError::too_large()),
                Some(value) => Ok(Some(value.value().to_vec())),
                None => Ok(None),
            }
        })
    }

    fn exists(&self, label: &str, key: &str) -> Result<bool, StoreError> {
        self.read(label, false, |table| {
            Ok(table.get(key).map_err(storage)?.is_some())
        })
    }

    fn keys(&self, label: &str) -> Result<Vec<String>, StoreError> {
        self.read(label, Vec::new(), |table| {
            let mut keys = Vec::new();
            let mut bytes = 0;
            for entry in table.iter().map_err(storage)? {
                let key = entry.map_err(storage)?.0.value().to_owned();
                bytes += key.len();
                if bytes > RESULT_CAP {
                    return Err(StoreError::too_large());
                }
                keys.push(key);
            }
            Ok(keys)
        })
    }

    /// The found ones only, each once: Spin's store leaves out the others and keeps no order.
    fn get_many(&self, label: &str, mut keys: Vec<String>) -> Result<Found, StoreError> {
        keys.sort_unstable();
        keys.dedup();
        self.read(label, Vec::new(), |table| {
            let mut found = Vec::with_capacity(keys.len());
            let mut bytes = 0;
            for key in keys {
                if let Some(value) = table.get(key.as_str()).map_err(storage)? {
                    bytes += key.len() + value.value().len();
                    if bytes > RESULT_CAP {
                        return Err(StoreError::too_large());
                    }
                    found.push((key, Some(value.value().to_vec())));
                }
            }
            Ok(found)
        })
    }

    async fn set(&self, label: &Arc<str>, pairs: Vec<(String, Vec<u8>)>) -> Result<(), StoreError> {
        self.writer
            .write(label.clone(), writer::Change::Set(pairs))
            .await
    }

    async fn delete(&self, label: &Arc<str>, keys: Vec<String>) -> Result<(), StoreError> {
        self.writer
            .write(label.clone(), writer::Change::Delete(keys))
            .await
    }
}

/// Makes a folder, and those above it, for this user alone: a store may hold what others must not read.
/// Those that are there stay as they are.
fn make_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The same for a file. (redb would make it as the umask has it.)
fn open_or_make(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn open_database(path: &Path) -> Result<Database, DatabaseError> {
    let file = FileBackend::new(open_or_make(path)?)?;
    Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(file)
}

/// redb may panic on a file that something else has written to, so a panic is a damaged file too.
fn open_file(path: &Path) -> Result<Database, Error> {
    let opened = catch_unwind(AssertUnwindSafe(|| open_database(path)));
    let damaged = |detail: String| Error::StoreDamaged {
        path: PathBuf::from(path),
        detail,
    };
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => Err(Error::StoreInUse {
            path: path.to_owned(),
        }),
        Ok(Err(DatabaseError::Storage(StorageError::Io(source))))
            if source.kind() != std::io::ErrorKind::InvalidData =>
        {
            Err(Error::StoreAccess {
                path: path.to_owned(),
                source,
            })
        }
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(_) => Err(damaged("its pages do not fit together".into())),
    }
}

/// Why a file can't be opened again, for clients too: without its path.
fn why_closed(error: &Error) -> String {
    match error {
        Error::StoreAccess { source, .. } => source.to_string(),
        Error::StoreDamaged { detail, .. } => detail.clone(),
        _ => "another process has it open".to_owned(),
    }
}

#[cfg(test)]
mod tests;
