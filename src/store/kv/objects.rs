//! Zips in an object store, with the records and indexes in key-value: the port [`Blobs`], an upload
//! into it, and a reader that goes back and forth.
//!
//! An object has a fresh random name, is written and checked for its size before the record that names
//! it, and never changed: so the record's one write still publishes, and what a crash leaves is an
//! object without a record, which `repair` removes after a day. Names carry the mark of the key-value
//! store too: where two stores have their zips in one place, neither takes the other's for left over.

use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::Kv;
use super::chunks::{Stored, UploadId};
use super::record::{At, Place};
use crate::hex;
use crate::http::{Body, Source};
use crate::module::ModuleVersion;
use crate::store::{Error, ReadSeek, Staged, Staging, Store, seek_target};

/// Where the zips' objects lie; the store may hold others' beside them.
const PREFIX: &str = "zips/";
const SUFFIX: &str = ".zip";
/// The document that holds the mark of this key-value store.
const MARK: &str = "objects-mark";
/// A source's own writes and reads are small.
const BUFFER: usize = 64 << 10;
/// Up to so many bytes further on, reading past them is cheaper than opening again.
const NEAR: u64 = 256 << 10;

/// What an object store does for us. Each name is written once; `&self`: the host holds the state.
pub trait Blobs {
    /// Begins an object. Nobody sees it before [`NewBlob::finish`]; dropped, it is discarded.
    ///
    /// # Errors
    /// The store's.
    fn create(&self, name: &str) -> Result<Box<dyn NewBlob>, Error>;
    /// A range of an object, which lies within the size that it should have. Pieces that end short of it are
    /// an error of whoever reads them.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Corrupt`] where the store sees that it has another size, or the store's.
    fn open(&self, name: &str, size: u64, range: Range<u64>) -> Result<Body, Error>;
    /// An object's size in bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the store's.
    fn size(&self, name: &str) -> Result<u64, Error>;
    /// Deletes objects; one that is not there is fine.
    ///
    /// # Errors
    /// The store's. Some may have been deleted.
    fn delete(&self, names: &[String]) -> Result<(), Error>;
    /// The names that start with `prefix` and come after `after` in the order of their bytes: all of
    /// them, or the first so many.
    ///
    /// # Errors
    /// The store's.
    fn list(&self, prefix: &str, after: &str) -> Result<Names, Error>;
    /// Gives up objects that were begun and neither finished nor dropped: some of those whose names
    /// start with `prefix` and come after `after`, as far as they are `left_over`. How many they were,
    /// and the last name seen where there are more. A host that does so by itself has none.
    ///
    /// # Errors
    /// The store's. Some may have been given up.
    fn discard(
        &self,
        _prefix: &str,
        _after: &str,
        _left_over: &dyn Fn(&str) -> bool,
    ) -> Result<(u64, Option<String>), Error> {
        Ok((0, None))
    }
    /// What it does for clients that deal with it themselves, where it has addresses for them.
    #[cfg(feature = "s3")]
    fn presigned(&self) -> Option<&dyn super::PresignedBlobs> {
        None
    }
    /// Whether the store answers.
    ///
    /// # Errors
    /// Why it does not.
    fn ready(&self) -> Result<(), Error>;
}

/// A page of names.
pub struct Names {
    /// In no order.
    pub names: Vec<String>,
    /// Whether others come after these.
    pub more: bool,
}

/// An object that is being written.
pub trait NewBlob: Write {
    /// All bytes have come: it is there from now on.
    ///
    /// # Errors
    /// The store's. It may be there nevertheless.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}

/// The name of the object with an id.
pub(super) fn name(id: &str) -> String {
    format!("{PREFIX}{id}{SUFFIX}")
}

fn id(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)
}

/// A zip on its way into an object.
pub(super) struct ObjectUpload {
    store: Kv,
    blobs: Rc<dyn Blobs>,
    id: String,
    blob: BufWriter<Box<dyn NewBlob>>,
    size: u64,
    hash: Sha256,
}

impl ObjectUpload {
    /// Begins one.
    pub fn new(store: Kv, blobs: Rc<dyn Blobs>, version: &ModuleVersion) -> Result<Self, Error> {
        let mark = store.make_mark()?;
        let id = UploadId::new(&store, version).marked(mark).text;
        let blob = blobs.create(&name(&id))?;
        Ok(ObjectUpload {
            store,
            blobs,
            id,
            blob: BufWriter::with_capacity(BUFFER, blob),
            size: 0,
            hash: Sha256::new(),
        })
    }
}

impl Write for ObjectUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.blob.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Staging for ObjectUpload {
    fn finish(self: Box<Self>) -> Result<Box<dyn Staged>, Error> {
        let blob = self.blob.into_inner().map_err(|error| error.into_error());
        let blob = blob.map_err(Error::from_io)?;
        let place = Place {
            size: self.size,
            sha256: hex::encode(&self.hash.finalize()),
            at: At::Object {
                id: self.id.clone(),
            },
        };
        // Made first: a finish that fails may have landed, and is deleted then.
        let stored = Stored::new(self.store, place);
        blob.finish()?;
        check_kept(&*self.blobs, &self.id, self.size)?;
        Ok(Box::new(stored))
    }
}

/// Hosts have been seen to store less than they were given, or nothing, and to call it done.
pub(super) fn check_kept(blobs: &dyn Blobs, id: &str, size: u64) -> Result<(), Error> {
    let kept = match blobs.size(&name(id)) {
        Err(Error::NotFound) => 0,
        kept => kept?,
    };
    if kept == size {
        return Ok(());
    }
    let text = format!("the object store kept {kept} of {size} bytes");
    Err(Error::Unavailable(text))
}

