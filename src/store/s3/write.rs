//! Writing: a small upload is checked before it is sent, and written to its place. A large one goes to a
//! key that nobody knows, in parts, is checked there, and the store itself copies it to its place.
//!
//! Nothing is overwritten: every write says `If-None-Match: *`. Not every store keeps that, and some
//! keep it for a write and not for a copy, so it is tried: a write to an object that is there must be
//! refused, and a copy onto itself must be refused for this reason. Where it is not, a writer looks first
//! and looks again after a pause longer than a write takes: of two at once the one whose object stands
//! has won.

use std::cell::Cell;
use std::io::{self, Cursor, Write};
use std::time::Instant;

use super::read::{Found, Stamp};
use super::request::Ask;
use super::{Keeps, S3, sign, xml};
use crate::http::client::Incoming;
use crate::http::{Method, Wanted};
use crate::store::settle::pause;
use crate::store::tree;
use crate::store::{Error, Object, Outcome, ReadSeek, Release, Staged, Staging};

/// Where uploads lie.
pub(super) const UPLOADS: &str = ".goproxy-edge/";
/// What is written to see whether it can be written again. It stays, with what was found, so that others
/// need not try: some stores take one write of an object a second (R2, Google's).
pub(super) const TRIAL: &str = ".goproxy-edge/trial";
/// What it says then.
const REFUSED: &str = "refused";
const OVERWRITTEN: &str = "not refused";
/// As much as is held of an upload, and a part of it: as little as S3 takes (of which it takes 10,000), for
/// a guest that publishes is to stay under 8 MiB. Tests have less, so that they can try every order of the
/// steps that an upload in parts takes.
const PART: usize = if cfg!(test) { 4 << 10 } else { 5 << 20 };

/// An upload on its way to its own key. Dropped, it is given up.
pub(super) struct Upload {
    store: S3,
    key: String,
    buffer: Vec<u8>,
    size: u64,
    /// Of an upload in parts.
    id: Option<String>,
    parts: Vec<String>,
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            // What stays, `repair` removes.
            let _ = self.store.abort(&self.key, &id);
        }
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() >= PART {
            self.send_part().map_err(Error::into_io)?;
        }
        let room = PART.saturating_sub(self.buffer.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.buffer.extend_from_slice(taken);
        self.size += taken.len() as u64;
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload {
    /// Sends what is held as the next part.
    fn send_part(&mut self) -> Result<(), Error> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => self.id.insert(self.store.create(&self.key)?).clone(),
        };
        let number = (self.parts.len() + 1).to_string();
        let ask = Ask::new(Method::Put, self.key.as_str())
            .query(&[("partNumber", &number), ("uploadId", &id)])
            .body(&self.buffer);
        let answer = self.store.expect_200(&ask)?;
        let tag = answer.headers.get("etag").unwrap_or_default();
        self.parts.push(tag);
        self.buffer.clear();
        Ok(())
    }

    /// Sends what is left: all of it is there then, under its key.
    pub(super) fn land(&mut self) -> Result<Option<Stamp>, Error> {
        let Some(id) = self.id.clone() else {
            return self.store.put(&self.key, &self.buffer, false);
        };
        if !self.buffer.is_empty() {
            self.send_part()?;
        }
        let stamp = self.store.complete(&self.key, &id, &self.parts)?;
        self.id = None;
        Ok(Some(stamp))
    }
}

impl Staging for Upload {
    fn finish(mut self: Box<Self>) -> Result<Box<dyn Staged>, Error> {
        if self.id.is_none() {
            return Ok(Box::new(Held {
                store: self.store.clone(),
                bytes: std::mem::take(&mut self.buffer),
            }));
        }
        let stamp = self.land()?;
        let mut arrived = Arrived {
            store: self.store.clone(),
            key: self.key.clone(),
            stamp: stamp.filter(|stamp| stamp.tag().is_some()).ok_or_else(|| {
                Error::Unavailable(self.store.words("it gives uploads no strong ETag"))
            })?,
            size: self.size,
            condition: Cell::new(Condition::Doubtful),
        };
        arrived.try_copy()?;
        Ok(Box::new(arrived))
    }
}

