//! A body on its way in, of a client's request or of another server's answer: as a reader, and as a
//! source whose bytes the host can copy.

use std::any::Any;
use std::io::{self, Read};

use wasi::http::types::IncomingBody;
#[cfg(any(feature = "s3", feature = "oidc"))]
use wasi::http::types::http_error_code;
use wasi::io::streams::{InputStream, StreamError};

#[cfg(any(feature = "s3", feature = "oidc"))]
use super::outgoing;
use super::respond;
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
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

/// A failure of a body's stream. One that is late is told from one that broke where that counts: for the
/// answers of other servers.
pub(super) fn failed(error: StreamError) -> io::Error {
    #[cfg(any(feature = "s3", feature = "oidc"))]
    if let StreamError::LastOperationFailed(why) = &error
        && is_late(why)
    {
        return io::Error::new(io::ErrorKind::TimedOut, "nothing came for too long");
    }
    respond::broken(error)
}

/// Whether this is a time-out. Wasmtime 48 has no code for what happens to a body (`http-error-code` looks
/// for another type than it keeps there), but says it in the words of one.
#[cfg(any(feature = "s3", feature = "oidc"))]
fn is_late(why: &wasi::io::error::Error) -> bool {
    match http_error_code(why) {
        Some(code) => outgoing::is_late(&code),
        None => why
            .to_debug_string()
            .to_ascii_lowercase()
            .contains("timeout"),
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

    fn host_stream(&mut self) -> Option<(Box<dyn Any>, u64)> {
        let stream = self.stream.take()?;
        Some((Box::new(stream), u64::MAX))
    }

    fn copied(&mut self, stream: Box<dyn Any>, bytes: u64) {
        self.stream = stream.downcast().ok().map(|stream| *stream);
        self.expected = self.expected.map(|left| left.saturating_sub(bytes));
    }
}
