//! Where modules are kept: what every store promises, and the stores.
//!
//! 1. A read gives a whole file or none, whatever crashed or raced.
//! 2. A version is listed only when its zip and its go.mod are there. Each file that is there is
//!    served by itself: real module caches hold many versions with only a go.mod.
//! 3. Published bytes never change: the same content again is fine, other content is a conflict. Two
//!    writers at once end with one of the two, whole.
//! 4. No published version is lost. An index may lag; it heals. An exact version is always readable.
//! 5. Memory stays bounded, whatever the size of a zip.
//! 6. Not found, withdrawn, refused, unavailable and corrupt are different errors.
//!
//! `contract` checks them; a new store is one folder here and one call of that suite. A store knows Go's
//! names, and of HTTP what a body and an ETag are; `s3` asks its server by the client of `http`.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod dir;
mod error;
mod index;
mod info;
mod key;
pub mod kv;
#[cfg(feature = "s3")]
mod presigned;
#[cfg(feature = "s3")]
pub mod s3;
pub mod settle;
#[cfg(test)]
pub mod testing;
mod tree;
#[cfg(test)]
mod trials;

use std::io::{self, SeekFrom, Write};
use std::ops::Range;
use std::time::Duration;

use crate::http::{Afterwards, Body, ETag, Wanted};
use crate::module::{ModulePath, ModuleVersion};

pub use crate::module::zip::ReadSeek;
pub use error::{Error, failure};
pub use index::{Entry, Index, Recorded};
pub use info::{Info, Origin};
#[cfg(feature = "s3")]
pub use presigned::{Begun, Elsewhere, Presigned};

/// One of the three files of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// `.info`: the version's name and time, as JSON.
    Info,
    /// `.mod`: its go.mod.
    Mod,
    /// `.zip`: the module zip.
    Zip,
}

impl File {
    /// The file's extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            File::Info => "info",
            File::Mod => "mod",
            File::Zip => "zip",
        }
    }
}

/// Opens the bytes of an object in a range that lies within its size.
pub type Open = Box<dyn FnOnce(Range<u64>) -> Result<Body, Error>>;

/// What an object holds: at hand, or to be opened.
pub enum Content {
    /// All of it.
    Bytes(Vec<u8>),
    /// To be read from the store, in part or whole.
    Stored(Open),
}

/// A stored file, ready to be sent.
pub struct Object {
    /// Its size in bytes.
    pub size: u64,
    /// Changes when the bytes do.
    pub etag: ETag,
    /// Its bytes.
    pub content: Content,
    /// Where clients get it past the proxy, if they can.
    #[cfg(feature = "s3")]
    pub elsewhere: Option<Elsewhere>,
    /// Whether it was made up for want of a stored one, which may come yet and be another.
    pub provisional: bool,
    /// Work for after the answer.
    pub afterwards: Option<Afterwards>,
}

impl Object {
    /// An object whose bytes are at hand.
    pub fn from_bytes(bytes: Vec<u8>, etag: ETag) -> Self {
        Object {
            size: bytes.len() as u64,
            etag,
            content: Content::Bytes(bytes),
            #[cfg(feature = "s3")]
            elsewhere: None,
            provisional: false,
            afterwards: None,
        }
    }

    /// All bytes in memory, for small files.
    ///
    /// # Errors
    /// When the store can't give them.
    pub fn into_bytes(self) -> Result<Vec<u8>, Error> {
        match self.content {
            Content::Bytes(bytes) => Ok(bytes),
            Content::Stored(open) => open(0..self.size)?.into_bytes().map_err(Error::from_io),
        }
    }
}

/// How much of an index is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The versions.
    Names,
    /// The branches, tags and commits that publishers recorded too.
    Origins,
}

/// What a publisher commits beside the zip. All of it is checked already.
#[derive(Debug, Clone)]
pub struct Release {
    /// Module path and version.
    pub version: ModuleVersion,
    /// Name, time and origin.
    pub info: Info,
    /// The go.mod, synthesised where the zip has none.
    pub go_mod: Vec<u8>,
    /// The `h1:` hash of the zip.
    pub zip_hash: String,
}

/// What a write found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Created,
    /// The same content was there.
    Unchanged,
}

/// How old what an upload left must be, in seconds, before `repair` takes it away: what is younger may be
/// under way.
const LEFT_OVER_AFTER: i64 = 24 * 60 * 60;

/// Where a reader of `size` bytes that stands at `position` is to go on.
///
/// # Errors
/// For a place before the start, and those of `size`.
pub fn seek_target(
    to: SeekFrom,
    position: u64,
    size: impl FnOnce() -> io::Result<u64>,
) -> io::Result<u64> {
    let target = match to {
        SeekFrom::Start(offset) => Some(offset),
        SeekFrom::Current(offset) => position.checked_add_signed(offset),
        SeekFrom::End(offset) => size()?.checked_add_signed(offset),
    };
    target.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// An upload on its way into the store. Nobody sees it. Dropped, it is discarded.
pub trait Staging: Write {
    /// All bytes have come: they can be read back now.
    ///
    /// # Errors
    /// When the store refuses the rest.
    fn finish(self: Box<Self>) -> Result<Box<dyn Staged>, Error>;
}

/// An upload that lies whole in the store. Nobody sees it. Dropped without a commit, it is discarded.
pub trait Staged {
    /// Reads it from its start. A failure of the store comes as an [`io::Error`] that
    /// [`Error::from_io`] understands.
    fn reader(&self) -> Result<Box<dyn ReadSeek + '_>, Error>;

    /// Makes it the zip of a version, and the version visible.
    ///
    /// # Errors
    /// [`Error::Conflict`] when other content is published, [`Error::Withdrawn`], or the store's own.
    fn commit(self: Box<Self>, release: &Release) -> Result<Outcome, Error>;
}

/// One page of [`Store::repair`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Where the next page starts; none when all is done.
    pub cursor: Option<String>,
    /// Modules looked at.
    pub modules: u64,
    /// Versions looked at.
    pub versions: u64,
    /// Versions that an index did not name and names now.
    pub indexed: u64,
    /// Left-over pieces removed.
    pub removed: u64,
    /// What it could not mend, a sentence each.
    pub problems: Vec<String>,
}

