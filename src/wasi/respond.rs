//! A response on its way out.

use std::io;

use wasi::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::{InputStream, OutputStream, StreamError};

use crate::http::{Afterwards, Body, Response, Source};

/// What has been sent, and what is to be done now.
pub(super) struct Sent {
    pub bytes: u64,
    pub afterwards: Option<Afterwards>,
}

/// Sends a response. `None` when its body could not be sent whole: then it is left unfinished, and
/// the host breaks the connection, so that nobody takes it for whole.
pub(super) fn send(response: Response, out: ResponseOutparam) -> Option<Sent> {
    let outgoing = OutgoingResponse::new(fields(response.headers, response.length));
    if response.status != 200 {
        let _ = outgoing.set_status_code(response.status);
    }
    let body = outgoing.body().ok()?;
    ResponseOutparam::set(out, Ok(outgoing));
    let bytes = response.body.len();
    if bytes > 0 {
        let stream = body.write().ok()?;
        let written = match response.body {
            Body::Bytes(bytes) => write(&stream, &bytes),
            Body::Stream(length, source) => pump(&stream, length, source),
        };
        drop(stream);
        // Dropped unfinished, the body breaks the connection.
        written.ok()?;
    }
    let _ = OutgoingBody::finish(body, None);
    Some(Sent {
        bytes,
        afterwards: response.afterwards,
    })
}

/// The header fields, in one call of the host: a call for each cost a small answer a twentieth.
fn fields(headers: Vec<(&'static str, String)>, length: Option<u64>) -> Fields {
    let mut fields: Vec<(String, Vec<u8>)> = Vec::with_capacity(headers.len() + 1);
    for (name, value) in headers {
        fields.push((name.to_owned(), value.into_bytes()));
    }
    if let Some(length) = length {
        fields.push(("content-length".to_owned(), length.to_string().into_bytes()));
    }
    // Names and values are ours and well-formed.
    Fields::from_list(&fields).unwrap_or_else(|_| Fields::new())
}

/// Sends what a source yields: exactly `length` bytes, or it is a failure.
fn pump(out: &OutputStream, length: u64, mut source: Box<dyn Source>) -> io::Result<()> {
    let mut left = length;
    while let Some(stream) = source.host_stream().filter(|_| left > 0) {
        let stream = stream.downcast::<InputStream>();
        let stream = stream.map_err(|_| io::Error::other("a stream of another host"))?;
        let mut sent = 0;
        let copied = loop {
            match out.blocking_splice(&stream, left - sent) {
                Ok(count) => sent += count.min(left - sent),
                Err(error) => break Err(broken(error)),
            }
            if sent == left {
                break Ok(());
            }
        };
        // A child of what the source holds: it has to go first.
        drop(stream);
        left -= sent;
        if let Err(error) = copied {
            // Which of the two broke, the one that takes the bytes can tell.
            out.check_write().map_err(broken)?;
            source.resume(sent).map_err(|_| error)?;
        }
    }
    if left == 0 {
        return Ok(());
    }
    while let Some(piece) = source.next()? {
        left = left
            .checked_sub(piece.len() as u64)
            .ok_or_else(|| io::Error::other("the source has more than it said"))?;
        write(out, &piece)?;
    }
    match left {
        0 => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Writes as the host takes it; a write that waits for itself takes 4096 bytes at most.
pub(super) fn write(out: &OutputStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let room = out.check_write().map_err(broken)?;
        if room == 0 {
            out.subscribe().block();
            continue;
        }
        let length = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let (now, later) = bytes.split_at(length);
        out.write(now).map_err(broken)?;
        bytes = later;
    }
    Ok(())
}

/// A failure of a stream.
pub(super) fn broken(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(why) => io::Error::other(why.to_debug_string()),
    }
}
