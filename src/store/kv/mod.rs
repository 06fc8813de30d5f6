//! The store in a key-value store of the host, written over the five functions of [`KeyValue`].
//!
//! A version is **one record**, so one write publishes, withdraws or marks it and no mix of two
//! writers can be read (`record`). A zip lies in chunks under a fresh random id, written before the
//! record that names it (`chunks`). No store lists by prefix, and none can be trusted to compare and
//! swap, so a module's index is one value of its own, merged and read back until it holds (`write`).
//! Where an object store is given too, zips lie in it instead of in chunks (`objects`), and clients may
//! deal with it themselves where it has addresses for them (`presigned`). `repair` mends what crashes leave.

#[cfg(feature = "admin")]
mod along;
mod chunks;
mod objects;
#[cfg(feature = "s3")]
mod presigned;
mod record;
mod repair;
mod write;

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

#[cfg(feature = "admin")]
use std::ops::Range;
use std::rc::Rc;

#[cfg(feature = "admin")]
use super::Brought;
use super::{
    Content, Detail, Entropy, Error, File, Index, Object, Open, Outcome, Repaired, Staging, Store,
};
#[cfg(feature = "admin")]
use crate::bytes::equal;
use crate::http::{Afterwards, Body, ETag};
use crate::module::{ModulePath, ModuleVersion};
#[cfg(feature = "admin")]
use crate::store::key::{original_key, portable_beginning};
use crate::store::key::{portable_key, portable_key_of};

#[cfg(feature = "admin")]
use along::Along;
use chunks::{ChunkSource, Chunks, Upload};
use objects::ObjectUpload;
use record::{At, Part, Place, Record};

pub use objects::{Blobs, Names, NewBlob};
#[cfg(feature = "s3")]
pub use presigned::PresignedBlobs;

/// What the host's key-value store does for us. `&self`: the host holds the state.
pub trait KeyValue {
    /// The value under a key.
    ///
    /// # Errors
    /// The host's.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error>;
    /// Writes a value, whole, over any other.
    ///
    /// # Errors
    /// The host's. It may have been written nevertheless.
    fn set(&self, key: &str, value: &[u8]) -> Result<(), Error>;
    /// Deletes keys; one that is not there is fine.
    ///
    /// # Errors
    /// The host's. Some may have been deleted.
    fn delete(&self, keys: &[String]) -> Result<(), Error>;
    /// The values under these keys, in their order. A host that has one call for it is asked once.
    ///
    /// # Errors
    /// The host's.
    #[cfg(feature = "admin")]
    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        keys.iter().map(|key| self.get(key)).collect()
    }
    /// All keys, in no order.
    ///
    /// # Errors
    /// The host's.
    fn keys(&self) -> Result<Vec<String>, Error>;
}

/// The store over a key-value port.
#[derive(Clone)]
pub struct Kv {
    port: Rc<dyn KeyValue>,
    /// The same.
    #[cfg(feature = "admin")]
    along: Rc<Along>,
    entropy: Rc<dyn Entropy>,
    chunk_bytes: usize,
    blobs: Option<Rc<dyn Blobs>>,
}

/// What a call for many gave, in the order of the keys: a host gives it in any, leaves out what is not
/// there, and may give once what was asked for twice.
#[cfg(feature = "admin")]
pub fn in_order(
    keys: &[&str],
    found: impl Iterator<Item = (String, Vec<u8>)>,
) -> Vec<Option<Vec<u8>>> {
    let mut values = vec![None; keys.len()];
    for (own, value) in found {
        let is_its =
            |key: &str, place: &Option<_>| place.is_none() && equal(key.as_bytes(), own.as_bytes());
        let places = keys.iter().zip(&mut values);
        let mut places = places.filter_map(|(key, place)| is_its(key, place).then_some(place));
        if let Some(first) = places.next() {
            for twin in places {
                *twin = Some(value.clone());
            }
            *first = Some(value);
        }
    }
    values
}