/// What a read brought along: see [`Store::bring_along`].
#[cfg(feature = "admin")]
#[derive(Debug, PartialEq, Eq)]
pub enum Brought {
    /// Nothing was read.
    Nothing,
    /// The document as it was expected.
    AsExpected,
    /// Another; none where it is not there.
    Other(Option<Vec<u8>>),
}

/// A place where modules are kept.
pub trait Store {
    /// A file of a version.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Withdrawn`] (never for [`File::Mod`]), or the store's own.
    fn read(&self, version: &ModuleVersion, file: File) -> Result<Object, Error>;

    /// As [`Store::read`], told what will be opened of it: a store that is asked over a network so
    /// needs one request for a hit. What is opened may be something else nevertheless.
    ///
    /// # Errors
    /// As [`Store::read`].
    fn read_for(&self, version: &ModuleVersion, file: File, _: &Wanted) -> Result<Object, Error> {
        self.read(version, file)
    }

    /// The versions of a module, those that have only a go.mod left out. `None`: no such module.
    ///
    /// # Errors
    /// The store's own.
    fn index(&self, module: &ModulePath, detail: Detail) -> Result<Option<Index>, Error>;

    /// Work for a while after the answer to a writer: looks once more whether lists say of a version what was
    /// written of it, and mends them. None where lists can't be behind.
    fn look_again(&self, _: &ModuleVersion) -> Option<Afterwards> {
        None
    }

    /// Begins an upload of a version's zip.
    ///
    /// # Errors
    /// The store's own.
    fn stage(&self, version: &ModuleVersion) -> Result<Box<dyn Staging>, Error>;

    /// Keeps the go.mod of a version whose zip is not here.
    ///
    /// # Errors
    /// As [`Staged::commit`].
    fn put_mod(&self, version: &ModuleVersion, go_mod: &[u8]) -> Result<Outcome, Error>;

    /// Withdraws a version: its info and zip are gone for good, its go.mod stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not published, or the store's own.
    fn withdraw(&self, version: &ModuleVersion) -> Result<Outcome, Error>;

    /// Rebuilds what lags and removes what was left behind, for as long as `go_on` says, then tells
    /// where to go on. Safe beside readers and writers, and as often as one likes.
    ///
    /// # Errors
    /// The store's own, or a cursor that no page gave.
    fn repair(&self, cursor: Option<&str>, go_on: &dyn Fn() -> bool) -> Result<Repaired, Error>;

    /// A small document kept beside the modules. `None`: none of that name. Names have no capitals,
    /// which not every file system tells from small letters, and no dot at their end.
    ///
    /// # Errors
    /// The store's own.
    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Keeps a small document, of at most 64 KiB, over any other of that name. A reader sees one of
    /// the two, whole; of two writers the later one stays.
    ///
    /// # Errors
    /// The store's own. It may have been written nevertheless.
    fn set_document(&self, name: &str, value: &[u8]) -> Result<(), Error>;

    /// Documents of these names, in their order, by one call where the store has one for it.
    ///
    /// # Errors
    /// The store's own.
    #[cfg(feature = "admin")]
    fn documents(&self, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        names.iter().map(|name| self.document(name)).collect()
    }

    /// Has the next file or index that is read bring this document along; `false` where the store can't. (Over a host
    /// that gives one value a call it is a call more.)
    #[cfg(feature = "admin")]
    fn bring_along(&self, _name: &str, _expected: Option<&[u8]>) -> bool {
        false
    }

    /// What came along. The same file or index, read once more, is as it was then, and takes no call.
    #[cfg(feature = "admin")]
    fn brought(&self) -> Brought {
        Brought::Nothing
    }

    /// Removes a small document; one that is not there is fine.
    ///
    /// # Errors
    /// The store's own. It may have been removed nevertheless.
    #[cfg(feature = "admin")]
    fn remove_document(&self, name: &str) -> Result<(), Error>;

    /// The names of documents that start with `prefix`, in order, behind `after`, at most so many. Each
    /// of them has at most 150 bytes: a store need not tell a longer one.
    ///
    /// # Errors
    /// The store's own.
    #[cfg(feature = "admin")]
    fn document_names(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, Error>;

    /// Whether the store answers.
    ///
    /// # Errors
    /// Why it does not.
    fn ready(&self) -> Result<(), Error>;

    /// The way past the proxy for uploads, where the store has one.
    #[cfg(feature = "s3")]
    fn presigned(&self) -> Option<&dyn Presigned> {
        None
    }
}

/// Of names in no order those that are asked for by [`Store::document_names`].
#[cfg(feature = "admin")]
fn page_of_names(
    names: impl Iterator<Item = String>,
    prefix: &str,
    after: Option<&str>,
    most: usize,
) -> Vec<String> {
    let asked =
        |name: &String| name.starts_with(prefix) && after.is_none_or(|after| name.as_str() > after);
    let mut page = crate::order::sorted(names.filter(asked).collect(), String::cmp);
    page.truncate(most);
    page
}

/// A clock and a source of chance: for the names of uploads, the times of signatures and of what is
/// published, and for waiting.
pub trait Entropy {
    /// Seconds since the Unix epoch.
    fn unix_seconds(&self) -> i64;
    /// A number that nobody can guess.
    fn random(&self) -> u64;
    /// Waits this long.
    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
