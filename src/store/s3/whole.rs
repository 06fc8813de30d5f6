//! Zips that were cut short, by whoever filled the bucket. An archive ends with a record of where its
//! directory is: so its last bytes tell, and they are held back until they have been looked at. Of what was
//! cut the client gets no whole answer.

use std::any::Any;
use std::io;

use super::S3;
use crate::http::{Body, Source};
use crate::module::zip::{LONGEST_END, has_end};
use crate::store::{Content, Error, Object, Open};

/// The same zip, of which nobody gets the whole if it was cut short.
pub(super) fn guarded(object: Object, key: &str) -> Object {
    let size = object.size;
    let open = match object.content {
        Content::Stored(open) => open,
        content => return Object { content, ..object },
    };
    let key = key.to_owned();
    let guarded: Open = Box::new(move |range| {
        let is_whole = range == (0..size);
        match open(range)? {
            Body::Stream(length, source) if is_whole => {
                let mut guard = Guard {
                    source,
                    key,
                    size,
                    at: 0,
                };
                if size > LONGEST_END {
                    return Ok(Body::Stream(length, Box::new(guard)));
                }
                // So short that it is known before anything is answered.
                let bytes = guard.next().map_err(Error::from_io)?;
                Ok(Body::Bytes(bytes.unwrap_or_default()))
            }
            body => Ok(body),
        }
    });
    Object {
        content: Content::Stored(guarded),
        ..object
    }
}

impl S3 {
    /// Refuses a zip that was cut short before a client is sent to it.
    pub(super) fn check_end(&self, key: &str, size: u64) -> Result<(), Error> {
        let end = self.part(key, Some(size), size.saturating_sub(LONGEST_END)..size)?;
        match has_end(&end.into_bytes().map_err(Error::from_io)?, size) {
            true => Ok(()),
            false => Err(cut(key)),
        }
    }
}

pub(super) fn cut(key: &str) -> Error {
    Error::Corrupt(format!("{key} has been cut short"))
}

/// The bytes of a zip from its start on, the last ones in one piece.
struct Guard {
    source: Box<dyn Source>,
    key: String,
    size: u64,
    /// How many bytes have been given out.
    at: u64,
}

impl Guard {
    /// How many bytes may be given out before the end has been looked at.
    fn free(&self) -> u64 {
        let end = self.size.saturating_sub(LONGEST_END);
        end.saturating_sub(self.at)
    }
}

impl Source for Guard {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(mut piece) = self.source.next()? else {
            return Ok(None);
        };
        if piece.len() as u64 > self.free() {
            while let Some(more) = self.source.next()? {
                piece.extend_from_slice(&more);
            }
            if !has_end(&piece, self.size) {
                return Err(cut(&self.key).into_io());
            }
        }
        self.at += piece.len() as u64;
        Ok(Some(piece))
    }

    fn host_stream(&mut self) -> Option<(Box<dyn Any>, u64)> {
        let free = self.free();
        if free == 0 {
            return None;
        }
        let (stream, most) = self.source.host_stream()?;
        Some((stream, most.min(free)))
    }

    fn copied(&mut self, stream: Box<dyn Any>, bytes: u64) {
        self.at += bytes;
        self.source.copied(stream, bytes);
    }

    fn resume(&mut self, sent: u64, why: io::Error) -> io::Result<()> {
        self.at += sent;
        self.source.resume(sent, why)
    }
}
