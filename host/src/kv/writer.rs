//! The writer: one thread that commits every change, and all that wait together.
//!
//! A commit costs a flush of the disk however much is in it, so changes that arrive while one is
//! under way share the next. A change is answered after its commit is on the disk, never before.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::opened::Reopening;
use super::{StoreError, storage, table};
use crate::Error;

/// Changes in one commit hold at most about this many bytes, so that memory stays bounded.
const COMMIT_BYTES: usize = 32 << 20;

pub(super) enum Change {
    Set(Vec<(String, Vec<u8>)>),
    Delete(Vec<String>),
}

impl Change {
    fn bytes(&self) -> usize {
        match self {
            Change::Set(pairs) => pairs
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum(),
            Change::Delete(keys) => keys.iter().map(String::len).sum(),
        }
    }
}

struct Job {
    label: Arc<str>,
    change: Change,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// The way to the writer thread. When the last of these is dropped, the thread finishes what waits
/// and closes the file, and the drop returns after that.
#[derive(Clone)]
pub(super) struct Writer(Arc<Thread>);

struct Thread {
    jobs: Option<Sender<Job>>,
    handle: Option<JoinHandle<()>>,
}

impl Writer {
    pub fn start(file: Arc<Reopening>) -> Result<Writer, Error> {
        let (sender, jobs) = channel();
        let handle = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&file, &jobs))
            .map_err(Error::Threads)?;
        Ok(Writer(Arc::new(Thread {
            jobs: Some(sender),
            handle: Some(handle),
        })))
    }

    /// Returns when the change is on the disk, or is known to have failed as a whole.
    pub async fn write(&self, label: Arc<str>, change: Change) -> Result<(), StoreError> {
        let (done, result) = oneshot::channel();
        let gone = || StoreError::new("the store's writer has ended");
        let jobs = self.0.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(Job {
            label,
            change,
            done,
        })
        .map_err(|_| gone())?;
        result.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}

fn run(file: &Reopening, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut bytes = first.change.bytes();
        let mut batch = vec![first];
        while bytes < COMMIT_BYTES
            && let Ok(job) = jobs.try_recv()
        {
            bytes += job.change.bytes();
            batch.push(job);
        }
        let result = commit(file, &batch);
        if result.is_err() {
            // redb refuses everything after a write that failed.
            file.revive();
        }
        for job in batch {
            // The guest may be gone; its change is made all the same.
            let _ = job.done.send(result.clone());
        }
    }
}

fn commit(file: &Reopening, batch: &[Job]) -> Result<(), StoreError> {
    file.with(|opened| {
        opened.change(|transaction| {
            // Without this, the first open after a kill reads and checks the whole file.
            transaction.set_quick_repair(true);
            batch
                .iter()
                .try_for_each(|job| apply(transaction, job))
                .map_err(storage)
        })
    })
}

fn apply(transaction: &redb::WriteTransaction, job: &Job) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(table(&job.label))?;
    match &job.change {
        Change::Set(pairs) => {
            for (key, value) in pairs {
                table.insert(key.as_str(), value.as_slice())?;
            }
        }
        Change::Delete(keys) => {
            for key in keys {
                table.remove(key.as_str())?;
            }
        }
    }
    Ok(())
}