/// An upload that is small enough to be held until it is checked: no request is needed for it before it
/// goes to its place.
struct Held {
    store: S3,
    bytes: Vec<u8>,
}

impl Staged for Held {
    fn reader(&self) -> Result<Box<dyn ReadSeek + '_>, Error> {
        Ok(Box::new(Cursor::new(self.bytes.as_slice())))
    }

    fn commit(self: Box<Self>, release: &Release) -> Result<Outcome, Error> {
        let zip = self.store.key(&release.version, "zip");
        // Whatever a write keeps, another's upload may be copied to the same place.
        let write = || self.store.put_and_look(&zip, &self.bytes);
        tree::publish(&self.store, &write, release)
    }
}

/// An upload that lies whole under its own key. Dropped, it is removed.
pub(super) struct Arrived {
    store: S3,
    key: String,
    stamp: Stamp,
    size: u64,
    /// What a copy does with the condition that nothing is overwritten.
    condition: Cell<Condition>,
}

/// What a store does with `If-None-Match` of a copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Kept,
    /// It may not know of it.
    Doubtful,
    /// It says that it knows none (501).
    Refused,
}

impl Arrived {
    /// What others sent to a key of ours. They can still replace it, so that an answer to a copy onto
    /// itself would prove nothing: for copies no condition counts as kept.
    pub fn by_others(store: S3, key: String, found: Found) -> Result<Self, Error> {
        let arrived = Arrived {
            store,
            key,
            stamp: found.stamp,
            size: found.size,
            condition: Cell::new(Condition::Doubtful),
        };
        match arrived.stamp.tag() {
            Some(_) => Ok(arrived),
            None => Err(Error::Unavailable(
                arrived.store.words("it gives uploads no strong ETag"),
            )),
        }
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Tries what a copy does of bytes that are not those that are meant: it must not succeed.
    pub fn try_swapped(&self) -> Result<(), Error> {
        let to = format!("{}.swapped", self.key);
        let other = Stamp::of_tag("0");
        match self
            .store
            .ask_text(&self.store.copy(&self.key, &other, &to))?
        {
            (412, _) => Ok(()),
            // Removed since it was looked at.
            (404, _) => Err(Error::NotFound),
            _ => {
                self.store.delete(&to)?;
                let text = "it copies an upload whatever its tag (`redirect_over`: the bytes could be \
                            swapped after they were checked)";
                Err(Error::Refused(self.store.words(text)))
            }
        }
    }

    /// Tries what a copy does where there is something: onto itself, which must not succeed.
    fn try_copy(&mut self) -> Result<(), Error> {
        let ask = self.store.copy(&self.key, &self.stamp, &self.key);
        let ask = ask.header("if-none-match", "*");
        let answer = self.store.send(&ask)?;
        self.condition.set(match answer.status {
            412 => Condition::Kept,
            501 => Condition::Refused,
            _ => Condition::Doubtful,
        });
        if answer.status == 200 {
            // It has written itself anew.
            let found = self.store.head(&self.key)?.ok_or(Error::NotFound)?;
            self.stamp = found.stamp;
            return Ok(());
        }
        // What it says else does not matter.
        let _ = self.store.text_of(answer);
        Ok(())
    }

    /// Copies it to a name that nobody else has.
    pub fn copy_to(&self, to: &str) -> Result<(), Error> {
        let ask = self.store.copy(&self.key, &self.stamp, to);
        match self.store.ask_text(&ask)?.0 {
            200 => Ok(()),
            // Another has completed it since it was looked at.
            404 => Err(Error::NotFound),
            status => Err(self.not_copied(status)),
        }
    }

    /// Why there is no copy.
    fn not_copied(&self, status: u16) -> Error {
        match status {
            404 | 412 => Error::Conflict("the upload was replaced after it was checked".to_owned()),
            _ => Error::Unavailable(self.store.words("it did not copy the upload")),
        }
    }

    /// Copies it to its place. False where there is something.
    fn link(&self, to: &str) -> Result<bool, Error> {
        let store = &self.store;
        let condition = self.condition.get();
        if condition != Condition::Kept && store.head(to)?.is_some() {
            return Ok(false);
        }
        let begun = Instant::now();
        let mut ask = store.copy(&self.key, &self.stamp, to);
        if condition != Condition::Refused {
            ask = ask.header("if-none-match", "*");
        }
        let answer = store.send_and_read(&ask, &|_| true)?;
        if answer.status == 501 && condition != Condition::Refused {
            self.condition.set(Condition::Refused);
            return self.link(to);
        }
        let (status, text) = store.said(&ask, answer)?;
        match status {
            200 => {}
            // Either condition is told so.
            412 if store.head(to)?.is_some() => return Ok(false),
            _ => return Err(self.not_copied(status)),
        }
        let tag = xml::text(&text, "ETag").filter(|tag| !tag.is_empty());
        if tag.is_none() && store.head(to)?.is_none() {
            return Err(self.not_copied(status));
        }
        match condition {
            Condition::Kept => Ok(true),
            _ => store.stands(to, tag.map(|tag| Stamp::of_tag(&tag)), begun),
        }
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        // What stays, `repair` removes.
        let _ = self.store.delete(&self.key);
    }
}

impl Staged for Arrived {
    fn reader(&self) -> Result<Box<dyn ReadSeek + '_>, Error> {
        Ok(Box::new(self.store.reader(
            &self.key,
            &self.stamp,
            self.size,
        )))
    }

