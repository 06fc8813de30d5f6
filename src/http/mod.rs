//! HTTP as the other rooms see it: a request, a response, the rules that hold for any resource
//! (conditional requests, ranges, percent-encoding, which status says what), and the port through which
//! another server is asked (`client`). No WASI in here, no Go.

pub mod client;
mod conditional;
mod encoding;
mod failure;
mod range;

use std::any::Any;
use std::io::{self, Read};

use crate::json::Writer;

pub use conditional::{ETag, none_match};
pub use encoding::{percent_decode, query_pairs};
pub use failure::{Failure, Kind};
pub use range::{RangeRequest, Wanted, requested_range};

/// The request method. What no resource here knows is kept as it came, for the 405.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`: answered like `GET`, without the body.
    Head,
    /// `PUT`
    Put,
    /// `POST`
    Post,
    /// `DELETE`
    Delete,
    /// Any other method.
    Other(String),
}

impl Method {
    /// The method as it stands in a request line.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Put => "PUT",
            Method::Post => "POST",
            Method::Delete => "DELETE",
            Method::Other(name) => name,
        }
    }

    /// Whether the method asks for a representation and changes nothing.
    pub fn is_read(&self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }
}

/// Header fields, in the order received. Names are compared without regard to case (RFC 9110, 5.1).
#[derive(Debug, Clone, Default)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// Takes fields over as they were received.
    pub fn new(fields: Vec<(String, Vec<u8>)>) -> Self {
        Headers(fields)
    }

    /// The first value of a field, if it is there and is UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.raw(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The first value of a field as it came.
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        self.all()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All fields, their names and values as they came.
    pub fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// A request, its body not yet read.
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, raw: percent-encoding as the client sent it.
    pub target: String,
    /// The header fields.
    pub headers: Headers,
    /// The body. A read error means that the client has gone, or sends nothing for too long.
    pub body: Box<dyn Read>,
}

impl Request {
    /// The path part of the target, still percent-encoded.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or("")
    }

    /// The query part of the target, without its `?`.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// `Content-Length` in bytes, when the client gave one that is a number.
    pub fn content_length(&self) -> Option<u64> {
        self.headers.get("content-length")?.trim().parse().ok()
    }
}

/// Something that yields a body piece by piece.
pub trait Source {
    /// The next piece, or `None` at the end.
    ///
    /// # Errors
    /// When the bytes can't be had. The response then ends unfinished, so that the client sees a
    /// broken connection and never a short body that looks whole.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// The host's own stream of the same bytes, where there is one, and how many of them it may copy at
    /// most: the adapter that knows its type lets the host copy, and no byte passes through the guest.
    /// Asked before `next`.
    fn host_stream(&mut self) -> Option<(Box<dyn Any>, u64)> {
        None
    }

    /// Takes the host's stream back when so many bytes of it have been copied as may be. What follows comes
    /// from [`Source::next`].
    fn copied(&mut self, _stream: Box<dyn Any>, _bytes: u64) {}

    /// Goes on after the host's stream broke, `sent` bytes of it having been copied; it must have been
    /// dropped. What follows comes from the next [`Source::host_stream`] or [`Source::next`].
    ///
    /// # Errors
    /// `why` it broke, when this source can't go on, or no more; or why going on failed.
    fn resume(&mut self, _sent: u64, why: io::Error) -> io::Result<()> {
        Err(why)
    }
}

impl dyn Source {
    /// All that is still to come.
    ///
    /// # Errors
    /// The source's.
    pub fn into_bytes(mut self: Box<Self>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next()? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// A response body.
pub enum Body {
    /// All the bytes.
    Bytes(Vec<u8>),
    /// As many bytes as the first field says, pulled from the source.
    Stream(u64, Box<dyn Source>),
}

impl Body {
    /// A body without bytes.
    pub fn empty() -> Self {
        Body::Bytes(Vec::new())
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Stream(length, _) => *length,
        }
    }

    /// All the bytes.
    ///
    /// # Errors
    /// The source's.
    pub fn into_bytes(self) -> io::Result<Vec<u8>> {
        match self {
            Body::Bytes(bytes) => Ok(bytes),
            Body::Stream(_, source) => source.into_bytes(),
        }
    }

    /// Whether the body has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Work that waits until the answer is out (a lagging index is confirmed then). It has no one to
/// report to, so it must be safe to leave undone.
pub type Afterwards = Box<dyn FnOnce()>;

/// A response. `Content-Length` is set by whoever sends it, from `length`.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header fields, `Content-Length` left out.
    pub headers: Vec<(&'static str, String)>,
    /// The body. Empty for an answer to `HEAD`.
    pub body: Body,
    /// `Content-Length`: the length of the body, for `HEAD` that of the body that `GET` would get.
    /// `None` where none may be sent (204, 304).
    pub length: Option<u64>,
    /// What to do when the answer is out.
    pub afterwards: Option<Afterwards>,
}

impl Response {
    /// A response with a body of a known media type.
    pub fn new(status: u16, content_type: &'static str, body: Body) -> Self {
        // As many as most responses end up with; one for a single caller has `Vary` besides.
        let mut headers = Vec::with_capacity(6);
        headers.push(("content-type", content_type.to_owned()));
        Response {
            status,
            headers,
            length: Some(body.len()),
            body,
            afterwards: None,
        }
    }

    /// A response for a program, which no cache keeps.
    pub fn json(status: u16, object: Writer) -> Self {
        let mut text = object.end();
        text.push('\n');
        let body = Body::Bytes(text.into_bytes());
        Response::new(status, "application/json", body).with("cache-control", "no-store")
    }

    /// A response that has neither a body nor a length: 204 and 304.
    pub fn bare(status: u16) -> Self {
        Response {
            status,
            headers: Vec::new(),
            body: Body::empty(),
            length: None,
            afterwards: None,
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Takes the body away for an answer to `HEAD`, and leaves its length.
    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.body = Body::empty();
        self
    }
}
