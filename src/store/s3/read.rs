//! Reading objects: one request for a hit, part or whole, and from where it broke when it breaks.

use std::any::Any;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use super::S3;
use super::request::Ask;
use crate::http::client::Incoming;
use crate::http::{Body, ETag, Method, Source, Wanted};
use crate::store::{Content, Error, Object, seek_target};

/// How often one body is taken up again.
const RESUMPTIONS: u32 = 4;
/// The least and the most that a reader asks for at once: it jumps to an archive's end first, and
/// reads it from its start then. (A host that lets 10 MiB through an answer may count those that we get too.)
const SMALLEST_WINDOW: u64 = 64 << 10;
const LARGEST_WINDOW: u64 = 8 << 20;

/// What tells an object from another that takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stamp {
    /// `ETag`, as the store writes it.
    Tag(String),
    /// `Last-Modified` and the size, where there is no tag: stores over a file system have none for
    /// files that they did not write.
    Date(String, u64),
}

impl Stamp {
    /// Of a tag. Some stores (Ceph's) write it in quotes into a header and without into XML.
    pub fn of_tag(tag: &str) -> Self {
        let tag = tag.trim();
        Stamp::Tag(match tag.starts_with('"') || tag.starts_with("W/") {
            true => tag.to_owned(),
            false => format!("\"{tag}\""),
        })
    }

    /// The tag as we give it on.
    pub fn etag(&self) -> ETag {
        match self {
            Stamp::Tag(tag) => etag(tag),
            Stamp::Date(date, size) => {
                let date: String = date.chars().filter(char::is_ascii_alphanumeric).collect();
                ETag::weak(format!("{size:x}-{date}"))
            }
        }
    }

    /// The tag for a condition. A weak one makes none (RFC 9110, 13.1.1: `If-Match` compares strongly),
    /// nor does a date: a file has parts of a second that the date in an answer has not, so it always is
    /// newer. Answers are compared instead.
    pub fn tag(&self) -> Option<&str> {
        match self {
            Stamp::Tag(tag) => Some(tag.as_str()).filter(|tag| !tag.starts_with("W/")),
            Stamp::Date(..) => None,
        }
    }
}

/// What the store said of an object.
pub(super) struct Found {
    /// Its size in bytes.
    pub size: u64,
    /// Which it is.
    pub stamp: Stamp,
    /// Which bytes the body has.
    range: Range<u64>,
    body: Box<dyn Source>,
}

fn etag(tag: &str) -> ETag {
    let (strong, quoted) = match tag.strip_prefix("W/") {
        Some(rest) => (false, rest),
        None => (true, tag),
    };
    // A comma or a quote would break a list of tags.
    let fine = |byte: &u8| byte.is_ascii_graphic() && *byte != b'"' && *byte != b',';
    let opaque: String = quoted.bytes().filter(fine).map(char::from).collect();
    match strong {
        true => ETag::strong(opaque),
        false => ETag::weak(opaque),
    }
}

impl S3 {
    /// Size and tag of an object. None where there is none.
    pub(super) fn head(&self, key: &str) -> Result<Option<Found>, Error> {
        let ask = Ask::new(Method::Head, key);
        let answer = self.send(&ask)?;
        match answer.status {
            200 => self.found(answer).map(Some),
            // Without a body it may mean anything: one answer that says what is missing is needed.
            404 if !self.knows_us.get() => self.open(key, None, None),
            404 => Ok(None),
            _ => Err(self.refused(&ask, answer)),
        }
    }

    /// Begins to read an object.
    pub(super) fn open(
        &self,
        key: &str,
        range: Option<&str>,
        stamp: Option<&Stamp>,
    ) -> Result<Option<Found>, Error> {
        let mut ask = Ask::new(Method::Get, key);
        if range.is_none() && stamp.is_none() {
            ask = ask.usual();
        }
        if let Some(range) = range {
            ask = ask.header("range", range);
        }
        if let Some(tag) = stamp.and_then(Stamp::tag) {
            ask = ask.header("if-match", tag);
        }
        let answer = self.send(&ask)?;
        match answer.status {
            200 | 206 => {
                self.knows_us.set(true);
                self.found(answer).map(Some)
            }
            404 => self.missing(answer).map(|_| None),
            // Nothing of the body is there: what else there is to know, a look tells.
            416 => self.head(key),
            412 => Err(Error::Conflict(
                "the object was replaced while it was read".to_owned(),
            )),
            _ => Err(self.refused(&ask, answer)),
        }
    }

