//! The draft interfaces of a flavour's host: `wasi:keyvalue` and `wasi:config`. Their functions are the
//! same everywhere; versions and a few types are not, and stand in one file a flavour.

#[cfg(not(feature = "spin"))]
pub(super) mod blobstore;
#[cfg(feature = "spin")]
mod spin;
#[cfg(not(feature = "spin"))]
mod wasmcloud;

use std::cell::RefCell;
use std::rc::Rc;

#[cfg(all(feature = "spin", feature = "admin"))]
use spin::pair;
#[cfg(feature = "spin")]
use spin::{bindings, page};
#[cfg(all(not(feature = "spin"), feature = "admin"))]
use wasmcloud::pair;
#[cfg(not(feature = "spin"))]
use wasmcloud::{bindings, page};

use bindings::wasi::config::store as config;
use bindings::wasi::keyvalue::{batch, store};

use crate::store::Error;
use crate::store::kv::KeyValue;
#[cfg(feature = "admin")]
use crate::store::kv::in_order;

/// DynamoDB takes no more at once, and Spin does not split them.
const DELETED_AT_ONCE: usize = 25;

/// All values of the host's configuration; none when it does not tell them. (Spin tells all or nothing:
/// one provider that fails takes every variable along. What the host says of it may name a secret.)
pub(super) fn configuration() -> Option<Vec<(String, String)>> {
    config::get_all().ok()
}

thread_local! {
    /// The bucket opened last, for an instance that answers more than one request.
    static OPENED: RefCell<Option<(String, Rc<Bucket>)>> = const { RefCell::new(None) };
}

/// Opens a bucket.
pub(super) fn open(name: &str) -> Result<Rc<dyn KeyValue>, Error> {
    OPENED.with_borrow_mut(|opened| {
        if let Some((same, bucket)) = opened
            && same == name
        {
            return Ok(Rc::clone(bucket) as Rc<dyn KeyValue>);
        }
        let bucket = Rc::new(Bucket(open_anew(name)?));
        *opened = Some((name.to_owned(), Rc::clone(&bucket)));
        Ok(bucket as Rc<dyn KeyValue>)
    })
}

fn open_anew(name: &str) -> Result<store::Bucket, Error> {
    match store::open(name) {
        Ok(bucket) => Ok(bucket),
        Err(store::Error::NoSuchStore | store::Error::AccessDenied) => Err(Error::Refused(
            format!("the host gives no key-value store named {name:?}: name it in the manifest"),
        )),
        Err(error) => Err(failed(error)),
    }
}

struct Bucket(store::Bucket);

impl KeyValue for Bucket {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get(key).map_err(failed)
    }

    fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.0.set(key, value).map_err(failed)
    }

    fn delete(&self, keys: &[String]) -> Result<(), Error> {
        match keys {
            [key] => self.0.delete(key).map_err(failed),
            keys => keys.chunks(DELETED_AT_ONCE).try_for_each(|some| {
                let some: Vec<&str> = some.iter().map(String::as_str).collect();
                batch::delete_many(&self.0, &some).map_err(failed)
            }),
        }
    }

    #[cfg(feature = "admin")]
    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let one_by_one = || keys.iter().map(|key| self.get(key)).collect();
        if keys.len() < 2 {
            return one_by_one();
        }
        // Spin's Redis takes this call for another command and fails.
        let Ok(found) = batch::get_many(&self.0, keys) else {
            return one_by_one();
        };
        Ok(in_order(keys, found.into_iter().filter_map(pair)))
    }

    fn keys(&self) -> Result<Vec<String>, Error> {
        let mut keys = Vec::new();
        let mut cursor = None;
        loop {
            let mut next = page(&self.0, cursor.as_ref()).map_err(failed)?;
            keys.append(&mut next.keys);
            cursor = next.cursor;
            if cursor.is_none() {
                return Ok(keys);
            }
        }
    }
}

fn failed(error: store::Error) -> Error {
    match error {
        store::Error::NoSuchStore => Error::Refused("there is no such store".to_owned()),
        store::Error::AccessDenied => Error::Refused("access denied".to_owned()),
        store::Error::Other(text) => Error::Unavailable(text),
    }
}
