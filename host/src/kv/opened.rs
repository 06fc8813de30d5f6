//! The open file, its tables as they are after the last commit, and how it is opened again.

use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use redb::{Database, ReadOnlyTable, ReadableDatabase as _, TableError, WriteTransaction};

use super::{StoreError, storage, table};

pub(super) type Table = ReadOnlyTable<&'static str, &'static [u8]>;

/// Opens the file again, or says why it can't be.
pub(super) type Reopen = dyn Fn() -> Result<Database, String> + Send + Sync;

/// The file, opened again after a failure that leaves redb unable to go on, such as a full disk: freeing
/// space is enough, and no restart is needed. Where that fails too, whoever comes next tries again. (redb
/// can't go on after a read that failed either.)
pub(super) struct Reopening {
    /// Or why it could not be opened.
    opened: RwLock<Result<Opened, StoreError>>,
    reopen: Box<Reopen>,
}

impl Reopening {
    pub fn new(database: Database, reopen: Box<Reopen>) -> Self {
        Reopening {
            opened: RwLock::new(Ok(Opened::new(database))),
            reopen,
        }
    }

    /// Does something with the open file.
    pub fn with<R>(
        &self,
        act: impl FnOnce(&Opened) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let read = || self.opened.read().unwrap_or_else(|it| it.into_inner());
        let mut opened = read();
        if opened.is_err() {
            drop(opened);
            self.open_again(|standing| standing.is_err());
            opened = read();
        }
        act(opened.as_ref().map_err(Clone::clone)?)
    }

    /// Opens the file again, whatever state it is in.
    pub fn revive(&self) {
        self.open_again(|_| true);
    }

    fn open_again(&self, is_needed: impl FnOnce(&Result<Opened, StoreError>) -> bool) {
        let mut opened = self.opened.write().unwrap_or_else(|it| it.into_inner());
        if is_needed(&opened) {
            // Closed first: it is locked while it is open.
            *opened = Err(StoreError::new(""));
            let again = (self.reopen)();
            *opened = again.map(Opened::new).map_err(|why| {
                StoreError::new(format!(
                    "its file can't be opened again after a failure: {why}"
                ))
            });
        }
    }
}

/// A file that is open.
pub(super) struct Opened {
    /// Tables that were read since the last commit, by label. (To open one for each read took longer
    /// than to read.) They go before the database does.
    tables: Mutex<Vec<(String, Arc<Table>)>>,
    database: Database,
}

impl Opened {
    pub fn new(database: Database) -> Self {
        Opened {
            tables: Mutex::default(),
            database,
        }
    }

    /// The table of a label as it is after the last commit; none where nothing was ever written.
    pub fn table(&self, label: &str) -> Result<Option<Arc<Table>>, StoreError> {
        let mut tables = self.tables();
        if let Some((_, table)) = tables.iter().find(|(own, _)| own == label) {
            return Ok(Some(table.clone()));
        }
        // Opened and kept under one lock: else a commit could come in between, and what is kept would
        // be what was before it.
        let transaction = self.database.begin_read().map_err(storage)?;
        match transaction.open_table(table(label)) {
            Ok(opened) => {
                let opened = Arc::new(opened);
                tables.push((label.to_owned(), opened.clone()));
                Ok(Some(opened))
            }
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(storage(error)),
        }
    }

    /// Makes a change. Every read that begins when this has returned sees it.
    pub fn change(
        &self,
        change: impl FnOnce(&mut WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // As long as an old state can be read, its pages can't be used again.
        self.tables().clear();
        let mut transaction = self.database.begin_write().map_err(storage)?;
        change(&mut transaction)?;
        let committed = transaction.commit().map_err(storage);
        self.tables().clear();
        committed
    }

    fn tables(&self) -> MutexGuard<'_, Vec<(String, Arc<Table>)>> {
        self.tables
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }
}