    fn found(&self, answer: Incoming) -> Result<Found, Error> {
        let odd = |what: &str| Error::Unavailable(self.words(what));
        let length = answer
            .length
            .ok_or_else(|| odd("its answer does not say how long it is"))?;
        let (range, size) = match answer.status {
            206 => answer
                .headers
                .get("content-range")
                .and_then(|text| content_range(&text))
                .filter(|(range, _)| range.end - range.start == length)
                .ok_or_else(|| odd("its answer does not say which part it is"))?,
            _ => (0..length, length),
        };
        let tag = answer.headers.get("etag");
        let tag = tag.filter(|tag| !["", "\"\""].contains(&tag.trim()));
        let stamp = match tag {
            Some(tag) => Stamp::of_tag(&tag),
            None => match answer.headers.get("last-modified") {
                Some(date) => Stamp::Date(date.trim().to_owned(), size),
                None => return Err(odd("its answer has no ETag")),
            },
        };
        Ok(Found {
            size,
            stamp,
            range,
            body: answer.body,
        })
    }

    /// An object, ready to be sent. None where there is none.
    pub(super) fn object(&self, key: &str, wanted: &Wanted) -> Result<Option<Object>, Error> {
        let found = match wanted {
            Wanted::Look => self.head(key)?,
            Wanted::Whole => self.open(key, None, None)?,
            Wanted::Part(range) => self.open(key, Some(range), None)?,
        };
        let Some(found) = found else {
            return Ok(None);
        };
        let (size, etag) = (found.size, found.stamp.etag());
        let held = (*wanted != Wanted::Look).then_some((found.range, found.body));
        let mut source = ObjectSource {
            store: self.clone(),
            key: key.to_owned(),
            stamp: found.stamp,
            left: 0..0,
            body: None,
            resumptions: RESUMPTIONS,
        };
        let open = move |range: Range<u64>| {
            source.left = range.clone();
            match held {
                Some((held, body)) if held == range => source.body = Some(body),
                _ if range.is_empty() => return Ok(Body::empty()),
                // Another part than was foreseen.
                _ => source.reopen()?,
            }
            Ok(Body::Stream(range.end - range.start, Box::new(source)))
        };
        Ok(Some(Object {
            size,
            etag,
            content: Content::Stored(Box::new(open)),
            elsewhere: None,
            provisional: false,
            afterwards: None,
        }))
    }

    /// The bytes of a small object. None where there is none.
    pub(super) fn read_whole(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let object = self.object(key, &Wanted::Whole)?;
        object.map(Object::into_bytes).transpose()
    }

    /// A range of an object, ready to be sent; where it should be of some size, of no other object.
    pub(super) fn part(
        &self,
        key: &str,
        size: Option<u64>,
        range: Range<u64>,
    ) -> Result<Body, Error> {
        if range.is_empty() {
            return Ok(Body::empty());
        }
        let found = self.open(key, Some(&asked(&range)), None)?;
        let found = found.ok_or(Error::NotFound)?;
        if found.size < range.end {
            return Err(super::whole::cut(key));
        }
        if size.is_some_and(|size| size != found.size) {
            let text = format!("{key} has another size than was published");
            return Err(Error::Corrupt(text));
        }
        if found.range != range {
            let what = "its answer is another part than was asked for";
            return Err(Error::Unavailable(self.words(what)));
        }
        let length = range.end - range.start;
        let source = ObjectSource {
            store: self.clone(),
            key: key.to_owned(),
            stamp: found.stamp,
            left: range,
            body: Some(found.body),
            resumptions: RESUMPTIONS,
        };
        Ok(Body::Stream(length, Box::new(source)))
    }

    /// An object of this size and tag, to be read here and there.
    pub(super) fn reader(&self, key: &str, stamp: &Stamp, size: u64) -> ObjectReader {
        ObjectReader {
            source: ObjectSource {
                store: self.clone(),
                key: key.to_owned(),
                stamp: stamp.clone(),
                left: 0..0,
                body: None,
                resumptions: RESUMPTIONS,
            },
            size,
            position: 0,
            piece: Vec::new(),
            taken: 0,
            window: SMALLEST_WINDOW,
        }
    }
}

/// A range that is not empty, as a request names it.
fn asked(range: &Range<u64>) -> String {
    format!("bytes={}-{}", range.start, range.end.saturating_sub(1))
}

/// `bytes 0-99/1000`
fn content_range(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let size = size.parse().ok()?;
    (first <= last && last < size).then_some((first..last + 1, size))
}

/// The bytes of an object, in order.
struct ObjectSource {
    store: S3,
    key: String,
    stamp: Stamp,
    /// What is still to come.
    left: Range<u64>,
    body: Option<Box<dyn Source>>,
    resumptions: u32,
}