impl Kv {
    /// A store whose values are at most `chunk_bytes` long, an index apart.
    pub fn new(port: Rc<dyn KeyValue>, entropy: Rc<dyn Entropy>, chunk_bytes: usize) -> Self {
        #[cfg(feature = "admin")]
        let along = Rc::new(Along::new(port));
        #[cfg(feature = "admin")]
        let port = Rc::clone(&along) as Rc<dyn KeyValue>;
        Kv {
            port,
            #[cfg(feature = "admin")]
            along,
            entropy,
            chunk_bytes: chunk_bytes.max(1),
            blobs: None,
        }
    }

    /// The object store. A component that can reach none leaves out what is only for one: 20 KB.
    fn blobs(&self) -> Option<&Rc<dyn Blobs>> {
        let possible = cfg!(any(
            feature = "s3",
            feature = "wasmcloud",
            not(target_arch = "wasm32")
        ));
        self.blobs.as_ref().filter(|_| possible)
    }

    /// The same with its zips, from now on, in an object store. Those that lie in chunks are still read.
    #[must_use]
    pub fn with_blobs(self, blobs: Rc<dyn Blobs>) -> Self {
        Kv {
            blobs: Some(blobs),
            ..self
        }
    }

    fn record(&self, version: &ModuleVersion) -> Result<Option<Record>, Error> {
        let key = record::record_key(version);
        let stored = self.port.get(&portable_key(&key))?;
        stored.map(|value| Record::parse(&key, value)).transpose()
    }

    fn stored_index(&self, module: &ModulePath) -> Result<Option<Index>, Error> {
        let key = record::index_key(module);
        let stored = self.port.get(&portable_key(&key))?;
        stored
            .map(|value| record::parse_index(&key, value))
            .transpose()
    }

    /// What lies outside its record.
    fn stored(&self, place: Place) -> Object {
        let store = self.clone();
        let size = place.size;
        let etag = ETag::strong(place.sha256);
        #[cfg(feature = "s3")]
        let elsewhere = self.elsewhere(&place.at, size);
        let open: Open = Box::new(move |range| match place.at {
            At::Chunks { id, bytes } => {
                let length = range.end.saturating_sub(range.start);
                let chunks = Chunks { id, bytes, size };
                let source = ChunkSource::new(store.port, chunks, range);
                Ok(Body::Stream(length, Box::new(source)))
            }
            At::Object { id } => store.open_object(&id, size, range),
            At::Record => Err(Error::NotFound),
        });
        Object {
            size,
            etag,
            content: Content::Stored(open),
            #[cfg(feature = "s3")]
            elsewhere,
            provisional: false,
            afterwards: None,
        }
    }
}

/// Where documents lie: no module path has an element `-` at its start.
const DOCUMENTS: &str = "-/doc/";

/// The key of a document.
fn document_key(name: &str) -> String {
    portable_key_of(&[DOCUMENTS, name])
}

/// The keys of documents, of which many a name is what the one before begins with: there its key is a part of that
/// one's.
#[cfg(feature = "admin")]
struct DocumentKeys {
    text: String,
    /// Where in it each is.
    keys: Vec<Range<usize>>,
}

#[cfg(feature = "admin")]
impl DocumentKeys {
    fn of(names: &[&str]) -> Self {
        let mut text = String::new();
        let mut keys: Vec<Range<usize>> = Vec::with_capacity(names.len());
        let mut before = "";
        for name in names {
            let part = keys.last().and_then(|longer| {
                let length = portable_beginning(text.get(longer.clone())?, before, name)?;
                Some(longer.start..longer.start + length)
            });
            keys.push(part.unwrap_or_else(|| {
                let start = text.len();
                let key = document_key(name);
                match start {
                    0 => text = key,
                    _ => text.push_str(&key),
                }
                start..text.len()
            }));
            before = name;
        }
        DocumentKeys { text, keys }
    }

