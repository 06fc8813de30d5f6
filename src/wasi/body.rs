//! A body on its way in, of a client's request or of another server's answer: as a reader, and as a
//! source whose bytes the host can copy.

use std::any::Any;
use std::io::{self, Read};

use wasi::http::types::IncomingBody;
use wasi::io::streams::{InputStream, StreamError};

use crate::http::Source;

/// As much as is asked of the host at once.
const PIECE: u64 = 256 * 1024;

/// A body on its way in. The stream is a child of the body, so it stands first and is dropped first.
pub(super) struct Incoming {
    stream: Option<InputStream>,
    _body: IncomingBody,
    rest: Vec<u8>,
    taken: usize,
    /// Bytes still announced by Content-Length.
    expected: Option<u64>,
}

impl Incoming {
    pub(super) fn new(body: IncomingBody, expected: Option<u64>) -> Self {
        Incoming {
            stream: body.stream().ok(),
            _body: body,
            rest: Vec::new(),
            taken: 0,
            expected,
        }
    }

    /// Gets the next bytes from the host. False at the end.
    fn refill(&mut self) -> io::Result<bool> {
        let Some(stream) = &self.stream else {
            return Ok(false);
        };
        // Where the length is known, the host need not be asked for the end.
        if self.expected == Some(0) {
            return Ok(false);
        }
        // A read may give nothing and not be the end.
        loop {
            match stream.blocking_read(PIECE) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    let length = bytes.len() as u64;
                    self.expected = self.expected.map(|left| left.saturating_sub(length));
                    self.rest = bytes;
                    self.taken = 0;
                    return Ok(true);
                }
                Err(StreamError::Closed) if self.expected.unwrap_or(0) == 0 => return Ok(false),
                Err(StreamError::Closed) => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Err(StreamError::LastOperationFailed(_)) => {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
        }
    }
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken >= self.rest.len() && !self.refill()? {
            return Ok(0);
        }
        let mut rest = self.rest.get(self.taken..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.taken += read;
        Ok(read)
    }
}

impl Source for Incoming {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.taken >= self.rest.len() && !self.refill()? {
            return Ok(None);
        }
        let mut piece = std::mem::take(&mut self.rest);
        piece.drain(..self.taken.min(piece.len()));
        self.taken = 0;
        Ok(Some(piece))
    }

    fn host_stream(&mut self) -> Option<Box<dyn Any>> {
        let stream = self.stream.take()?;
        Some(Box::new(stream))
    }
}
