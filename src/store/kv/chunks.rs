//! Bytes in chunks: an upload that writes them, a reader that goes back and forth in them, and a
//! source that sends them. Each holds one chunk in memory.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::record::{At, Place, record_key, sha256_hex};
use super::{KeyValue, Kv};
use crate::hex;
use crate::http::Source;
use crate::module::ModuleVersion;
use crate::store::key::portable_key;
use crate::store::{Error, Outcome, ReadSeek, Release, Staged, Staging, seek_target};

/// What every chunk's key starts with; no module path can.
pub(super) const CHUNKS: &str = "-/chunks/";
/// Digits of the record's hash at the start of an id: by them `repair` finds the record.
const OWNER_DIGITS: usize = 16;

/// The name of an upload, of chunks or of an object: whose it is, when it was begun, chance, and of an
/// object the mark of the key-value store that has its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UploadId {
    /// The first digits of the SHA-256 of the record's portable key.
    pub owner: String,
    /// Seconds since the Unix epoch.
    pub begun: i64,
    /// Of an object; those of the first days have none.
    pub mark: Option<String>,
    /// The whole id.
    pub text: String,
}

impl UploadId {
    pub fn new(store: &Kv, version: &ModuleVersion) -> Self {
        let owner = owner(&portable_key(&record_key(version)));
        let begun = store.entropy.unix_seconds();
        let chance = store.entropy.random();
        UploadId {
            text: format!("{owner}.{begun:x}.{chance:016x}"),
            owner,
            begun,
            mark: None,
        }
    }

    /// The same for an object.
    pub fn marked(self, mark: String) -> Self {
        UploadId {
            text: format!("{}.{mark}", self.text),
            mark: Some(mark),
            ..self
        }
    }

    /// Reads an id back.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (owner, begun, chance) = (parts.next()?, parts.next()?, parts.next()?);
        let mark = parts.next().map(str::to_owned);
        if owner.len() != OWNER_DIGITS || chance.is_empty() || parts.next().is_some() {
            return None;
        }
        Some(UploadId {
            owner: owner.to_owned(),
            begun: i64::from_str_radix(begun, 16).ok()?,
            mark,
            text: text.to_owned(),
        })
    }
}

/// The owner part of the ids that belong to the record under this portable key.
pub(super) fn owner(portable_record_key: &str) -> String {
    let mut digits = sha256_hex(portable_record_key.as_bytes());
    digits.truncate(OWNER_DIGITS);
    digits
}

/// The portable key of a chunk.
pub(super) fn chunk_key(id: &str, number: u64) -> String {
    portable_key(&format!("{CHUNKS}{id}/{number}"))
}

/// Chunks being written. Dropped, it deletes what it wrote, if the store lets it.
pub(super) struct Upload {
    store: Kv,
    id: UploadId,
    buffer: Vec<u8>,
    written: u64,
    size: u64,
    hash: Sha256,
    kept: bool,
}

impl Upload {
    /// Begins one.
    pub fn new(store: Kv, version: &ModuleVersion) -> Self {
        Upload {
            id: UploadId::new(&store, version),
            store,
            buffer: Vec::new(),
            written: 0,
            size: 0,
            hash: Sha256::new(),
            kept: false,
        }
    }

