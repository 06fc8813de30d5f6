//! A response on its way out.

use std::{fmt, io};

use wasi::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::{InputStream, OutputStream, StreamError};

use super::body;
use crate::http::{Afterwards, Body, Response, Source};

/// What became of a response, and what is to be done now.
pub(super) struct Sent {
    /// The bytes of its body that went out.
    pub bytes: u64,
    /// Why those are not all.
    pub broken: Option<Broken>,
    pub afterwards: Option<Afterwards>,
}

/// Why a body broke off.
pub(super) enum Broken {
    /// Nobody takes it any more.
    Client,
    /// There was no more of it to be had.
    Source(io::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Client => f.write_str("the client went away"),
            Broken::Source(why) => write!(f, "the answer broke off: {why}"),
        }
    }
}

/// Sends a response. A body that could not be sent whole is left unfinished, and the host breaks the
/// connection, so that nobody takes it for whole.
pub(super) fn send(response: Response, out: ResponseOutparam) -> Sent {
    let outgoing = OutgoingResponse::new(fields(response.headers, response.length));
    if response.status != 200 {
        let _ = outgoing.set_status_code(response.status);
    }
    let mut bytes = 0;
    let broken = match outgoing.body() {
        Err(()) => Some(Broken::Client),
        Ok(body) => {
            ResponseOutparam::set(out, Ok(outgoing));
            send_body(body, response.body, &mut bytes).err()
        }
    };
    Sent {
        bytes,
        broken,
        afterwards: response.afterwards,
    }
}

fn send_body(out: OutgoingBody, body: Body, sent: &mut u64) -> Result<(), Broken> {
    if !body.is_empty() {
        let stream = out.write().map_err(|()| Broken::Client)?;
        match body {
            Body::Bytes(bytes) => {
                write(&stream, &bytes).map_err(|_| Broken::Client)?;
                *sent = bytes.len() as u64;
            }
            Body::Stream(length, source) => pump(&stream, length, source, sent)?,
        }
    }
    // Dropped unfinished, as above, the body breaks the connection.
    let _ = OutgoingBody::finish(out, None);
    Ok(())
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

/// Sends what a source yields, and counts it: exactly `length` bytes, or it is a failure.
fn pump(
    out: &OutputStream,
    length: u64,
    mut source: Box<dyn Source>,
    sent: &mut u64,
) -> Result<(), Broken> {
    let odd = |what: &str| Broken::Source(io::Error::other(what.to_owned()));
    while *sent < length
        && let Some((stream, most)) = source.host_stream()
    {
        let stream = stream.downcast::<InputStream>();
        let stream = stream.map_err(|_| odd("a stream of another host"))?;
        let before = *sent;
        let end = length.min(before.saturating_add(most));
        let copied = loop {
            let left = end - *sent;
            match out.blocking_splice(&stream, left) {
                Ok(count) => *sent += count.min(left),
                Err(error) => break Err(error),
            }
            if *sent == end {
                break Ok(());
            }
        };
        match copied {
            Ok(()) => source.copied(stream, *sent - before),
            Err(error) => {
                // A child of what the source holds: it has to go first.
                drop(stream);
                // Which of the two broke, the one that takes the bytes can tell.
                out.check_write().map_err(|_| Broken::Client)?;
                let resumed = source.resume(*sent - before, body::failed(error));
                resumed.map_err(Broken::Source)?;
            }
        }
    }
    if *sent == length {
        return Ok(());
    }
    while let Some(piece) = source.next().map_err(Broken::Source)? {
        let more = piece.len() as u64;
        if more > length - *sent {
            return Err(odd("the source has more than it said"));
        }
        write(out, &piece).map_err(|_| Broken::Client)?;
        *sent += more;
    }
    match *sent == length {
        true => Ok(()),
        false => Err(Broken::Source(io::ErrorKind::UnexpectedEof.into())),
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
