//! `wasi:blobstore`, which wasmCloud has: the object store for zips.
//!
//! Its hosts differ, and this is what holds on all of them. A body is flushed before its stream is
//! dropped, and named only then: what was named is stored even when it is dropped. Ranges are had by
//! skipping. An error has no kind, so a failure is followed by the question whether the object is there.

use std::any::Any;
use std::cell::OnceCell;
use std::io::{self, Write};
use std::ops::Range;
use std::rc::Rc;

use wasi::io::streams::{InputStream, OutputStream, StreamError};

use super::super::respond;
use super::bindings::wasi::blobstore::blobstore::{create_container, get_container};
use super::bindings::wasi::blobstore::container::Container;
use super::bindings::wasi::blobstore::types::{IncomingValue, OutgoingValue};
use crate::http::{Body, Source};
use crate::store::Error;
use crate::store::kv::{Blobs, Names, NewBlob};

/// As much as is asked of the host at once.
const PIECE: u64 = 256 * 1024;
/// Names on one page of a list.
const NAMES: u64 = 1000;

/// A container of the host's blobstore, opened when it is needed first.
pub(in super::super) struct Blobstore {
    name: String,
    container: OnceCell<Rc<Container>>,
}

impl Blobstore {
    pub(in super::super) fn new(name: &str) -> Self {
        Blobstore {
            name: name.to_owned(),
            container: OnceCell::new(),
        }
    }

    fn container(&self) -> Result<&Rc<Container>, Error> {
        if let Some(container) = self.container.get() {
            return Ok(container);
        }
        let opened = get_container(&self.name).or_else(|_| create_container(&self.name));
        let opened = opened.map_err(|why| {
            let name = &self.name;
            Error::Refused(format!(
                "the host gives no blobstore container named {name:?}: {why}"
            ))
        })?;
        Ok(self.container.get_or_init(|| Rc::new(opened)))
    }

    /// What a failure with an object means. (On NATS `has-object` takes a store that does not answer for one
    /// that has not got it: that it answers shows in opening the container anew.)
    fn failed(&self, name: &str, why: String) -> Error {
        match self.container().map(|it| it.has_object(name)) {
            Ok(Ok(false)) if get_container(&self.name).is_ok() => Error::NotFound,
            _ => Error::Unavailable(why),
        }
    }
}

impl Blobs for Blobstore {
    fn create(&self, name: &str) -> Result<Box<dyn NewBlob>, Error> {
        let container = Rc::clone(self.container()?);
        let value = OutgoingValue::new_outgoing_value();
        let stream = value.outgoing_value_write_body();
        let stream = stream.map_err(|()| {
            let text = "the host gives no stream for an object";
            Error::Unavailable(text.to_owned())
        })?;
        Ok(Box::new(Writing {
            stream,
            value,
            container,
            name: name.to_owned(),
        }))
    }

    fn open(&self, name: &str, _: u64, range: Range<u64>) -> Result<Body, Error> {
        let value = self.container()?.get_data(name, 0, u64::MAX);
        let stream = value.and_then(IncomingValue::incoming_value_consume_async);
        let stream = stream.map_err(|why| self.failed(name, why))?;
        let mut before = range.start;
        while before > 0 {
            let skipped = stream
                .blocking_skip(before.min(PIECE))
                .map_err(respond::broken);
            before -= skipped.map_err(Error::from_io)?.min(before);
        }
        let left = range.end.saturating_sub(range.start);
        let source = Reading {
            stream: Some(stream),
            left,
        };
        Ok(Body::Stream(left, Box::new(source)))
    }

    fn size(&self, name: &str) -> Result<u64, Error> {
        let about = self.container()?.object_info(name);
        Ok(about.map_err(|why| self.failed(name, why))?.size)
    }

    fn delete(&self, names: &[String]) -> Result<(), Error> {
        for name in names {
            let deleted = self.container()?.delete_object(name);
            match deleted.map_err(|why| self.failed(name, why)) {
                Ok(()) | Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn list(&self, prefix: &str, after: &str) -> Result<Names, Error> {
        let listing = self.container()?.list_objects();
        let listing = listing.map_err(Error::Unavailable)?;
        let mut all = Vec::new();
        loop {
            let page = listing.read_stream_object_names(NAMES);
            let (mut names, last) = page.map_err(Error::Unavailable)?;
            let ended = last || names.is_empty();
            names.retain(|name| name.starts_with(prefix) && name.as_str() > after);
            all.append(&mut names);
            if ended {
                let names = Names {
                    names: all,
                    more: false,
                };
                return Ok(names);
            }
        }
    }

    fn ready(&self) -> Result<(), Error> {
        self.container().map(|_| ())
    }
}

/// An object on its way out. The stream is a child of the value, so it stands first and is dropped
/// first.
struct Writing {
    stream: OutputStream,
    value: OutgoingValue,
    container: Rc<Container>,
    name: String,
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        respond::write(&self.stream, bytes).map_err(|error| match error.kind() {
            // wasmCloud's store in memory does so after 1,000,000 bytes.
            io::ErrorKind::BrokenPipe => {
                let text = "the host's object store takes no more of this object";
                Error::Unavailable(text.to_owned()).into_io()
            }
            _ => error,
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewBlob for Writing {
    fn finish(self: Box<Self>) -> Result<(), Error> {
        let Writing {
            stream,
            value,
            container,
            name,
        } = *self;
        let flushed = stream.blocking_flush();
        drop(stream);
        flushed.map_err(|why| Error::from_io(respond::broken(why)))?;
        container
            .write_data(&name, &value)
            .and_then(|()| OutgoingValue::finish(value))
            .map_err(Error::Unavailable)
    }
}

/// An object on its way in, from where the range starts.
struct Reading {
    stream: Option<InputStream>,
    left: u64,
}

impl Source for Reading {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(stream) = self.stream.as_ref().filter(|_| self.left > 0) else {
            return Ok(None);
        };
        loop {
            let piece = stream.blocking_read(self.left.min(PIECE));
            let piece = piece.map_err(|why| match why {
                StreamError::Closed => io::ErrorKind::UnexpectedEof.into(),
                why => respond::broken(why),
            })?;
            // A read may give nothing and not be the end.
            if !piece.is_empty() {
                self.left = self.left.saturating_sub(piece.len() as u64);
                return Ok(Some(piece));
            }
        }
    }

    fn host_stream(&mut self) -> Option<(Box<dyn Any>, u64)> {
        let stream = self.stream.take()?;
        Some((Box::new(stream), u64::MAX))
    }
}