    fn commit(self: Box<Self>, release: &Release) -> Result<Outcome, Error> {
        let zip = self.store.key(&release.version, "zip");
        tree::publish(&self.store, &|| self.link(&zip), release)
    }
}

impl S3 {
    /// A key for an upload that is to be checked and copied.
    pub(super) fn upload_key(&self) -> String {
        [UPLOADS, &self.upload_id()].concat()
    }

    /// A name that nobody can guess, and that tells when it was given.
    pub(super) fn upload_id(&self) -> String {
        let now = self.entropy.unix_seconds();
        let (one, two) = (self.entropy.random(), self.entropy.random());
        format!("{now:x}.{one:016x}{two:016x}")
    }

    /// Begins an upload to this key.
    pub(super) fn begin_upload(&self, key: String) -> Upload {
        Upload {
            store: self.clone(),
            key,
            buffer: Vec::with_capacity(PART),
            size: 0,
            id: None,
            parts: Vec::new(),
        }
    }

    fn expect_200(&self, ask: &Ask<'_>) -> Result<Incoming, Error> {
        let answer = self.send(ask)?;
        match answer.status {
            200 | 204 => Ok(answer),
            _ => Err(self.refused(ask, answer)),
        }
    }

    /// Writes an object. None where there is one and `new` forbids to overwrite it.
    pub(super) fn put(&self, key: &str, bytes: &[u8], new: bool) -> Result<Option<Stamp>, Error> {
        let mut ask = Ask::new(Method::Put, key).body(bytes);
        if new {
            ask = ask.header("if-none-match", "*");
        }
        let mut answer = self.send(&ask)?;
        if answer.status == 501 && new {
            // It knows no such condition, and says so.
            ask.headers.clear();
            answer = self.send(&ask)?;
        }
        if answer.status == 412 {
            let _ = self.text_of(answer);
            return Ok(None);
        }
        if answer.status != 200 {
            return Err(self.refused(&ask, answer));
        }
        match answer.headers.get("etag") {
            Some(tag) => Ok(Some(Stamp::of_tag(&tag))),
            None => Ok(self.head(key)?.map(|found| found.stamp)),
        }
    }

    /// Writes an object that is not there. False where it is.
    pub(super) fn put_new(&self, key: &str, bytes: &[u8]) -> Result<bool, Error> {
        match self.keeps_new()? {
            true => Ok(self.put(key, bytes, true)?.is_some()),
            false => self.put_and_look(key, bytes),
        }
    }

    /// The same where what others do may overwrite it.
    fn put_and_look(&self, key: &str, bytes: &[u8]) -> Result<bool, Error> {
        if self.head(key)?.is_some() {
            return Ok(false);
        }
        let begun = Instant::now();
        let Some(stamp) = self.put(key, bytes, true)? else {
            return Ok(false);
        };
        self.stands(key, Some(stamp), begun)
    }