impl Kv {
    /// The object store, which the zip at hand needs.
    pub(super) fn object_store(&self) -> Result<&Rc<dyn Blobs>, Error> {
        let blobs = self.blobs();
        blobs.ok_or_else(|| {
            let text = "the zip lies in an object store, and the setting `store` names none";
            Error::Refused(text.to_owned())
        })
    }

    /// The mark that the names of our objects carry; none before the first of them.
    pub(super) fn mark(&self) -> Result<Option<String>, Error> {
        let mark = self.document(MARK)?;
        let text = |mark| String::from_utf8(mark).map_err(|_| Error::Corrupt(MARK.to_owned()));
        mark.map(text).transpose()
    }

    /// The same, made where there is none. Of two writers that make one at once, one's object has a
    /// mark that does not stand: `repair` will never remove it.
    pub(super) fn make_mark(&self) -> Result<String, Error> {
        if let Some(mark) = self.mark()? {
            return Ok(mark);
        }
        let mark = format!("{:016x}", self.entropy.random());
        self.set_document(MARK, mark.as_bytes())?;
        Ok(mark)
    }

    /// Opens a range of an object that a record names.
    pub(super) fn open_object(
        &self,
        id: &str,
        size: u64,
        range: Range<u64>,
    ) -> Result<Body, Error> {
        let name = name(id);
        let opened = self.object_store()?.open(&name, size, range);
        opened.map_err(|error| match error {
            Error::NotFound => Error::Corrupt(format!("the object {name} is gone")),
            error => error,
        })
    }

    /// Reads an object from anywhere.
    pub(super) fn object_reader(&self, id: &str, size: u64) -> Result<Box<dyn ReadSeek>, Error> {
        Ok(Box::new(ObjectReader {
            store: self.clone(),
            id: id.to_owned(),
            size,
            position: 0,
            opened: None,
        }))
    }

    /// Deletes what nobody can have seen. A failure leaves it to `repair`.
    pub(super) fn delete_object(&self, id: &str) {
        if let Some(blobs) = self.blobs() {
            let _ = blobs.delete(&[name(id)]);
        }
    }

    /// A page of the objects' ids after a place, in no order, and the place after them if there are
    /// others; none without an object store.
    pub(super) fn object_ids(&self, after: &str) -> Result<(Vec<String>, Option<String>), Error> {
        let Some(blobs) = self.blobs() else {
            return Ok((Vec::new(), None));
        };
        let page = blobs.list(PREFIX, &format!("{PREFIX}{after}"))?;
        let ids = page.names.iter().filter_map(|name| id(name));
        let last = page.names.iter().max().filter(|_| page.more);
        let last = last.and_then(|name| name.strip_prefix(PREFIX));
        Ok((ids.map(str::to_owned).collect(), last.map(str::to_owned)))
    }

    /// Gives up some of the objects after a place that were begun and never finished. How many they
    /// were, and the place after them if there are others.
    pub(super) fn discard_objects(
        &self,
        after: &str,
        left_over: &dyn Fn(&str) -> bool,
    ) -> Result<(u64, Option<String>), Error> {
        let Some(blobs) = self.blobs() else {
            return Ok((0, None));
        };
        let left_over = |name: &str| id(name).is_some_and(left_over);
        let (count, last) = blobs.discard(PREFIX, &format!("{PREFIX}{after}"), &left_over)?;
        let last = last.as_deref().and_then(|name| name.strip_prefix(PREFIX));
        Ok((count, last.map(str::to_owned)))
    }

    /// Removes an object of which no record is known.
    pub(super) fn remove_object(&self, id: &str) -> Result<(), Error> {
        self.object_store()?.delete(&[name(id)])
    }
}

/// Reads an object from anywhere, through one stream that is opened again where it can't go on.
struct ObjectReader {
    store: Kv,
    id: String,
    size: u64,
    position: u64,
    opened: Option<Opened>,
}

/// An open stream, and the piece of it that came last.
struct Opened {
    source: Box<dyn Source>,
    piece: Vec<u8>,
    /// Where the piece starts.
    start: u64,
}

impl Opened {
    fn end(&self) -> u64 {
        self.start + self.piece.len() as u64
    }
}

impl ObjectReader {
    fn open(&self) -> io::Result<Opened> {
        let range = self.position..self.size;
        let body = self.store.open_object(&self.id, self.size, range);
        let (source, piece): (Box<dyn Source>, _) = match body.map_err(Error::into_io)? {
            Body::Bytes(bytes) => (Box::new(Nothing), bytes),
            Body::Stream(_, source) => (source, Vec::new()),
        };
        Ok(Opened {
            source,
            piece,
            start: self.position,
        })
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let position = self.position;
        let near = |opened: &Opened| {
            opened.start <= position && position.saturating_sub(opened.end()) <= NEAR
        };
        let mut opened = match self.opened.take().filter(near) {
            Some(opened) => opened,
            None => self.open()?,
        };
        while opened.end() <= position {
            opened.start = opened.end();
            // The old piece goes first, so that one is held and not two.
            opened.piece = Vec::new();
            let next = opened.source.next()?;
            opened.piece = next.ok_or(io::ErrorKind::UnexpectedEof)?;
        }
        let offset = (position - opened.start) as usize;
        let mut rest = opened.piece.get(offset..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.position += read as u64;
        self.opened = Some(opened);
        Ok(read)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = seek_target(to, self.position, || Ok(self.size))?;
        Ok(self.position)
    }
}

/// A source that has nothing more.
struct Nothing;

impl Source for Nothing {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}