    fn flush_chunk(&mut self) -> Result<(), Error> {
        let key = chunk_key(&self.id.text, self.written);
        // Counted first: a write that fails may have landed, and is deleted then.
        self.written += 1;
        self.store.port.set(&key, &self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Writes out the rest.
    pub fn into_stored(mut self) -> Result<Stored, Error> {
        if !self.buffer.is_empty() {
            self.flush_chunk()?;
        }
        self.kept = true;
        let place = Place {
            size: self.size,
            sha256: hex::encode(&std::mem::take(&mut self.hash).finalize()),
            at: At::Chunks {
                id: self.id.text.clone(),
                bytes: self.store.chunk_bytes as u64,
            },
        };
        Ok(Stored::new(self.store.clone(), place))
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let limit = self.store.chunk_bytes;
        self.buffer.reserve_exact(limit - self.buffer.len());
        let room = limit.saturating_sub(self.buffer.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.buffer.extend_from_slice(taken);
        self.hash.update(taken);
        self.size += taken.len() as u64;
        if self.buffer.len() >= limit {
            self.flush_chunk().map_err(Error::into_io)?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Staging for Upload {
    fn finish(self: Box<Self>) -> Result<Box<dyn Staged>, Error> {
        Ok(Box::new(self.into_stored()?))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            self.store.delete_chunks(&self.id.text, self.written);
        }
    }
}

/// Chunks or an object, all there, named by no record yet. Dropped, they are deleted.
pub(super) struct Stored {
    store: Kv,
    /// Where they lie.
    pub place: Place,
    kept: bool,
}

impl Stored {
    /// What lies at a place, and is this upload's own.
    pub fn new(store: Kv, place: Place) -> Self {
        Stored {
            store,
            place,
            kept: false,
        }
    }

    /// A record names them, or may: from now on they stay.
    pub fn keep(&mut self) {
        self.kept = true;
    }
}

impl Staged for Stored {
    fn reader(&self) -> Result<Box<dyn ReadSeek + '_>, Error> {
        let size = self.place.size;
        match self.place.at.clone() {
            At::Object { id } => self.store.object_reader(&id, size),
            At::Chunks { id, bytes } => {
                let chunks = Chunks { id, bytes, size };
                let port = Rc::clone(&self.store.port);
                Ok(Box::new(ChunkReader::new(port, chunks)))
            }
            At::Record => Err(Error::NotFound),
        }
    }

    fn commit(self: Box<Self>, release: &Release) -> Result<Outcome, Error> {
        let store = self.store.clone();
        store.write_release(*self, release)
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        match &self.place.at {
            At::Chunks { id, bytes } => {
                let count = self.place.size.div_ceil((*bytes).max(1));
                self.store.delete_chunks(id, count);
            }
            At::Object { id } => self.store.delete_object(id),
            At::Record => {}
        }
    }
}

impl Kv {
    /// Deletes what nobody can have seen. A failure leaves it to `repair`.
    pub(super) fn delete_chunks(&self, id: &str, count: u64) {
        let keys: Vec<String> = (0..count).map(|number| chunk_key(id, number)).collect();
        if !keys.is_empty() {
            let _ = self.port.delete(&keys);
        }
    }
}

/// Bytes in chunks.
pub(super) struct Chunks {
    /// Their id.
    pub id: String,
    /// The bytes of each but the last.
    pub bytes: u64,
    /// All bytes.
    pub size: u64,
}

/// One chunk, checked for its length.
fn get_chunk(port: &dyn KeyValue, chunks: &Chunks, number: u64) -> Result<Vec<u8>, Error> {
    let key = chunk_key(&chunks.id, number);
    let start = number.saturating_mul(chunks.bytes);
    let expected = chunks.size.saturating_sub(start).min(chunks.bytes);
    match port.get(&key)? {
        Some(chunk) if chunk.len() as u64 == expected => Ok(chunk),
        Some(_) => Err(Error::Corrupt(format!("the chunk {key} has another size"))),
        None => Err(Error::Corrupt(format!("the chunk {key} is gone"))),
    }
}

/// Sends a range of chunked bytes, a chunk at a time.
pub(super) struct ChunkSource {
    port: Rc<dyn KeyValue>,
    chunks: Chunks,
    left: Range<u64>,
}

impl ChunkSource {
    /// The range must lie within the size.
    pub fn new(port: Rc<dyn KeyValue>, chunks: Chunks, range: Range<u64>) -> Self {
        ChunkSource {
            port,
            chunks,
            left: range,
        }
    }
}

impl Source for ChunkSource {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.left.start >= self.left.end {
            return Ok(None);
        }
        let number = self.left.start / self.chunks.bytes.max(1);
        let start = number.saturating_mul(self.chunks.bytes);
        let mut chunk = get_chunk(&*self.port, &self.chunks, number).map_err(Error::into_io)?;
        let end = (self.left.end - start).min(chunk.len() as u64);
        chunk.truncate(end as usize);
        chunk.drain(..(self.left.start - start) as usize);
        self.left.start = start + end;
        Ok(Some(chunk))
    }
}

/// Reads chunked bytes from anywhere, and remembers the chunk it read last.
struct ChunkReader {
    port: Rc<dyn KeyValue>,
    chunks: Chunks,
    position: u64,
    last: Option<(u64, Vec<u8>)>,
}

impl ChunkReader {
    fn new(port: Rc<dyn KeyValue>, chunks: Chunks) -> Self {
        ChunkReader {
            port,
            chunks,
            position: 0,
            last: None,
        }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.chunks.size || self.chunks.bytes == 0 {
            return Ok(0);
        }
        let number = self.position / self.chunks.bytes;
        let last = &mut self.last;
        if last.as_ref().is_none_or(|(held, _)| *held != number) {
            // The old chunk goes first, so that one is held and not two.
            *last = None;
            let chunk = get_chunk(&*self.port, &self.chunks, number).map_err(Error::into_io)?;
            *last = Some((number, chunk));
        }
        let chunk = last.as_ref().map_or(&[][..], |(_, chunk)| chunk);
        let offset = (self.position % self.chunks.bytes) as usize;
        let mut rest = chunk.get(offset..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for ChunkReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = seek_target(to, self.position, || Ok(self.chunks.size))?;
        Ok(self.position)
    }
}
