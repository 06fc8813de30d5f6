//! The object store beside a key-value store (`kv::objects`): zips alone, under names that are given.
//! An object is written at its name at once, for nobody knows the name before the record has it.

use std::ops::Range;

use super::S3;
use super::write::Upload;
use crate::http::Body;
use crate::store::kv::{Blobs, Names, NewBlob, PresignedBlobs};
use crate::store::{Error, Store};

impl Blobs for S3 {
    fn create(&self, name: &str) -> Result<Box<dyn NewBlob>, Error> {
        Ok(Box::new(self.begin_upload(name.to_owned())))
    }

    fn open(&self, name: &str, size: u64, range: Range<u64>) -> Result<Body, Error> {
        self.part(name, Some(size), range)
    }

    fn size(&self, name: &str) -> Result<u64, Error> {
        let found = self.head(name)?;
        found.map(|found| found.size).ok_or(Error::NotFound)
    }

    fn delete(&self, names: &[String]) -> Result<(), Error> {
        names.iter().try_for_each(|name| S3::delete(self, name))
    }

    fn list(&self, prefix: &str, after: &str) -> Result<Names, Error> {
        let page = self.page(prefix, Some(after), None, "1000")?;
        Ok(Names {
            names: page.keys.into_iter().map(|listed| listed.key).collect(),
            more: page.next.is_some(),
        })
    }

    fn discard(
        &self,
        prefix: &str,
        after: &str,
        left_over: &dyn Fn(&str) -> bool,
    ) -> Result<(u64, Option<String>), Error> {
        self.abort_some(prefix, Some(after), left_over)
    }

    fn presigned(&self) -> Option<&dyn PresignedBlobs> {
        Some(self)
    }

    fn ready(&self) -> Result<(), Error> {
        Store::ready(self)
    }
}

impl NewBlob for Upload {
    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.land().map(|_| ())
    }
}