    fn all(&self) -> Vec<&str> {
        let key = |place: &Range<usize>| self.text.get(place.clone()).unwrap_or_default();
        self.keys.iter().map(key).collect()
    }
}

impl Store for Kv {
    fn read(&self, version: &ModuleVersion, file: File) -> Result<Object, Error> {
        let key = record::record_key(version);
        let stored = self.port.get(&portable_key(&key))?;
        let (part, is_settled) = Part::of(&key, stored.ok_or(Error::NotFound)?, file)?;
        let mut object = match part {
            Part::Here(bytes, sha256) => Object::from_bytes(bytes, ETag::strong(sha256)),
            Part::Elsewhere(place) => self.stored(place),
        };
        if !is_settled {
            let (store, version) = (self.clone(), version.clone());
            object.afterwards = Some(Box::new(move || {
                // Nobody waits for it, and the next read tries again.
                let _ = store.confirm(&version);
            }));
        }
        Ok(object)
    }

    fn index(&self, module: &ModulePath, _: Detail) -> Result<Option<Index>, Error> {
        self.stored_index(module)
    }

    fn stage(&self, version: &ModuleVersion) -> Result<Box<dyn Staging>, Error> {
        Ok(match self.blobs() {
            None => Box::new(Upload::new(self.clone(), version)),
            Some(blobs) => {
                let blobs = Rc::clone(blobs);
                Box::new(ObjectUpload::new(self.clone(), blobs, version)?)
            }
        })
    }

    fn look_again(&self, version: &ModuleVersion) -> Option<Afterwards> {
        Some(self.confirm_later(version))
    }

    fn put_mod(&self, version: &ModuleVersion, go_mod: &[u8]) -> Result<Outcome, Error> {
        self.write_mod(version, go_mod)
    }

    fn withdraw(&self, version: &ModuleVersion) -> Result<Outcome, Error> {
        self.write_withdrawal(version)
    }

    fn repair(&self, cursor: Option<&str>, go_on: &dyn Fn() -> bool) -> Result<Repaired, Error> {
        self.repair_page(cursor, go_on)
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        // A document brings nothing along, and is not told again: what it says may be written anew meanwhile.
        #[cfg(feature = "admin")]
        let port = self.along.itself();
        #[cfg(not(feature = "admin"))]
        let port = &self.port;
        port.get(&document_key(name))
    }

    fn set_document(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.port.set(&document_key(name), value)
    }

    #[cfg(feature = "admin")]
    fn documents(&self, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.port.get_many(&DocumentKeys::of(names).all())
    }

    #[cfg(feature = "admin")]
    fn bring_along(&self, name: &str, expected: Option<&[u8]>) -> bool {
        self.along.bring(document_key(name), expected);
        true
    }

    #[cfg(feature = "admin")]
    fn brought(&self) -> Brought {
        self.along.brought()
    }

    #[cfg(feature = "admin")]
    fn remove_document(&self, name: &str) -> Result<(), Error> {
        self.port.delete(&[document_key(name)])
    }

    #[cfg(feature = "admin")]
    fn document_names(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, Error> {
        let keys = self.port.keys()?;
        let start = document_key(prefix);
        let ours = keys.iter().filter(|key| key.starts_with(&start));
        let names = ours.filter_map(|key| {
            let key = original_key(key)?;
            key.strip_prefix(DOCUMENTS).map(str::to_owned)
        });
        Ok(super::page_of_names(names, prefix, after, most))
    }

    fn ready(&self) -> Result<(), Error> {
        self.port.get("-")?;
        self.blobs().map_or(Ok(()), |blobs| blobs.ready())
    }

    #[cfg(feature = "s3")]
    fn presigned(&self) -> Option<&dyn super::Presigned> {
        self.presigned_blobs()
            .map(|_| self as &dyn super::Presigned)
    }
}