    /// Whether a write keeps the condition that nothing is overwritten. It is tried on an object that is
    /// there for this: tried on what is meant, it might overwrite what another wrote in between.
    fn keeps_new(&self) -> Result<bool, Error> {
        if self.keeps.get() == Keeps::Unknown {
            let found = self.object(TRIAL, &Wanted::Whole)?;
            let found = found.map(Object::into_bytes).transpose()?;
            let is = |verdict: &str| found.as_deref() == Some(self.trial_of(verdict).as_bytes());
            self.keeps.set(if is(REFUSED) {
                Keeps::Yes
            } else if is(OVERWRITTEN) {
                Keeps::No
            } else {
                self.try_new()?
            });
        }
        Ok(self.keeps.get() == Keeps::Yes)
    }

    /// What is noted of a trial, and of which store: a bucket that was copied to another takes this along.
    fn trial_of(&self, verdict: &str) -> String {
        let (server, bucket) = (self.config.server(), &self.config.bucket);
        format!("a write with If-None-Match was {verdict} by {server}, bucket {bucket}\n")
    }

    fn try_new(&self) -> Result<Keeps, Error> {
        // The first time it may not be there yet.
        let refused =
            self.put(TRIAL, b"", true)?.is_none() || self.put(TRIAL, b"", true)?.is_none();
        let (keeps, verdict) = match refused {
            true => (Keeps::Yes, REFUSED),
            false => (Keeps::No, OVERWRITTEN),
        };
        // Where it can't be noted, the next one tries too.
        let _ = self.put(TRIAL, self.trial_of(verdict).as_bytes(), false);
        Ok(keeps)
    }

    /// Whether what was written stands, after a pause longer than another's write takes.
    fn stands(&self, key: &str, stamp: Option<Stamp>, begun: Instant) -> Result<bool, Error> {
        self.entropy.wait(pause(begun));
        let found = self.head(key)?;
        Ok(found.is_some_and(|found| stamp.is_none_or(|stamp| stamp == found.stamp)))
    }

    /// The request that copies an object if it still is this one.
    fn copy<'a>(&self, from: &str, stamp: &Stamp, to: &'a str) -> Ask<'a> {
        let tag = stamp.tag().unwrap_or_default();
        Ask::new(Method::Put, to)
            .of_work()
            .header("x-amz-copy-source", sign::copy_source(&self.config, from))
            .header("x-amz-copy-source-if-match", tag)
    }

    /// Removes an object; one that is not there is fine.
    pub(super) fn delete(&self, key: &str) -> Result<(), Error> {
        self.ask_text(&Ask::new(Method::Delete, key)).map(|_| ())
    }

    fn create(&self, key: &str) -> Result<String, Error> {
        let ask = Ask::new(Method::Post, key).query(&[("uploads", "")]);
        let (_, text) = self.ask_text(&ask)?;
        xml::text(&text, "UploadId")
            .ok_or_else(|| Error::Unavailable(self.words("it began no upload")))
    }

    pub(super) fn abort(&self, key: &str, id: &str) -> Result<(), Error> {
        let ask = Ask::new(Method::Delete, key).query(&[("uploadId", id)]);
        self.ask_text(&ask).map(|_| ())
    }

    fn complete(&self, key: &str, id: &str, parts: &[String]) -> Result<Stamp, Error> {
        let mut body = String::from("<CompleteMultipartUpload>");
        for (number, tag) in (1..).zip(parts) {
            let tag = tag.replace('&', "&amp;").replace('<', "&lt;");
            body += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
        }
        body += "</CompleteMultipartUpload>";
        let ask = Ask::new(Method::Post, key)
            .of_work()
            .query(&[("uploadId", id)])
            .body(body.as_bytes());
        let (status, text) = self.ask_text(&ask)?;
        match xml::text(&text, "ETag").filter(|_| status == 200) {
            Some(tag) if !tag.is_empty() => Ok(Stamp::of_tag(&tag)),
            // An attempt whose answer was lost may have completed it.
            _ => match self.head(key)? {
                Some(found) => Ok(found.stamp),
                None => Err(Error::Unavailable(self.words("it lost the upload"))),
            },
        }
    }
}