impl ObjectSource {
    /// Asks for what is left, of the same object.
    fn reopen(&mut self) -> Result<(), Error> {
        self.body = None;
        let range = asked(&self.left);
        let found = self
            .store
            .open(&self.key, Some(&range), Some(&self.stamp))?;
        let found = found.ok_or(Error::NotFound)?;
        if found.stamp != self.stamp || found.range != self.left {
            let what = format!("{} is no longer what it was", self.key);
            return Err(Error::Unavailable(self.store.words(&what)));
        }
        self.body = Some(found.body);
        Ok(())
    }

    fn again(&mut self, why: io::Error) -> io::Result<()> {
        if self.resumptions == 0 || !self.store.can_go_on(&why) {
            return Err(why);
        }
        self.resumptions -= 1;
        self.reopen().map_err(Error::into_io)
    }
}

impl Source for ObjectSource {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        while !self.left.is_empty() {
            let piece = match &mut self.body {
                Some(body) => body.next(),
                None => Ok(None),
            };
            let why = match piece {
                Ok(Some(piece)) => {
                    self.left.start = self.left.start.saturating_add(piece.len() as u64);
                    if self.left.start > self.left.end {
                        return Err(io::Error::other("the store sent more than it said"));
                    }
                    return Ok(Some(piece));
                }
                Ok(None) => io::ErrorKind::UnexpectedEof.into(),
                Err(error) => error,
            };
            self.again(why)?;
        }
        Ok(None)
    }

    fn host_stream(&mut self) -> Option<(Box<dyn Any>, u64)> {
        self.body.as_mut()?.host_stream()
    }

    fn copied(&mut self, stream: Box<dyn Any>, bytes: u64) {
        self.left.start = self.left.start.saturating_add(bytes);
        if let Some(body) = &mut self.body {
            body.copied(stream, bytes);
        }
    }

    fn resume(&mut self, sent: u64, why: io::Error) -> io::Result<()> {
        self.left.start = self.left.start.saturating_add(sent);
        self.again(why)
    }
}

/// An object, read here and there.
pub(super) struct ObjectReader {
    source: ObjectSource,
    size: u64,
    position: u64,
    piece: Vec<u8>,
    taken: usize,
    window: u64,
}

impl ObjectReader {
    /// Gets the bytes at the position. False at the end.
    fn refill(&mut self) -> io::Result<bool> {
        if self.position >= self.size {
            return Ok(false);
        }
        if self.source.left.is_empty() {
            let end = self.size.min(self.position.saturating_add(self.window));
            self.window = LARGEST_WINDOW.min(self.window * 4);
            self.source.left = self.position..end;
            self.source.reopen().map_err(Error::into_io)?;
        }
        self.taken = 0;
        self.piece = self.source.next()?.unwrap_or_default();
        Ok(!self.piece.is_empty())
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken >= self.piece.len() && !self.refill()? {
            return Ok(0);
        }
        let mut rest = self.piece.get(self.taken..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.taken += read;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = seek_target(to, self.position, || Ok(self.size))?;
        let ahead = target.checked_sub(self.position);
        let held = self.piece.len() - self.taken;
        if let Some(near) = ahead.filter(|ahead| *ahead <= held as u64) {
            self.taken += near as usize;
            self.position = target;
        } else {
            self.position = target;
            self.piece = Vec::new();
            self.taken = 0;
            self.source.left = 0..0;
            self.source.body = None;
            self.window = SMALLEST_WINDOW;
        }
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_an_answer_is_read() {
        assert_eq!(content_range("bytes 0-99/1000"), Some((0..100, 1000)));
        for wrong in [
            "",
            "bytes 0-99",
            "bytes */10",
            "bytes 5-4/10",
            "bytes 0-10/10",
        ] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_tag_is_the_same_with_its_quotes_and_without_and_a_weak_one_makes_no_condition() {
        assert_eq!(Stamp::of_tag("abc-2"), Stamp::of_tag(" \"abc-2\""));
        assert_eq!(Stamp::of_tag("abc-2").tag(), Some("\"abc-2\""));
        assert_eq!(Stamp::of_tag("W/\"abc\"").tag(), None);
        assert_ne!(Stamp::of_tag("W/\"abc\""), Stamp::of_tag("\"abc\""));
    }

    #[test]
    fn a_tag_is_given_on_as_it_is_and_fit_for_lists() {
        assert_eq!(String::from(&etag("\"abc-2\"")), "\"abc-2\"");
        assert_eq!(String::from(&etag("W/\"abc\"")), "W/\"abc\"");
        assert_eq!(String::from(&etag("\"a,b\"c\"")), "\"abc\"");
    }
}
